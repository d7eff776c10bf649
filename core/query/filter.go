package query

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// Options say what surrounds a specification. Nil options are the empty ones.
type Options struct {
	// Vars are the user variables that expressions may name ("let").
	Vars *expr.Vars
	// Now is $$NOW where no Env is given: one moment for a whole command.
	Now time.Time
}

// Filter is a compiled filter.
type Filter struct {
	raw bsonraw.Doc
}

// Compile compiles a filter document.
func Compile(filter bsonraw.Doc, o *Options) (*Filter, error) {
	return nil, errs.New(errs.NotSupported, "filters")
}

// Match reports whether doc satisfies the filter.
func (f *Filter) Match(doc bsonraw.Doc) (bool, error) { return false, nil }

// MatchEnv is Match of env's root document, with the variables of env.
func (f *Filter) MatchEnv(env *expr.Env) (bool, error) { return false, nil }

// MatchPosition is Match which also returns the index of the array element that
// satisfied the filter, for the positional operator $: -1 if no array took part.
func (f *Filter) MatchPosition(doc bsonraw.Doc) (matched bool, arrayIndex int, err error) {
	return false, -1, nil
}

// Raw returns the filter as it was compiled. Do not write to it.
func (f *Filter) Raw() bsonraw.Doc { return f.raw }

// IsEmpty reports whether the filter is {}.
func (f *Filter) IsEmpty() bool { return f.raw.IsEmpty() }

// HasExpr reports whether $expr takes part, which some places do not allow.
func (f *Filter) HasExpr() bool { return false }

// AddDeps adds the paths that the filter reads to d.
func (f *Filter) AddDeps(d *expr.Deps) {}

// Equality is a path that the filter pins to one value.
type Equality struct {
	Path  string
	Value bsonraw.Value
}

// Equalities returns what an upsert copies from the filter into the new
// document. Two equalities of one path, or of a path and one below it, are
// error 54.
func (f *Filter) Equalities() ([]Equality, error) { return nil, nil }

// IDs returns the values to which the filter pins _id, in ascending order and
// each once; other clauses may still reject the document. False if _id is not
// pinned to single values.
func (f *Filter) IDs() (ids []bsonraw.Value, ok bool) { return nil, false }

// ElementMatcher is a compiled condition on one value, as $pull takes it.
type ElementMatcher struct{}

// CompileElement compiles the condition of $pull on an element: an operator
// object ({$gt: 5}), a filter on the element's fields ({a: 1}), a regular
// expression or a value to equal.
func CompileElement(v bsonraw.Value, o *Options) (*ElementMatcher, error) {
	return nil, errs.New(errs.NotSupported, "element conditions")
}

// Match reports whether the element satisfies the condition.
func (m *ElementMatcher) Match(v bsonraw.Value) (bool, error) { return false, nil }
