package update

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/query"
)

// fuzzed is what one input stands for: three BSON documents one after the other,
// a document, an update (its field u) and an array of array filters.
type fuzzed struct {
	doc     bsonraw.Doc
	update  bsonraw.Value
	filters []bsonraw.Doc
	pos     int
}

func (f fuzzed) String() string {
	return fmt.Sprintf("document %s\nupdate %s", mongotest.JSON(f.doc), mongotest.ValueJSON(f.update))
}

func parseFuzzed(b []byte, pos int) (f fuzzed, ok bool) {
	var parts [3]bsonraw.Doc
	for i := range parts {
		n, ok := bsonraw.ValueSize(bsonraw.Object, b)
		if !ok || bsonraw.Validate(b[:n]) != nil {
			return f, false
		}
		parts[i], b = b[:n], b[n:]
	}
	for _, v := range parts[2].Values() {
		if v.Type == bsonraw.Object {
			f.filters = append(f.filters, v.Doc())
		}
	}
	f.doc, f.update, f.pos = parts[0], parts[1].Get("u"), pos
	return f, !f.update.IsMissing()
}

func seedOf(doc bsonraw.Doc, update bsonraw.Value, filters ...bsonraw.Doc) []byte {
	b := bsonraw.NewBuilder(nil)
	b.Value("u", update)
	seed := append(doc.Clone(), b.Finish()...)
	return append(seed, arrayOfDocs(filters).Data...)
}

// FuzzUpdate applies any update to any document: no panic, no broken document,
// and changes that lead there.
func FuzzUpdate(f *testing.F) {
	g := newGen(5)
	for range 300 {
		u, filters := g.operators()
		f.Add(seedOf(g.stored(g.scalar()), u.Value(), filters...), g.IntN(4)-1)
	}
	for range 30 {
		doc := g.stored(g.scalar())
		f.Add(seedOf(doc, g.replacement(doc).Value()), -1)
	}
	for _, u := range []string{
		`{"$push": {"a": {"$each": [{"x": 1}], "$sort": {"x": 1, "y.z": -1}, "$slice": -3, "$position": 1}}}`,
		`{"$bit": {"a": {"and": 1, "or": 2}}, "$currentDate": {"d": true, "e": {"$type": "timestamp"}}}`,
		`{"$pull": {"a": {"b": {"$gt": 1}, "c": {"$in": [1, null]}}}, "$rename": {"x.y": "z.w"}}`,
		`[{"$set": {"a": {"$add": ["$n", 1]}}}, {"$unset": ["b", "c.d"]}, {"$replaceWith": "$$ROOT"}]`,
	} {
		f.Add(seedOf(mongotest.Doc(`{"_id": 1, "a": [1, {"x": 1}], "n": 2}`), mongotest.Value(u)), 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, pos int) {
		in, ok := parseFuzzed(b, pos)
		if !ok {
			return
		}
		u, err := Compile(in.update, &Options{ArrayFilters: in.filters, Now: now})
		if err != nil {
			return
		}
		if r, err := u.Apply(in.doc, max(in.pos, -1), nil); err == nil {
			checkChanges(t, in.doc, r, in)
		}
		filter, err := query.Compile(mongotest.Doc(`{"a": 1, "b.c": "x"}`), nil)
		require.NoError(t, err)
		if doc, err := u.Upsert(filter, func() bsonraw.Value { return bsonraw.NullValue }); err == nil {
			require.NoError(t, bsonraw.Validate(doc))
		}
	})
}
