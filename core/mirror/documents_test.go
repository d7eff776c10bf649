package mirror

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func nested(levels int) bson.D {
	d := bson.D{{Key: "x", Value: 1}}
	for range levels {
		d = bson.D{{Key: "x", Value: d}}
	}
	return d
}

// odd are documents that a source takes: some of them we do not.
func odd() (held, refused []any) {
	text, name := bsonraw.NewBuilder(nil), bsonraw.NewBuilder(nil)
	text.String("_id", "no UTF-8")
	text.Value("s", bsonraw.Value{Type: bsonraw.String, Data: []byte{3, 0, 0, 0, 0xff, 0xfe, 0}})
	name.String("_id", "no UTF-8 in a name")
	name.Int32("k\xff", 1)
	refused = []any{bson.Raw(text.Finish()), bson.Raw(name.Finish()), bson.D{{Key: "_id", Value: "deep"}, {Key: "x", Value: nested(150)}}}
	held = []any{
		bson.D{{Key: "_id", Value: "twice"}, {Key: "a", Value: 1}, {Key: "a", Value: 2}},
		bson.D{{Key: "_id", Value: "names"}, {Key: "$a", Value: 1}, {Key: "b.c", Value: 2}, {Key: "", Value: 3}, {Key: "n", Value: bson.D{{Key: "$x", Value: 1}, {Key: "a.b", Value: 1}}}},
		bson.D{
			{Key: "_id", Value: "types"},
			{Key: "u", Value: bson.Undefined{}},
			{Key: "s", Value: bson.Symbol("s")},
			{Key: "m", Value: bson.MinKey{}},
			{Key: "p", Value: bson.DBPointer{DB: "d", Pointer: bson.ObjectID{1}}},
			{Key: "c", Value: bson.CodeWithScope{Code: "x", Scope: bson.D{}}},
			{Key: "r", Value: bson.Regex{Pattern: "(", Options: "i"}},
			{Key: "t", Value: bson.D{{Key: "zero", Value: bson.Timestamp{}}}},
		},
		bson.D{{Key: "_id", Value: nil}},
		bson.D{{Key: "_id", Value: bson.D{}}},
		bson.D{{Key: "_id", Value: bson.MinKey{}}},
		bson.D{{Key: "_id", Value: "large"}, {Key: "x", Value: strings.Repeat("x", 16<<20-100)}},
	}
	return held, refused
}

// TestWhatCannotBeHeld copies and follows documents that a source takes. Those that
// Argon does not hold are named, and named no more once they are gone or mended;
// nothing stops.
func TestWhatCannotBeHeld(t *testing.T) {
	held, refused := odd()
	for _, copied := range []bool{true, false} {
		w := newWorld(t)
		c := w.db.Collection("c")
		w.insert("c", bson.M{"_id": 0})
		if !copied {
			w.add()
			w.sync()
		}
		for _, doc := range append(held, refused...) {
			_, err := c.InsertOne(w.ctx(), doc)
			require.NoError(t, err)
		}
		if copied {
			w.add()
		}
		s := w.sync().Databases[0]
		require.EqualValues(t, len(refused), s.Refusals, "%+v", s.Refused)
		r := w.compare()
		require.EqualValues(t, len(refused), r.Differing, "%+v", r.Documents)
		for _, d := range r.Documents {
			require.Equal(t, "missing", d.Kind)
		}
		require.Contains(t, strings.Join(w.status().Warnings, " "), "cannot be held")

		_, err := c.UpdateMany(w.ctx(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "z", Value: 1}}}})
		require.NoError(t, err)
		s = w.sync().Databases[0]
		require.EqualValues(t, len(refused), s.Refusals, "each is named once: %+v", s.Refused)
		require.EqualValues(t, len(refused), w.compare().Differing)

		_, err = c.DeleteOne(w.ctx(), bson.M{"_id": "no UTF-8"})
		require.NoError(t, err)
		_, err = c.UpdateOne(w.ctx(), bson.M{"_id": "deep"}, bson.M{"$unset": bson.M{"x": 1}})
		require.NoError(t, err)
		require.EqualValues(t, 1, w.sync().Databases[0].Refusals)
		require.NoError(t, c.Drop(w.ctx()))
		require.Zero(t, w.sync().Databases[0].Refusals)
		require.NotContains(t, strings.Join(w.status().Warnings, " "), "cannot be held")
		w.verify()
	}
}

// TestLargeEvents has updates whose events are larger than the source can send.
func TestLargeEvents(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("p", 200)
	// The source's log has a change of many fields of one object, which is small
	// beside the object; the event repeats the object's name for each of them.
	inner := bson.D{{Key: "filler", Value: strings.Repeat("x", 8<<20)}}
	for range 90_000 {
		inner = append(inner, bson.E{Key: bson.NewObjectID().Hex(), Value: 1})
	}
	w.insert("docs", bson.D{{Key: "_id", Value: 1}, {Key: long, Value: inner}})
	w.add()
	w.sync()
	field := bson.D{{Key: "k", Value: "$$this.k"}, {Key: "v", Value: bson.D{{Key: "$cond", Value: bson.A{bson.D{{Key: "$isNumber", Value: "$$this.v"}}, 2, "$$this.v"}}}}}
	fields := bson.D{{Key: "$map", Value: bson.D{{Key: "input", Value: bson.D{{Key: "$objectToArray", Value: "$" + long}}}, {Key: "in", Value: field}}}}
	_, err := w.db.Collection("docs").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: long, Value: bson.D{{Key: "$arrayToObject", Value: fields}}}}}}})
	require.NoError(t, err)
	w.insert("docs", bson.M{"_id": 2})
	w.sync()
	w.verify()
	require.Len(t, w.find("", "docs"), 2)
	require.Contains(t, strings.Join(w.log()[:3], "\n"), "too large for the source to send")
}

// TestEventsOverTheLimit has documents of nearly 16 MB, with pre-images, whose
// _ids make the events of their replacements and updates larger than the source can
// send (10334, BSONObjectTooLarge).
func TestEventsOverTheLimit(t *testing.T) {
	set := mongotest.NewSet(t, 1, "--wiredTigerCacheSizeGB", "1", "--oplogSize", "990")
	w := &world{t: t, dir: t.TempDir(), uri: set.URI, db: set.Client.Database("shop")}
	w.open()
	t.Cleanup(w.close)
	w.run(bson.D{{Key: "create", Value: "docs"}, {Key: "changeStreamPreAndPostImages", Value: bson.D{{Key: "enabled", Value: true}}}})
	w.add()
	w.sync()
	docs := w.db.Collection("docs")
	// The source's log has the _id twice, an event four times.
	const size = 7 << 10
	id := strings.Repeat("i", size)
	doc := func(fill string) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "x", Value: strings.Repeat(fill, 16<<20-size-100)}}
	}
	is := bson.M{"_id": id}
	w.insert("docs", doc("a"), bson.D{{Key: "_id", Value: 2}})
	w.sync()
	w.verify()
	_, err := docs.ReplaceOne(w.ctx(), is, doc("b"))
	require.NoError(t, err)
	_, err = docs.UpdateOne(w.ctx(), is, bson.M{"$set": bson.M{"x": strings.Repeat("c", 16<<20-size-200)}})
	require.NoError(t, err)
	_, err = docs.UpdateOne(w.ctx(), bson.M{"_id": 2}, bson.M{"$set": bson.M{"n": 1}})
	require.NoError(t, err)
	w.sync()
	w.verify()
	require.GreaterOrEqual(t, w.status().Databases[0].Reread, int64(2))
	log := w.messages()
	require.Empty(t, log[0], "what comes behind is none of it")
	for _, message := range log[1:3] {
		// 6.0.5 breaks the connection where the event is only just small enough.
		require.Regexp(t, "re-read from the source, at the time of the change: the (event was too large|source broke the connection)", message)
	}
	// Each state is that of its time.
	for moment, fill := range map[string]string{"@-1": "c", "@-2": "b", "@-4": "a"} {
		found := strings.Join(w.find(moment, "docs"), "")
		require.Contains(t, found, `"x":"`+fill+fill, moment)
	}
}
