package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/argon-lab/argon/core/query"
	"github.com/stretchr/testify/require"
)

// memory is a Source of collections in memory, and the collection "c" that
// pipelines run on.
type memory map[string][]bsonraw.Doc

func (m memory) Collection(_ context.Context, name string, filter bsonraw.Doc) (pipeline.Iter, error) {
	if filter == nil {
		return &slice{docs: m[name]}, nil
	}
	f, err := query.Compile(filter, nil)
	if err != nil {
		return nil, err
	}
	out := &slice{}
	for _, d := range m[name] {
		if ok, err := f.Match(d); err != nil {
			return nil, err
		} else if ok {
			out.docs = append(out.docs, d)
		}
	}
	return out, nil
}

func (m memory) Lookup(ctx context.Context, name, path string, values []bsonraw.Value) (pipeline.Iter, error) {
	var clauses []bsonraw.Value
	for _, v := range values {
		clauses = append(clauses, one(path, one("$eq", v).Value()).Value())
	}
	return m.Collection(ctx, name, one("$or", bsonraw.ArrayValue(clauses...)))
}

func one(name string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value(name, v)
	return b.Finish()
}

// slice is an Iter that overwrites each document it handed out, so that a stage
// which keeps one without copying shows.
type slice struct {
	docs   []bsonraw.Doc
	last   bsonraw.Doc
	closed int
}

func (s *slice) Next(context.Context) (bsonraw.Doc, bool, error) {
	for i := range s.last {
		s.last[i] = 0xEE
	}
	if len(s.docs) == 0 {
		return nil, false, nil
	}
	s.last = s.docs[0].Clone()
	s.docs = s.docs[1:]
	return s.last, true, nil
}

func (s *slice) Close() error {
	s.closed++
	return nil
}

func testOptions() *pipeline.Options {
	return &pipeline.Options{
		Now: time.UnixMilli(1_700_000_000_000), AllowDiskUse: true,
		Spill: func() (pipeline.TempFile, error) {
			f, err := os.CreateTemp("", "argon-pipeline-test")
			if err == nil {
				err = os.Remove(f.Name())
			}
			return f, err
		},
	}
}

// stagesOf reads "[{…}, {…}]".
func stagesOf(text string) []bsonraw.Doc {
	var docs []bsonraw.Doc
	for _, v := range mongotest.Value(text).Doc().Values() {
		docs = append(docs, v.Doc())
	}
	return docs
}

// aggregate runs a pipeline as the engine does: a find for its front, then the
// rest.
func (m memory) aggregate(ctx context.Context, stages []bsonraw.Doc, o *pipeline.Options) ([]bsonraw.Doc, error) {
	p, err := pipeline.Compile(stages, o)
	if err != nil {
		return nil, err
	}
	var in *slice
	if p.Initial() == nil {
		front, rest := p.Split()
		p = rest
		if in, err = m.find(ctx, front); err != nil {
			return nil, err
		}
	} else {
		in = &slice{}
	}
	out, err := p.Run(ctx, in, m)
	if err != nil {
		return nil, err
	}
	docs, err := all(ctx, out)
	if in.closed == 0 {
		return nil, fmt.Errorf("the input was not closed")
	}
	return docs, err
}

func all(ctx context.Context, it pipeline.Iter) ([]bsonraw.Doc, error) {
	defer it.Close()
	var docs []bsonraw.Doc
	for {
		doc, ok, err := it.Next(ctx)
		if err != nil || !ok {
			return docs, err
		}
		docs = append(docs, doc.Clone())
	}
}

func (m memory) find(ctx context.Context, f pipeline.Front) (*slice, error) {
	it, err := m.Collection(ctx, "c", f.Filter)
	if err != nil {
		return nil, err
	}
	docs := slices.Clone(it.(*slice).docs)
	if f.Sort != nil {
		s, err := query.CompileSort(f.Sort)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			if _, err := s.Key(d, nil); err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(docs, s.Compare)
	}
	docs = docs[min(int(f.Skip), len(docs)):]
	if f.Limit > 0 {
		docs = docs[:min(int(f.Limit), len(docs))]
	}
	return &slice{docs: docs}, nil
}

// server is a mongod database with the same collections.
type server struct {
	coll *mongotest.Coll
	mem  memory
}

func newServer(t *testing.T, mem memory) *server {
	coll := mongotest.Collection(t)
	s := &server{coll, mem}
	for name, docs := range mem {
		for len(docs) > 0 {
			n := min(len(docs), 500)
			b := bsonraw.NewBuilder(nil)
			b.String("insert", name)
			b.BeginArray("documents")
			for i, d := range docs[:n] {
				b.Doc(bsonraw.Index(i), d)
			}
			b.End()
			coll.MustRun(b.Finish())
			docs = docs[n:]
		}
	}
	return s
}

// anyOrder are stages after which the order of documents is not settled.
var anyOrder = []string{"$group", "$sortByCount", "$bucket", "$setWindowFields"}

// arraysInAnyOrder are stages that make arrays of which the order is not settled.
var arraysInAnyOrder = []string{"localField", "$addToSet", "$graphLookup", "$setUnion", "$setIntersection"}

// check runs a pipeline on both and compares documents, or the codes of errors.
func (s *server) check(t *testing.T, text string) {
	t.Helper()
	stages := stagesOf(text)
	want, failed := s.coll.For(t).Aggregate(stages...)
	got, err := s.mem.aggregate(t.Context(), stages, testOptions())
	if failed != nil {
		require.Error(t, err, "%s\nmongod: %v", text, failed)
		require.Contains(t, append(sameCode[failed.Code], failed.Code), int32(errs.CodeOf(err)), "%s\nmongod: %v\nargon: %v", text, failed, err)
		return
	}
	require.NoError(t, err, text)
	a, b := lines(want, text), lines(got, text)
	require.Equal(t, a, b, text)
}

// sameCode are codes of mongod's new execution engine, which runs pipelines
// that begin with $group, and what its older one says, which Argon follows.
var sameCode = map[int32][]int32{4934200: {40066}, 5911200: {40400}}

func lines(docs []bsonraw.Doc, text string) string {
	var out []string
	unordered := contains(text, arraysInAnyOrder)
	for _, d := range docs {
		line := mongotest.JSON(d)
		if unordered {
			line = sortedArrays(d)
		}
		out = append(out, line)
	}
	if contains(text, anyOrder) {
		slices.Sort(out)
	}
	return strings.Join(out, "\n")
}

func contains(text string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(text, `"`+n+`"`) })
}

// sortedArrays prints a document with its arrays sorted.
func sortedArrays(d bsonraw.Doc) string {
	var fields []string
	it := d.Iter()
	for it.Next() {
		text := mongotest.ValueJSON(it.Value())
		switch it.Value().Type {
		case bsonraw.Array:
			var elements []string
			for _, v := range it.Value().Doc().Values() {
				if v.Type == bsonraw.Object {
					elements = append(elements, sortedArrays(v.Doc()))
				} else {
					elements = append(elements, mongotest.ValueJSON(v))
				}
			}
			slices.Sort(elements)
			text = "[" + strings.Join(elements, ",") + "]"
		case bsonraw.Object:
			text = sortedArrays(it.Value().Doc())
		}
		fields = append(fields, string(it.Key())+":"+text)
	}
	return "{" + strings.Join(fields, ",") + "}"
}
