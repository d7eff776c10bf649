package index

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// exactness says when a document satisfies a predicate exactly if one of its
// keys lies in the predicate's bounds.
type exactness uint8

const (
	inexact     exactness = iota // never: the filter must look again
	exactSingle                  // where the path runs through no array
	exactAlways
)

// predicate is a condition on one path. Every document that satisfies it has a
// key of the path (as KeysOf makes them) within bounds.
type predicate struct {
	path   string
	bounds intervals
	exact  exactness
	// missing: a document without the path may satisfy it.
	missing bool
	// singleOnly: the bounds hold only where the path runs through no array.
	singleOnly bool
	// group is not zero for the predicates of one $elemMatch on groupPath: one
	// element satisfies them all.
	group     int
	groupPath string
	// op and arg are the clause as written, to compare with that of a partial
	// index.
	op  string
	arg bsonraw.Value
}

// conjunction is what is known of a filter: every matching document satisfies
// all predicates, and of each list of ors at least one.
type conjunction struct {
	preds []predicate
	ors   [][]*conjunction
	// complete: satisfying all of them is also enough.
	complete bool
	groups   int
}

// analyze reads a filter that has compiled. What it does not know it leaves out.
func analyze(filter bsonraw.Doc) *conjunction {
	c := &conjunction{complete: true}
	c.addFilter(filter, scope{})
	return c
}

// scope is where a clause stands: under the path and in the group of a
// $elemMatch, or at the top.
type scope struct {
	prefix string // "a." under {a: {$elemMatch: …}}
	group  int
	depth  int
}

// maxNesting bounds the recursion into logical operators; what is deeper is
// left to the filter.
const maxNesting = 50

func (c *conjunction) addFilter(filter bsonraw.Doc, s scope) {
	s.depth++
	if s.depth > maxNesting {
		c.complete = false
		return
	}
	it := filter.Iter()
	for it.Next() {
		name, v := string(it.Key()), it.Value()
		if strings.HasPrefix(name, "$") {
			c.addLogical(name, v, s)
			continue
		}
		c.addField(s.prefix+name, v, s)
	}
}

func (c *conjunction) addLogical(name string, v bsonraw.Value, s scope) {
	switch name {
	case "$and":
		it := v.Doc().Iter()
		for it.Next() {
			c.addFilter(it.Value().Doc(), s)
		}
	case "$or":
		c.addOr(v.Doc(), s)
	case "$comment", "$alwaysTrue":
	default:
		c.complete = false
	}
}

// addOr adds a disjunction. One of a single path becomes one predicate, as in
// {$or: [{a: 1}, {a: {$gt: 5}}]}.
func (c *conjunction) addOr(branches bsonraw.Doc, s scope) {
	if s.group != 0 {
		c.complete = false // a branch would have to be met by the same element
		return
	}
	var list []*conjunction
	it := branches.Iter()
	for it.Next() {
		b := &conjunction{complete: true}
		b.addFilter(it.Value().Doc(), s)
		list = append(list, b)
	}
	if len(list) == 1 {
		c.merge(list[0])
		return
	}
	if p, ok := joined(list); ok {
		c.preds = append(c.preds, p)
		return
	}
	c.ors = append(c.ors, list)
}

// merge adds all that b says to c.
func (c *conjunction) merge(b *conjunction) {
	for _, p := range b.preds {
		if p.group != 0 {
			p.group += c.groups
		}
		c.preds = append(c.preds, p)
	}
	c.groups += b.groups
	c.ors = append(c.ors, b.ors...)
	c.complete = c.complete && b.complete
}

// joined makes one predicate of alternatives that have one each, on one path.
func joined(list []*conjunction) (predicate, bool) {
	var out predicate
	for i, b := range list {
		if len(b.preds) != 1 || len(b.ors) > 0 {
			return out, false
		}
		p := b.preds[0]
		if !b.complete {
			p.exact = inexact
		}
		if i == 0 {
			out = predicate{path: p.path, bounds: p.bounds, exact: p.exact, missing: p.missing, singleOnly: p.singleOnly, op: "$or"}
			continue
		}
		if p.path != out.path {
			return out, false
		}
		out.bounds = union(out.bounds, p.bounds)
		out.exact = min(out.exact, p.exact)
		out.missing = out.missing || p.missing
		out.singleOnly = out.singleOnly || p.singleOnly
	}
	return out, len(list) > 0
}

// addField adds {path: v}.
func (c *conjunction) addField(path string, v bsonraw.Value, s scope) {
	if !isOperators(v) {
		op := "$eq"
		if v.Type == bsonraw.Regex {
			op = "$regex"
		}
		c.addClause(path, op, v, bsonraw.Value{}, s)
		return
	}
	options := v.Doc().Get("$options")
	it := v.Doc().Iter()
	for it.Next() {
		c.addClause(path, string(it.Key()), it.Value(), options, s)
	}
}

// isOperators reports whether a value is an object of operators, {$gt: 1},
// rather than a literal. {$ref: …, $id: …} is a literal.
func isOperators(v bsonraw.Value) bool {
	if v.Type != bsonraw.Object {
		return false
	}
	it := v.Doc().Iter()
	if !it.Next() || len(it.Key()) == 0 || it.Key()[0] != '$' {
		return false
	}
	switch string(it.Key()) {
	case "$ref", "$id", "$db":
		return false
	}
	return true
}

// addClause adds {path: {op: v}}.
func (c *conjunction) addClause(path, op string, v, options bsonraw.Value, s scope) {
	switch op {
	case "$options", "$comment":
		return
	case "$elemMatch":
		c.addElemMatch(path, v, s)
		return
	case "$all":
		c.addAll(path, v, s)
		return
	}
	b, ok := boundsOf(op, v, options)
	if !ok {
		c.complete = false
		return
	}
	c.add(path, b, op, v, s)
}

func (c *conjunction) add(path string, b opBounds, op string, v bsonraw.Value, s scope) {
	p := predicate{
		path: path, bounds: b.intervals, exact: b.exact, missing: b.missing,
		singleOnly: b.singleOnly, op: op, arg: v, group: s.group,
		groupPath: strings.TrimSuffix(s.prefix, "."),
	}
	c.preds = append(c.preds, p)
	if s.group != 0 {
		c.complete = false
	}
}

// addAll adds {path: {$all: […]}}: each of the values, perhaps by different
// elements.
func (c *conjunction) addAll(path string, v bsonraw.Value, s scope) {
	it := v.Doc().Iter()
	n := 0
	for ; it.Next(); n++ {
		e := it.Value()
		if isOperators(e) {
			c.addField(path, e, s)
			continue
		}
		op := "$eq"
		if e.Type == bsonraw.Regex {
			op = "$regex"
		}
		c.addClause(path, op, e, bsonraw.Value{}, s)
	}
	if n == 0 {
		c.add(path, opBounds{exact: exactAlways}, "$all", v, s)
	}
}

// addElemMatch adds {path: {$elemMatch: v}}. It is never complete: it asks for
// an array, which keys do not show.
func (c *conjunction) addElemMatch(path string, v bsonraw.Value, s scope) {
	c.complete = false
	if isOperators(v) && !isLogical(v.Doc()) {
		if b, ok := elementBounds(v.Doc()); ok {
			c.add(path, b, "$elemMatch", v, s)
		}
		return
	}
	c.groups++
	c.addFilter(v.Doc(), scope{prefix: path + ".", group: c.groups, depth: s.depth})
}

func isLogical(d bsonraw.Doc) bool {
	it := d.Iter()
	it.Next()
	switch string(it.Key()) {
	case "$and", "$or", "$nor", "$expr":
		return true
	}
	return false
}

// elementBounds are the bounds of {$elemMatch: {$gt: 1, $lt: 5}}: one element
// meets all operators, so that their bounds intersect.
func elementBounds(operators bsonraw.Doc) (opBounds, bool) {
	out := opBounds{intervals: allValues}
	options := operators.Get("$options")
	found := false
	it := operators.Iter()
	for it.Next() {
		b, ok := boundsOf(string(it.Key()), it.Value(), options)
		if !ok {
			continue
		}
		found = true
		out.intervals = intersect(out.intervals, b.intervals)
		out.singleOnly = out.singleOnly || b.singleOnly
	}
	return out, found
}
