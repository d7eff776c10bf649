package index

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Stats is what one execution of a plan did, for executionStats.
type Stats struct {
	Returned     int64 // documents the whole query returned
	KeysExamined int64
	DocsExamined int64
	Matched      int64 // documents that passed the filter, before sort, skip and limit
	Millis       int64
}

// Explanation is what Explain prints besides the plan.
type Explanation struct {
	Plan       *Plan
	Namespace  string
	Filter     bsonraw.Doc
	Sort       bsonraw.Doc
	Projection bsonraw.Doc
	Skip       int64
	Limit      int64
	// Top is the name of the stage on top, "" for a find: COUNT, UPDATE, DELETE
	// and so on.
	Top   string
	Stats *Stats // nil for verbosity queryPlanner
}

// Explain appends to b the fields of mongod's explain reply: explainVersion,
// queryPlanner and, where Stats is set, executionStats.
func Explain(b *bsonraw.Builder, e *Explanation) {
	b.String("explainVersion", "1")
	b.BeginDoc("queryPlanner")
	b.String("namespace", e.Namespace)
	b.Bool("indexFilterSet", false)
	b.Doc("parsedQuery", parsedQuery(orEmpty(e.Filter)))
	b.Bool("maxIndexedOrSolutionsReached", false)
	b.Bool("maxIndexedAndSolutionsReached", false)
	b.Bool("maxScansToExplodeReached", false)
	winner := explainer{b, e, nil}
	winner.tree("winningPlan")
	b.BeginArray("rejectedPlans")
	b.End()
	b.End()
	if e.Stats == nil {
		return
	}
	b.BeginDoc("executionStats")
	b.Bool("executionSuccess", true)
	b.Int64("nReturned", e.Stats.Returned)
	b.Int64("executionTimeMillis", e.Stats.Millis)
	b.Int64("totalKeysExamined", e.Stats.KeysExamined)
	b.Int64("totalDocsExamined", e.Stats.DocsExamined)
	w := explainer{b, e, e.Stats}
	w.tree("executionStages")
	b.End()
}

// explainer writes the tree of stages, the top one first, with stats or
// without.
type explainer struct {
	b     *bsonraw.Builder
	e     *Explanation
	stats *Stats
}

// stage begins a stage; the caller adds its input and ends it.
func (w *explainer) stage(key, name string, returned func(*Stats) int64) {
	w.b.BeginDoc(key)
	w.b.String("stage", name)
	if w.stats == nil {
		return
	}
	w.b.Int64("nReturned", returned(w.stats))
	w.b.Int64("executionTimeMillisEstimate", w.stats.Millis)
	w.b.Bool("isEOF", true)
}

func returned(s *Stats) int64 { return s.Returned }
func matched(s *Stats) int64  { return s.Matched }
func keys(s *Stats) int64     { return s.KeysExamined }

func (w *explainer) tree(key string) {
	e := w.e
	depth := 0
	open := func(name string) {
		w.stage(key, name, returned)
		key = "inputStage"
		depth++
	}
	sorting := e.Sort != nil && !e.Sort.IsEmpty() && !e.Plan.SortProvided
	if e.Top != "" {
		open(e.Top)
	}
	if e.Limit > 0 && !sorting {
		open("LIMIT")
		w.b.Int64("limitAmount", e.Limit)
	}
	if e.Projection != nil && !e.Projection.IsEmpty() {
		open(projectionStage(e.Projection))
		w.b.Doc("transformBy", e.Projection)
	}
	if e.Skip > 0 {
		open("SKIP")
		w.b.Int64("skipAmount", e.Skip)
	}
	if sorting {
		open("SORT")
		w.sortFields()
	}
	w.access(key, e.Plan, e.Filter)
	for range depth {
		w.b.End()
	}
}

// sortMemory is what a blocking sort may hold, as it stands in explain.
const sortMemory = 100 << 20

func (w *explainer) sortFields() {
	w.b.Doc("sortPattern", w.e.Sort)
	w.b.Int64("memLimit", sortMemory)
	if w.e.Limit > 0 {
		w.b.Int64("limitAmount", w.e.Limit+w.e.Skip)
	}
	w.b.String("type", "simple")
}

func projectionStage(spec bsonraw.Doc) string {
	it := spec.Iter()
	for it.Next() {
		v := it.Value()
		if !v.IsNumber() && v.Type != bsonraw.Boolean || strings.Contains(string(it.Key()), ".") {
			return "PROJECTION_DEFAULT"
		}
	}
	return "PROJECTION_SIMPLE"
}

// access writes the stages that find the documents.
func (w *explainer) access(key string, p *Plan, filter bsonraw.Doc) {
	switch p.Kind {
	case CollScan:
		w.stage(key, "COLLSCAN", matched)
		w.filter(p, filter)
		w.b.String("direction", direction(p.Reverse))
		if w.stats != nil {
			w.b.Int64("docsExamined", w.stats.DocsExamined)
		}
	case Nothing:
		w.stage(key, "EOF", returned)
	case Union:
		w.stage(key, "FETCH", matched)
		w.filter(p, filter)
		if w.stats != nil {
			w.b.Int64("docsExamined", w.stats.DocsExamined)
		}
		w.union(p)
	case IDLookup, IDRange, IndexScan:
		if p.Kind == IDLookup && len(p.IDs) == 1 && (p.Exact || orEmpty(filter).Len() == 1) {
			w.stage(key, "IDHACK", matched)
			w.examined()
			break
		}
		w.stage(key, "FETCH", matched)
		w.filter(p, filter)
		if w.stats != nil {
			w.b.Int64("docsExamined", w.stats.DocsExamined)
		}
		w.scan("inputStage", p)
	}
	w.b.End()
}

func (w *explainer) examined() {
	if w.stats != nil {
		w.b.Int64("keysExamined", w.stats.KeysExamined)
		w.b.Int64("docsExamined", w.stats.DocsExamined)
	}
}

func (w *explainer) union(p *Plan) {
	stats := w.stats
	w.stage("inputStage", "OR", keys)
	w.stats = nil // counted together, not by branch
	w.b.BeginArray("inputStages")
	for i, child := range p.Children {
		switch child.Kind {
		case IDLookup, IDRange, IndexScan:
			w.scan(bsonraw.Index(i), child)
		default:
			w.access(bsonraw.Index(i), child, nil)
		}
	}
	w.b.End()
	w.b.End()
	w.stats = stats
}

func (w *explainer) filter(p *Plan, filter bsonraw.Doc) {
	if !p.Exact && filter != nil && !filter.IsEmpty() {
		w.b.Doc("filter", parsedQuery(filter))
	}
}

func direction(reverse bool) string {
	if reverse {
		return "backward"
	}
	return "forward"
}

// scan writes an IXSCAN. The collection itself shows as the index on _id.
func (w *explainer) scan(key string, p *Plan) {
	b := w.b
	w.stage(key, "IXSCAN", keys)
	parts, bounds := p.parts, p.bounds
	if p.Kind == IDLookup {
		parts, bounds = idParts, []intervals{pointsOf(p.IDs)}
	}
	pattern, name := idPattern, idName
	unique, sparse, partial := true, false, false
	if d := p.Index; d != nil {
		pattern, name = d.KeyPattern(), d.Name
		unique, sparse, partial = d.Unique, d.Sparse, d.Partial != nil
	}
	b.Doc("keyPattern", pattern)
	b.String("indexName", name)
	b.Bool("isMultiKey", p.multikey.Any())
	b.BeginDoc("multiKeyPaths")
	for i, part := range parts {
		b.BeginArray(part.Path)
		if p.multikey.Has(i) {
			b.String("0", part.Path)
		}
		b.End()
	}
	b.End()
	b.Bool("isUnique", unique)
	b.Bool("isSparse", sparse)
	b.Bool("isPartial", partial)
	b.Int32("indexVersion", 2)
	b.String("direction", direction(p.Reverse))
	b.BeginDoc("indexBounds")
	for i, part := range parts {
		b.BeginArray(part.Path)
		for k, iv := range scanOrder(bounds[i], part.Desc != p.Reverse) {
			b.String(bsonraw.Index(k), strings.ToValidUTF8(iv.String(), "\uFFFD"))
		}
		b.End()
	}
	b.End()
	if w.stats != nil {
		b.Int64("keysExamined", w.stats.KeysExamined)
	}
	b.End()
}

// pointsOf returns the bounds of single values.
func pointsOf(values []bsonraw.Value) intervals {
	var l intervals
	for _, v := range values {
		l = append(l, point(v))
	}
	return normalize(l)
}

// scanOrder returns the intervals as the scan meets them, which is backwards
// for a descending part read forwards and the reverse.
func scanOrder(l intervals, backward bool) intervals {
	if !backward {
		return l
	}
	l = inOrder(l, true)
	for i := range l {
		l[i] = l[i].reversed()
	}
	return l
}

// parsedQuery writes a filter as explain shows it: one condition a document,
// {a: {$eq: 1}}, several in a $and.
func parsedQuery(filter bsonraw.Doc) bsonraw.Doc {
	var clauses []bsonraw.Value
	it := filter.Iter()
	for it.Next() {
		name, v := string(it.Key()), it.Value()
		if isOperators(v) && !strings.HasPrefix(name, "$") {
			ops := v.Doc().Iter()
			for ops.Next() {
				clauses = append(clauses, clause(name, string(ops.Key()), ops.Value()))
			}
			continue
		}
		switch {
		case !strings.HasPrefix(name, "$"):
			op := "$eq"
			if v.Type == bsonraw.Regex {
				op = "$regex"
			}
			clauses = append(clauses, clause(name, op, v))
		default:
			b := bsonraw.NewBuilder(nil)
			b.Value(name, parsedBranches(v))
			clauses = append(clauses, b.Finish().Value())
		}
	}
	switch len(clauses) {
	case 0:
		return bsonraw.EmptyDoc
	case 1:
		return clauses[0].Doc()
	}
	b := bsonraw.NewBuilder(nil)
	b.Array("$and", bsonraw.ArrayOf(clauses...))
	return b.Finish()
}

// parsedBranches applies parsedQuery to each filter of a logical operator.
func parsedBranches(v bsonraw.Value) bsonraw.Value {
	if v.Type != bsonraw.Array {
		return v
	}
	var branches []bsonraw.Value
	for _, branch := range v.Doc().Values() {
		if branch.Type != bsonraw.Object {
			return v
		}
		branches = append(branches, parsedQuery(branch.Doc()).Value())
	}
	return bsonraw.ArrayValue(branches...)
}

func clause(path, op string, v bsonraw.Value) bsonraw.Value {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc(path)
	b.Value(op, v)
	b.End()
	return b.Finish().Value()
}
