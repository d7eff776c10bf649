package pipeline

import (
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// place is where a pipeline stands; some stages are not allowed everywhere.
type place uint8

const (
	atTop place = iota
	inFacet
	inLookup
	inUnion
)

// maxNesting bounds pipelines within pipelines, as mongod does.
const maxNesting = 20

// maxStages bounds one pipeline, as mongod does.
const maxStages = 1000

// compiler compiles the stages of one pipeline.
type compiler struct {
	o     *Options
	vars  *expr.Vars
	place place
	depth int
	p     *Pipeline
}

// kind is a stage by name: how it compiles, and where it may stand.
type kind struct {
	compile func(c *compiler, name string, v bsonraw.Value) (stage, error)
	first   bool // only as the first stage
	last    bool // only as the last stage
	noFacet bool // not within $facet
	noSub   bool // not within $lookup and $unionWith
}

// kinds are all stages. What mongod knows besides is in absent.
var kinds map[string]kind

func init() {
	kinds = map[string]kind{
		"$match":           {compile: compileMatch},
		"$project":         {compile: compileProject},
		"$addFields":       {compile: compileAddFields},
		"$set":             {compile: compileAddFields},
		"$unset":           {compile: compileUnset},
		"$group":           {compile: compileGroup},
		"$sort":            {compile: compileSort},
		"$limit":           {compile: compileLimit},
		"$skip":            {compile: compileSkip},
		"$unwind":          {compile: compileUnwind},
		"$lookup":          {compile: compileLookup},
		"$count":           {compile: compileCount},
		"$replaceRoot":     {compile: compileReplaceRoot},
		"$replaceWith":     {compile: compileReplaceWith},
		"$facet":           {compile: compileFacet, noFacet: true},
		"$sortByCount":     {compile: compileSortByCount},
		"$bucket":          {compile: compileBucket},
		"$bucketAuto":      {compile: compileBucketAuto},
		"$unionWith":       {compile: compileUnionWith},
		"$graphLookup":     {compile: compileGraphLookup},
		"$sample":          {compile: compileSample},
		"$redact":          {compile: compileRedact},
		"$documents":       {compile: compileDocuments, first: true, noFacet: true},
		"$collStats":       {compile: compileCollStats, first: true, noFacet: true},
		"$indexStats":      {compile: compileIndexStats, first: true, noFacet: true},
		"$out":             {compile: compileOut, last: true, noFacet: true, noSub: true},
		"$merge":           {compile: compileMerge, last: true, noFacet: true, noSub: true},
		"$setWindowFields": {compile: compileWindow},
		"$fill":            {compile: compileFill},
		"$densify":         {compile: compileDensify},
		"$changeStream":    {compile: compileChangeStream, first: true, noFacet: true, noSub: true},
	}
}

// absent are stages of mongod that are not there yet.
var absent = []string{
	"$currentOp", "$geoNear", "$listSessions",
	"$listLocalSessions", "$planCacheStats", "$shardedDataDistribution",
}

// Compile compiles the stages of an aggregate command or of a view. Nil options
// are the empty ones.
func Compile(stages []bsonraw.Doc, o *Options) (*Pipeline, error) {
	if o == nil {
		o = &Options{}
	}
	var vars *expr.Vars
	it := orEmpty(o.Let).Iter()
	for it.Next() {
		vars = vars.WithConstant(string(it.Key()), it.Value())
	}
	return compileStages(stages, &compiler{o: o, vars: vars})
}

func orEmpty(d bsonraw.Doc) bsonraw.Doc {
	if d == nil {
		return bsonraw.EmptyDoc
	}
	return d
}

func compileStages(stages []bsonraw.Doc, c *compiler) (*Pipeline, error) {
	if c.depth > maxNesting {
		return nil, errs.New(5032302, "Exceeded maximum limit of %d nested pipelines", maxNesting)
	}
	if len(stages) > maxStages {
		return nil, errs.New(7749501, "Pipeline length must be no longer than %d stages", maxStages)
	}
	c.p = &Pipeline{o: c.o}
	for i, doc := range stages {
		name, v, err := nameOf(doc)
		if err == nil {
			err = c.add(name, v, i == 0, i == len(stages)-1)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.p, c.p.optimize(c)
}

// nameOf takes a stage apart.
func nameOf(doc bsonraw.Doc) (string, bsonraw.Value, error) {
	it := doc.Iter()
	if !it.Next() {
		return "", bsonraw.Value{}, errs.New(40323, "A pipeline stage specification object must contain exactly one field.")
	}
	name, v := string(it.Key()), it.Value().Clone()
	if it.Next() {
		return "", v, errs.New(40323, "A pipeline stage specification object must contain exactly one field.")
	}
	return name, v, nil
}

// add compiles one stage and puts it at the end of the pipeline.
func (c *compiler) add(name string, v bsonraw.Value, first, last bool) error {
	k, ok := kinds[name]
	if !ok {
		if slices.Contains(absent, name) {
			return errs.New(errs.UnrecognizedPipelineStage, "Unrecognized pipeline stage name: '%s': MongoDB has it, Argon does not yet", name)
		}
		return errs.New(errs.UnrecognizedPipelineStage, "Unrecognized pipeline stage name: '%s'", name)
	}
	s, err := k.compile(c, name, v)
	if err != nil {
		return err
	}
	if err := c.allowed(name, k, first, last); err != nil {
		return err
	}
	if s != nil {
		c.p.steps = append(c.p.steps, step{name, v, s})
	}
	return nil
}

// allowed checks where a stage stands.
func (c *compiler) allowed(name string, k kind, first, last bool) error {
	switch {
	case k.noFacet && c.place == inFacet:
		return errs.New(40600, "%s is not allowed to be used within a $facet stage", name)
	case k.noSub && c.place == inLookup:
		return errs.New(51047, "%s is not allowed within a $lookup's sub-pipeline", name)
	case k.noSub && c.place == inUnion:
		return errs.New(31441, "%s is not allowed within a $unionWith's sub-pipeline", name)
	case k.first && !first:
		return errs.New(40602, "%s is only valid as the first stage in a pipeline", name)
	case k.last && !last:
		return errs.New(40601, "%s can only be the final stage in the pipeline", name)
	}
	return nil
}

// sub compiles a pipeline inside this one.
func (c *compiler) sub(stages []bsonraw.Doc, where place, vars *expr.Vars) (*Pipeline, error) {
	if c.place == inFacet && where != inFacet {
		where = inFacet // what $facet forbids, it forbids at every depth
	}
	return compileStages(stages, &compiler{o: c.o, vars: vars, place: where, depth: c.depth + 1})
}

func (c *compiler) queryOptions() *query.Options {
	return &query.Options{Vars: c.vars, Now: c.o.Now}
}

func (c *compiler) exprOptions() *expr.Options { return &expr.Options{Vars: c.vars} }

func (c *compiler) expr(v bsonraw.Value) (expr.Expr, error) {
	return expr.Compile(v, c.exprOptions())
}

// stageDocs returns the stages of an array of a specification.
func stageDocs(v bsonraw.Value) ([]bsonraw.Doc, error) {
	var docs []bsonraw.Doc
	for _, e := range v.Doc().Values() {
		if e.Type != bsonraw.Object {
			return nil, errs.New(errs.TypeMismatch, "Each element of the 'pipeline' array must be an object")
		}
		docs = append(docs, e.Doc())
	}
	return docs, nil
}

// checkPath checks a dotted path that stands without "$", by mongod's rules for
// a FieldPath.
func checkPath(path string) error {
	switch {
	case path == "":
		return errs.New(40352, "FieldPath cannot be constructed with empty string")
	case strings.HasSuffix(path, "."):
		return errs.New(40353, "FieldPath must not end with a '.'.")
	}
	for _, name := range strings.Split(path, ".") {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// checkName checks one component of a path.
func checkName(name string) error {
	switch {
	case name == "":
		return errs.New(15998, "FieldPath field names may not be empty strings.")
	case name[0] == '$' && name != "$id" && name != "$ref" && name != "$db":
		return errs.New(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
	case strings.Contains(name, "\x00"):
		return errs.New(16411, "FieldPath field names may not contain '\\0'.")
	case strings.Contains(name, "."):
		return errs.New(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
	}
	return nil
}
