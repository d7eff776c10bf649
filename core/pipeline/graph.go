package pipeline

import (
	"context"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// graphStage is $graphLookup: all documents reachable from a document by
// following a field, breadth first.
type graphStage struct {
	from      string
	startWith expr.Expr
	connect   path   // connectFromField
	to        string // connectToField
	toPath    query.Path
	as        path
	maxDepth  int64 // negative: none
	depth     path  // depthField, or nil
	restrict  *query.Filter
	seen      map[string]bool // options that were given
}

func compileGraphLookup(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "the $graphLookup stage specification must be an object, but found %s", v.Type.Name())
	}
	from, ok := v.Doc().Lookup("from")
	if !ok {
		return nil, errs.New(errs.FailedToParse, "missing 'from' option to $graphLookup stage specification: %s", brief(v))
	}
	if from.Type != bsonraw.String {
		return nil, errs.New(errs.FailedToParse, "$graphLookup 'from' field must be a string, but found %s", from.Type.Name())
	}
	g := &graphStage{from: from.Str(), maxDepth: -1, seen: map[string]bool{}}
	if g.from == "" {
		return nil, errs.New(errs.InvalidNamespace, "invalid $graphLookup namespace: the collection name is empty")
	}
	it := v.Doc().Iter()
	for it.Next() {
		g.seen[string(it.Key())] = true
		if err := g.option(c, string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"from", "as", "startWith", "connectFromField", "connectToField"} {
		if !g.seen[name] {
			return nil, errs.New(40105, "$graphLookup requires 'from', 'as', 'startWith', 'connectFromField', and 'connectToField' to be specified.")
		}
	}
	for _, p := range []path{g.as, g.connect, splitPath(g.to), g.depth} {
		if p == nil {
			continue
		}
		if err := checkPath(joinPath(p)); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *graphStage) option(c *compiler, name string, v bsonraw.Value) error {
	var err error
	switch name {
	case "from":
	case "startWith":
		g.startWith, err = c.expr(v)
	case "maxDepth":
		g.maxDepth, err = graphDepth(v)
	case "restrictSearchWithMatch":
		if v.Type != bsonraw.Object {
			return errs.New(40185, "restrictSearchWithMatch must be an object, found %s", v.Type.Name())
		}
		g.restrict, err = query.Compile(v.Doc(), c.queryOptions())
	case "as", "connectFromField", "connectToField", "depthField":
		if v.Type != bsonraw.String {
			return errs.New(40103, "expected string as argument for %s, found: %s", name, v.Type.Name())
		}
		g.field(name, v.Str())
	default:
		return errs.New(40104, "Unknown argument to $graphLookup: %s", name)
	}
	return err
}

func (g *graphStage) field(name, dotted string) {
	switch name {
	case "as":
		g.as = splitPath(dotted)
	case "connectFromField":
		g.connect = splitPath(dotted)
	case "connectToField":
		g.to, g.toPath = dotted, query.NewPath(dotted)
	case "depthField":
		g.depth = splitPath(dotted)
	}
}

func graphDepth(v bsonraw.Value) (int64, error) {
	if !v.IsNumber() {
		return 0, errs.New(40100, "maxDepth must be numeric, found type: %s", v.Type.Name())
	}
	f, _ := v.AsFloat64()
	n, ok := v.AsInt64()
	switch {
	case f < 0:
		return 0, errs.New(40101, "maxDepth requires a nonnegative argument, found: %s", brief(v))
	case !ok || math.IsNaN(f):
		return 0, errs.New(40102, "maxDepth could not be represented as a long long: %s", brief(v))
	}
	return n, nil
}

func (g *graphStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &graphIter{in: in, stage: g, r: r, env: r.env(), restrictEnv: r.env()}, nil
}

type graphIter struct {
	in               Iter
	stage            *graphStage
	r                *run
	env, restrictEnv *expr.Env
	out              bsonraw.Builder

	// One search:
	frontier []bsonraw.Value // values to look up next
	asked    map[string]bool // values that were looked up, by key
	visited  map[string]bool // _ids found, by key
	array    bsonraw.Builder
	found    int
	key      []byte
}

func (g *graphIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	doc, ok, err := g.in.Next(ctx)
	if err != nil || !ok {
		return nil, false, err
	}
	if err := g.search(ctx, doc); err != nil {
		return nil, false, err
	}
	g.out.Reset()
	g.stage.as.set(&g.out, doc, bsonraw.Value{Type: bsonraw.Array, Data: g.array.Finish()})
	return g.out.Finish(), true, nil
}

// search finds all documents that the document leads to.
func (g *graphIter) search(ctx context.Context, doc bsonraw.Doc) error {
	g.asked, g.visited, g.frontier, g.found = map[string]bool{}, map[string]bool{}, nil, 0
	g.array.Reset()
	start, err := evalOn(g.env, g.stage.startWith, doc)
	if err != nil {
		return err
	}
	switch start.Type {
	case bsonraw.Array:
		for _, v := range start.Doc().Values() {
			g.ask(v)
		}
	case bsonraw.Missing:
		g.ask(bsonraw.NullValue)
	default:
		g.ask(start)
	}
	for depth := int64(0); len(g.frontier) > 0 && (g.stage.maxDepth < 0 || depth <= g.stage.maxDepth); depth++ {
		values := g.frontier
		g.frontier = nil
		in, err := g.r.src.Lookup(ctx, g.stage.from, g.stage.to, values)
		if err != nil {
			return err
		}
		if err := drain(ctx, in, func(doc bsonraw.Doc) error { return g.visit(doc, depth) }); err != nil {
			return err
		}
	}
	return nil
}

// ask puts a value into the frontier, once.
func (g *graphIter) ask(v bsonraw.Value) {
	g.key = bsonraw.AppendKey(g.key[:0], v)
	if !g.asked[string(g.key)] {
		g.asked[string(g.key)] = true
		g.frontier = append(g.frontier, v.Clone())
	}
}

// visit takes a document that was found. Null leads to null, and not to documents
// without the field, as $lookup's would.
func (g *graphIter) visit(doc bsonraw.Doc, depth int64) error {
	if !g.stage.toPath.WalkMatch(doc, func(v bsonraw.Value, _ int) bool { return !v.IsMissing() }) {
		return nil
	}
	g.key = bsonraw.AppendKey(g.key[:0], doc.Get("_id"))
	if g.visited[string(g.key)] {
		return nil
	}
	if g.stage.restrict != nil {
		g.restrictEnv.Reset(doc)
		if ok, err := g.stage.restrict.MatchEnv(g.restrictEnv); err != nil || !ok {
			return err
		}
	}
	g.visited[string(g.key)] = true
	if g.stage.depth == nil {
		g.array.Doc(bsonraw.Index(g.found), doc)
	} else {
		g.array.BeginDoc(bsonraw.Index(g.found))
		g.stage.depth.set(&g.array, doc, bsonraw.Int64Value(depth))
		g.array.End()
	}
	g.found++
	if g.array.Size() > g.r.limit() {
		return errs.New(40099, "$graphLookup reached maximum memory consumption: %d bytes", g.r.limit())
	}
	g.stage.connect.localValues(doc, g.ask)
	return nil
}

func (g *graphIter) Close() error { return g.in.Close() }
