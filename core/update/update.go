package update

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// Options say what surrounds an update. Nil options are the empty ones.
type Options struct {
	// ArrayFilters are the conditions of $[identifier], in the order given.
	ArrayFilters []bsonraw.Doc
	// Vars are the variables of "let" in scope of a pipeline.
	Vars *expr.Vars
	// Let are further constants of a pipeline, the field "c" of an update
	// statement: name and value, literal.
	Let bsonraw.Doc
	// Now is $currentDate and $$NOW: one moment for a whole command.
	Now time.Time
}

// Form is one of the three forms of an update.
type Form uint8

// The forms.
const (
	Operators   Form = iota // {$set: …, $inc: …}
	Replacement             // {a: 1, …}
	Pipeline                // [{$set: …}, …]
)

// Update is a compiled update. One goroutine uses it at a time.
type Update struct {
	form Form
}

// Compile compiles an update: a document of operators, a replacement document,
// or an array of pipeline stages. It keeps the bytes of v, which must not
// change as long as the Update and its results are used.
func Compile(v bsonraw.Value, o *Options) (*Update, error) {
	return nil, errs.New(errs.NotSupported, "updates")
}

// Form returns which form of update this is. MongoDB refuses multi: true for a
// replacement; that is the command's to check.
func (u *Update) Form() Form { return u.form }

// NeedsPosition reports whether the update holds the positional operator $, so
// that Apply wants the array index from query.Filter.MatchPosition.
func (u *Update) NeedsPosition() bool { return false }

// Result is what an update did to one document.
type Result struct {
	// Doc is the post-image: a new document in the dst given to Apply, or the
	// document itself when nothing was modified.
	Doc bsonraw.Doc
	// Modified is false for an update without effect (nModified 0).
	Modified bool
	// Changes say what was done, in order. Operands point into Doc or into the
	// update; they are valid as long as both.
	Changes []Change
}

// Apply applies the update to doc. pos is the array index for the positional
// operator, -1 if the filter matched no array. The post-image is appended to
// dst[:0], which may be nil.
func (u *Update) Apply(doc bsonraw.Doc, pos int, dst []byte) (Result, error) {
	return Result{}, errs.New(errs.NotSupported, "updates")
}

// Upsert returns the document to insert when nothing matched a filter with
// these equalities. newID makes an _id if neither filter nor update has one.
func (u *Update) Upsert(eq []query.Equality, newID func() bsonraw.Value) (bsonraw.Doc, error) {
	return nil, errs.New(errs.NotSupported, "upserts")
}

// DiffDocs returns the fewest field-level changes (Set and Unset only) that
// lead from pre to post: objects are compared field by field, arrays as a
// whole; where the order of fields differs beyond appending, the parent is Set.
func DiffDocs(pre, post bsonraw.Doc) []Change { return nil }

// ApplyChanges applies changes in order. A nil doc is an absent one; the result
// is nil when the last word was to delete it.
func ApplyChanges(doc bsonraw.Doc, changes []Change) (bsonraw.Doc, error) {
	return nil, errs.New(errs.NotSupported, "changes")
}

// Compact returns fewer changes with the same effect on every document: later
// changes absorb earlier ones of the same path or of paths below it.
func Compact(changes []Change) []Change { return changes }

// AppendChanges appends the encoding of changes to dst.
func AppendChanges(dst []byte, changes []Change) []byte { return dst }

// DecodeChanges decodes what AppendChanges wrote. Paths and operands point
// into b.
func DecodeChanges(b []byte) ([]Change, error) {
	return nil, errs.New(errs.NotSupported, "changes")
}

// JoinPath joins field names to a path. A dot or a backslash within a name is
// written with a backslash before it, so that every name has a path.
func JoinPath(names ...string) string { return "" }

// SplitPath takes a path apart into field names, undoing JoinPath.
func SplitPath(path string) []string { return nil }
