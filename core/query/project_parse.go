package query

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// projParser reads the projections of find and of $project.
type projParser struct {
	options *Options
	find    bool // a.$, $elemMatch and $slice are there
	p       *Projection
	decided bool // mode is settled by some field other than _id
	id      idRule
	elems   bool // an $elemMatch was seen
}

// idRule is what was said of the whole _id.
type idRule uint8

const (
	idUnsaid idRule = iota
	idIncluded
	idExcluded
)

// CompileProjection compiles the projection of find. The filter, which may be
// nil, is what the positional a.$ looks at.
func CompileProjection(spec bsonraw.Doc, filter *Filter, o *Options) (*Projection, error) {
	return compileProjection(spec, filter, o, true)
}

// CompileProjectStage compiles the specification of a pipeline's $project.
func CompileProjectStage(spec bsonraw.Doc, o *Options) (*Projection, error) {
	if spec.IsEmpty() {
		return nil, inStage("$project", errs.New(51272, "projection specification must have at least one field"))
	}
	p, err := compileProjection(spec, nil, o, false)
	return p, inStage("$project", err)
}

// noTextScore is the error of a text score that no query computed.
const noTextScore errs.Code = 40218

// inStage puts mongod's prefix before an error of a stage's specification; the
// error of a constant has one of its own.
func inStage(stage string, err error) error {
	if e := errs.As(err); e != nil && !strings.HasPrefix(e.Message, optimizing) && e.Code != noTextScore {
		e.Message = "Invalid " + stage + " :: caused by :: " + e.Message
		return e
	}
	return err
}

func compileProjection(spec bsonraw.Doc, filter *Filter, o *Options, find bool) (*Projection, error) {
	parser := &projParser{options: o, find: find, p: &Projection{root: &projNode{}, filter: filter}}
	if err := parser.fields(spec.Clone(), ""); err != nil {
		return nil, err
	}
	return parser.finish(), nil
}

// finish settles the mode and what happens to _id.
func (pp *projParser) finish() *Projection {
	p := pp.p
	if !pp.decided && (pp.id == idIncluded || pp.elems) {
		p.mode = modeInclude
	}
	if p.mode == modeInclude && pp.id != idExcluded && p.root.get("_id") == nil {
		p.root.add(projField{name: "_id", kind: projInclude})
	}
	if p.root.markCompute() {
		p.envs = newEnvPool(pp.options)
	}
	return p
}

// markCompute sets compute in n and below.
func (n *projNode) markCompute() bool {
	for i := range n.fields {
		f := &n.fields[i]
		if f.child != nil {
			f.child.markCompute()
		}
		n.compute = n.compute || f.computes()
	}
	return n.compute
}

// fields parses the fields of a specification; prefix is the path before them,
// with its dot.
func (pp *projParser) fields(spec bsonraw.Doc, prefix string) error {
	if strings.Count(prefix, ".") >= maxPathParts {
		return errs.New(errs.Overflow, "FieldPath is too long")
	}
	it := spec.Iter()
	for it.Next() {
		if err := pp.field(prefix, string(it.Key()), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

func (pp *projParser) field(prefix, name string, v bsonraw.Value) error {
	path := prefix + name
	positional := pp.find && isPositional(name)
	if !positional {
		if err := pp.validatePath(name); err != nil {
			return err
		}
	}
	switch {
	case v.Type == bsonraw.Object && positional:
		return errs.New(31271, "positional projection cannot be used with an expression or sub object")
	case v.Type == bsonraw.Object:
		return pp.object(path, v.Doc())
	case v.IsNumber() || v.Type == bsonraw.Boolean:
		if !v.Truthy() {
			if positional {
				return errs.New(31395, "positional projection cannot be used with exclusion")
			}
			return pp.exclude(path, name)
		}
		if positional {
			return pp.positional(path, name)
		}
		return pp.include(path, name)
	case positional:
		return errs.New(31308, "positional projection cannot be used with a literal")
	}
	return pp.compute(path, name, v)
}

func isPositional(name string) bool { return strings.HasSuffix(name, ".$") }

func (pp *projParser) validatePath(name string) error {
	if strings.Contains(name, ".$.") {
		return errs.New(31394, "As of 4.4, it's illegal to specify positional operator in the middle of a path."+
			"Positional projection may only be used at the end, for example: a.b.$. If the query previously used a form "+
			"like a.b.$.d, remove the parts following the '$' and the results will be equivalent.")
	}
	if isPositional(name) {
		return errs.New(31324, "Cannot use positional projection in aggregation projection")
	}
	return validateFieldPath(name)
}

// object parses {path: {…}}: an operator or fields below the path.
func (pp *projParser) object(path string, d bsonraw.Doc) error {
	it := d.Iter()
	if !it.Next() {
		return errs.New(51270, "An empty sub-projection is not a valid value. Found empty object at path")
	}
	op := string(it.Key())
	if !strings.HasPrefix(op, "$") || d.Len() > 1 || op == "$ref" || op == "$id" || op == "$db" {
		return pp.fields(d, path+".")
	}
	switch {
	case op == "$slice" && pp.find:
		return pp.slice(path, d, it.Value())
	case op == "$elemMatch" && pp.find:
		return pp.elemMatch(path, it.Value())
	case op == "$elemMatch":
		return errs.New(errs.InvalidPipelineOperator, "Cannot use $elemMatch in this context")
	case op == "$meta":
		return metaProjection(it.Value())
	}
	return pp.compute(path, path, d.Value())
}

func (pp *projParser) include(path, name string) error {
	if path == "_id" {
		pp.id = idIncluded
		return pp.place(path, projField{kind: projInclude})
	}
	if err := pp.decide(modeInclude, name); err != nil {
		return err
	}
	return pp.place(path, projField{kind: projInclude})
}

func (pp *projParser) exclude(path, name string) error {
	if path == "_id" {
		pp.id = idExcluded
		return pp.place(path, projField{kind: projExclude})
	}
	if err := pp.decide(modeExclude, name); err != nil {
		return err
	}
	return pp.place(path, projField{kind: projExclude})
}

// decide settles the mode, or finds that the field contradicts it.
func (pp *projParser) decide(mode projMode, name string) error {
	if pp.decided && pp.p.mode != mode {
		if mode == modeInclude {
			return errs.New(31253, "Cannot do inclusion on field %s in exclusion projection", name)
		}
		return errs.New(31254, "Cannot do exclusion on field %s in inclusion projection", name)
	}
	pp.decided, pp.p.mode = true, mode
	return nil
}

// metaProjection is the error of {$meta: …}: no query here leaves metadata.
func metaProjection(v bsonraw.Value) error {
	if v.Type != bsonraw.String {
		return errs.New(17307, "$meta only supports string arguments")
	}
	switch v.Str() {
	case "textScore":
		return errs.New(noTextScore, "query requires text score metadata, but it is not available")
	case "recordId", "sortKey", "indexKey", "randVal", "geoNearDistance", "geoNearPoint", "searchScore", "searchHighlights", "searchScoreDetails":
		return errs.New(errs.NotSupported, "the projection {$meta: %q} is not supported", v.Str())
	}
	return errs.New(17308, "Unsupported argument to $meta: %s", v.Str())
}

// compute parses an expression or literal.
func (pp *projParser) compute(path, name string, v bsonraw.Value) error {
	if pp.decided && pp.p.mode == modeExclude {
		if v.Type == bsonraw.Object {
			return errs.New(31252, "Cannot use expression other than $meta in exclusion projection")
		}
		return errs.New(31310, "Cannot use an expression %s in an exclusion projection", element(name, v))
	}
	pp.decided, pp.p.mode = true, modeInclude
	e, err := expr.Compile(v, pp.options.expr())
	if err != nil {
		return pp.compileError(v, err)
	}
	return pp.place(path, projField{kind: projCompute, expr: e})
}

// optimizing is what expr puts before the error of a constant expression, as
// mongod does for pipelines, but not for find.
const optimizing = "Failed to optimize pipeline :: caused by :: "

// compileError gives an expression's error the text it has here, and that of an
// operator which does not exist the code it has in projections.
func (pp *projParser) compileError(v bsonraw.Value, err error) error {
	e := errs.As(err)
	if e == nil {
		return err
	}
	if pp.find {
		e.Message = strings.TrimPrefix(e.Message, optimizing)
	}
	if e.Code != errs.InvalidPipelineOperator || v.Type != bsonraw.Object {
		return e
	}
	it := v.Doc().Iter()
	if it.Next() && e.Message == "Unrecognized expression '"+string(it.Key())+"'" {
		return errs.New(31325, "Unknown expression %s", it.Key())
	}
	return e
}

func (pp *projParser) positional(path, name string) error {
	if pp.p.positional != nil {
		return errs.New(31276, "Cannot specify more than one positional projection per query.")
	}
	if pp.elems {
		return errs.New(31256, "Cannot specify positional operator and $elemMatch.")
	}
	field := strings.TrimSuffix(path, ".$")
	if field == "" {
		return errs.New(5392900, "Projection on field %s is invalid", path)
	}
	if err := pp.validatePath(field); err != nil {
		return err
	}
	if err := pp.decide(modeInclude, name); err != nil {
		return err
	}
	p := NewPath(field)
	pp.p.positional = &p
	return pp.place(field, projField{kind: projInclude})
}

func (pp *projParser) elemMatch(path string, v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return errs.New(31274, "elemMatch: Invalid argument, object required, but got %s", v.Type.Name())
	}
	if pp.p.positional != nil {
		return errs.New(31255, "Cannot specify positional operator and $elemMatch.")
	}
	if strings.Contains(path, ".") {
		return errs.New(31275, "Cannot use $elemMatch projection on a nested field.")
	}
	parser := parser{options: pp.options}
	n, err := parser.elemMatchOp(&operand{name: "$elemMatch", path: path, value: v})
	if err != nil {
		return err
	}
	pp.elems = true
	return pp.place(path, projField{kind: projElem, elem: n.pred})
}

// slice parses {$slice: …}, which is find's own where its argument has that
// form, and the expression otherwise.
func (pp *projParser) slice(path string, d bsonraw.Doc, arg bsonraw.Value) error {
	s, why, ok := parseSlice(path, arg)
	if ok {
		err := errs.As(pp.place(path, projField{kind: projInclude}))
		if err == nil {
			pp.p.slices = append(pp.p.slices, s)
			return nil
		}
		why = err.Code.Name() + ": " + err.Message
	}
	if _, err := expr.Compile(d.Value(), pp.options.expr()); err != nil {
		if e := errs.As(err); e != nil && e.Code == 28667 {
			return errs.New(28667, "Invalid $slice syntax. The given syntax %s did not match the find() syntax because :: %s :: "+
				"The given syntax did not match the expression $slice syntax. :: caused by :: %s", valueText(d.Value()), why, e.Message)
		}
		return pp.compileError(d.Value(), err)
	}
	return pp.compute(path, path, d.Value())
}
