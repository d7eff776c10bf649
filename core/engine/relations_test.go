package engine

import (
	"maps"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// What has to hold between answers of the engine, whatever they are, over the
// random histories of meta_test.go.

// undoLast undoes the newest commit of a branch on a branch of its own: what is
// left is what was there before it.
func (m *machine) undoLast(t *rapid.T) {
	name := m.anyBranch(t)
	commits := m.model.branches[name].commits
	if len(commits) < 2 {
		t.Skip("no commit since the branch was made")
	}
	last, parent := commits[len(commits)-1], commits[len(commits)-2]
	_, err := m.store.CreateBranch(m.ctx, "p", "undone", head(name), CommitMeta{})
	require.NoError(t, err)
	_, err = m.store.Undo(m.ctx, &UndoSpec{Ref: head("undone"), From: mvcc.LSN(last.lsn), To: mvcc.LSN(last.lsn)})
	require.NoError(t, err)
	m.compare(t, head("undone"), parent.state)
	require.Empty(t, m.diffOf(t, m.at(name, parent), head("undone")), "what undoing %d left of it", last.lsn)
	require.NoError(t, m.store.DeleteBranch(m.ctx, "p", "undone", CommitMeta{}))
}

func (m *machine) at(branch string, c modelCommit) refs.Ref {
	ref := head(branch)
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: mvcc.LSN(c.lsn)}
	return ref
}

// past replays a document's history against every moment that is kept, and holds
// its blame against its fields.
func (m *machine) past(t *rapid.T) {
	name := m.anyBranch(t)
	id := rapid.IntRange(0, 12).Draw(t, "id")
	key := bsonraw.Int32Value(int32(id))
	cur, err := m.store.History(m.ctx, head(name), "c", key)
	require.NoError(t, err)
	history := drain(t, m.ctx, cur)
	commits := m.model.branches[name].commits
	for _, c := range commits {
		var then modelDoc
		for _, entry := range history {
			if lsn, _ := entry.Get("lsn").AsInt64(); uint64(lsn) <= c.lsn {
				then = modelOf(entry.Get("document").Doc())
			}
		}
		require.Equal(t, c.state.docs[id], then, "document %d of %s at %d by its history", id, name, c.lsn)
	}
	blame, err := m.store.Blame(m.ctx, head(name), "c", key)
	require.NoError(t, err)
	var fields modelDoc
	for _, v := range blame.Values() {
		if field := v.Doc().Get("path").Str(); field != "_id" {
			if fields == nil {
				fields = modelDoc{}
			}
			fields[field], _ = v.Doc().Get("value").AsInt64()
		}
	}
	require.Equal(t, commits[len(commits)-1].state.docs[id], fields, "document %d of %s by its blame", id, name)
}

// modelOf returns a document as the model has it, nil if it is not there.
func modelOf(doc Doc) modelDoc {
	if doc == nil {
		return nil
	}
	d := modelDoc{}
	for _, f := range fieldNames {
		d[f], _ = doc.Get(f).AsInt64()
	}
	return d
}

// delta is a document's entry in a diff.
type delta struct{ before, after string }

// diffOf reads a diff of the collection, by _id.
func (m *machine) diffOf(t *rapid.T, base, target refs.Ref) map[int]delta {
	cur, err := m.store.Diff(m.ctx, base, target, "c")
	require.NoError(t, err)
	got := map[int]delta{}
	for _, doc := range drain(t, m.ctx, cur) {
		if id := doc.Get("_id"); !id.IsMissing() { // else it is about the collection itself
			got[int(id.Int32())] = delta{string(doc.Get("before").Data), string(doc.Get("after").Data)}
		}
	}
	return got
}

// checkReversed holds a diff against the one the other way round.
func (m *machine) checkReversed(t *rapid.T, there map[int]delta, base, target refs.Ref) {
	back := m.diffOf(t, target, base)
	for id, d := range back {
		back[id] = delta{d.after, d.before}
	}
	require.True(t, maps.Equal(there, back), "the diff from %s to %s, reversed", base, target)
}
