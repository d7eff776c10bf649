package pipeline

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// windowFunction is a compiled function of $setWindowFields.
type windowFunction interface {
	// start returns the function for one partition.
	start(r *run) (windowRun, error)
}

// windowRun computes a function over one partition. at is called for each
// document in turn; the value is valid until the next call.
type windowRun interface {
	at(p *partition, i int) (bsonraw.Value, error)
}

// windowFunctions are those that are no accumulators.
var windowFunctions map[string]func(p *windowParser) (windowFunction, error)

func init() {
	windowFunctions = map[string]func(p *windowParser) (windowFunction, error){
		"$first":          parseEnd,
		"$last":           parseEnd,
		"$rank":           parseRank,
		"$denseRank":      parseRank,
		"$documentNumber": parseRank,
		"$shift":          parseShift,
		"$locf":           parseLocf,
		"$linearFill":     parseLinearFill,
		"$expMovingAvg":   parseExpMovingAvg,
		"$derivative":     parseSlope,
		"$integral":       parseSlope,
		"$covariancePop":  parseCovariance,
		"$covarianceSamp": parseCovariance,
	}
}

// accumulatorWindow is an accumulator over a frame.
type accumulatorWindow struct {
	factory expr.AccumulatorFactory
	frame   frame
}

func (a *accumulatorWindow) start(r *run) (windowRun, error) {
	env := r.env()
	env.Reset(bsonraw.EmptyDoc)
	acc, err := a.factory.New(env)
	return &accumulatorRun{frame: &a.frame, acc: acc, env: r.env()}, err
}

// accumulatorRun adds documents while the window only grows at its end, and
// begins again when it moves.
type accumulatorRun struct {
	frame  *frame
	acc    expr.Accumulator
	env    *expr.Env
	lo, hi int // what acc holds
}

func (a *accumulatorRun) at(p *partition, i int) (bsonraw.Value, error) {
	lo, hi, err := a.frame.of(p, i)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if lo != a.lo || hi < a.hi {
		a.acc.Reset()
		a.lo, a.hi = lo, lo
	}
	for ; a.hi < hi; a.hi++ {
		doc, err := p.get(a.hi)
		if err != nil {
			return bsonraw.Value{}, err
		}
		a.env.Reset(doc)
		if err := a.acc.Add(a.env); err != nil {
			return bsonraw.Value{}, err
		}
	}
	a.env.Reset(bsonraw.EmptyDoc)
	return a.acc.Result(a.env)
}

// endWindow is $first and $last: the value of the window's first or last
// document, which may be missing; null where the window is empty. The
// accumulators of these names turn missing into null.
type endWindow struct {
	input expr.Expr
	last  bool
	frame frame
}

func parseEnd(p *windowParser) (windowFunction, error) {
	e, err := p.c.expr(p.arg)
	if err != nil {
		return nil, err
	}
	frame, err := p.frame()
	return &endWindow{e, p.op == "$last", frame}, err
}

func (w *endWindow) start(*run) (windowRun, error) { return w, nil }

func (w *endWindow) at(p *partition, i int) (bsonraw.Value, error) {
	lo, hi, err := w.frame.of(p, i)
	if err != nil || lo == hi {
		return bsonraw.NullValue, err
	}
	if w.last {
		lo = hi - 1
	}
	v, err := p.eval(w.input, lo)
	return v.Clone(), err
}

// rankWindow is $rank, $denseRank and $documentNumber.
type rankWindow struct {
	op string
}

func parseRank(p *windowParser) (windowFunction, error) {
	switch {
	case p.arg.Type != bsonraw.Object || !p.arg.Doc().IsEmpty():
		return nil, errs.New(5371603, "%s must be specified with '{}' as the value", p.op)
	case !p.window.IsMissing():
		return nil, errs.New(5371601, "Rank style window functions take no other arguments")
	case !p.oneSort():
		return nil, errs.New(5371602, "%s must be specified with a top level sortBy expression with exactly one element", p.op)
	}
	return &rankWindow{p.op}, nil
}

func (w *rankWindow) start(*run) (windowRun, error) { return &rankRun{op: w.op}, nil }

type rankRun struct {
	op        string
	rank      int32
	key, last []byte
}

func (w *rankRun) at(p *partition, i int) (bsonraw.Value, error) {
	doc, err := p.get(i)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if w.key, err = p.sort.Key(doc, w.key[:0]); err != nil {
		return bsonraw.Value{}, err
	}
	peer := i > 0 && string(w.key) == string(w.last)
	w.key, w.last = w.last, w.key
	switch {
	case w.op == "$documentNumber" || w.op == "$rank" && !peer:
		w.rank = int32(i + 1)
	case !peer:
		w.rank++
	}
	return bsonraw.Int32Value(w.rank), nil
}

// shiftWindow is $shift.
type shiftWindow struct {
	output   expr.Expr
	by       int
	fallback bsonraw.Value
}

func parseShift(p *windowParser) (windowFunction, error) {
	switch {
	case p.arg.Type != bsonraw.Object:
		return nil, p.fail("Argument to $shift must be an object")
	case p.sort == nil:
		return nil, p.fail("'$shift' requires a sortBy")
	case !p.window.IsMissing():
		return nil, p.fail("$shift does not accept a 'window' field")
	}
	w := &shiftWindow{fallback: bsonraw.NullValue}
	hasBy := false
	it := p.arg.Doc().Iter()
	for it.Next() {
		v := it.Value()
		var err error
		switch string(it.Key()) {
		case "output":
			w.output, err = p.c.expr(v)
		case "by":
			n, ok := v.AsInt64()
			if !ok || n != int64(int32(n)) {
				return nil, p.fail("'$shift:by' field must be an integer, but found  by: %s", brief(v))
			}
			w.by, hasBy = int(n), true
		case "default":
			if w.fallback, err = constantOf(p.c, v); err == nil && w.fallback.IsMissing() {
				err = p.fail("'$shift:default' expression must yield a constant value.")
			}
		default:
			err = p.fail("Unknown argument in $shift")
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case w.output == nil:
		return nil, p.fail("$shift requires an 'output' expression.")
	case !hasBy:
		return nil, p.fail("$shift requires 'by' as an integer value.")
	}
	return w, nil
}

func (w *shiftWindow) start(*run) (windowRun, error) { return w, nil }

func (w *shiftWindow) at(p *partition, i int) (bsonraw.Value, error) {
	if i+w.by < 0 || i+w.by >= p.count() {
		return w.fallback, nil
	}
	v, err := p.eval(w.output, i+w.by)
	return v.Clone(), err
}

// locfWindow is $locf: the last value that was not null.
type locfWindow struct {
	input expr.Expr
}

func parseLocf(p *windowParser) (windowFunction, error) {
	if !p.window.IsMissing() {
		return nil, p.fail("'window' field is not allowed in $locf")
	}
	e, err := p.c.expr(p.arg)
	return &locfWindow{e}, err
}

func (w *locfWindow) start(*run) (windowRun, error) {
	return &locfRun{input: w.input, last: bsonraw.NullValue}, nil
}

type locfRun struct {
	input expr.Expr
	last  bsonraw.Value
}

func (w *locfRun) at(p *partition, i int) (bsonraw.Value, error) {
	v, err := p.eval(w.input, i)
	if err == nil && !v.IsNullish() {
		w.last = v.Clone()
	}
	return w.last, err
}
