package query

import (
	"math"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/regex"
)

// operand is an operator of one field with what surrounds it.
type operand struct {
	name  string // with its dollar sign
	path  string
	value bsonraw.Value
	all   bsonraw.Doc // the operators beside it
	depth int
}

// fieldOp parses an operator that stands behind a field name. A nil node says
// nothing.
type fieldOp func(p *parser, o *operand) (*node, error)

var fieldOps map[string]fieldOp

func init() {
	fieldOps = map[string]fieldOp{
		"$eq": comparison(predEQ), "$lt": comparison(predLT), "$lte": comparison(predLTE),
		"$gt": comparison(predGT), "$gte": comparison(predGTE), "$ne": (*parser).neOp,
		"$in": (*parser).inOp, "$nin": (*parser).ninOp, "$not": (*parser).notOp,
		"$exists": (*parser).existsOp, "$type": (*parser).typeOp,
		"$regex": (*parser).regexOp, "$options": (*parser).optionsOp,
		"$size": (*parser).sizeOp, "$all": (*parser).allOp, "$elemMatch": (*parser).elemMatchOp,
		"$mod":        (*parser).modOp,
		"$bitsAllSet": bitsOp(bitsAllSet), "$bitsAllClear": bitsOp(bitsAllClear),
		"$bitsAnySet": bitsOp(bitsAnySet), "$bitsAnyClear": bitsOp(bitsAnyClear),
	}
	for _, name := range []string{"$near", "$nearSphere", "$geoNear", "$geoWithin", "$within", "$geoIntersects"} {
		fieldOps[name] = (*parser).geoOp
	}
}

// field parses {path: v}: operators, a regular expression or a value to equal.
func (p *parser) field(path string, v bsonraw.Value, depth int) (*node, error) {
	if v.Type == bsonraw.Object && isOperators(v.Doc()) {
		return p.operators(path, v.Doc(), depth)
	}
	if v.Type == bsonraw.Regex {
		return p.regexNode(path, v)
	}
	return comparison(predEQ)(p, &operand{name: "$eq", path: path, value: v})
}

// operators parses {path: {$op: …, …}}.
func (p *parser) operators(path string, d bsonraw.Doc, depth int) (*node, error) {
	if depth > MaxDepth {
		return nil, errs.New(errs.BadValue, "exceeded maximum query tree depth of %d", MaxDepth)
	}
	and := &node{kind: nodeAnd}
	it := d.Iter()
	for it.Next() {
		name := string(it.Key())
		op, ok := fieldOps[name]
		if !ok {
			return nil, errs.New(errs.BadValue, "unknown operator: %s", name)
		}
		n, err := op(p, &operand{name: name, path: path, value: it.Value(), all: d, depth: depth})
		if err != nil {
			return nil, err
		}
		if n != nil {
			and.kids = append(and.kids, n)
		}
	}
	if err := it.Err(); err != nil {
		return nil, err
	}
	return and.simplify(), nil
}

func leaf(path string, pred *predicate) *node {
	return &node{kind: nodePath, path: NewPath(path), pred: pred}
}

func negate(n *node) *node { return &node{kind: nodeNot, kids: []*node{n}} }

func comparison(op predOp) fieldOp {
	return func(_ *parser, o *operand) (*node, error) {
		switch o.value.Type {
		case bsonraw.Undefined:
			return nil, errs.New(errs.BadValue, "cannot compare to undefined")
		case bsonraw.Regex:
			if op != predEQ {
				return nil, errs.New(errs.BadValue, "Can't have RegEx as arg to predicate over field '%s'.", o.path)
			}
		}
		return leaf(o.path, &predicate{op: op, value: o.value}), nil
	}
}

func (p *parser) neOp(o *operand) (*node, error) {
	if o.value.Type == bsonraw.Regex {
		return nil, errs.New(errs.BadValue, "Can't have regex as arg to $ne.")
	}
	n, err := comparison(predEQ)(p, o)
	if err != nil {
		return nil, err
	}
	return negate(n), nil
}

func (p *parser) inOp(o *operand) (*node, error) {
	if o.value.Type != bsonraw.Array {
		return nil, errs.New(errs.BadValue, "%s needs an array", o.name)
	}
	var values []bsonraw.Value
	var regexes []*valueRegex
	it := o.value.Doc().Iter()
	for it.Next() {
		switch v := it.Value(); {
		case v.Type == bsonraw.Object && isDollar(v.Doc()):
			return nil, errs.New(errs.BadValue, "cannot nest $ under $in")
		case v.Type == bsonraw.Undefined:
			return nil, errs.New(errs.BadValue, "InMatchExpression equality cannot be undefined")
		case v.Type == bsonraw.Regex:
			x, err := newValueRegex(v)
			if err != nil {
				return nil, err
			}
			regexes = append(regexes, x)
		default:
			values = append(values, v)
		}
	}
	return inLeaf(o.path, values, regexes), nil
}

// inLeaf makes the node of $in; with a single operand it is an equality or a
// regular expression, which upserts and planners take further.
func inLeaf(path string, values []bsonraw.Value, regexes []*valueRegex) *node {
	set := newInSet(values, regexes)
	switch {
	case len(set.values) == 0 && len(regexes) == 0:
		return leaf(path, &predicate{op: predNever})
	case len(set.values) == 1 && len(regexes) == 0:
		return leaf(path, &predicate{op: predEQ, value: set.values[0]})
	case len(set.values) == 0 && len(regexes) == 1:
		return leaf(path, &predicate{op: predRegex, regex: regexes[0]})
	}
	return leaf(path, &predicate{op: predIn, set: set})
}

// isDollar reports whether d begins with a $-name and is not a DBRef.
func isDollar(d bsonraw.Doc) bool { return isOperators(d) }

func (p *parser) ninOp(o *operand) (*node, error) {
	n, err := p.inOp(o)
	if err != nil {
		return nil, err
	}
	return negate(n), nil
}

func (p *parser) notOp(o *operand) (*node, error) {
	switch {
	case o.value.Type == bsonraw.Regex:
		n, err := p.regexNode(o.path, o.value)
		if err != nil {
			return nil, err
		}
		return negate(n), nil
	case o.value.Type != bsonraw.Object:
		return nil, errs.New(errs.BadValue, "$not needs a regex or a document")
	case o.value.Doc().IsEmpty():
		return nil, errs.New(errs.BadValue, "$not cannot be empty")
	}
	n, err := p.operators(o.path, o.value.Doc(), o.depth+1)
	if err != nil {
		return nil, err
	}
	return negate(n), nil
}

func (p *parser) existsOp(o *operand) (*node, error) {
	n := leaf(o.path, &predicate{op: predExists})
	if o.value.Truthy() {
		return n, nil
	}
	return negate(n), nil
}

func (p *parser) typeOp(o *operand) (*node, error) {
	set, err := parseTypeSet(o.path, o.value)
	if err != nil {
		return nil, err
	}
	return leaf(o.path, &predicate{op: predType, types: set}), nil
}

func newValueRegex(v bsonraw.Value) (*valueRegex, error) {
	re, err := regex.Compile(v.Regex())
	if err != nil {
		return nil, err
	}
	return &valueRegex{value: v, re: re}, nil
}

func (p *parser) regexNode(path string, v bsonraw.Value) (*node, error) {
	x, err := newValueRegex(v)
	if err != nil {
		return nil, err
	}
	return leaf(path, &predicate{op: predRegex, regex: x}), nil
}

// regexOp parses $regex, with $options from beside it.
func (p *parser) regexOp(o *operand) (*node, error) {
	var pattern, options string
	switch o.value.Type {
	case bsonraw.String:
		pattern = o.value.Str()
	case bsonraw.Regex:
		pattern, options = o.value.Regex()
	default:
		return nil, errs.New(errs.BadValue, "$regex has to be a string")
	}
	if beside, ok := o.all.Lookup("$options"); ok {
		if beside.Type != bsonraw.String {
			return nil, errs.New(errs.BadValue, "$options has to be a string")
		}
		if options != "" {
			return nil, errs.New(bothOptions(o.all), "options set in both $regex and $options")
		}
		options = beside.Str()
	}
	if strings.IndexByte(pattern, 0) >= 0 {
		return nil, errs.New(errs.BadValue, "Regular expression cannot contain an embedded null byte")
	}
	if _, err := regex.Compile(pattern, options); err != nil {
		return nil, err
	}
	value := bsonraw.Value{Type: bsonraw.Regex, Data: []byte(pattern + "\x00" + options + "\x00")}
	return p.regexNode(o.path, value)
}

// bothOptions is the error of options that stand twice; mongod's code tells
// which operator came second.
func bothOptions(d bsonraw.Doc) errs.Code {
	it := d.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "$regex":
			return 51075
		case "$options":
			return 51074
		}
	}
	return errs.BadValue
}

// optionsOp parses $options, which $regex has read already.
func (p *parser) optionsOp(o *operand) (*node, error) {
	if _, ok := o.all.Lookup("$regex"); !ok {
		return nil, errs.New(errs.BadValue, "$options needs a $regex")
	}
	return nil, nil
}

func (p *parser) sizeOp(o *operand) (*node, error) {
	n, problem := integerProblem(o.value)
	if problem != "" {
		return nil, errs.New(errs.BadValue, "Failed to parse $size. %s", describe(problem, o.name, o.value))
	}
	if n > math.MaxInt32 {
		return nil, errs.New(errs.BadValue, "Failed to parse $size. Cannot represent %s in an int", element(o.name, o.value))
	}
	return leaf(o.path, &predicate{op: predSize, size: n}), nil
}

func (p *parser) modOp(o *operand) (*node, error) {
	if o.value.Type != bsonraw.Array {
		return nil, errs.New(errs.BadValue, "malformed mod, needs to be an array")
	}
	operands := o.value.Doc().Values()
	if len(operands) < 2 {
		return nil, errs.New(errs.BadValue, "malformed mod, not enough elements")
	}
	if len(operands) > 2 {
		return nil, errs.New(errs.BadValue, "malformed mod, too many elements")
	}
	divisor, err := coerceModulus(operands[0], "divisor")
	if err != nil {
		return nil, err
	}
	remainder, err := coerceModulus(operands[1], "remainder")
	if err != nil {
		return nil, err
	}
	if divisor == 0 {
		return nil, errs.New(errs.BadValue, "divisor cannot be 0")
	}
	return leaf(o.path, &predicate{op: predMod, mod: modulus{divisor, remainder}}), nil
}

func bitsOp(op bitOp) fieldOp {
	return func(_ *parser, o *operand) (*node, error) {
		mask, err := parseBits(op, o.name, o.path, o.value)
		if err != nil {
			return nil, err
		}
		return leaf(o.path, &predicate{op: predBits, bits: mask}), nil
	}
}

func (p *parser) geoOp(o *operand) (*node, error) {
	return nil, errs.New(errs.NotSupported, "the query operator %s is not supported (field %q)", o.name, o.path)
}
