package query

import (
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// Options say what surrounds a specification. Nil options are the empty ones.
type Options struct {
	// Vars are the user variables that expressions may name ("let").
	Vars *expr.Vars
	// Now is $$NOW where no Env is given: one moment for a whole command. The
	// zero Time stands for the moment of compiling.
	Now time.Time
}

func (o *Options) expr() *expr.Options {
	if o == nil {
		return nil
	}
	return &expr.Options{Vars: o.Vars}
}

// Filter is a compiled filter.
type Filter struct {
	raw     bsonraw.Doc
	root    *node
	matcher *docMatcher
	envs    *envPool // nil when the filter needs no Env
	options *Options

	planning sync.Once
	planned  *docMatcher // of MatchPosition
}

// Compile compiles a filter document.
func Compile(filter bsonraw.Doc, o *Options) (*Filter, error) {
	raw := filter.Clone()
	p := parser{options: o}
	root, err := p.document(raw, 0)
	if err != nil {
		return nil, err
	}
	return newFilter(raw, root, p.usesEnv, o), nil
}

func newFilter(raw bsonraw.Doc, root *node, usesEnv bool, o *Options) *Filter {
	f := &Filter{raw: raw, root: root, matcher: newDocMatcher(root), options: o}
	if usesEnv {
		f.envs = newEnvPool(o)
	}
	return f
}

// envPool keeps Envs with their memory for callers that have none.
type envPool struct {
	pool sync.Pool
}

func newEnvPool(o *Options) *envPool {
	now := time.Now()
	if o != nil && !o.Now.IsZero() {
		now = o.Now
	}
	return &envPool{sync.Pool{New: func() any { return expr.NewEnv(now) }}}
}

func (p *envPool) get(doc bsonraw.Doc) *expr.Env {
	env := p.pool.Get().(*expr.Env)
	env.Reset(doc)
	return env
}

// Match reports whether doc satisfies the filter.
func (f *Filter) Match(doc bsonraw.Doc) (bool, error) {
	r := run{pos: -1}
	return f.match(doc, &r)
}

// MatchEnv is Match of env's root document, with the variables of env.
func (f *Filter) MatchEnv(env *expr.Env) (bool, error) {
	r := run{pos: -1, env: env}
	return f.match(env.Root.Doc(), &r)
}

func (f *Filter) match(doc bsonraw.Doc, r *run) (bool, error) {
	return f.matchBy(f.matcher, doc, r)
}

func (f *Filter) matchBy(m *docMatcher, doc bsonraw.Doc, r *run) (bool, error) {
	if f.envs != nil && r.env == nil {
		r.env = f.envs.get(doc)
		defer f.envs.pool.Put(r.env)
	}
	matched := m.match(doc, r)
	return matched && r.err == nil, r.err
}

// Raw returns the filter as it was compiled. Do not write to it.
func (f *Filter) Raw() bsonraw.Doc { return f.raw }

// IsEmpty reports whether the filter is {}.
func (f *Filter) IsEmpty() bool { return f.raw.IsEmpty() }

// HasExpr reports whether $expr takes part, which some places do not allow.
func (f *Filter) HasExpr() bool { return f.root.hasKind(nodeExpr) }

func (n *node) hasKind(kind nodeKind) bool {
	for _, k := range n.kids {
		if k.hasKind(kind) {
			return true
		}
	}
	return n.kind == kind
}

// AddDeps adds the paths that the filter reads to d.
func (f *Filter) AddDeps(d *expr.Deps) { f.root.addDeps(d) }

func (n *node) addDeps(d *expr.Deps) {
	switch n.kind {
	case nodePath:
		d.Paths = append(d.Paths, n.path.dotted)
	case nodeExpr:
		expr.AddDeps(n.expr, d)
	case nodeSchema:
		d.Whole = true
	}
	for _, k := range n.kids {
		k.addDeps(d)
	}
}

// ElementMatcher is a compiled condition on one value, as $pull takes it.
type ElementMatcher struct {
	fields *docMatcher // a filter on the element's fields
	value  *docMatcher // a condition on the element, under the name ""
	equal  bsonraw.Value
}

// CompileElement compiles the condition of $pull on an element: an operator
// object ({$gt: 5}), a filter on the element's fields ({a: 1}), a regular
// expression or a value to equal.
func CompileElement(v bsonraw.Value, o *Options) (*ElementMatcher, error) {
	v = v.Clone()
	p := parser{options: o, inPull: true}
	var root *node
	var err error
	switch {
	case v.Type == bsonraw.Object && !startsWithFieldOp(v.Doc()):
		if root, err = p.document(v.Doc(), 0); err != nil {
			return nil, err
		}
		return &ElementMatcher{fields: newDocMatcher(root)}, nil
	case v.Type == bsonraw.Object || v.Type == bsonraw.Regex:
		if root, err = p.field("", v, 0); err != nil {
			return nil, err
		}
		return &ElementMatcher{value: newDocMatcher(root)}, nil
	}
	return &ElementMatcher{equal: v}, nil
}

// startsWithFieldOp reports whether the first name of d is an operator on a
// value.
func startsWithFieldOp(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && fieldOps[string(it.Key())] != nil && string(it.Key()) != "$not"
}

// Match reports whether the element satisfies the condition. Under an operator
// an array also counts by its elements, as a field would.
func (m *ElementMatcher) Match(v bsonraw.Value) (bool, error) {
	r := run{pos: -1}
	var matched bool
	switch {
	case m.fields != nil:
		matched = v.Type == bsonraw.Object && m.fields.match(v.Doc(), &r)
	case m.value != nil:
		slots := [1]bsonraw.Value{v}
		matched = m.value.root.match(slots[:], &r)
	default:
		matched = bsonraw.SameClass(v.Type, m.equal.Type) && bsonraw.Equal(v, m.equal)
	}
	return matched && r.err == nil, r.err
}
