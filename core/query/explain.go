package query

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// Explain says why doc does not satisfy the filter: the document that stands in
// errInfo.details of MongoDB's error 121. It is empty where doc does satisfy it,
// and where nothing can be said ($alwaysFalse, $sampleRate).
//
// This is for the rare failure, so it goes through the filter's text again,
// clause by clause, rather than burden every match with what it needs to say.
func (f *Filter) Explain(doc bsonraw.Doc) (bsonraw.Doc, error) {
	e := &explainer{doc: doc, options: f.options}
	b := bsonraw.NewBuilder(nil)
	if err := e.filter(b, f.raw, false); err != nil {
		return nil, err
	}
	return b.Finish(), nil
}

type explainer struct {
	doc     bsonraw.Doc
	options *Options
}

// clause is one condition of a filter: {path: {op: v}}, {path: v} or {$op: v}.
type clause struct {
	name string // path or operator of the tree
	op   string // "$eq" and so on behind a path, else ""
	spec bsonraw.Doc
	arg  bsonraw.Value
}

// clauses takes a filter document apart.
func clauses(filter bsonraw.Doc) []clause {
	var out []clause
	it := filter.Iter()
	for it.Next() {
		name, v := string(it.Key()), it.Value()
		switch {
		case name == "$comment":
		case bytes.HasPrefix(it.Key(), []byte("$")):
			out = append(out, clause{name: name, spec: docOf(name, v), arg: v})
		case v.Type == bsonraw.Object && isOperators(v.Doc()):
			out = append(out, operatorClauses(name, v.Doc())...)
		case v.Type == bsonraw.Regex:
			out = append(out, clause{name: name, op: "$regex", spec: docOf(name, v), arg: v})
		default:
			out = append(out, clause{name: name, op: "$eq", spec: docOf(name, v), arg: v})
		}
	}
	return out
}

func operatorClauses(path string, operators bsonraw.Doc) []clause {
	var out []clause
	it := operators.Iter()
	for it.Next() {
		op := string(it.Key())
		spec := docOf(op, it.Value())
		if op == "$options" {
			continue
		}
		if options := operators.Get("$options"); op == "$regex" && !options.IsMissing() {
			b := bsonraw.NewBuilder(nil)
			b.Value(op, it.Value())
			b.Value("$options", options)
			spec = b.Finish()
		}
		out = append(out, clause{name: path, op: op, spec: docOf(path, spec.Value()), arg: it.Value()})
	}
	return out
}

func docOf(name string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value(name, v)
	return b.Finish()
}

// filter explains a filter document: why it fails or, inverted, what of it
// succeeds.
func (e *explainer) filter(b *bsonraw.Builder, filter bsonraw.Doc, inverted bool) error {
	all := clauses(filter)
	if len(all) == 1 {
		return e.clause(b, all[0], inverted)
	}
	specs := make([]bsonraw.Doc, len(all))
	for i, c := range all {
		specs[i] = c.spec
	}
	return e.list(b, "$and", specs, inverted)
}

// list explains $and, $or and $nor by those of their clauses that decided.
func (e *explainer) list(b *bsonraw.Builder, op string, filters []bsonraw.Doc, inverted bool) error {
	want := inverted != (op == "$nor") // clauses that matched are to blame
	b.String("operatorName", op)
	if want {
		b.BeginArray("clausesSatisfied")
	} else {
		b.BeginArray("clausesNotSatisfied")
	}
	n := 0
	for i, filter := range filters {
		f, err := Compile(filter, e.options)
		if err != nil {
			return err
		}
		matched, err := f.Match(e.doc)
		if err != nil {
			return err
		}
		if matched != want {
			continue
		}
		b.BeginDoc(bsonraw.Index(n))
		b.Int32("index", int32(i))
		b.BeginDoc("details")
		if err := e.filter(b, filter, want); err != nil {
			return err
		}
		b.End()
		b.End()
		n++
	}
	b.End()
	return nil
}

func (e *explainer) clause(b *bsonraw.Builder, c clause, inverted bool) error {
	switch c.name {
	case "$and", "$or", "$nor":
		var filters []bsonraw.Doc
		for _, v := range c.arg.Doc().Values() {
			filters = append(filters, v.Doc())
		}
		return e.list(b, c.name, filters, inverted)
	case "$jsonSchema":
		return e.schema(b, c, inverted)
	case "$expr":
		return e.expr(b, c, inverted)
	case "$alwaysTrue", "$alwaysFalse", "$sampleRate":
		return nil
	}
	if c.op == "$not" {
		b.String("operatorName", "$not")
		b.BeginDoc("details")
		defer b.End()
		return e.filter(b, docOf(c.name, c.arg), !inverted)
	}
	e.leaf(b, c, inverted)
	return nil
}

func (e *explainer) expr(b *bsonraw.Builder, c clause, inverted bool) error {
	compiled, err := expr.Compile(c.arg, e.options.expr())
	if err != nil {
		return err
	}
	pool := newEnvPool(e.options)
	result, err := compiled.Eval(pool.get(e.doc))
	if err != nil {
		return err
	}
	b.String("operatorName", "$expr")
	b.Doc("specifiedAs", c.spec)
	b.String("reason", reasonOf("expression did not match", "expression did match", inverted))
	b.Value("expressionResult", result)
	return nil
}

func reasonOf(failed, succeeded string, inverted bool) string {
	if inverted {
		return succeeded
	}
	return failed
}

// leafReason is what an operator says, and whether it looks at arrays as they
// are.
type leafReason struct {
	failed, succeeded string
	whole             bool
}

var (
	comparisonReason = leafReason{"comparison failed", "comparison succeeded", false}
	bitsReason       = leafReason{"bitwise operator failed to match", "bitwise operator matched successfully", false}
	leafReasons      = map[string]leafReason{
		"$eq": comparisonReason, "$lt": comparisonReason, "$lte": comparisonReason, "$gt": comparisonReason, "$gte": comparisonReason,
		"$ne":         {"comparison succeeded", "comparison failed", false},
		"$in":         {"no matching value found in array", "matching value found in array", false},
		"$nin":        {"matching value found in array", "no matching value found in array", false},
		"$type":       {"type did not match", "type did match", false},
		"$regex":      {"regular expression did not match", "regular expression did match", false},
		"$mod":        {"$mod did not evaluate to expected remainder", "$mod did evaluate to expected remainder", false},
		"$bitsAllSet": bitsReason, "$bitsAllClear": bitsReason, "$bitsAnySet": bitsReason, "$bitsAnyClear": bitsReason,
		"$size":      {"array length was not equal to given size", "array length was equal to given size", true},
		"$all":       {"array did not contain all specified values", "array did contain all specified values", true},
		"$elemMatch": {"array did not satisfy the child predicate", "array did satisfy the child predicate", true},
	}
)

// leaf explains an operator on a path by the values that it saw.
func (e *explainer) leaf(b *bsonraw.Builder, c clause, inverted bool) {
	b.String("operatorName", c.op)
	b.Doc("specifiedAs", c.spec)
	if c.op == "$exists" {
		exists := c.arg.Truthy() == inverted
		b.String("reason", reasonOf("path does not exist", "path does exist", exists))
		return
	}
	reason := leafReasons[c.op]
	seen := e.seen(c.name, reason.whole)
	switch {
	case len(seen) == 0:
		b.String("reason", "field was missing")
		return
	case reason.whole && !inverted && len(seen) == 1 && seen[0].Type != bsonraw.Array:
		b.String("reason", "type did not match")
		b.String("consideredType", seen[0].Type.Name())
		b.String("expectedType", "array")
		b.Value("consideredValue", seen[0])
		return
	}
	b.String("reason", reasonOf(reason.failed, reason.succeeded, inverted))
	if len(seen) > 1 || seen[0].Type == bsonraw.Array && !reason.whole {
		if seen[0].Type == bsonraw.Array && len(seen) == 1 {
			b.Value("consideredValues", seen[0]) // it is empty
			return
		}
		b.Array("consideredValues", bsonraw.ArrayOf(seen...))
		return
	}
	b.Value("consideredValue", seen[0])
	if c.op == "$type" {
		b.String("consideredType", seen[0].Type.Name())
	}
}

// seen returns the values that a walk of the path meets: elements, and arrays
// only where the operator looks at them.
func (e *explainer) seen(path string, whole bool) []bsonraw.Value {
	var values []bsonraw.Value
	p := NewPath(path)
	p.WalkMatch(e.doc, func(v bsonraw.Value, _ int) bool {
		if !v.IsMissing() {
			values = append(values, v)
		}
		return false
	})
	if n := len(values); n > 0 && values[n-1].Type == bsonraw.Array {
		if whole || n == 1 {
			return values[n-1:]
		}
		return values[:n-1]
	}
	return values
}
