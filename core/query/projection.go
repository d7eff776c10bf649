package query

import (
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// Projection is a compiled projection of find, $project, $addFields or $unset.
type Projection struct {
	root *projNode
	mode projMode
	envs *envPool // nil when nothing is computed

	// What find adds is done on the projected document, in this order.
	filter     *Filter
	positional *Path
	slices     []*slice
}

// projMode is what happens to fields that the projection does not name.
type projMode uint8

const (
	modeExclude projMode = iota // they stay; also $addFields
	modeInclude                 // they go
)

// projNode is the fields that a projection names at one place of a document.
type projNode struct {
	fields  []projField
	byLen   uint64         // as in docMatcher
	index   map[string]int // for many fields; nil for few
	compute bool           // there is something computed here or below
}

// projKind is what a projection does with a field.
type projKind uint8

const (
	projInclude projKind = iota
	projExclude
	projCompute // an expression
	projElem    // $elemMatch of find
	projChild   // fields below it
)

type projField struct {
	name  string
	kind  projKind
	expr  expr.Expr
	elem  *predicate
	child *projNode
}

// manyFields is where a map beats comparing names one by one.
const manyFields = 16

func (n *projNode) add(f projField) *projField {
	n.fields = append(n.fields, f)
	n.byLen |= 1 << (len(f.name) & 63)
	if len(n.fields) > manyFields && n.index == nil {
		n.index = make(map[string]int)
		for i, f := range n.fields {
			n.index[f.name] = i
		}
	}
	if n.index != nil {
		n.index[f.name] = len(n.fields) - 1
	}
	return &n.fields[len(n.fields)-1]
}

// find returns the place of a name in fields, or -1.
func (n *projNode) find(name []byte) int {
	if n.byLen>>(len(name)&63)&1 == 0 {
		return -1
	}
	if n.index != nil {
		if i, ok := n.index[string(name)]; ok {
			return i
		}
		return -1
	}
	for i := range n.fields {
		if string(name) == n.fields[i].name {
			return i
		}
	}
	return -1
}

func (n *projNode) get(name string) *projField {
	if i := n.find([]byte(name)); i >= 0 {
		return &n.fields[i]
	}
	return nil
}

// IsInclusion reports whether only named fields are kept.
func (p *Projection) IsInclusion() bool { return p.mode == modeInclude }

func (p *Projection) hasFindParts() bool { return p.positional != nil || len(p.slices) > 0 }

// AddDeps adds the paths that the projection reads to d; d.Whole when it is not
// an inclusion.
func (p *Projection) AddDeps(d *expr.Deps) {
	if p.mode != modeInclude {
		d.Whole = true
	}
	if p.positional != nil {
		p.filter.AddDeps(d)
	}
	p.root.addDeps("", d)
}

func (n *projNode) addDeps(prefix string, d *expr.Deps) {
	for i := range n.fields {
		f := &n.fields[i]
		switch f.kind {
		case projInclude, projElem:
			d.Paths = append(d.Paths, prefix+f.name)
		case projCompute:
			expr.AddDeps(f.expr, d)
			if prefix != "" { // what stands there decides what it is put into
				d.Paths = append(d.Paths, prefix+f.name)
			}
		case projChild:
			f.child.addDeps(prefix+f.name+".", d)
		}
	}
}

// Apply builds the projected document in dst, which it resets. The document is
// valid until dst is used again.
func (p *Projection) Apply(doc bsonraw.Doc, dst *bsonraw.Builder) (bsonraw.Doc, error) {
	if p.envs == nil {
		return p.apply(doc, nil, dst)
	}
	env := p.envs.get(doc)
	defer p.envs.pool.Put(env)
	return p.apply(doc, env, dst)
}

// ApplyEnv is Apply of env's root document, with the variables of env.
func (p *Projection) ApplyEnv(env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error) {
	return p.apply(env.Root.Doc(), env, dst)
}

var scratchBuilders = sync.Pool{New: func() any { return new(bsonraw.Builder) }}

func (p *Projection) apply(doc bsonraw.Doc, env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error) {
	run := projRun{mode: p.mode, env: env, dst: dst}
	dst.Reset()
	if !p.hasFindParts() {
		if err := run.fields(p.root, doc); err != nil {
			return nil, err
		}
		return dst.Finish(), nil
	}
	scratch := scratchBuilders.Get().(*bsonraw.Builder)
	defer scratchBuilders.Put(scratch)
	scratch.Reset()
	run.dst = scratch
	if err := run.fields(p.root, doc); err != nil {
		return nil, err
	}
	if err := p.finishFind(doc, scratch.Finish(), env, dst); err != nil {
		return nil, err
	}
	return dst.Finish(), nil
}
