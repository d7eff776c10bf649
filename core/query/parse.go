package query

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// MaxDepth is how deep logic and $elemMatch may nest in a filter.
const MaxDepth = 100

// parser turns filter documents into nodes. The nodes point into the bytes that
// are parsed.
type parser struct {
	options   *Options
	inElement bool // inside $elemMatch: no $expr
	inPull    bool // the condition of $pull: neither
	usesEnv   bool
}

// treeOp parses an operator that stands where a field name does.
type treeOp func(p *parser, v bsonraw.Value, depth int) (*node, error)

var treeOps map[string]treeOp

func init() {
	treeOps = map[string]treeOp{
		"$and":         logic(nodeAnd),
		"$or":          logic(nodeOr),
		"$nor":         logic(nodeNor),
		"$expr":        (*parser).exprOp,
		"$comment":     (*parser).commentOp,
		"$sampleRate":  (*parser).sampleRateOp,
		"$alwaysTrue":  always("$alwaysTrue", nodeTrue),
		"$alwaysFalse": always("$alwaysFalse", nodeFalse),
		"$jsonSchema":  (*parser).jsonSchemaOp,
		"$where":       unsupportedTree("$where"),
		"$text":        unsupportedTree("$text"),
	}
	for _, name := range []string{"$ref", "$id", "$db"} {
		treeOps[name] = dbRefField(name)
	}
}

// document parses a filter document.
func (p *parser) document(d bsonraw.Doc, depth int) (*node, error) {
	if depth > MaxDepth {
		return nil, errs.New(errs.BadValue, "exceeded maximum query tree depth of %d", MaxDepth)
	}
	and := &node{kind: nodeAnd}
	it := d.Iter()
	for it.Next() {
		n, err := p.clause(it.Key(), it.Value(), depth)
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

// clause parses one field of a filter. The node is nil if it says nothing.
func (p *parser) clause(key []byte, v bsonraw.Value, depth int) (*node, error) {
	if !bytes.HasPrefix(key, []byte("$")) {
		return p.field(string(key), v, depth)
	}
	if op, ok := treeOps[string(key)]; ok {
		return op(p, v, depth)
	}
	if string(key) == "$not" {
		return nil, errs.New(errs.BadValue, "unknown top level operator: %s. If you are trying to negate an entire expression, use $nor.", key)
	}
	return nil, errs.New(errs.BadValue, "unknown top level operator: %s. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.", key)
}

// simplify flattens an AND: one kid stands for itself, an AND inside an AND for
// its kids, and a kid that is always true for nothing.
func (n *node) simplify() *node {
	kids := n.kids[:0:0]
	for _, k := range n.kids {
		switch k.kind {
		case nodeTrue:
		case nodeAnd:
			kids = append(kids, k.kids...)
		default:
			kids = append(kids, k)
		}
	}
	n.kids = kids
	if len(kids) == 1 {
		return kids[0]
	}
	return n
}

// simplifyOr makes one kid stand for itself, and equalities of one path a $in,
// as mongod does: it is faster, and shows in the position. It stays a $in even
// of one value, which an upsert does not copy.
func (n *node) simplifyOr() *node {
	if len(n.kids) == 1 {
		return n.kids[0]
	}
	var values []bsonraw.Value
	for _, k := range n.kids {
		if k.kind != nodePath || k.pred.op != predEQ || k.path.dotted != n.kids[0].path.dotted {
			return n
		}
		values = append(values, k.pred.value)
	}
	return leaf(n.kids[0].path.dotted, &predicate{op: predIn, set: newInSet(values, nil)})
}

// logic parses $and, $or and $nor.
func logic(kind nodeKind) treeOp {
	name := map[nodeKind]string{nodeAnd: "$and", nodeOr: "$or", nodeNor: "$nor"}[kind]
	return func(p *parser, v bsonraw.Value, depth int) (*node, error) {
		if v.Type != bsonraw.Array {
			return nil, errs.New(errs.BadValue, "%s must be an array", name)
		}
		n := &node{kind: kind}
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.Object {
				return nil, errs.New(errs.BadValue, "$or/$and/$nor entries need to be full objects")
			}
			kid, err := p.document(it.Value().Doc(), depth+1)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
		switch {
		case len(n.kids) == 0:
			return nil, errs.New(errs.BadValue, "$and/$or/$nor must be a nonempty array")
		case kind == nodeAnd:
			return n.simplify(), nil
		case kind == nodeOr:
			return n.simplifyOr(), nil
		}
		return n, nil
	}
}

func (p *parser) exprOp(v bsonraw.Value, _ int) (*node, error) {
	if p.inPull {
		return nil, errs.New(errs.QueryFeatureNotAllowed, "$expr is not allowed in this context")
	}
	if p.inElement {
		return nil, errs.New(errs.BadValue, "$expr can only be applied to the top-level document")
	}
	e, err := expr.Compile(v, p.options.expr())
	if err != nil {
		return nil, err
	}
	if constant, ok := expr.Constant(e); ok {
		if constant.Truthy() {
			return &node{kind: nodeTrue}, nil
		}
		return &node{kind: nodeFalse}, nil
	}
	p.usesEnv = true
	return &node{kind: nodeExpr, expr: e}, nil
}

func (p *parser) commentOp(bsonraw.Value, int) (*node, error) { return nil, nil }

func (p *parser) sampleRateOp(v bsonraw.Value, _ int) (*node, error) {
	if !v.IsNumber() {
		return nil, errs.New(errs.BadValue, "argument to $sampleRate must be a numeric type")
	}
	rate, _ := v.AsFloat64()
	if !(rate >= 0 && rate <= 1) {
		return nil, errs.New(errs.BadValue, "numeric argument to $sampleRate must be in [0, 1]")
	}
	return &node{kind: nodeSample, rate: rate}, nil
}

func always(name string, kind nodeKind) treeOp {
	return func(_ *parser, v bsonraw.Value, _ int) (*node, error) {
		n, problem := integerProblem(v)
		if problem != "" && n >= 0 {
			return nil, errs.New(errs.FailedToParse, "%s", describe(problem, name, v))
		}
		if n != 1 {
			return nil, errs.New(errs.FailedToParse, "%s must be an integer value of 1", name)
		}
		return &node{kind: kind}, nil
	}
}

// dbRefField parses a field of a DBRef that is looked into: an equality.
func dbRefField(name string) treeOp {
	return func(p *parser, v bsonraw.Value, _ int) (*node, error) {
		return comparison(predEQ)(p, &operand{name: "$eq", path: name, value: v})
	}
}

func unsupportedTree(name string) treeOp {
	return func(p *parser, _ bsonraw.Value, _ int) (*node, error) {
		if p.inPull {
			return nil, errs.New(errs.BadValue, "%s is not allowed in this context", name)
		}
		if p.inElement && name == "$where" {
			return nil, errs.New(errs.BadValue, "%s can only be applied to the top-level document", name)
		}
		return nil, errs.New(errs.NotSupported, "the query operator %s is not supported", name)
	}
}

// isOperators reports whether d is operators ({$gt: 1}) and not a value to
// equal. A DBRef ({$ref: …, $id: …}) is a value.
func isOperators(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && bytes.HasPrefix(it.Key(), []byte("$")) && !isDBRef(d, false)
}

// isDBRef reports whether d has the fields of a DBRef; with partial, one of
// them will do.
func isDBRef(d bsonraw.Doc, partial bool) bool {
	var ref, id, db bool
	it := d.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "$ref":
			ref = true
		case "$id":
			id = true
		case "$db":
			db = true
		}
	}
	return ref && id || partial && (ref || id || db)
}

// isElementOperators reports whether the operand of $elemMatch or $pull is
// operators on the element and not a filter on its fields.
func (p *parser) isElementOperators(d bsonraw.Doc) bool {
	it := d.Iter()
	if !it.Next() || !bytes.HasPrefix(it.Key(), []byte("$")) || isDBRef(d, true) {
		return false
	}
	_, tree := treeOps[string(it.Key())]
	return !tree
}
