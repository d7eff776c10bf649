package merge

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
)

// Unit is what two sides may not both touch.
type Unit uint8

// The units.
const (
	UnitField    Unit = iota // a field, with all below it
	UnitDocument             // a document
)

// Trigger is what counts as touching.
type Trigger uint8

// The triggers.
const (
	TriggerTouched  Trigger = iota // any write, even of an equal value
	TriggerDiverged                // a write after which both sides differ from the base and from each other
)

// Rule is how a collection merges. The zero Rule, with Operators false, is
// stricter than the default; see DefaultRule.
type Rule struct {
	Unit    Unit
	Trigger Trigger
	// Operators lets operators that commute both take effect.
	Operators bool
}

// DefaultRule is the rule of a collection that has not chosen one.
var DefaultRule = Rule{Unit: UnitField, Trigger: TriggerTouched, Operators: true}

// ParseRule parses the collection option {unit, trigger, operators}; what is
// left out is the default.
func ParseRule(spec bsonraw.Doc) (Rule, error) {
	return Rule{}, errs.New(errs.NotSupported, "merge rules")
}

// Kind says why there is a conflict.
type Kind uint8

// The kinds of conflicts.
const (
	SamePath     Kind = iota + 1 // both sides touched the path
	Overlap                      // one side touched the path, the other something below it
	Mixture                      // operators on both sides, but not of one commuting kind
	EditDelete                   // ours was edited, theirs deleted
	DeleteEdit                   // ours was deleted, theirs edited
	InsertInsert                 // both sides inserted the _id
	Limit                        // both effects together overflow a number or the size of a document
)

// Conflict is one thing that both sides did to a document.
type Conflict struct {
	// Path is dotted (update.JoinPath); "" is the whole document.
	Path string
	Kind Kind
	// The three values at the path; missing where there is none.
	Base, Ours, Theirs bsonraw.Value
}

// Result is a merged document.
type Result struct {
	// Doc is the merged document, nil if it is deleted. At the paths of
	// conflicts it has what ours has.
	Doc bsonraw.Doc
	// Changed is false if Doc is what ours was, bit for bit.
	Changed bool
	// Conflicts are what is left to resolve, by path.
	Conflicts []Conflict
	// Changes lead from ours to Doc: what the merge commit logs.
	Changes []update.Change

	ours bsonraw.Doc // what Changes start from, for Resolve
}

// Document merges one document that both sides touched. Nil documents are absent.
// The changes are all that each side did since the base, oldest first; a
// document inserted, replaced or deleted as a whole has changes of the path "".
// Where the changes are not known, give update.DiffDocs.
func Document(base, ours, theirs bsonraw.Doc, oursChanges, theirsChanges []update.Change, rule Rule) (Result, error) {
	return Result{}, errs.New(errs.NotSupported, "merges")
}

// Take says what a resolution puts at the path of a conflict.
type Take uint8

// What a resolution may take.
const (
	Ours Take = iota + 1
	Theirs
	Base
	Custom // the resolution's own value; a missing one removes the field
)

// Resolution settles the conflict at Path.
type Resolution struct {
	Path  string
	Take  Take
	Value bsonraw.Value
}

// Resolve settles conflicts of a result. Conflicts without a resolution stay in
// Conflicts. A resolution without a conflict is error ResolutionUnknown.
func Resolve(r Result, resolutions []Resolution) (Result, error) {
	return Result{}, errs.New(errs.NotSupported, "merges")
}

// Revert undoes changes in the past of a document. head is the document as it
// is, before is what it was when the first of the target changes was made
// (nil: absent), target is what is to be undone and others is what else was
// done since before, both oldest first. In conflicts, Base is what the target
// changes left, Ours what head has, Theirs what undoing would put.
func Revert(head, before bsonraw.Doc, target, others []update.Change, rule Rule) (Result, error) {
	return Result{}, errs.New(errs.NotSupported, "undo")
}
