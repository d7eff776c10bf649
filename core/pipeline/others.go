package pipeline

import (
	"context"
	"math/rand/v2"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// unionStage is $unionWith: the documents of another collection behind those of
// this one.
type unionStage struct {
	sub *subPipe
}

func compileUnionWith(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	coll, hasColl := "", false
	var pipeline bsonraw.Value
	switch v.Type {
	case bsonraw.String:
		coll, hasColl = v.Str(), true
	case bsonraw.Object:
		it := v.Doc().Iter()
		for it.Next() {
			switch name := string(it.Key()); name {
			case "coll":
				if it.Value().Type != bsonraw.String {
					return nil, errs.New(errs.TypeMismatch, "BSON field '$unionWith.coll' is the wrong type '%s', expected type 'string'", it.Value().Type.Name())
				}
				coll, hasColl = it.Value().Str(), true
			case "pipeline":
				if it.Value().Type != bsonraw.Array {
					return nil, errs.New(errs.TypeMismatch, "BSON field '$unionWith.pipeline' is the wrong type '%s', expected type 'array'", it.Value().Type.Name())
				}
				pipeline = it.Value()
			default:
				return nil, errs.New(errs.UnknownField, "BSON field '$unionWith.%s' is an unknown field.", name)
			}
		}
	default:
		return nil, errs.New(errs.FailedToParse, "the $unionWith stage specification must be an object or string, but found %s", v.Type.Name())
	}
	if !hasColl && !startsWithDocuments(pipeline) {
		return nil, errs.New(errs.FailedToParse, "$unionWith stage without explicit collection must have a pipeline with $documents as first stage")
	}
	if hasColl && coll == "" {
		return nil, errs.New(errs.InvalidNamespace, "$unionWith: the collection name is empty")
	}
	stages, err := stageDocs(pipeline)
	if err != nil {
		return nil, err
	}
	p, err := c.sub(stages, inUnion, c.vars)
	if err != nil {
		return nil, err
	}
	sub, err := newSubPipe(p, coll, c, c.vars, nil)
	return &unionStage{sub}, err
}

func (u *unionStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &unionIter{in: in, sub: u.sub, r: r}, nil
}

type unionIter struct {
	in   Iter
	sub  *subPipe
	r    *run
	more bool // in is the other collection
}

func (u *unionIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	doc, ok, err := u.in.Next(ctx)
	if err != nil || ok || u.more {
		return doc, ok, err
	}
	u.more = true
	if err := u.in.Close(); err != nil {
		return nil, false, err
	}
	in, err := u.sub.open(ctx, u.r)
	if err != nil {
		u.in = &docsIter{}
		return nil, false, err
	}
	u.in = in
	return u.in.Next(ctx)
}

func (u *unionIter) Close() error { return u.in.Close() }

// sampleStage is $sample: so many documents chosen at random, in random order.
type sampleStage struct {
	size int64
}

func compileSample(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(28745, "the $sample stage specification must be an object")
	}
	s := &sampleStage{size: -1}
	it := v.Doc().Iter()
	for it.Next() {
		if name := string(it.Key()); name != "size" {
			return nil, errs.New(28748, "unrecognized option to $sample: %s", name)
		}
		f, ok := it.Value().AsFloat64()
		switch {
		case !ok:
			return nil, errs.New(28746, "size argument to $sample must be a number")
		case f < 0:
			return nil, errs.New(28747, "size argument to $sample must not be negative")
		}
		s.size = int64(f)
	}
	if s.size < 0 {
		return nil, errs.New(28749, "$sample stage must specify a size")
	}
	return s, nil
}

func (s *sampleStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	draw := r.o.Rand
	if draw == nil {
		draw = rand.Float64
	}
	return &sampleIter{in: in, size: s.size, draw: draw, sorter: newSorter(r, "$sample", s.size)}, nil
}

// sampleIter gives every document a random key and keeps those with the least,
// so that each choice is as likely as any other; the sorter bounds the memory.
type sampleIter struct {
	in     Iter
	size   int64
	draw   func() float64
	sorter *sorter
	out    sorted
	left   int64
}

func (s *sampleIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if s.size == 0 {
		return nil, false, nil
	}
	if s.out == nil {
		var key []byte
		for {
			doc, ok, err := s.in.Next(ctx)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				break
			}
			key = bsonraw.AppendKey(key[:0], bsonraw.DoubleValue(s.draw()))
			if err := s.sorter.add(key, doc); err != nil {
				return nil, false, err
			}
		}
		var err error
		if s.out, err = s.sorter.finish(); err != nil {
			return nil, false, err
		}
		s.left = s.size
	}
	if s.left == 0 {
		return nil, false, nil
	}
	s.left--
	_, doc, ok, err := s.out.next()
	return doc, ok, err
}

func (s *sampleIter) Close() error { return closing2(s.in, s.sorter.close()) }

// compileChangeStream refuses the stage where it is not the first of an aggregate
// command, which does not come here.
func compileChangeStream(_ *compiler, name string, _ bsonraw.Value) (stage, error) {
	return nil, errs.New(40602, "%s is only valid as the first stage in a pipeline", name).
		WithRemedy("it begins the pipeline of an aggregate command, not of a view")
}

// compileDocuments is $documents: an expression gives the documents.
func compileDocuments(c *compiler, name string, v bsonraw.Value) (stage, error) {
	e, err := c.expr(v)
	if err != nil {
		return nil, err
	}
	if c.p.initial == nil {
		c.p.initial = &Initial{Name: name, Spec: v}
	}
	return &documentsStage{e}, nil
}

type documentsStage struct {
	expr expr.Expr
}

func (d *documentsStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	v, err := evalOn(r.env(), d.expr, bsonraw.EmptyDoc)
	if err != nil {
		return nil, err
	}
	if v.Type != bsonraw.Array {
		return nil, errs.New(5858203, "an array is expected")
	}
	out := &docsIter{}
	for _, e := range v.Doc().Values() {
		doc, _, err := mustBeObject("elements within the array passed to $documents", e)
		if err != nil {
			return nil, err
		}
		out.docs = append(out.docs, doc)
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	return out, nil
}

// compileCollStats and compileIndexStats only check: the engine answers.
func compileCollStats(c *compiler, name string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "$collStats must take a nested object but found: %s", brief(v))
	}
	c.p.initial = &Initial{Name: name, Spec: v}
	return nil, nil
}

func compileIndexStats(c *compiler, name string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object || !v.Doc().IsEmpty() {
		return nil, errs.New(28803, "The $indexStats stage specification must be an empty object")
	}
	c.p.initial = &Initial{Name: name, Spec: v}
	return nil, nil
}
