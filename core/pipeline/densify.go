package pipeline

import (
	"context"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// densifyStage is $densify: documents are made where a field's values leave
// gaps wider than a step.
type densifyStage struct {
	dotted string
	field  path
	by     []path // partitionByFields
	step   bsonraw.Value
	unit   string // of dates, or ""
	next   expr.Expr
	// bounds: "full" (from the least to the greatest value of all), "partition"
	// (of each partition), or lo and hi, hi excluded.
	bounds string
	lo, hi bsonraw.Value
}

// maxDensified bounds the documents that one $densify makes, as mongod does.
const maxDensified = 500_000

func compileDensify(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "The $densify stage specification must be an object, found %s", v.Type.Name())
	}
	s := &densifyStage{}
	var span bsonraw.Doc
	it := v.Doc().Iter()
	for it.Next() {
		f := it.Value()
		var err error
		switch name := string(it.Key()); name {
		case "field":
			if f.Type != bsonraw.String {
				return nil, wrongType("$densify.field", f, "'string'")
			}
			s.dotted = f.Str()
			s.field, err = splitPath(s.dotted), checkPath(s.dotted)
		case "partitionByFields":
			s.by, err = partitionPaths(f)
		case "range":
			if f.Type != bsonraw.Object {
				return nil, wrongType("$densify.range", f, "'object'")
			}
			span = f.Doc()
		default:
			return nil, errs.New(errs.UnknownField, "BSON field '$densify.%s' is an unknown field.", name)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case s.field == nil:
		return nil, errs.New(errs.MissingRequiredField, "BSON field '$densify.field' is missing but a required field")
	case span == nil:
		return nil, errs.New(errs.MissingRequiredField, "BSON field '$densify.range' is missing but a required field")
	}
	return s, s.span(span)
}

func wrongType(field string, v bsonraw.Value, want string) error {
	return errs.New(errs.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type %s", field, v.Type.Name(), want)
}

func partitionPaths(v bsonraw.Value) ([]path, error) {
	if v.Type != bsonraw.Array {
		return nil, wrongType("$densify.partitionByFields", v, "'array'")
	}
	var paths []path
	for _, e := range v.Doc().Values() {
		if e.Type != bsonraw.String {
			return nil, wrongType("$densify.partitionByFields", e, "'string'")
		}
		if err := checkPath(e.Str()); err != nil {
			return nil, err
		}
		paths = append(paths, splitPath(e.Str()))
	}
	return paths, nil
}

// span reads range.
func (s *densifyStage) span(d bsonraw.Doc) error {
	var bounds bsonraw.Value
	it := d.Iter()
	for it.Next() {
		v := it.Value()
		switch name := string(it.Key()); name {
		case "step":
			if !v.IsNumber() {
				return wrongType("$densify.range.step", v, "'[int, decimal, double, long]'")
			}
			s.step = v
		case "unit":
			if v.Type != bsonraw.String {
				return wrongType("$densify.range.unit", v, "'string'")
			}
			if s.unit = v.Str(); !isTimeUnit(s.unit) {
				return errs.New(errs.FailedToParse, "unknown time unit value: %s", s.unit)
			}
		case "bounds":
			bounds = v
		default:
			return errs.New(errs.UnknownField, "BSON field '$densify.range.%s' is an unknown field.", name)
		}
	}
	switch {
	case s.step.IsMissing():
		return errs.New(errs.MissingRequiredField, "BSON field '$densify.range.step' is missing but a required field")
	case bounds.IsMissing():
		return errs.New(errs.MissingRequiredField, "BSON field '$densify.range.bounds' is missing but a required field")
	}
	if f, _ := s.step.AsFloat64(); !(f > 0) {
		return errs.New(5733401, "The step parameter in a range statement must be a strictly positive numeric value")
	}
	if err := s.readBounds(bounds); err != nil {
		return err
	}
	return s.compileNext()
}

func (s *densifyStage) readBounds(v bsonraw.Value) error {
	switch v.Type {
	case bsonraw.String:
		s.bounds = v.Str()
		switch {
		case s.bounds != "full" && s.bounds != "partition":
			return errs.New(5946802, "Bounds string must either be 'full' or 'partition'")
		case s.bounds == "partition" && len(s.by) == 0:
			return errs.New(5733408, "One cannot specify the bounds as 'partition' without specifying a non-empty array of partitionByFields. You may have meant to specify 'full' bounds.")
		}
		return nil
	case bsonraw.Array:
	default:
		return wrongType("$densify.range.bounds", v, "'[array, string]'")
	}
	if v.Doc().Len() != 2 {
		return errs.New(5733403, "A bounding array in a range statement must have exactly two elements")
	}
	s.lo, s.hi = v.Doc().Values()[0], v.Doc().Values()[1]
	dates := s.lo.Type == bsonraw.DateTime && s.hi.Type == bsonraw.DateTime
	numbers := s.lo.IsNumber() && s.hi.IsNumber()
	isBound := func(v bsonraw.Value) bool { return v.IsNumber() || v.Type == bsonraw.DateTime }
	switch {
	case !isBound(s.lo) || !isBound(s.hi):
		return errs.New(5733402, "A bounding array must be an ascending array of either two dates or two numbers")
	case !dates && !numbers:
		return errs.New(5733406, "A bounding array must contain either both dates or both numeric types")
	case bsonraw.Compare(s.lo, s.hi) > 0:
		return errs.New(5733402, "A bounding array must be an ascending array of either two dates or two numbers")
	case numbers && (s.lo.Type != s.hi.Type || s.lo.Type != s.step.Type):
		return errs.New(5876900, "Upper bound, lower bound, and step must all have the same type")
	case numbers && s.unit != "":
		return errs.New(5733409, "Numeric bounds may not have unit parameter")
	case dates && s.unit == "":
		return errs.New(5733410, "A bounding array of dates must specify a unit")
	}
	return nil
}

// compileNext compiles the expression that gives the value one step on.
func (s *densifyStage) compileNext() error {
	b := bsonraw.NewBuilder(nil)
	if s.unit == "" {
		b.Array("$add", bsonraw.ArrayOf(bsonraw.StringValue("$v"), s.step))
	} else {
		n, ok := s.step.AsInt64()
		if !ok {
			return errs.New(6586400, "The step parameter in a range statement must be a whole number when densifying a date range")
		}
		b.BeginDoc("$dateAdd")
		b.String("startDate", "$v")
		b.String("unit", s.unit)
		b.Int64("amount", n)
		b.End()
	}
	var err error
	s.next, err = expr.Compile(b.Finish().Value(), nil)
	return err
}

func (s *densifyStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &densifyIter{in: in, stage: s, env: r.env(), sorter: newSorter(r, "$densify", 0)}, nil
}

// densifyIter sorts its input by partition and field, and fills the gaps.
type densifyIter struct {
	in     Iter
	stage  *densifyStage
	env    *expr.Env
	sorter *sorter
	sorted sorted
	key    []byte

	least, greatest bsonraw.Value // of all, for "full"

	doc      bsonraw.Doc // the next document of the input; nil at the end
	value    bsonraw.Value
	part     []byte        // its partition
	current  []byte        // the partition being filled
	partDoc  bsonraw.Doc   // the partition's fields, for new documents
	expected bsonraw.Value // the next value to make; missing: none yet
	active   bool          // a partition is being filled
	made     int
	b        bsonraw.Builder
	started  bool
	emitted  bool // doc has been handed out
}

func (d *densifyIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if !d.started {
		d.started = true
		if err := d.begin(ctx); err != nil {
			return nil, false, err
		}
	}
	for {
		if d.emitted {
			d.emitted = false
			if err := d.advance(); err != nil {
				return nil, false, err
			}
		}
		if !d.active {
			if d.doc == nil {
				return nil, false, nil
			}
			d.enter()
		}
		doc, ok, err := d.step()
		if err != nil || ok {
			return doc, err == nil, err
		}
	}
}

// begin sorts the input.
func (d *densifyIter) begin(ctx context.Context) error {
	for {
		doc, ok, err := d.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		v := d.stage.field.get(doc)
		if err := d.stage.checkValue(v); err != nil {
			return err
		}
		if !v.IsNullish() {
			d.note(v)
		}
		d.key = d.partitionKey(doc, d.key[:0])
		if err := d.sorter.add(bsonraw.AppendKey(d.key, v), doc); err != nil {
			return err
		}
	}
	var err error
	if d.sorted, err = d.sorter.finish(); err != nil {
		return err
	}
	if err := d.advance(); err != nil {
		return err
	}
	if d.doc == nil && len(d.stage.by) == 0 && d.stage.bounds == "" {
		// Explicit bounds make documents of nothing too.
		d.active, d.expected, d.partDoc = true, d.stage.lo, bsonraw.EmptyDoc
	}
	return nil
}

func (s *densifyStage) checkValue(v bsonraw.Value) error {
	switch {
	case v.IsNullish():
		return nil
	case v.Type == bsonraw.DateTime && s.unit == "":
		return errs.New(6053600, "Encountered date densify value in collection when step does not have a date unit.")
	case v.IsNumber() && s.unit != "":
		return errs.New(6053600, "Encountered numeric densify value in collection when step has a date unit.")
	case v.Type != bsonraw.DateTime && !v.IsNumber():
		return errs.New(5733201, "Densify field type must be either numeric or a date, but found %s", v.Type.Name())
	}
	return nil
}

func (d *densifyIter) note(v bsonraw.Value) {
	if d.least.IsMissing() || bsonraw.Compare(v, d.least) < 0 {
		d.least = v.Clone()
	}
	if d.greatest.IsMissing() || bsonraw.Compare(v, d.greatest) > 0 {
		d.greatest = v.Clone()
	}
}

func (d *densifyIter) partitionKey(doc bsonraw.Doc, dst []byte) []byte {
	for _, p := range d.stage.by {
		v := p.get(doc)
		if v.IsMissing() {
			dst = append(dst, missingPart)
			continue
		}
		dst = bsonraw.AppendKey(dst, v)
	}
	return dst
}

// advance reads the next document of the input.
func (d *densifyIter) advance() error {
	_, doc, ok, err := d.sorted.next()
	d.doc = nil
	if err != nil || !ok {
		return err
	}
	d.doc = doc
	d.value = d.stage.field.get(doc)
	d.part = d.partitionKey(doc, d.part[:0])
	return nil
}

// enter begins the partition of the next document.
func (d *densifyIter) enter() {
	d.active = true
	d.current = append(d.current[:0], d.part...)
	d.partDoc = bsonraw.EmptyDoc
	for _, p := range d.stage.by {
		if v := p.get(d.doc); !v.IsMissing() {
			b := bsonraw.NewBuilder(nil)
			p.set(b, d.partDoc, v)
			d.partDoc = b.Finish()
		}
	}
	d.expected = bsonraw.Value{}
	switch {
	case d.stage.bounds == "":
		d.expected = d.stage.lo
	case d.stage.bounds == "full" && len(d.stage.by) > 0:
		d.expected = d.least
	}
}

// step hands out one document: the next of the input, or a new one before it.
// False means to look again.
func (d *densifyIter) step() (bsonraw.Doc, bool, error) {
	if d.doc == nil || string(d.part) != string(d.current) {
		return d.end()
	}
	if d.value.IsNullish() {
		d.emitted = true
		return d.doc, true, nil
	}
	if d.expected.IsMissing() {
		d.expected = d.value.Clone()
	}
	c := bsonraw.Compare(d.expected, d.value)
	if c < 0 && d.mayMake() {
		doc, err := d.make()
		return doc, err == nil, err
	}
	if c == 0 {
		if err := d.proceed(); err != nil {
			return nil, false, err
		}
	}
	d.emitted = true
	return d.doc, true, nil
}

// mayMake reports whether the expected value lies within the bounds.
func (d *densifyIter) mayMake() bool {
	return d.stage.bounds != "" || bsonraw.Compare(d.expected, d.stage.hi) < 0
}

// end makes what comes behind the last document of a partition.
func (d *densifyIter) end() (bsonraw.Doc, bool, error) {
	more := false
	switch {
	case d.expected.IsMissing():
	case d.stage.bounds == "":
		more = d.mayMake()
	case d.stage.bounds == "full" && len(d.stage.by) > 0:
		more = bsonraw.Compare(d.expected, d.greatest) <= 0
	}
	if !more {
		d.active = false
		return nil, false, nil
	}
	doc, err := d.make()
	return doc, err == nil, err
}

// make makes a document with the expected value.
func (d *densifyIter) make() (bsonraw.Doc, error) {
	if d.made++; d.made > maxDensified {
		return nil, errs.New(5897900, "Generated %d documents in $densify, which is over the limit of %d. Increase the 'step' or narrow the bounds", d.made, maxDensified)
	}
	for _, p := range d.stage.by {
		if related(joinPath(p), d.stage.dotted) {
			return nil, errs.New(5733306, "DocGenerator cannot include field that is being densified")
		}
	}
	d.b.Reset()
	d.stage.field.set(&d.b, d.partDoc, d.expected)
	return d.b.Finish(), d.proceed()
}

// proceed moves the expected value on by a step.
func (d *densifyIter) proceed() error {
	v, err := evalOn(d.env, d.stage.next, one("v", d.expected))
	if err != nil {
		return err
	}
	if f, ok := v.AsFloat64(); ok && (math.IsInf(f, 0) || bsonraw.Equal(v, d.expected)) {
		return errs.New(errs.BadValue, "$densify: a step of %s leads nowhere from %s", brief(d.stage.step), brief(d.expected))
	}
	d.expected = v.Clone()
	return nil
}

func (d *densifyIter) Close() error {
	d.doc, d.active = nil, false
	return closing2(d.in, d.sorter.close())
}
