package pipeline

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// redactStage is $redact: an expression decides for a document, and for each
// document within it, what is kept.
type redactStage struct {
	expr expr.Expr
	slot int // of CURRENT, which is the document at each level
}

// What $$DESCEND, $$PRUNE and $$KEEP stand for.
const (
	descend = "descend"
	prune   = "prune"
	keep    = "keep"
)

func compileRedact(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	vars, slot := c.vars.With("CURRENT")
	for name, text := range map[string]string{"DESCEND": descend, "PRUNE": prune, "KEEP": keep} {
		vars = vars.WithConstant(name, bsonraw.StringValue(text))
	}
	e, err := expr.Compile(v, &expr.Options{Vars: vars})
	return &redactStage{e, slot}, err
}

func (s *redactStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	red := &redactor{stage: s, env: r.env()}
	return &transformIter{in: in, apply: red.document}, nil
}

type redactor struct {
	stage *redactStage
	env   *expr.Env
	root  bsonraw.Doc
	b     bsonraw.Builder
}

func (r *redactor) document(doc bsonraw.Doc) (bsonraw.Doc, bool, error) {
	r.root = doc
	what, err := r.decide(doc)
	if err != nil || what == prune {
		return nil, false, err
	}
	if what == keep {
		return doc, true, nil
	}
	r.b.Reset()
	if err := r.fields(doc); err != nil {
		return nil, false, err
	}
	return r.b.Finish(), true, nil
}

// decide evaluates the expression for one level.
func (r *redactor) decide(doc bsonraw.Doc) (string, error) {
	r.env.Reset(r.root)
	r.env.Set(r.stage.slot, doc.Value())
	v, err := r.stage.expr.Eval(r.env)
	if err != nil {
		return "", err
	}
	if v.Type == bsonraw.String {
		switch s := v.Str(); s {
		case descend, prune, keep:
			return s, nil
		}
	}
	return "", errs.New(17053, "$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, but returned %s", brief(v))
}

// fields writes what is left of the fields of a document.
func (r *redactor) fields(doc bsonraw.Doc) error {
	it := doc.Iter()
	for it.Next() {
		if err := r.value(string(it.Key()), it.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (r *redactor) value(name string, v bsonraw.Value) error {
	switch v.Type {
	case bsonraw.Object:
		what, err := r.decide(v.Doc())
		if err != nil || what == prune {
			return err
		}
		if what == keep {
			r.b.Value(name, v)
			return nil
		}
		r.b.BeginDoc(name)
		err = r.fields(v.Doc())
		r.b.End()
		return err
	case bsonraw.Array:
		r.b.BeginArray(name)
		err := r.elements(v.Doc())
		r.b.End()
		return err
	}
	r.b.Value(name, v)
	return nil
}

// elements writes what is left of an array, closing the gaps.
func (r *redactor) elements(array bsonraw.Doc) error {
	n := 0
	it := array.Iter()
	for it.Next() {
		before := r.b.Size()
		if err := r.value(bsonraw.Index(n), it.Value()); err != nil {
			return err
		}
		if r.b.Size() > before {
			n++
		}
	}
	return nil
}
