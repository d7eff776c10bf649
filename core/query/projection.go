package query

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// Projection is a compiled projection of find, $project, $addFields or $unset.
type Projection struct{}

// CompileProjection compiles the projection of find. The filter, which may be
// nil, is what the positional a.$ looks at.
func CompileProjection(spec bsonraw.Doc, filter *Filter, o *Options) (*Projection, error) {
	return nil, errs.New(errs.NotSupported, "projections")
}

// CompileProjectStage compiles the specification of a pipeline's $project.
func CompileProjectStage(spec bsonraw.Doc, o *Options) (*Projection, error) {
	return nil, errs.New(errs.NotSupported, "$project")
}

// CompileAddFields compiles the specification of $addFields and $set.
func CompileAddFields(spec bsonraw.Doc, o *Options) (*Projection, error) {
	return nil, errs.New(errs.NotSupported, "$addFields")
}

// CompileUnset compiles the argument of $unset, a path or an array of paths.
func CompileUnset(paths bsonraw.Value) (*Projection, error) {
	return nil, errs.New(errs.NotSupported, "$unset")
}

// Apply builds the projected document in dst, which it resets. The document is
// valid until dst is used again.
func (p *Projection) Apply(doc bsonraw.Doc, dst *bsonraw.Builder) (bsonraw.Doc, error) {
	return nil, nil
}

// ApplyEnv is Apply of env's root document, with the variables of env.
func (p *Projection) ApplyEnv(env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error) {
	return nil, nil
}

// IsEmpty reports whether the projection leaves every document as it is.
func (p *Projection) IsEmpty() bool { return false }

// IsInclusion reports whether only named fields are kept.
func (p *Projection) IsInclusion() bool { return false }

// AddDeps adds the paths that the projection reads to d; d.Whole when it is not
// an inclusion.
func (p *Projection) AddDeps(d *expr.Deps) {}
