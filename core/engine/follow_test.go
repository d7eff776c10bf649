package engine

import (
	"strconv"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
)

// follower is a copy of a branch's collection that is kept up by a change stream:
// updates are applied as their descriptions say, to its own last version.
type follower struct {
	stream *ChangeStream // nil: to be opened at token
	token  *changes.Token
	docs   map[int]Doc
	names  map[string]bool // of collections
}

// follow brings the copy of a branch up to date and compares it with the model.
// It reads in pieces, and now and then resumes at the token of the last event.
func (m *machine) follow(t *rapid.T) {
	branch := m.anyBranch(t)
	f := m.followers[branch]
	if f == nil {
		f = &follower{docs: map[int]Doc{}, names: map[string]bool{}}
		if m.followers == nil {
			m.followers = map[string]*follower{}
		}
		m.followers[branch] = f
	}
	for {
		if f.stream == nil {
			spec := &WatchSpec{Ref: head(branch), Expanded: true, FullDocument: true, BeforeChange: true, ResumeAfter: f.token}
			if f.token == nil {
				spec.Since = atLSN(0)
			}
			var err error
			f.stream, err = m.store.Watch(m.ctx, spec)
			require.NoError(t, err)
		}
		doc, ok, err := f.stream.TryNext(m.ctx)
		if errs.Is(err, errs.ChangeStreamHistoryLost) {
			f.stop()
			delete(m.followers, branch)
			return
		}
		require.NoError(t, err)
		token := f.stream.Token()
		if !ok {
			f.token = &token
			break
		}
		f.apply(t, doc)
		if rapid.IntRange(0, 5).Draw(t, "stop") == 0 {
			f.token = &token
			f.stop()
		} else if rapid.Bool().Draw(t, "pause") {
			f.stream.Pause()
		}
	}
	got := map[int]modelDoc{}
	for id, doc := range f.docs {
		d := modelDoc{}
		for _, name := range fieldNames {
			d[name], _ = doc.Get(name).AsInt64()
		}
		got[id] = d
	}
	require.Equal(t, m.model.branches[branch].head().docs, got, "branch %s by its change stream", branch)
	require.True(t, f.names["c"])
}

// apply makes one change.
func (f *follower) apply(t *rapid.T, ev Doc) {
	key := ev.Get("documentKey").Doc().Get("_id")
	id := 0
	if !key.IsMissing() {
		id = int(key.Int32())
	}
	if before := ev.Get("fullDocumentBeforeChange").Doc(); before != nil {
		require.Equal(t, f.docs[id], before)
	}
	switch kind := ev.Get("operationType").Str(); kind {
	case "insert":
		require.Nil(t, f.docs[id], "inserted twice")
		f.docs[id] = ev.Get("fullDocument").Doc().Clone()
	case "replace":
		f.docs[id] = ev.Get("fullDocument").Doc().Clone()
	case "update":
		f.docs[id] = described(t, f.docs[id], ev.Get("updateDescription").Doc())
		require.Equal(t, ev.Get("fullDocument").Doc(), f.docs[id])
	case "delete":
		require.NotNil(t, f.docs[id])
		delete(f.docs, id)
	case "create":
		f.names[ev.Get("ns").Doc().Get("coll").Str()] = true
	case "drop":
		delete(f.names, ev.Get("ns").Doc().Get("coll").Str())
		f.docs = map[int]Doc{}
	case "createIndexes", "dropIndexes":
	default:
		t.Fatalf("an event of kind %q", kind)
	}
}

// described applies an updateDescription.
func described(t *rapid.T, doc, description Doc) Doc {
	var list []update.Change
	for it := description.Get("updatedFields").Doc().Iter(); it.Next(); {
		list = append(list, update.Change{Path: string(it.Key()), Kind: update.Set, Operand: it.Value()})
	}
	for _, v := range description.Get("removedFields").Doc().Values() {
		list = append(list, update.Change{Path: v.Str(), Kind: update.Unset})
	}
	for _, v := range description.Get("truncatedArrays").Doc().Values() {
		t.Fatalf("no arrays here: %s", strconv.Quote(string(bsonraw.Doc(v.Data))))
	}
	doc, err := update.ApplyChanges(doc, list)
	require.NoError(t, err)
	return doc.Clone()
}

func (f *follower) stop() {
	if f.stream != nil {
		_ = f.stream.Close()
		f.stream = nil
	}
}

func (m *machine) stopFollowing() {
	for _, f := range m.followers {
		f.stop()
	}
}
