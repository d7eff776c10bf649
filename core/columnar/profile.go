package columnar

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// traits is a set of what was seen in the values of one column. The Arrow type
// of a column is a function of its set (resolve.go), and sets are joined with
// |, so the schema of a stream does not depend on where it was cut or who
// looked at which part.
type traits uint32

const (
	sawInt32 traits = 1 << iota
	sawInt64
	sawHugeInt // a long that is not exact as a double
	sawDouble
	sawDecimal
	sawOddDecimal // NaN, an infinity or a negative zero
	sawString
	sawBool
	sawDate
	sawObjectID
	sawUUID
	sawBinary
	sawSubtypes // binaries of more than one subtype
	sawObject
	sawArray
	sawTimestamp
	sawSymbol
	sawJavaScript
	sawOther // a type that only mixed can hold
	sawWide  // objects of more than maxFields different names
)

// Limits that keep documents used as dictionaries from becoming a schema of a
// million columns.
const (
	maxFields  = 1000  // of one embedded object; one of more names becomes mixed
	maxColumns = 20000 // of a whole schema
)

// profile is what a schema needs to know about the values of one column.
type profile struct {
	seen    traits
	subtype byte  // of the binaries
	scale   int32 // largest number of decimal digits behind the point
	whole   int32 // largest number of decimal digits before it
	object  *objectProfile
	element *profile
}

// objectProfile is what a schema needs to know about the fields of one object.
// Names are in the order in which they were first seen.
type objectProfile struct {
	fields []fieldProfile
	index  nameIndex
	round  uint32 // number of objects seen
}

type fieldProfile struct {
	name string
	nth  int    // 1 for the first field of this name in an object, 2 …
	last uint32 // the round in which it was last seen
	profile
}

// profiler fills a profile from documents.
type profiler struct {
	root    objectProfile
	columns int
}

// add looks at one document.
func (p *profiler) add(d bsonraw.Doc) error {
	if err := p.object(&p.root, d); err != nil {
		return err
	}
	if p.columns > maxColumns {
		return tooManyColumns()
	}
	return nil
}

func tooManyColumns() error {
	return errs.New(errs.SchemaMismatch, "the documents have more than %d different fields, too many for columns", maxColumns).
		WithRemedy("project the fields that are wanted, or name them in schema=")
}

// object looks at the fields of one document or embedded object.
func (p *profiler) object(o *objectProfile, d bsonraw.Doc) error {
	o.round++
	at := 0
	it := d.Iter()
	for {
		ok, hit := it.NextGuess(o.expected(at))
		if !ok {
			return it.Err()
		}
		i := at
		if !hit || at == len(o.fields) || o.fields[at].nth > 1 {
			i = o.find(it.Key(), at)
		}
		if i < 0 || o.fields[i].last == o.round {
			i = p.newField(o, it.Key())
		}
		f := &o.fields[i]
		f.last = o.round
		if err := p.value(&f.profile, it.Value()); err != nil {
			return err
		}
		at = i + 1
	}
}

// find returns the first field of a name, looking at the places from at on
// first, since documents of one collection mostly have one order.
func (o *objectProfile) find(key []byte, at int) int {
	for i := at; i < len(o.fields) && i < at+lookAhead; i++ {
		if o.fields[i].name == string(key) && o.fields[i].nth == 1 {
			return i
		}
	}
	return o.index.find(key, 1)
}

// expected is the name of the field that should come next.
func (o *objectProfile) expected(at int) string {
	if at < len(o.fields) {
		return o.fields[at].name
	}
	return ""
}

// newField returns the place of the next unused field of this name: a new one,
// or, where the name occurs twice in one object, its second, third …
func (p *profiler) newField(o *objectProfile, key []byte) int {
	for nth := 1; ; nth++ {
		i := o.index.find(key, nth)
		if i < 0 {
			p.columns++
			return o.append(string(key), nth)
		}
		if o.fields[i].last != o.round {
			return i
		}
	}
}

func (o *objectProfile) append(name string, nth int) int {
	o.fields = append(o.fields, fieldProfile{name: name, nth: nth})
	o.index.add(name, nth, len(o.fields)-1)
	return len(o.fields) - 1
}

// value looks at one value.
func (p *profiler) value(f *profile, v bsonraw.Value) error {
	switch v.Type {
	case bsonraw.Null:
	case bsonraw.Int32:
		f.seen |= sawInt32
		f.whole = max(f.whole, maxInt32Digits)
	case bsonraw.Int64:
		f.seen |= sawInt64
		if !exactAsDouble(v.Int64()) {
			f.seen |= sawHugeInt
		}
		f.whole = max(f.whole, maxInt64Digits)
	case bsonraw.Object:
		return p.embedded(f, v.Doc())
	case bsonraw.Array:
		return p.array(f, v.Doc())
	case bsonraw.Binary:
		f.binary(v)
	case bsonraw.Decimal128:
		f.decimal(v.Decimal())
	default:
		f.seen |= traitOf[v.Type]
	}
	return nil
}

// Digits before the point that an integer column counts with where decimals
// join it; a bound and not what was seen, so that a value never widens it.
const (
	maxInt32Digits = 10
	maxInt64Digits = 19
)

var traitOf = func() (t [256]traits) {
	for i := range t {
		t[i] = sawOther
	}
	t[bsonraw.Double] = sawDouble
	t[bsonraw.String] = sawString
	t[bsonraw.Boolean] = sawBool
	t[bsonraw.DateTime] = sawDate
	t[bsonraw.ObjectID] = sawObjectID
	t[bsonraw.Timestamp] = sawTimestamp
	t[bsonraw.Symbol] = sawSymbol
	t[bsonraw.JavaScript] = sawJavaScript
	return t
}()

// exactAsDouble reports whether an integer is a double's value.
func exactAsDouble(n int64) bool {
	const limit = 1 << 53
	if n >= -limit && n <= limit {
		return true
	}
	f := float64(n)
	return f < 1<<63 && int64(f) == n
}

func (p *profiler) embedded(f *profile, d bsonraw.Doc) error {
	f.seen |= sawObject
	if f.seen&sawWide != 0 {
		return nil
	}
	if f.object == nil {
		f.object = &objectProfile{}
	}
	if err := p.object(f.object, d); err != nil {
		return err
	}
	p.narrow(f)
	return nil
}

// narrow gives up on the fields of objects that have too many names.
func (p *profiler) narrow(f *profile) {
	if f.object != nil && (f.seen&sawWide != 0 || len(f.object.fields) > maxFields) {
		f.seen |= sawWide
		p.columns -= f.object.columns()
		f.object = nil
	}
}

// columns counts the columns below an object.
func (o *objectProfile) columns() int {
	n := 0
	for i := range o.fields {
		n++
		for f := &o.fields[i].profile; f != nil; f = f.element {
			if f.element != nil {
				n++
			}
			if f.object != nil {
				n += f.object.columns()
			}
		}
	}
	return n
}

func (p *profiler) array(f *profile, d bsonraw.Doc) error {
	f.seen |= sawArray
	if f.element == nil {
		f.element = &profile{}
		p.columns++
	}
	it := d.Iter()
	for i := 0; ; i++ {
		if ok, _ := it.NextGuess(bsonraw.Index(i)); !ok {
			return it.Err()
		}
		if err := p.value(f.element, it.Value()); err != nil {
			return err
		}
	}
}

// binary looks at a binary value. A UUID of another length than 16 bytes is
// plain binary.
func (f *profile) binary(v bsonraw.Value) {
	subtype, data := v.Binary()
	if subtype == subtypeUUID && len(data) == 16 {
		f.seen |= sawUUID
		return
	}
	if f.seen&sawBinary != 0 && f.subtype != subtype {
		f.seen |= sawSubtypes
	}
	f.seen |= sawBinary
	f.subtype = subtype
}

const subtypeUUID = 4

func (f *profile) decimal(d bsonraw.Decimal) {
	f.seen |= sawDecimal
	if d.IsNaN() || d.IsInf() || d.Negative() && d.IsZero() {
		f.seen |= sawOddDecimal
		return
	}
	whole, scale := decimalSize(d)
	f.whole = max(f.whole, whole)
	f.scale = max(f.scale, scale)
}

// decimalSize returns how many digits a finite decimal needs before and behind
// the point, trailing zeros included.
func decimalSize(d bsonraw.Decimal) (whole, scale int32) {
	hi, lo, exponent := ejson.DecimalParts(d)
	if exponent < 0 {
		scale = int32(-exponent)
	}
	return int32(max(countDigits(hi, lo)+exponent, 0)), scale
}

// profiling makes a profile of each run of documents.
type profiling struct {
	profiler *profiler
	err      error
}

func newProfiling() *profiling { return &profiling{profiler: &profiler{}} }

// add implements maker.
func (p *profiling) add(d bsonraw.Doc) bool {
	p.err = p.profiler.add(d)
	return p.err == nil
}

// finish implements maker.
func (p *profiling) finish() (*profiler, error) {
	made, err := p.profiler, p.err
	*p = *newProfiling()
	return made, err
}
