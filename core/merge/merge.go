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
	TriggerDiverged                // a write after which both sides differ, bit for bit, from the base and from each other
)

// Rule is how a collection merges. The zero Rule, with Operators false, is
// stricter than the default; see DefaultRule.
type Rule struct {
	Unit    Unit
	Trigger Trigger
	// Operators lets operators that commute both take effect: two $inc of one
	// field add up. With UnitDocument, this holds for documents to which both
	// sides did nothing but one such operator.
	Operators bool
}

// DefaultRule is the rule of a collection that has not chosen one.
var DefaultRule = Rule{Unit: UnitField, Trigger: TriggerTouched, Operators: true}

// ParseRule parses the collection option {unit, trigger, operators}; what is
// left out is the default.
func ParseRule(spec bsonraw.Doc) (Rule, error) {
	rule := DefaultRule
	for it := spec.Iter(); it.Next(); {
		v := it.Value()
		switch key := string(it.Key()); {
		case key == "unit" && isText(v, "field"):
			rule.Unit = UnitField
		case key == "unit" && isText(v, "document"):
			rule.Unit = UnitDocument
		case key == "unit":
			return Rule{}, badRule(key, `"field" or "document"`, v)
		case key == "trigger" && isText(v, "touched"):
			rule.Trigger = TriggerTouched
		case key == "trigger" && isText(v, "diverged"):
			rule.Trigger = TriggerDiverged
		case key == "trigger":
			return Rule{}, badRule(key, `"touched" or "diverged"`, v)
		case key == "operators" && v.Type == bsonraw.Boolean:
			rule.Operators = v.Bool()
		case key == "operators":
			return Rule{}, badRule(key, "true or false", v)
		default:
			return Rule{}, errs.New(errs.InvalidOptions, "a merge rule has no field %q, only unit, trigger and operators", key)
		}
	}
	return rule, nil
}

func isText(v bsonraw.Value, s string) bool {
	return v.Type == bsonraw.String && string(v.StringBytes()) == s
}

func badRule(key, want string, v bsonraw.Value) error {
	if v.Type == bsonraw.String {
		return errs.New(errs.InvalidOptions, "the field %s of a merge rule must be %s, not %q", key, want, v.Str())
	}
	return errs.New(errs.InvalidOptions, "the field %s of a merge rule must be %s, not of type %s", key, want, v.Type.Name())
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

// Result is a merged document. Its parts may point into the documents and
// changes it was made from.
type Result struct {
	// Doc is the merged document, nil if it is deleted. At the paths of
	// conflicts it has what ours has.
	Doc bsonraw.Doc
	// Changed is false if Doc is what ours was, bit for bit.
	Changed bool
	// Conflicts are what is left to resolve, each at a path of its own, in the
	// order in which theirs came to touch them.
	Conflicts []Conflict
	// Changes lead from ours to Doc: what the merge commit logs. The path ""
	// stands for inserting, replacing or deleting the document.
	Changes []update.Change

	ours bsonraw.Doc // what Changes start from, for Resolve
}
