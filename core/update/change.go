package update

import "github.com/argon-lab/argon/core/bsonraw"

// Kind says what a Change does to its path. Frozen: the numbers are stored in
// the log.
type Kind uint8

// The kinds. Set and Unset are final states; the others are operators that
// commute with themselves, each a family of its own to merge.
const (
	Set      Kind = 1  // the operand is the new value
	Unset    Kind = 2  // the field is gone; an array element becomes null
	Inc      Kind = 3  // the operand is added
	Mul      Kind = 4  // the operand is multiplied
	Min      Kind = 5  // the lesser of value and operand, in MongoDB's order
	Max      Kind = 6  // the greater
	AddToSet Kind = 7  // the operand is an array: elements appended unless there
	Push     Kind = 8  // the operand is an array: elements appended
	BitAnd   Kind = 9  // bitwise and with the operand
	BitOr    Kind = 10 // bitwise or
	BitXor   Kind = 11 // bitwise exclusive or

	lastKind = BitXor
)

// Commutes reports whether changes of this kind at one path may be applied in
// any order.
func (k Kind) Commutes() bool { return k >= Inc && k <= lastKind }

// String returns the operator's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{
	"unknown", "$set", "$unset", "$inc", "$mul", "$min", "$max", "$addToSet",
	"$push", "$bit and", "$bit or", "$bit xor",
}

// Change is one thing that an update did to a document.
//
// The path is dotted; see JoinPath for names which themselves hold a dot. The
// empty path is the whole document: Set with the path "" inserts or replaces
// it, Unset deletes it.
type Change struct {
	Path    string
	Kind    Kind
	Operand bsonraw.Value // missing for Unset
}
