package pipeline

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// windowStage is $setWindowFields: fields computed over the documents around
// each document, within its partition and in an order.
type windowStage struct {
	partition expr.Expr // nil: one partition
	sort      *query.Sort
	outputs   []windowOutput
}

// windowOutput is one field and what computes it.
type windowOutput struct {
	path path
	fn   windowFunction
}

func compileWindow(c *compiler, name string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "the %s stage specification must be an object, found %s", name, v.Type.Name())
	}
	var output bsonraw.Doc
	var sortBy bsonraw.Doc
	s := &windowStage{}
	it := v.Doc().Iter()
	for it.Next() {
		field, f := string(it.Key()), it.Value()
		switch field {
		case "partitionBy":
			e, err := c.expr(f)
			if err != nil {
				return nil, err
			}
			if constant, ok := expr.Constant(e); ok && constant.Type == bsonraw.Array {
				return nil, arrayPartition()
			}
			s.partition = e
		case "sortBy", "output":
			if f.Type != bsonraw.Object {
				return nil, errs.New(errs.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected type 'object'", name, field, f.Type.Name())
			}
			if field == "output" {
				output = f.Doc()
			} else if !f.Doc().IsEmpty() {
				sortBy = f.Doc()
			}
		default:
			return nil, errs.New(errs.UnknownField, "BSON field '%s.%s' is an unknown field.", name, field)
		}
	}
	if output == nil {
		return nil, errs.New(errs.MissingRequiredField, "BSON field '%s.output' is missing but a required field", name)
	}
	return s, s.finish(c, sortBy, output)
}

func arrayPartition() error {
	return errs.New(errs.TypeMismatch, "An expression used to partition cannot evaluate to value of type array")
}

func (s *windowStage) finish(c *compiler, sortBy, output bsonraw.Doc) error {
	if sortBy != nil {
		sorting, err := compileSort(c, "$sort", sortBy.Value())
		if err != nil {
			return err
		}
		s.sort = sorting.(*sortStage).sort
	}
	var paths []string
	it := output.Iter()
	for it.Next() {
		dotted := string(it.Key())
		p := &windowParser{c: c, sort: s.sort}
		fn, err := p.parse(dotted, it.Value())
		if err != nil {
			return err
		}
		if err := checkPath(dotted); err != nil {
			return err
		}
		for _, other := range paths {
			if related(dotted, other) {
				return errs.New(6307900, "$setWindowFields 'output' specification contains two conflicting paths")
			}
		}
		paths = append(paths, dotted)
		s.outputs = append(s.outputs, windowOutput{splitPath(dotted), fn})
	}
	return nil
}

// windowParser reads one field of output.
type windowParser struct {
	c      *compiler
	sort   *query.Sort
	op     string
	arg    bsonraw.Value
	window bsonraw.Value
}

func (p *windowParser) fail(format string, args ...any) error {
	return errs.New(errs.FailedToParse, format, args...)
}

func (p *windowParser) parse(name string, v bsonraw.Value) (windowFunction, error) {
	if v.Type != bsonraw.Object {
		return nil, p.fail("The field '%s' must be an object", name)
	}
	it := v.Doc().Iter()
	for it.Next() {
		key := string(it.Key())
		switch {
		case key == "window":
			p.window = it.Value()
			if p.window.Type != bsonraw.Object {
				return nil, p.fail("'window' field must be an object")
			}
		case strings.HasPrefix(key, "$"):
			if p.op != "" {
				return nil, p.fail("Cannot specify two functions in window function spec")
			}
			p.op, p.arg = key, it.Value()
		default:
			return nil, p.fail("Window function found an unknown argument: %s", key)
		}
	}
	if p.op == "" {
		return nil, p.fail("Expected a $-prefixed window function, window")
	}
	if parse, ok := windowFunctions[p.op]; ok {
		return parse(p)
	}
	if !expr.IsAccumulator(p.op) || p.op == "$mergeObjects" {
		return nil, p.fail("Unrecognized window function, %s", p.op)
	}
	factory, err := expr.CompileAccumulator(p.op, p.arg, p.c.exprOptions())
	if err != nil {
		return nil, err
	}
	frame, err := p.frame()
	return &accumulatorWindow{factory, frame}, err
}

// oneSort reports whether documents are ordered by exactly one field.
func (p *windowParser) oneSort() bool { return p.sort != nil && len(p.sort.Parts()) == 1 }

func (s *windowStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	w := &windowIter{in: in, stage: s, r: r, env: r.env()}
	if s.partition != nil || s.sort != nil {
		w.sorter = newSorter(r, "$setWindowFields", 0)
	}
	return w, nil
}

// windowIter sorts its input by partition and order, and works on one partition
// at a time.
type windowIter struct {
	in     Iter
	stage  *windowStage
	r      *run
	env    *expr.Env
	sorter *sorter // nil: the input's order, one partition
	sorted sorted
	key    []byte

	next     bsonraw.Doc // the first document of the next partition; nil at the end
	nextKey  []byte      // its partition
	started  bool
	part     *partition
	runs     []windowRun
	at       int
	out, alt bsonraw.Builder
}

func (w *windowIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if !w.started {
		w.started = true
		if err := w.begin(ctx); err != nil {
			return nil, false, err
		}
	}
	if w.part == nil || w.at == w.part.count() {
		if w.next == nil {
			return nil, false, nil
		}
		if err := w.nextPartition(ctx); err != nil {
			return nil, false, err
		}
	}
	doc, err := w.document()
	w.at++
	return doc, err == nil, err
}

// document computes the fields of the current document.
func (w *windowIter) document() (bsonraw.Doc, error) {
	doc, err := w.part.get(w.at)
	if err != nil {
		return nil, err
	}
	doc = doc.Clone() // computing may read other documents in its place
	values := make([]bsonraw.Value, len(w.runs))
	for i, f := range w.runs {
		v, err := f.at(w.part, w.at)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	b, other := &w.out, &w.alt
	for i, o := range w.stage.outputs {
		b.Reset()
		o.path.set(b, doc, values[i])
		doc = b.Finish()
		b, other = other, b
	}
	return doc, nil
}

// begin reads the input, to its end where it has to be sorted, and finds the
// first document.
func (w *windowIter) begin(ctx context.Context) error {
	if w.sorter == nil {
		return w.advance(ctx)
	}
	for {
		doc, ok, err := w.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if w.key, err = w.partitionKey(doc, w.key[:0]); err != nil {
			return err
		}
		if w.stage.sort != nil {
			if w.key, err = w.stage.sort.Key(doc, w.key); err != nil {
				return err
			}
		}
		if err := w.sorter.add(w.key, doc); err != nil {
			return err
		}
	}
	var err error
	if w.sorted, err = w.sorter.finish(); err != nil {
		return err
	}
	return w.advance(ctx)
}

// partitionKey appends the encoded partition of a document.
func (w *windowIter) partitionKey(doc bsonraw.Doc, dst []byte) ([]byte, error) {
	if w.stage.partition == nil {
		return dst, nil
	}
	v, err := evalOn(w.env, w.stage.partition, doc)
	if err == nil && v.Type == bsonraw.Array {
		err = arrayPartition()
	}
	return bsonraw.AppendKey(dst, v), err
}

// advance reads the next document in order.
func (w *windowIter) advance(ctx context.Context) error {
	var doc bsonraw.Doc
	var ok bool
	var err error
	if w.sorted != nil {
		_, doc, ok, err = w.sorted.next()
	} else {
		doc, ok, err = w.in.Next(ctx)
	}
	w.next = nil
	if err != nil || !ok {
		return err
	}
	w.next = doc
	w.nextKey, err = w.partitionKey(doc, w.nextKey[:0])
	return err
}

// nextPartition collects the documents of the next partition.
func (w *windowIter) nextPartition(ctx context.Context) error {
	if w.part != nil {
		if err := w.part.close(); err != nil {
			return err
		}
	}
	w.part, w.at = newPartition(w.r, w.stage.sort), 0
	key := append([]byte(nil), w.nextKey...)
	for w.next != nil && string(w.nextKey) == string(key) {
		if err := w.part.add(w.next); err != nil {
			return err
		}
		if err := w.advance(ctx); err != nil {
			return err
		}
	}
	w.runs = w.runs[:0]
	for _, o := range w.stage.outputs {
		f, err := o.fn.start(w.r)
		if err != nil {
			return err
		}
		w.runs = append(w.runs, f)
	}
	return w.part.seal()
}

func (w *windowIter) Close() error {
	var err error
	if w.part != nil {
		err = w.part.close()
	}
	if w.sorter != nil {
		if closed := w.sorter.close(); err == nil {
			err = closed
		}
	}
	w.next, w.part = nil, nil
	return closing2(w.in, err)
}
