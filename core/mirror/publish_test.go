package mirror

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/publish"
	"github.com/argon-lab/argon/core/refs"
)

// messages are those of the branch's log, newest first.
func (w *world) messages() (list []string) {
	cur, err := w.store.Log(w.ctx(), w.ref("main"), &engine.LogSpec{})
	require.NoError(w.t, err)
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(w.ctx())
		require.NoError(w.t, err)
		if !ok {
			return list
		}
		list = append(list, doc.Get("message").Str())
	}
}

func (w *world) ref(text string) refs.Ref {
	ref, err := refs.ParseRef(text)
	require.NoError(w.t, err)
	ref.Project = "shop"
	return ref
}

// A branch of the mirror is published to the mirror's own source: the mirror sees
// the writes and says whose they are. Later writes at the source are conflicts of
// what is published then.
func TestPublishToTheSource(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}}, bson.D{{Key: "_id", Value: 2}, {Key: "n", Value: 2}})
	w.add()
	w.sync()
	_, err := w.store.CreateBranch(w.ctx(), "shop", "fix", w.ref("main"), engine.CommitMeta{})
	require.NoError(t, err)
	_, err = w.store.Write(w.ctx(), w.ref("fix"), engine.CommitMeta{}, func(txn *engine.Txn) error {
		_, err := txn.Update(w.ctx(), "users", &engine.UpdateSpec{Filter: bsonraw.EmptyDoc, Update: doc(t, bson.D{{Key: "$set", Value: bson.D{{Key: "ok", Value: true}}}}).Value(), Multi: true})
		return err
	})
	require.NoError(t, err)

	p := publish.New(w.store)
	spec := &publish.Spec{Target: w.uri, Database: w.db.Name(), Source: w.ref("fix")}
	report, err := p.Publish(w.ctx(), spec)
	require.NoError(t, err)
	require.EqualValues(t, 2, report.Counts.Written)
	w.sync()
	w.verify()
	require.Equal(t, "publish "+report.ID, w.messages()[0])

	// Someone deletes the users. The mirror saw it, and knows how they were.
	w.run(bson.D{{Key: "drop", Value: "users"}})
	w.sync()
	restored, err := p.Publish(w.ctx(), &publish.Spec{
		Target: w.uri, Database: w.db.Name(), Source: w.ref("main@-1"), Restore: true, Collections: []string{"users"},
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, restored.Counts.Written)
	w.sync()
	w.verify()
	require.Len(t, w.find("", "users"), 2)
	require.Equal(t, "publish "+restored.ID, w.messages()[0])

	// The source moves on; what the branch was based on is no longer there.
	w.run(bson.D{{Key: "update", Value: "users"}, {Key: "updates", Value: bson.A{bson.D{
		{Key: "q", Value: bson.D{}}, {Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "ok", Value: "later"}}}}}, {Key: "multi", Value: true},
	}}}})
	_, err = p.Publish(w.ctx(), spec)
	require.ErrorContains(t, err, "2 conflicts")
}

func doc(t *testing.T, v any) bsonraw.Doc {
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return bsonraw.Doc(raw)
}
