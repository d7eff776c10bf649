package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// machine runs random operations on a store and on the model. A failure prints
// the seed and the shortest sequence that rapid found; -rapid.seed replays it.
type machine struct {
	dir   string
	store *Store
	ctx   context.Context
	model *model
	// followers are copies of branches, kept up by their change streams alone.
	followers map[string]*follower
}

var fieldNames = []string{"f", "g", "c"}

// TestMetamorphic holds the engine against a naive model over random branches,
// writes, merges, restores, collections of garbage and restarts.
func TestMetamorphic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "argon-meta-")
		require.NoError(t, err)
		m := &machine{dir: dir, ctx: context.Background(), model: &model{
			branches: map[string]*modelBranch{}, tags: map[string]*modelState{},
		}}
		defer os.RemoveAll(dir)
		m.open(t)
		defer func() {
			checkStore(t, m.store)
			m.stopFollowing()
			m.store.Close()
		}()
		m.begin(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"insert":  m.insert,
			"set":     func(t *rapid.T) { m.modify(t, "$set") },
			"inc":     func(t *rapid.T) { m.modify(t, "$inc") },
			"delete":  m.delete,
			"branch":  m.branch,
			"restore": m.restore,
			"merge":   m.merge,
			"tag":     m.tag,
			"gc":      m.gc,
			"reopen":  m.reopen,
			"diff":    m.diff,
			"follow":  m.follow,
			"undo":    m.undoLast,
			"past":    m.past,
		})
	})
}

func (m *machine) open(t *rapid.T) {
	s, err := Open(m.ctx, m.dir, nil)
	require.NoError(t, err)
	m.store = s
}

// begin makes the collection with an index on f, so that queries on f go
// through an index on every branch.
func (m *machine) begin(t *rapid.T) {
	lsn := m.write(t, "main", func(txn *Txn) error {
		_, _, err := txn.CreateIndexes(m.ctx, "c", []Doc{stage("key", stage("f", bsonraw.Int32Value(1)).Value())})
		return err
	})
	m.model.branches["main"] = &modelBranch{commits: []modelCommit{{uint64(lsn), newState()}}}
}

func (m *machine) write(t *rapid.T, branch string, fn func(*Txn) error) mvcc.LSN {
	lsn, err := m.store.Write(m.ctx, head(branch), CommitMeta{Actor: "meta"}, fn)
	require.NoError(t, err)
	return lsn
}

func (m *machine) anyBranch(t *rapid.T) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.model.branches))).Draw(t, "branch")
}

// commit records what a write made of a branch's head.
func (m *machine) commit(branch string, lsn mvcc.LSN, s *modelState) {
	b := m.model.branches[branch]
	b.commits = append(b.commits, modelCommit{uint64(lsn), s})
}

func modelBSON(id int, d modelDoc) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", int32(id))
	for _, f := range fieldNames {
		b.Int64(f, d[f])
	}
	return b.Finish()
}

func (m *machine) insert(t *rapid.T) {
	branch := m.anyBranch(t)
	s := m.model.branches[branch].head().clone()
	var docs []Doc
	for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(0, 12), 1, 4, rapid.ID).Draw(t, "ids") {
		if s.docs[id] != nil {
			continue
		}
		d := modelDoc{"f": rapid.Int64Range(0, 3).Draw(t, "f"), "g": 0, "c": 0}
		s.docs[id] = d
		m.model.record(s, modelEvent{doc: id})
		docs = append(docs, modelBSON(id, d))
	}
	if len(docs) == 0 {
		t.Skip("all there")
	}
	lsn := m.write(t, branch, func(txn *Txn) error {
		res, err := txn.Insert(m.ctx, "c", docs, true)
		if err == nil {
			require.Empty(t, res.Errors)
		}
		return err
	})
	m.commit(branch, lsn, s)
}

func (m *machine) modify(t *rapid.T, op string) {
	branch := m.anyBranch(t)
	s := m.model.branches[branch].head().clone()
	field := rapid.SampledFrom(fieldNames).Draw(t, "field")
	by := rapid.Int64Range(1, 3).Draw(t, "by")
	below := rapid.IntRange(1, 12).Draw(t, "below")
	changed := false
	for _, id := range slices.Sorted(maps.Keys(s.docs)) {
		switch d := s.docs[id]; {
		case id >= below, op == "$set" && d[field] == by:
			continue // an update without effect is no event
		case op == "$set":
			d[field] = by
		default:
			d[field] += by
		}
		changed = true
		m.model.record(s, modelEvent{doc: id, field: field, inc: op == "$inc", by: by})
	}
	lsn := m.write(t, branch, func(txn *Txn) error {
		_, err := txn.Update(m.ctx, "c", &UpdateSpec{
			Filter: stage("_id", stage("$lt", bsonraw.Int32Value(int32(below))).Value()),
			Update: stage(op, stage(field, bsonraw.Int64Value(by)).Value()).Value(), Multi: true,
		})
		return err
	})
	require.Equal(t, changed, lsn != 0, "a commit if and only if something changed")
	if changed {
		m.commit(branch, lsn, s)
	}
}

func (m *machine) delete(t *rapid.T) {
	branch := m.anyBranch(t)
	s := m.model.branches[branch].head().clone()
	if len(s.docs) == 0 {
		t.Skip("empty")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(s.docs))).Draw(t, "id")
	delete(s.docs, id)
	m.model.record(s, modelEvent{doc: id})
	lsn := m.write(t, branch, func(txn *Txn) error {
		n, err := txn.Delete(m.ctx, "c", &DeleteSpec{Filter: stage("_id", bsonraw.Int32Value(int32(id)))})
		require.EqualValues(t, 1, n)
		return err
	})
	m.commit(branch, lsn, s)
}

// anyMoment draws a commit that a branch has made since it was made or restored.
func (m *machine) anyMoment(t *rapid.T, branch string) (refs.Ref, *modelState) {
	commits := m.model.branches[branch].commits
	c := commits[rapid.IntRange(0, len(commits)-1).Draw(t, "commit")]
	return m.at(branch, c), c.state
}

func (m *machine) branch(t *rapid.T) {
	if len(m.model.branches) >= 5 {
		t.Skip("enough")
	}
	ref, state := m.anyMoment(t, m.anyBranch(t))
	name := fmt.Sprintf("b%d", len(m.model.branches))
	b, err := m.store.CreateBranch(m.ctx, "p", name, ref, CommitMeta{})
	require.NoError(t, err)
	m.model.branches[name] = &modelBranch{commits: []modelCommit{{uint64(b.ForkLSN), state.clone()}}}
}

func (m *machine) restore(t *rapid.T) {
	branch := m.anyBranch(t)
	ref, state := m.anyMoment(t, branch)
	_, _, err := m.store.Restore(m.ctx, ref, CommitMeta{})
	require.NoError(t, err)
	m.model.branches[branch] = &modelBranch{commits: []modelCommit{{uint64(ref.Moment.LSN), state.clone()}}}
}

func (m *machine) merge(t *rapid.T) {
	from, into := m.anyBranch(t), m.anyBranch(t)
	if from == into {
		t.Skip("one branch")
	}
	winner := rapid.SampledFrom([]string{"ours", "theirs"}).Draw(t, "winner")
	b := m.model.branches
	state, conflicts := m.model.merge(b[into].head(), b[from].head(), winner)
	spec := &MergeSpec{Project: "p", From: head(from), Into: head(into)}
	plan, err := m.store.MergePlan(m.ctx, spec)
	require.NoError(t, err)
	counts := plan.Get("plan").Doc().Get("counts").Doc()
	found, _ := counts.Get("conflicts").AsInt64()
	require.EqualValues(t, conflicts, found, "conflicts")
	spec.Resolve.Strategy = winner
	reply, err := m.store.Merge(m.ctx, spec)
	require.NoError(t, err)
	if lsn, _ := reply.Get("lsn").AsInt64(); lsn != 0 {
		m.commit(into, mvcc.LSN(lsn), state)
	}
	again, err := m.store.MergePlan(m.ctx, &MergeSpec{Project: "p", From: head(from), Into: head(into)})
	require.NoError(t, err)
	require.True(t, again.Get("plan").Doc().Get("upToDate").Bool(), "merged already")
}

func (m *machine) tag(t *rapid.T) {
	if len(m.model.tags) >= 3 {
		t.Skip("enough")
	}
	name := fmt.Sprintf("t%d", len(m.model.tags))
	ref, state := m.anyMoment(t, m.anyBranch(t))
	_, err := m.store.CreateTag(m.ctx, name, ref, CommitMeta{})
	require.NoError(t, err)
	m.model.tags[ref.Branch+"@"+name] = state
}

// gc collects everything that is not a head or a tag. The past is gone from the
// model then.
func (m *machine) gc(t *rapid.T) {
	_, err := m.store.GC(m.ctx, &GCSpec{Keep: 1})
	require.NoError(t, err)
	for _, b := range m.model.branches {
		b.commits = b.commits[len(b.commits)-1:]
	}
}

func (m *machine) reopen(t *rapid.T) {
	m.stopFollowing()
	require.NoError(t, m.store.Close())
	m.open(t)
}

func (m *machine) diff(t *rapid.T) {
	baseRef, base := m.anyMoment(t, m.anyBranch(t))
	targetRef, target := m.anyMoment(t, m.anyBranch(t))
	found := m.diffOf(t, baseRef, targetRef)
	m.checkReversed(t, found, baseRef, targetRef)
	got := map[int]bool{}
	for id := range found {
		got[id] = true
	}
	want := map[int]bool{}
	for id := range 13 {
		if !maps.Equal(base.docs[id], target.docs[id]) {
			want[id] = true
		}
	}
	require.Equal(t, want, got)
}

// drain reads a cursor to its end.
func drain(t require.TestingT, ctx context.Context, cur Cursor) []Doc {
	var docs []Doc
	for {
		doc, ok, err := cur.Next(ctx)
		require.NoError(t, err)
		if !ok {
			require.NoError(t, cur.Close())
			return docs
		}
		docs = append(docs, doc.Clone())
	}
}

// check compares a head, a past moment and every tag with the model.
func (m *machine) check(t *rapid.T) {
	for _, name := range slices.Sorted(maps.Keys(m.model.branches)) {
		m.compare(t, head(name), m.model.branches[name].head())
	}
	ref, state := m.anyMoment(t, m.anyBranch(t))
	m.compare(t, ref, state)
	for name, state := range m.model.tags {
		ref, err := refs.ParseRef(name)
		require.NoError(t, err)
		ref.Project = "p"
		m.compare(t, ref, state)
	}
}

// compare reads a ref by scan, by count and through the index.
func (m *machine) compare(t *rapid.T, ref refs.Ref, want *modelState) {
	snap, err := m.store.Snapshot(m.ctx, ref)
	require.NoError(t, err)
	defer snap.Close()
	cur, err := snap.Find(m.ctx, "c", &FindSpec{})
	require.NoError(t, err)
	got := map[int]modelDoc{}
	for _, doc := range drain(t, m.ctx, cur) {
		d := modelDoc{}
		for _, f := range fieldNames {
			d[f], _ = doc.Get(f).AsInt64()
		}
		got[int(doc.Get("_id").Int32())] = d
	}
	require.Equal(t, want.docs, got, "ref %s", ref)
	n, err := snap.Count(m.ctx, "c", &CountSpec{})
	require.NoError(t, err)
	require.EqualValues(t, len(want.docs), n, "count at %s", ref)
	m.compareIndexed(t, snap, want)
}

func (m *machine) compareIndexed(t *rapid.T, snap *Snapshot, want *modelState) {
	f := rapid.Int64Range(0, 6).Draw(t, "value")
	cur, err := snap.Find(m.ctx, "c", &FindSpec{
		Filter: stage("f", bsonraw.Int64Value(f)), Hint: bsonraw.StringValue("f_1"),
	})
	require.NoError(t, err)
	var ids []int
	for _, doc := range drain(t, m.ctx, cur) {
		ids = append(ids, int(doc.Get("_id").Int32()))
	}
	slices.Sort(ids)
	var expect []int
	for id, d := range want.docs {
		if d["f"] == f {
			expect = append(expect, id)
		}
	}
	slices.Sort(expect)
	require.Equal(t, expect, ids, "through the index at %s", snap.Ref())
}
