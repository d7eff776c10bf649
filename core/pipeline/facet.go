package pipeline

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// facetStage is $facet: several pipelines over the same documents, each giving
// one array of the only document that comes out.
type facetStage struct {
	names []string
	pipes []*Pipeline
}

func compileFacet(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object || v.Doc().IsEmpty() {
		return nil, errs.New(40169, "the $facet specification must be a non-empty object, but found: $facet: %s", brief(v))
	}
	f := &facetStage{}
	it := v.Doc().Iter()
	for it.Next() {
		name := string(it.Key())
		if err := checkName(name); err != nil {
			return nil, err
		}
		if it.Value().Type != bsonraw.Array {
			return nil, errs.New(40170, "arguments to $facet must be arrays, %s is type %s", name, it.Value().Type.Name())
		}
		var stages []bsonraw.Doc
		for _, e := range it.Value().Doc().Values() {
			if e.Type != bsonraw.Object {
				return nil, errs.New(40171, "elements of arrays in $facet spec must be non-empty objects, %s argument contained an element of type %s: %s", name, e.Type.Name(), brief(e))
			}
			stages = append(stages, e.Doc())
		}
		p, err := c.sub(stages, inFacet, c.vars)
		if err != nil {
			return nil, err
		}
		f.names, f.pipes = append(f.names, name), append(f.pipes, p)
	}
	return f, nil
}

func (f *facetStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &facetIter{in: in, stage: f, r: r, input: replay{r: r, stage: "$facet"}}, nil
}

type facetIter struct {
	in    Iter
	stage *facetStage
	r     *run
	input replay
	out   bsonraw.Builder
	done  bool
}

func (f *facetIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if f.done {
		return nil, false, nil
	}
	f.done = true
	if len(f.stage.pipes) > 1 {
		if err := f.input.fill(ctx, f.in); err != nil {
			return nil, false, err
		}
	}
	f.out.Reset()
	for i, p := range f.stage.pipes {
		if err := f.facet(ctx, f.stage.names[i], p); err != nil {
			return nil, false, err
		}
	}
	return f.out.Finish(), true, nil
}

// facet runs one of the pipelines. A single one reads the input itself.
func (f *facetIter) facet(ctx context.Context, name string, p *Pipeline) error {
	var in Iter = &shared{f.in}
	if len(f.stage.pipes) > 1 {
		again, err := f.input.again()
		if err != nil {
			return err
		}
		in = again
	}
	made, err := p.start(ctx, f.r, in)
	if err != nil {
		return err
	}
	f.out.BeginArray(name)
	n := 0
	err = drain(ctx, made, func(doc bsonraw.Doc) error {
		f.out.Doc(bsonraw.Index(n), doc)
		n++
		if f.out.Size() > f.r.limit() {
			return errs.New(4031700, "document constructed by $facet is %d bytes, which exceeds the limit of %d bytes", f.out.Size(), f.r.limit())
		}
		return nil
	})
	f.out.End()
	return err
}

func (f *facetIter) Close() error { return closing2(f.in, f.input.close()) }

// shared is an iterator that somebody else closes.
type shared struct{ in Iter }

func (s *shared) Next(ctx context.Context) (bsonraw.Doc, bool, error) { return s.in.Next(ctx) }
func (s *shared) Close() error                                        { return nil }

// replay holds documents that are read several times: in memory, and beyond
// the limit in a temporary file.
type replay struct {
	r     *run
	stage string
	docs  []bsonraw.Doc
	bytes int
	file  *spillFile
}

func (p *replay) fill(ctx context.Context, in Iter) error {
	for {
		doc, ok, err := in.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := p.add(doc); err != nil {
			return err
		}
	}
}

func (p *replay) add(doc bsonraw.Doc) error {
	if p.file != nil {
		return p.file.write(nil, doc)
	}
	p.bytes += len(doc)
	if p.bytes <= p.r.limit() {
		p.docs = append(p.docs, doc.Clone())
		return nil
	}
	if !p.r.maySpill() {
		return p.r.tooMuch(p.stage)
	}
	f, err := p.r.newSpill()
	if err != nil {
		return err
	}
	p.file = f
	return p.file.write(nil, doc)
}

// again returns the documents from the beginning.
func (p *replay) again() (Iter, error) {
	it := &replayIter{memory: docsIter{docs: p.docs}}
	if p.file == nil {
		return it, nil
	}
	var err error
	it.disk, err = p.file.reader(0, p.file.size)
	return it, err
}

func (p *replay) close() error { return p.file.close() }

type replayIter struct {
	memory docsIter
	disk   *spillReader
}

func (p *replayIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	doc, ok, err := p.memory.Next(ctx)
	if err != nil || ok || p.disk == nil {
		return doc, ok, err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, canceled(err)
	}
	ok, err = p.disk.next()
	return p.disk.doc, ok, err
}

func (p *replayIter) Close() error { return p.memory.Close() }
