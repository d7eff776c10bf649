package update

import (
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// pipelineForm is an update by an aggregation pipeline, of the stages that give
// one document for one.
type pipelineForm struct {
	stages []stage
	env    *expr.Env
	bufs   [2]bsonraw.Builder // results of stages, alternating
}

// stage is a stage of the pipeline. It evaluates on env's root and builds its
// result in dst.
type stage func(env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error)

func parsePipeline(stages bsonraw.Doc, o *Options) (*pipelineForm, error) {
	if len(o.ArrayFilters) > 0 {
		return nil, errs.New(errs.FailedToParse, "arrayFilters may not be specified for pipeline-style updates")
	}
	vars := o.Vars
	for it := o.Let.Iter(); it.Next(); {
		if err := expr.ValidateVarName(string(it.Key())); err != nil {
			return nil, err
		}
		vars = vars.WithConstant(string(it.Key()), it.Value())
	}
	p := &pipelineForm{env: o.Env}
	if p.env == nil {
		p.env = expr.NewEnv(o.Now)
	}
	for it := stages.Iter(); it.Next(); {
		s, err := parseStage(it.Value(), vars, o.Now)
		if err != nil {
			return nil, err
		}
		p.stages = append(p.stages, s)
	}
	return p, nil
}

func parseStage(v bsonraw.Value, vars *expr.Vars, now time.Time) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.TypeMismatch, "Each element of the 'pipeline' array must be an object")
	}
	it := v.Doc().Iter()
	if !it.Next() {
		return nil, errs.New(errs.Code(40323), "A pipeline stage specification object must contain exactly one field.")
	}
	name, spec := string(it.Key()), it.Value()
	if it.Next() {
		return nil, errs.New(errs.Code(40323), "A pipeline stage specification object must contain exactly one field.")
	}
	switch name {
	case "$set", "$addFields", "$project":
		return parseFields(name, spec, &query.Options{Vars: vars, Now: now})
	case "$unset":
		p, err := query.CompileUnset(spec)
		return projected(p), err
	case "$replaceRoot":
		root, err := newRoot(spec)
		if err != nil {
			return nil, err
		}
		return parseReplace("'newRoot' expression ", root, vars)
	case "$replaceWith":
		return parseReplace("'replacement document' ", spec, vars)
	}
	if otherStages[name] {
		return nil, errs.New(errs.InvalidOptions, "%s is not allowed to be used within an update", name)
	}
	return nil, errs.New(errs.UnrecognizedPipelineStage, "Unrecognized pipeline stage name: '%s'", name)
}

// otherStages are MongoDB's stages that an update may not use.
var otherStages = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range []string{
		"bucket", "bucketAuto", "changeStream", "collStats", "count", "currentOp", "densify", "documents", "facet",
		"fill", "geoNear", "graphLookup", "group", "indexStats", "limit", "listLocalSessions", "listSessions", "lookup",
		"match", "merge", "out", "planCacheStats", "redact", "sample", "setWindowFields", "skip", "sort", "sortByCount",
		"unionWith", "unwind",
	} {
		names["$"+name] = true
	}
	return names
}()

func parseFields(name string, spec bsonraw.Value, o *query.Options) (stage, error) {
	if spec.Type != bsonraw.Object {
		return nil, specError(name, spec)
	}
	compile := query.CompileAddFields
	if name == "$project" {
		compile = query.CompileProjectStage
	}
	p, err := compile(spec.Doc(), o)
	if err != nil {
		return nil, namedError(err, name)
	}
	return projected(p), nil
}

// namedError names the stage as the user wrote it: $set is what compiles as
// $addFields.
func namedError(err error, name string) error {
	e := errs.As(err)
	if e == nil {
		return err
	}
	_, message, ok := strings.Cut(e.Message, " :: caused by :: ")
	if !ok || !strings.HasPrefix(e.Message, "Invalid $") {
		message = e.Message
	}
	if folded, ok := strings.CutPrefix(message, "Failed to optimize pipeline :: caused by :: "); ok {
		return errs.New(e.Code, "%s", folded) // updates do not say so
	}
	return errs.New(e.Code, "Invalid %s :: caused by :: %s", name, message)
}

// specError is the error of a specification that is not an object.
func specError(name string, spec bsonraw.Value) error {
	if name == "$project" {
		return errs.New(errs.Code(15969), "$project specification must be an object")
	}
	return errs.New(errs.Code(40272), "%s specification stage must be an object, got %s", name, spec.Type.Name())
}

func projected(p *query.Projection) stage {
	return func(env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error) { return p.ApplyEnv(env, dst) }
}

// newRoot returns the expression of {newRoot: expression}.
func newRoot(spec bsonraw.Value) (bsonraw.Value, error) {
	if spec.Type != bsonraw.Object {
		return spec, errs.New(errs.Code(40229), "expected an object as specification for $replaceRoot stage, got %s", spec.Type.Name())
	}
	var root bsonraw.Value
	for it := spec.Doc().Iter(); it.Next(); {
		if string(it.Key()) != "newRoot" {
			return root, errs.New(errs.UnknownField, "BSON field '$replaceRoot.%s' is an unknown field.", it.Key())
		}
		root = it.Value()
	}
	if root.IsMissing() {
		return root, errs.New(errs.MissingRequiredField, "BSON field '$replaceRoot.newRoot' is missing but a required field")
	}
	return root, nil
}

func parseReplace(what string, spec bsonraw.Value, vars *expr.Vars) (stage, error) {
	e, err := expr.Compile(spec, &expr.Options{Vars: vars})
	if err != nil {
		return nil, err
	}
	return func(env *expr.Env, dst *bsonraw.Builder) (bsonraw.Doc, error) {
		v, err := e.Eval(env)
		if err != nil {
			return nil, err
		}
		if v.Type != bsonraw.Object {
			return nil, notAnObject(what, v, env)
		}
		dst.Reset()
		for it := v.Doc().Iter(); it.Next(); {
			dst.ValueBytes(it.Key(), it.Value())
		}
		return dst.Finish(), nil
	}, nil
}

func notAnObject(what string, v bsonraw.Value, env *expr.Env) error {
	shown := "MISSING"
	if !v.IsMissing() {
		shown = string(describeTight(nil, v))
	}
	return errs.New(errs.Code(40228), "%s must evaluate to an object, but resulting value was: %s. Type of resulting value: '%s'. Input document: %s",
		what, shown, v.Type.Name(), describeTight(nil, env.Root))
}

// applyPipeline runs the stages on the document and takes the result as its
// replacement.
func (u *Update) applyPipeline(doc bsonraw.Doc, dst []byte, insert bool) (Result, error) {
	result := doc
	for i, s := range u.pipeline.stages {
		u.pipeline.env.Reset(result)
		var err error
		if result, err = s(u.pipeline.env, &u.pipeline.bufs[i%2]); err != nil {
			return Result{}, err
		}
	}
	if err := bsonraw.Validate(result); err != nil {
		return Result{}, err
	}
	return replaceBy(doc, result, dst, insert)
}
