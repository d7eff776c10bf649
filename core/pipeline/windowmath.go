package pipeline

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/number"
)

// The window functions that compute: $expMovingAvg, $derivative, $integral,
// $covariancePop, $covarianceSamp and $linearFill.

// value makes a value of a number.
func value(n number.Number) bsonraw.Value {
	return bsonraw.Value{Type: n.Type, Data: n.Append(nil)}
}

// expMovingAvg is $expMovingAvg, computed in decimals.
type expMovingAvg struct {
	input       expr.Expr
	alpha, rest number.Number // alpha and 1 - alpha
}

func parseExpMovingAvg(p *windowParser) (windowFunction, error) {
	switch {
	case p.arg.Type != bsonraw.Object || !p.window.IsMissing():
		return nil, p.fail("$expMovingAvg must have exactly one argument that is an object")
	case p.sort == nil:
		return nil, p.fail("$expMovingAvg requires an explicit 'sortBy'")
	}
	d := p.arg.Doc()
	input, n, alpha := d.Get("input"), d.Get("N"), d.Get("alpha")
	if d.Len() != 2 || input.IsMissing() || n.IsMissing() == alpha.IsMissing() {
		return nil, p.fail("$expMovingAvg sub object must have exactly two fields: An 'input' field, and either an 'N' field or an 'alpha' field")
	}
	w := &expMovingAvg{}
	one := number.Decimal(number.DecimalOfInt(1))
	if !n.IsMissing() {
		count, ok := n.AsInt64()
		switch {
		case !ok:
			return nil, p.fail("'N' field must be an integer, but found  N: %s. To use a non-integer, use the 'alpha' argument instead", brief(n))
		case count <= 0:
			return nil, p.fail("'N' must be greater than zero. Got %d", count)
		}
		w.alpha = number.Decimal(number.DecimalQuo(number.DecimalOfInt(2), number.DecimalOfInt(count+1)))
	} else {
		f, ok := alpha.AsFloat64()
		if !ok || f <= 0 || f >= 1 {
			return nil, p.fail("'alpha' must be between 0 and 1 (exclusive), found alpha: %s", brief(alpha))
		}
		a, _ := number.Of(alpha)
		w.alpha = number.Mul(a, one)
	}
	w.rest = number.Sub(one, w.alpha)
	var err error
	w.input, err = p.c.expr(input)
	return w, err
}

func (w *expMovingAvg) start(*run) (windowRun, error) { return &expMovingRun{of: w}, nil }

type expMovingRun struct {
	of      *expMovingAvg
	current number.Number
	decimal bool // a decimal was seen
	started bool
}

func (w *expMovingRun) at(p *partition, i int) (bsonraw.Value, error) {
	v, err := p.eval(w.of.input, i)
	if err != nil {
		return v, err
	}
	if n, ok := number.Of(v); ok {
		w.decimal = w.decimal || n.Type == bsonraw.Decimal128
		if w.started {
			w.current = number.Add(number.Mul(n, w.of.alpha), number.Mul(w.current, w.of.rest))
		} else {
			w.current, w.started = n, true
		}
	}
	switch {
	case !w.started:
		return bsonraw.NullValue, nil
	case w.decimal:
		return value(w.current), nil
	}
	f, _ := value(w.current).AsFloat64()
	return bsonraw.DoubleValue(f), nil
}

// slope is $derivative and $integral: over the sort field as the x axis.
type slope struct {
	op    string
	input expr.Expr
	unit  int64 // milliseconds; 0: the x axis is no date
	frame frame
}

var unitMillis = map[string]int64{
	"week": 7 * 24 * 3600 * 1000, "day": 24 * 3600 * 1000, "hour": 3600 * 1000,
	"minute": 60 * 1000, "second": 1000, "millisecond": 1,
}

func parseSlope(p *windowParser) (windowFunction, error) {
	if p.arg.Type != bsonraw.Object {
		return nil, p.fail("%s expects an object, but got a %s: %s", p.op, p.arg.Type.Name(), brief(p.arg))
	}
	w := &slope{op: p.op}
	it := p.arg.Doc().Iter()
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "input":
			e, err := p.c.expr(v)
			if err != nil {
				return nil, err
			}
			w.input = e
		case "unit":
			if v.Type != bsonraw.String || !isTimeUnit(v.Str()) {
				return nil, p.fail("unknown time unit value: %s", brief(v))
			}
			if w.unit = unitMillis[v.Str()]; w.unit == 0 {
				return nil, errs.New(5490704, "unit must be 'week' or smaller, but found %s", v.Str())
			}
		default:
			return nil, p.fail("%s got unexpected argument: %s", p.op, it.Key())
		}
	}
	switch {
	case w.input == nil:
		return nil, p.fail("%s requires an 'input' expression", p.op)
	case !p.oneSort():
		return nil, p.fail("%s requires a sortBy", p.op)
	}
	frame, err := p.frame()
	switch {
	case err != nil:
		return nil, err
	case p.op == "$derivative" && !frame.explicit:
		return nil, p.fail("$derivative requires explicit window bounds")
	}
	w.frame = frame
	return w, nil
}

func (w *slope) start(*run) (windowRun, error) { return w, nil }

// xy returns a document's place on both axes.
func (w *slope) xy(p *partition, i int) (x, y number.Number, err error) {
	v, err := p.eval(w.input, i)
	if err != nil {
		return x, y, err
	}
	sortBy, err := p.sortValue(i)
	if err != nil {
		return x, y, err
	}
	if w.unit > 0 {
		if sortBy.Type != bsonraw.DateTime {
			return x, y, errs.New(w.code(5624900, 5423901), "%s with 'unit' expects the sortBy field to be a Date", w.op)
		}
		x = number.Int64(sortBy.Int64())
	} else {
		var ok bool
		if x, ok = number.Of(sortBy); !ok {
			return x, y, errs.New(w.code(5624901, 5423902), "%s (with no 'unit') expects the sortBy field to be numeric, but it is a %s", w.op, sortBy.Type.Name())
		}
	}
	y, ok := number.Of(v)
	switch {
	case v.IsNullish():
		return x, y, errs.New(5624903, "%s input must not be null or missing", w.op)
	case !ok:
		return x, y, errs.New(5624902, "%s input must be numeric, but it is a %s", w.op, v.Type.Name())
	}
	return x, y, nil
}

// code chooses between the codes that the two functions have.
func (w *slope) code(derivative, integral errs.Code) errs.Code {
	if w.op == "$integral" {
		return integral
	}
	return derivative
}

func (w *slope) at(p *partition, i int) (bsonraw.Value, error) {
	lo, hi, err := w.frame.of(p, i)
	if err != nil || lo == hi {
		return bsonraw.NullValue, err
	}
	if w.op == "$integral" {
		return w.integral(p, lo, hi)
	}
	if hi-lo < 2 {
		return bsonraw.NullValue, nil
	}
	x0, y0, err := w.xy(p, lo)
	if err != nil {
		return bsonraw.Value{}, err
	}
	x1, y1, err := w.xy(p, hi-1)
	if err != nil {
		return bsonraw.Value{}, err
	}
	q, ok := number.Div(number.Sub(y1, y0), number.Sub(x1, x0))
	if !ok {
		return bsonraw.NullValue, nil
	}
	if w.unit > 0 {
		q = number.Mul(q, number.Int64(w.unit))
	}
	return value(q), nil
}

// integral adds the trapezoids between neighbours.
func (w *slope) integral(p *partition, lo, hi int) (bsonraw.Value, error) {
	sum := number.Int32(0)
	x0, y0, err := w.xy(p, lo)
	if err != nil {
		return bsonraw.Value{}, err
	}
	for i := lo + 1; i < hi; i++ {
		x1, y1, err := w.xy(p, i)
		if err != nil {
			return bsonraw.Value{}, err
		}
		area, _ := number.Div(number.Mul(number.Sub(x1, x0), number.Add(y0, y1)), number.Int32(2))
		sum = number.Add(sum, area)
		x0, y0 = x1, y1
	}
	if w.unit > 0 {
		sum, _ = number.Div(sum, number.Int64(w.unit))
	}
	return value(sum), nil
}

// covariance is $covariancePop and $covarianceSamp.
type covariance struct {
	pair   expr.Expr
	sample bool
	frame  frame
}

func parseCovariance(p *windowParser) (windowFunction, error) {
	e, err := p.c.expr(p.arg)
	if err != nil {
		return nil, err
	}
	frame, err := p.frame()
	return &covariance{e, p.op == "$covarianceSamp", frame}, err
}

func (w *covariance) start(*run) (windowRun, error) { return &covarianceRun{of: w}, nil }

// covarianceRun updates means and co-moment document by document (Welford).
type covarianceRun struct {
	of           *covariance
	lo, hi       int
	n            float64
	meanX, meanY float64
	moment       float64
}

func (w *covarianceRun) at(p *partition, i int) (bsonraw.Value, error) {
	lo, hi, err := w.of.frame.of(p, i)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if lo != w.lo || hi < w.hi {
		*w = covarianceRun{of: w.of, lo: lo, hi: lo}
	}
	for ; w.hi < hi; w.hi++ {
		v, err := p.eval(w.of.pair, w.hi)
		if err != nil {
			return v, err
		}
		w.add(v)
	}
	n := w.n
	if w.of.sample {
		n--
	}
	if n <= 0 {
		return bsonraw.NullValue, nil
	}
	return bsonraw.DoubleValue(w.moment / n), nil
}

// add takes a pair of numbers in; anything else does not count.
func (w *covarianceRun) add(v bsonraw.Value) {
	if v.Type != bsonraw.Array || v.Doc().Len() != 2 {
		return
	}
	pair := v.Doc().Values()
	x, okX := pair[0].AsFloat64()
	y, okY := pair[1].AsFloat64()
	if !okX || !okY {
		return
	}
	w.n++
	dx := x - w.meanX
	w.meanX += dx / w.n
	w.meanY += (y - w.meanY) / w.n
	w.moment += dx * (y - w.meanY)
}

// linearFill is $linearFill: nulls between two values lie on the line between
// them.
type linearFill struct {
	input expr.Expr
}

func parseLinearFill(p *windowParser) (windowFunction, error) {
	switch {
	case !p.oneSort():
		return nil, errs.New(605001, "$linearFill must be specified with a top level sortBy expression with exactly one element")
	case !p.window.IsMissing():
		return nil, p.fail("'window' field is not allowed in $linearFill")
	}
	e, err := p.c.expr(p.arg)
	return &linearFill{e}, err
}

func (w *linearFill) start(*run) (windowRun, error) {
	return &linearFillRun{input: w.input, left: -1}, nil
}

type linearFillRun struct {
	input       expr.Expr
	left, right int // the documents with values around; right is behind left, or not found yet
	x0, y0      number.Number
	x1, y1      number.Number
}

func (w *linearFillRun) at(p *partition, i int) (bsonraw.Value, error) {
	v, err := w.number(p, i)
	if err != nil {
		return v, err
	}
	if !v.IsNullish() {
		w.left = i
		w.y0, _ = number.Of(v)
		w.x0, err = w.place(p, i)
		return v, err
	}
	if w.left < 0 {
		return bsonraw.NullValue, nil
	}
	if w.right <= i {
		if err := w.findRight(p, i); err != nil {
			return v, err
		}
	}
	if w.right >= p.count() {
		return bsonraw.NullValue, nil
	}
	x, err := w.place(p, i)
	if err != nil {
		return v, err
	}
	// y0 + (x - x0) * (y1 - y0) / (x1 - x0)
	q, ok := number.Div(number.Mul(number.Sub(x, w.x0), number.Sub(w.y1, w.y0)), number.Sub(w.x1, w.x0))
	if !ok {
		return bsonraw.NullValue, nil
	}
	return value(number.Add(w.y0, q)), nil
}

func (w *linearFillRun) findRight(p *partition, i int) error {
	for w.right = i + 1; w.right < p.count(); w.right++ {
		v, err := w.number(p, w.right)
		if err != nil {
			return err
		}
		if !v.IsNullish() {
			w.y1, _ = number.Of(v)
			w.x1, err = w.place(p, w.right)
			return err
		}
	}
	return nil
}

// number returns a document's value, which is a number or nullish.
func (w *linearFillRun) number(p *partition, i int) (bsonraw.Value, error) {
	v, err := p.eval(w.input, i)
	if err == nil && !v.IsNumber() && !v.IsNullish() {
		err = errs.New(errs.TypeMismatch, "Value to be filled must be numeric or nullish, but found %s", v.Type.Name())
	}
	return v.Clone(), err
}

// place returns a document's place on the x axis. No two may have the same.
func (w *linearFillRun) place(p *partition, i int) (number.Number, error) {
	v, err := p.sortValue(i)
	if err != nil {
		return number.Number{}, err
	}
	if v.Type == bsonraw.DateTime {
		return number.Int64(v.Int64()), nil
	}
	x, ok := number.Of(v)
	if !ok {
		return x, errs.New(errs.TypeMismatch, "Expected an object with a numeric or date sortBy field, but found %s", v.Type.Name())
	}
	return x, nil
}
