package command

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// side is one of two servers with a change stream each on a database and on one of
// its collections.
type side struct {
	t       *testing.T
	db      string
	run     func(db string, command bsonraw.Doc) bsonraw.Doc
	cursors map[string]int64
	events  map[string][]bsonraw.Doc
}

func (s *side) open(coll, stage string) {
	name, key := `1`, "$cmd.aggregate"
	if coll != "" {
		name, key = strconv.Quote(coll), coll
	}
	reply := s.run(s.db, doc(s.t, fmt.Sprintf(`{"aggregate": %s, "pipeline": [{"$changeStream": %s}], "cursor": {}}`, name, stage)))
	cursor := reply.Get("cursor").Doc()
	require.NotNil(s.t, cursor, jsonOf(reply))
	require.Empty(s.t, cursor.Get("firstBatch").Doc().Values())
	s.cursors[key] = cursor.Get("id").Int64()
}

// read takes what came on every stream until one event says that all is there.
func (s *side) read(until func(key string, events []bsonraw.Doc) bool) {
	for key, id := range s.cursors {
		for id != 0 && !until(key, s.events[key]) {
			reply := s.run(s.db, doc(s.t, fmt.Sprintf(`{"getMore": {"$numberLong": "%d"}, "collection": %q, "maxTimeMS": 1000}`, id, key)))
			cursor := reply.Get("cursor").Doc()
			require.NotNil(s.t, cursor, "%s: %s", key, jsonOf(reply))
			for _, v := range cursor.Get("nextBatch").Doc().Values() {
				s.events[key] = append(s.events[key], v.Doc().Clone())
			}
			id = cursor.Get("id").Int64()
		}
		s.cursors[key] = id
	}
}

// plainEvent shows an event without what differs: tokens, times, names of
// databases, ids of collections, and the order of what has none.
func plainEvent(ev bsonraw.Doc, db string) string {
	var parts []string
	for it := ev.Iter(); it.Next(); {
		key, v := string(it.Key()), it.Value()
		switch key {
		case "_id", "clusterTime", "wallTime", "collectionUUID", "lsid", "txnNumber":
			continue
		case "updateDescription":
			for in := v.Doc().Iter(); in.Next(); {
				name := string(in.Key())
				if name == "disambiguatedPaths" {
					continue // mongod has them from 6.1 on
				}
				parts = append(parts, name+": "+sorted(in.Value()))
			}
			continue
		case "operationDescription":
			parts = append(parts, key+": "+sorted(leaveOut(v.Doc(), "dropTarget").Value()))
			continue
		case "stateBeforeChange":
			parts = append(parts, key+": "+sorted(leaveOut(v.Doc().Get("collectionOptions").Doc(), "uuid", "validationLevel", "validationAction").Value()))
			continue
		}
		parts = append(parts, key+": "+string(ejson.AppendValue(nil, v, ejson.Canonical)))
	}
	sort.Strings(parts)
	return strings.ReplaceAll(strings.Join(parts, ", "), db, "DB")
}

func leaveOut(d bsonraw.Doc, names ...string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for it := d.Iter(); it.Next(); {
		if !slices.Contains(names, string(it.Key())) {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// eachIndex makes one event for each index of those that name several: mongod has
// one or several, depending on whether there were documents.
func eachIndex(list []bsonraw.Doc) (out []bsonraw.Doc) {
	for _, ev := range list {
		indexes := ev.Get("operationDescription").Doc().Get("indexes").Doc().Values()
		if len(indexes) < 2 {
			out = append(out, ev)
			continue
		}
		for _, v := range indexes {
			b := bsonraw.NewBuilder(nil)
			for it := leaveOut(ev, "operationDescription").Iter(); it.Next(); {
				b.ValueBytes(it.Key(), it.Value())
			}
			b.BeginDoc("operationDescription")
			b.Array("indexes", bsonraw.ArrayValue(v).Doc())
			b.End()
			out = append(out, b.Finish())
		}
	}
	return out
}

// sorted shows the members of a document or array in the order of their text.
func sorted(v bsonraw.Value) string {
	var parts []string
	for it := v.Doc().Iter(); it.Next(); {
		name := string(it.Key()) + ": "
		if v.Type == bsonraw.Array {
			name = ""
		}
		parts = append(parts, name+string(ejson.AppendValue(nil, it.Value(), ejson.Canonical)))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

// operations makes random commands. Documents of one insert ascend, since the
// events of a commit come in the order of their _ids.
type operations struct {
	*rand.Rand
	next int
}

func (o *operations) pick(list ...string) string { return list[o.IntN(len(list))] }

func (o *operations) value() string {
	return o.pick("1", "2.5", `"text"`, "null", `{"x": 1, "y": {"z": 2}}`, `{}`, `[1, 2, 3]`, `[]`, `[{"k": 1}, {"k": 2}]`, `"`+strings.Repeat("long ", 30)+`"`)
}

func (o *operations) path() string {
	return o.pick("a", "b", "c", "o.x", "o.y", "o.y.z", "o.n.m", "l", "l.0", "l.2", "l.1.k", "new."+strconv.Itoa(o.IntN(3)), "big")
}

func (o *operations) id() int { return o.IntN(max(o.next, 1)) }

func (o *operations) command() string {
	coll := o.pick("a", "a", "a", "b")
	switch n := o.IntN(100); {
	case n < 20:
		return o.insert(coll)
	case n < 68:
		return fmt.Sprintf(`{"update": %q, "updates": [{"q": {"_id": %d}, "u": %s}]}`, coll, o.id(), o.update())
	case n < 74:
		return fmt.Sprintf(`{"update": %q, "updates": [{"q": {"_id": %d}, "u": %s, "upsert": true}]}`, coll, 1000+o.IntN(1000), `{"$set": {"up": `+o.value()+`}}`)
	case n < 82:
		return fmt.Sprintf(`{"update": %q, "updates": [{"q": {"_id": %d}, "u": {"r": %s, "a": %d}}]}`, coll, o.id(), o.value(), o.IntN(5))
	case n < 88:
		return fmt.Sprintf(`{"delete": %q, "deletes": [{"q": {"_id": %d}, "limit": 1}]}`, coll, o.id())
	case n < 92:
		return fmt.Sprintf(`{"findAndModify": %q, "query": {"_id": %d}, "update": {"$inc": {"fm": 1}}}`, coll, o.id())
	case n < 94:
		return fmt.Sprintf(`{"createIndexes": %q, "indexes": [{"key": {"a": 1}, "name": "a_1"}, {"key": {"b": -1, "c": 1}, "name": "bc", "sparse": true}]}`, coll)
	case n < 96:
		return fmt.Sprintf(`{"dropIndexes": %q, "index": %q}`, coll, o.pick("a_1", "bc", "*"))
	}
	o.next++
	return fmt.Sprintf(`{"collMod": %q, "validator": {"zz": {"$ne": %d}}}`, coll, o.next)
}

func (o *operations) insert(coll string) string {
	var docs []string
	for range 1 + o.IntN(3) {
		docs = append(docs, fmt.Sprintf(`{"_id": %d, "a": %d, "b": %s, "o": {"x": %s, "y": {"z": 1}}, "l": [1, {"k": 1}, 3, 4], "big": [%s{"k": 1}]}`,
			o.next, o.IntN(10), o.value(), o.value(), strings.Repeat("1, ", o.IntN(20))))
		o.next++
	}
	return fmt.Sprintf(`{"insert": %q, "documents": [%s]}`, coll, strings.Join(docs, ", "))
}

func (o *operations) update() string {
	path := strconv.Quote(o.path())
	switch o.IntN(14) {
	case 0, 1:
		return fmt.Sprintf(`{"$set": {%s: %s}}`, path, o.value())
	case 2:
		return fmt.Sprintf(`{"$set": {%s: %s, "z": %d}, "$inc": {"count": 1}}`, path, o.value(), o.IntN(3))
	case 3:
		return fmt.Sprintf(`{"$unset": {%s: 1}}`, path)
	case 4:
		return fmt.Sprintf(`{"$inc": {%s: %d}}`, path, 1+o.IntN(3))
	case 5:
		return fmt.Sprintf(`{"$push": {%s: %s}}`, path, o.value())
	case 6:
		return fmt.Sprintf(`{"$push": {%s: {"$each": [7, %s]%s}}}`, path, o.value(), o.pick("", `, "$slice": -4`, `, "$position": 1`, `, "$sort": 1`))
	case 7:
		return fmt.Sprintf(`{"$addToSet": {%s: %s}}`, path, o.value())
	case 8:
		return fmt.Sprintf(`{%q: {%s: %s}}`, o.pick("$pop", "$min", "$max"), path, o.pick("1", "-1"))
	case 9:
		return fmt.Sprintf(`{"$pull": {%s: %s}}`, path, o.pick("1", `{"k": 1}`))
	case 10:
		return fmt.Sprintf(`{"$rename": {%s: %q}}`, path, o.pick("moved", "o.moved"))
	case 11:
		return fmt.Sprintf(`[{"$set": {%s: %s}}]`, path, o.value())
	case 12:
		return fmt.Sprintf(`[{"$unset": [%s, "b"]}]`, path)
	}
	return fmt.Sprintf(`[{"$set": {"big": {"$slice": ["$big", %d]}, "a": %d, "l": {"$concatArrays": [{"$slice": ["$l", %d]}, [%s]]}}}]`, 1+o.IntN(12), o.IntN(9), 1+o.IntN(4), o.value())
}

// TestChangeStreamsAgainstMongod makes the same random changes here and on a real
// mongod, and compares what change streams on a database and on a collection say.
func TestChangeStreamsAgainstMongod(t *testing.T) {
	seeds := 3
	if n, err := strconv.Atoi(os.Getenv("ARGON_WATCH_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compareStreams(t, uint64(seed)) })
	}
}

func compareStreams(t *testing.T, seed uint64) {
	db := mongotest.Database(t)
	d, conn := newDoor(t), dialMongod(t)
	newSide := func(run func(string, bsonraw.Doc) bsonraw.Doc) *side {
		return &side{t: t, db: db, run: run, cursors: map[string]int64{}, events: map[string][]bsonraw.Doc{}}
	}
	ours := newSide(func(db string, command bsonraw.Doc) bsonraw.Doc {
		reply, err := d.Run(context.Background(), d.sess, db, command)
		if err != nil {
			return ErrorReply(err)
		}
		return reply
	})
	theirs := newSide(func(db string, command bsonraw.Doc) bsonraw.Doc { return conn.run(t, db, command) })
	both := func(command string) {
		a, b := ours.run(db, doc(t, command)), theirs.run(db, doc(t, command))
		require.Equal(t, b.Get("ok").Truthy(), a.Get("ok").Truthy(), "%s\n%s\n%s", command, jsonOf(a), jsonOf(b))
	}
	for _, coll := range []string{"a", "b"} {
		both(fmt.Sprintf(`{"create": %q, "changeStreamPreAndPostImages": {"enabled": true}}`, coll))
	}
	for _, s := range []*side{ours, theirs} {
		s.open("", `{"fullDocument": "required", "fullDocumentBeforeChange": "required", "showExpandedEvents": true}`)
		s.open("a", `{}`)
	}
	o := &operations{Rand: rand.New(rand.NewPCG(seed, 1))}
	for range 150 {
		both(o.command())
	}
	both(`{"create": "v", "viewOn": "a", "pipeline": []}`)
	both(`{"insert": "new", "documents": [{"_id": 1}]}`)
	both(`{"insert": "a", "documents": [{"_id": "last"}]}`)
	conn.run(t, "admin", doc(t, fmt.Sprintf(`{"renameCollection": "%s.a", "to": "%s.b", "dropTarget": true}`, db, db)))
	d.run("admin", fmt.Sprintf(`{"renameCollection": "%s.a", "to": "%s.b", "dropTarget": true}`, db, db))
	both(`{"insert": "b", "documents": [{"_id": "after"}]}`)
	both(`{"drop": "new"}`)
	both(`{"drop": "v"}`)
	both(`{"create": "v", "viewOn": "b", "pipeline": []}`)
	both(`{"dropDatabase": 1}`)
	for _, s := range []*side{ours, theirs} {
		s.read(func(string, []bsonraw.Doc) bool { return false })
	}
	for key, list := range theirs.events {
		list = eachIndex(list)
		got := ours.events[key]
		for i := range list {
			want := plainEvent(list[i], db)
			require.Greater(t, len(got), i, "%s: missing %s", key, want)
			require.Equal(t, want, plainEvent(got[i], db), "%s: event %d of %d: the image before: %s", key, i, len(list), jsonOf(list[i]))
		}
		require.Len(t, got, len(list), key)
	}
	require.Len(t, theirs.events, 2)
}
