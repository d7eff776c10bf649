package pipeline

import (
	"bytes"
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// lookupStage is $lookup in its forms: by equality, by a pipeline with
// variables, and both.
type lookupStage struct {
	from    string
	as      path
	asPath  string
	local   path       // nil: no equality
	foreign string     // dotted
	walk    query.Path // of foreign
	let     []letBound // variables of the pipeline
	sub     *subPipe   // nil: no pipeline
}

// letBound is one variable of let.
type letBound struct {
	slot int
	expr expr.Expr
}

func compileLookup(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "the $lookup stage specification must be an object, but found %s", v.Type.Name())
	}
	l := &lookupStage{}
	p := &lookupParser{c: c, l: l}
	it := v.Doc().Iter()
	for it.Next() {
		if err := p.option(string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	return l, p.finish()
}

type lookupParser struct {
	c                   *compiler
	l                   *lookupStage
	hasFrom             bool
	localField, foreign string
	let                 bsonraw.Doc
	pipeline            bsonraw.Value
}

func (p *lookupParser) option(name string, v bsonraw.Value) error {
	switch name {
	case "pipeline":
		if v.Type != bsonraw.Array {
			return errs.New(errs.TypeMismatch, "'pipeline' option must be specified as an array")
		}
		p.pipeline = v
		return nil
	case "let":
		if v.Type != bsonraw.Object {
			return errs.New(errs.FailedToParse, "$lookup argument 'let: %s' must be an object, is type %s", brief(v), v.Type.Name())
		}
		p.let = v.Doc()
		return nil
	case "from":
		return p.from(v)
	}
	if v.Type != bsonraw.String {
		return errs.New(errs.FailedToParse, "$lookup argument '%s' must be a string, found %s: %s: %s", name, name, brief(v), v.Type.Name())
	}
	switch name {
	case "as":
		p.l.asPath = v.Str()
	case "localField":
		p.localField = v.Str()
	case "foreignField":
		p.foreign = v.Str()
	default:
		return errs.New(errs.FailedToParse, "unknown argument to $lookup: %s", name)
	}
	return nil
}

func (p *lookupParser) from(v bsonraw.Value) error {
	if v.Type == bsonraw.Object {
		return errs.New(errs.FailedToParse, "$lookup with syntax {from: {db:<>, coll:<>},..} is not supported: %s", brief(v))
	}
	if v.Type != bsonraw.String {
		return errs.New(errs.FailedToParse, "$lookup 'from' field must be a string, but found %s", v.Type.Name())
	}
	p.l.from, p.hasFrom = v.Str(), true
	if p.l.from == "" {
		return errs.New(errs.InvalidNamespace, "invalid $lookup namespace: the collection name is empty")
	}
	return nil
}

func (p *lookupParser) finish() error {
	l := p.l
	hasPipeline := !p.pipeline.IsMissing()
	switch {
	case !p.hasFrom && !hasPipeline:
		return errs.New(errs.FailedToParse, "must specify 'pipeline' when 'from' is empty")
	case l.asPath == "":
		return errs.New(errs.FailedToParse, "must specify 'as' field for a $lookup")
	case (p.localField == "") != (p.foreign == "") || p.localField == "" && !hasPipeline:
		return errs.New(errs.FailedToParse, "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified")
	case p.let != nil && !hasPipeline:
		return errs.New(errs.FailedToParse, "$lookup with a 'let' argument must also specify 'pipeline'")
	case !p.hasFrom && !startsWithDocuments(p.pipeline):
		return errs.New(errs.FailedToParse, "$lookup stage without explicit collection must have a pipeline with $documents as first stage")
	}
	if err := checkPath(l.asPath); err != nil {
		return err
	}
	l.as = splitPath(l.asPath)
	if p.localField != "" {
		if err := checkPath(p.localField); err != nil {
			return err
		}
		if err := checkPath(p.foreign); err != nil {
			return err
		}
		l.local, l.foreign, l.walk = splitPath(p.localField), p.foreign, query.NewPath(p.foreign)
	}
	if !hasPipeline {
		return nil
	}
	return p.compilePipeline()
}

// startsWithDocuments reports whether a pipeline makes its documents itself.
func startsWithDocuments(pipeline bsonraw.Value) bool {
	it := pipeline.Doc().Iter()
	return it.Next() && it.Value().Type == bsonraw.Object && !it.Value().Doc().Get("$documents").IsMissing()
}

func (p *lookupParser) compilePipeline() error {
	stages, err := stageDocs(p.pipeline)
	if err != nil {
		return err
	}
	vars := p.c.vars
	it := orEmpty(p.let).Iter()
	for it.Next() {
		name := string(it.Key())
		if err := expr.ValidateVarName(name); err != nil {
			return err
		}
		e, err := p.c.expr(it.Value())
		if err != nil {
			return err
		}
		inner, slot := vars.With(name)
		vars = inner
		p.l.let = append(p.l.let, letBound{slot, e})
	}
	pipe, err := p.c.sub(stages, inLookup, vars)
	if err != nil {
		return err
	}
	p.l.sub, err = newSubPipe(pipe, p.l.from, p.c, vars, namesOf(p.let))
	if p.l.sub != nil {
		p.l.sub.correlated = len(p.l.let) > 0 || isRandom(p.pipeline)
	}
	return err
}

func namesOf(let bsonraw.Doc) []string {
	var names []string
	it := orEmpty(let).Iter()
	for it.Next() {
		names = append(names, string(it.Key()))
	}
	return names
}

// isRandom reports whether a pipeline may answer differently each time.
func isRandom(pipeline bsonraw.Value) bool {
	return bytes.Contains(pipeline.Data, []byte("$sample")) || bytes.Contains(pipeline.Data, []byte("$rand"))
}

func (l *lookupStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	if l.local != nil {
		return &joinIter{in: in, stage: l, r: r, env: r.env(), size: firstBatch}, nil
	}
	return &nestIter{in: in, stage: l, r: r, env: r.env()}, nil
}

// bind evaluates let for a document and returns the run of the sub-pipeline.
func (l *lookupStage) bind(r *run, env *expr.Env, doc bsonraw.Doc) (*run, error) {
	if len(l.let) == 0 {
		return r, nil
	}
	inner := &run{o: r.o, src: r.src, binds: append([]binding(nil), r.binds...)}
	env.Reset(doc)
	for _, b := range l.let {
		v, err := b.expr.Eval(env)
		if err != nil {
			return nil, err
		}
		inner.binds = append(inner.binds, binding{b.slot, v.Clone()})
	}
	return inner, nil
}

// arrayBuilder collects documents as the elements of an array.
type arrayBuilder struct {
	b     bsonraw.Builder
	n     int
	stage *lookupStage
	limit int
}

func (a *arrayBuilder) reset() {
	a.b.Reset()
	a.n = 0
}

func (a *arrayBuilder) add(doc bsonraw.Doc) error {
	a.b.Doc(bsonraw.Index(a.n), doc)
	a.n++
	if a.b.Size() > a.limit {
		return errs.New(4568, "Total size of documents in %s matching pipeline's $lookup stage exceeds %d bytes", a.stage.from, a.limit)
	}
	return nil
}

func (a *arrayBuilder) value() bsonraw.Value {
	return bsonraw.Value{Type: bsonraw.Array, Data: a.b.Finish()}
}

// nestIter runs the pipeline of a $lookup without equality for each document.
type nestIter struct {
	in    Iter
	stage *lookupStage
	r     *run
	env   *expr.Env
	array arrayBuilder
	out   bsonraw.Builder

	cached bool // array holds the answer, which is the same for all documents
	value  bsonraw.Value
}

func (n *nestIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	doc, ok, err := n.in.Next(ctx)
	if err != nil || !ok {
		return nil, false, err
	}
	if !n.cached {
		if err := n.answer(ctx, doc); err != nil {
			return nil, false, err
		}
		n.cached = !n.stage.sub.correlated
	}
	n.out.Reset()
	n.stage.as.set(&n.out, doc, n.value)
	return n.out.Finish(), true, nil
}

// answer runs the pipeline for one document.
func (n *nestIter) answer(ctx context.Context, doc bsonraw.Doc) error {
	n.array.stage, n.array.limit = n.stage, n.r.limit()
	n.array.reset()
	inner, err := n.stage.bind(n.r, n.env, doc)
	if err != nil {
		return err
	}
	found, err := n.stage.sub.open(ctx, inner)
	if err != nil {
		return err
	}
	if err := drain(ctx, found, n.array.add); err != nil {
		return err
	}
	n.value = n.array.value()
	return nil
}

// drain calls add with each document and closes the iterator.
func drain(ctx context.Context, in Iter, add func(doc bsonraw.Doc) error) error {
	for {
		doc, ok, err := in.Next(ctx)
		if err == nil && ok {
			err = add(doc)
		}
		if err != nil {
			return closing(in, err)
		}
		if !ok {
			return in.Close()
		}
	}
}

func (n *nestIter) Close() error { return n.in.Close() }

// userVariable returns the name of the variable that "$$name.path" names.
func userVariable(s string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(s, "$$"), ".")
	return name
}
