package publish

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// genValue makes values of every type, nested, with odd names inside.
func genValue(depth int) *rapid.Generator[bsonraw.Value] {
	zoo := wider()[1:] // the first is missing
	return rapid.Custom(func(t *rapid.T) bsonraw.Value {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		switch {
		case kind == 0 && depth > 0:
			return genDoc(depth-1, oddNames).Draw(t, "object").Value()
		case kind == 1 && depth > 0:
			return bsonraw.ArrayValue(rapid.SliceOfN(genValue(depth-1), 0, 3).Draw(t, "array")...)
		case kind < 4:
			return bsonraw.Int32Value(int32(rapid.IntRange(0, 3).Draw(t, "n")))
		}
		return rapid.SampledFrom(zoo).Draw(t, "zoo").Value
	})
}

// genDoc makes a document of some of the names, in any order.
func genDoc(depth int, names []string) *rapid.Generator[bsonraw.Doc] {
	return rapid.Custom(func(t *rapid.T) bsonraw.Doc {
		b := bsonraw.NewBuilder(nil)
		for _, name := range rapid.Permutation(names).Draw(t, "names")[:rapid.IntRange(0, 5).Draw(t, "fields")] {
			b.Value(name, genValue(depth).Draw(t, name))
		}
		return b.Finish()
	})
}

// topNames are names at the top of a document, where a dollar sign cannot begin.
var topNames = []string{"a", "b", "a.b", "0", "c", "d e", "é", ".", "z"}

func withID(id int, d bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", int32(id))
	appendFields(b, d)
	return b.Finish()
}

// change makes a document another one: some fields kept, some moved, some changed
// below.
func change(t *rapid.T, d bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	type field struct {
		name string
		v    bsonraw.Value
	}
	var list []field
	it := d.Iter()
	for it.Next() {
		if string(it.Key()) == "_id" {
			b.Value("_id", it.Value())
			continue
		}
		f := field{string(it.Key()), it.Value()}
		switch rapid.IntRange(0, 5).Draw(t, "fate") {
		case 0:
			continue
		case 1:
			f.v = genValue(2).Draw(t, "new")
		case 2:
			if f.v.Type == bsonraw.Object {
				f.v = change(t, f.v.Doc()).Value()
			}
		}
		list = append(list, f)
	}
	if rapid.IntRange(0, 3).Draw(t, "move") == 0 && len(list) > 0 {
		list = rapid.Permutation(list).Draw(t, "order")
	}
	for _, f := range list {
		b.Value(f.name, f.v)
	}
	out := b.Finish()
	for _, name := range []string{"new1", "a2", "-"} {
		if rapid.Bool().Draw(t, name) && out.Get(name).IsMissing() {
			b := bsonraw.NewBuilder(nil)
			appendFields(b, out)
			b.Value(name, genValue(2).Draw(t, name))
			out = b.Finish()
		}
	}
	return out
}

// A publish onto an untouched copy of the base makes it the branch, bit for bit,
// and a rollback makes it the base again.
func TestPublishMakesTheBranch(t *testing.T) {
	mongotest.URI(t)
	b := newBench(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		coll := fmt.Sprintf("c%d", round%3)
		name := fmt.Sprintf("exp%d", round)
		before := map[int]bsonraw.Doc{}
		var docs []engine.Doc
		for i := range rapid.IntRange(0, 6).Draw(rt, "docs") {
			before[i] = withID(i, genDoc(2, topNames).Draw(rt, "doc"))
			docs = append(docs, before[i])
		}
		b.write("main", func(txn *engine.Txn) error {
			if _, err := txn.Delete(b.t.Context(), coll, &engine.DeleteSpec{Filter: bsonraw.EmptyDoc, Multi: true}); err != nil || len(docs) == 0 {
				return err
			}
			_, err := txn.Insert(b.t.Context(), coll, docs, true)
			return err
		})
		b.branch(name, "main")
		live := b.db.Collection(coll)
		_, err := live.DeleteMany(t.Context(), bson.D{})
		require.NoError(rt, err)
		for _, d := range docs {
			_, err := live.InsertOne(t.Context(), bson.Raw(d))
			require.NoError(rt, err)
		}
		b.write(name, func(txn *engine.Txn) error {
			for i := range 8 {
				fate := rapid.IntRange(0, 3).Draw(rt, "fate")
				id := operator("_id", bsonraw.Int32Value(int32(i)))
				var err error
				switch {
				case before[i] == nil && fate < 2:
					_, err = txn.Insert(b.t.Context(), coll, []engine.Doc{withID(i, genDoc(2, topNames).Draw(rt, "doc"))}, true)
				case before[i] != nil && fate == 0:
					_, err = txn.Delete(b.t.Context(), coll, &engine.DeleteSpec{Filter: id})
				case before[i] != nil && fate < 3:
					post := change(rt, before[i])
					if _, err = txn.Delete(b.t.Context(), coll, &engine.DeleteSpec{Filter: id}); err == nil {
						_, err = txn.Insert(b.t.Context(), coll, []engine.Doc{post}, true)
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		spec := b.spec(name)
		spec.Collections = []string{coll}
		spec.Guard = rapid.SampledFrom([]Guard{Fields, Document}).Draw(rt, "guard")
		spec.Limits.Steps = rapid.IntRange(1, 10).Draw(rt, "steps")
		report, err := b.p.Publish(t.Context(), spec)
		if err != nil && len(b.onBranch(name)) == 0 {
			return // no collection came about
		}
		require.NoError(rt, err)
		want := map[string][]bsonraw.Doc{coll: append([]bsonraw.Doc{}, b.onBranch(name)[coll]...)}
		same(rt2{rt, t}, want, map[string][]bsonraw.Doc{coll: b.liveDocs(coll)})
		if report.ID == "" || report.Counts.Written == 0 {
			return
		}
		_, err = b.p.Rollback(t.Context(), &Again{ID: report.ID})
		require.NoError(rt, err)
		same(rt2{rt, t}, map[string][]bsonraw.Doc{coll: append([]bsonraw.Doc{}, b.onBranch("main")[coll]...)}, map[string][]bsonraw.Doc{coll: b.liveDocs(coll)})
	})
}

// rt2 fails as a rapid test does, and has the rest of a test.
type rt2 struct {
	*rapid.T
	outer *testing.T
}

func (r rt2) Cleanup(fn func()) { r.outer.Cleanup(fn) }
