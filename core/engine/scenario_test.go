package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// scenario is a store with helpers that read like a story. Documents, filters
// and updates are Extended JSON.
type scenario struct {
	*testing.T
	ctx   context.Context
	store *Store
}

func newScenario(t *testing.T) *scenario {
	return &scenario{T: t, ctx: context.Background(), store: openTest(t)}
}

// js reads relaxed Extended JSON; integers are int32.
func (s *scenario) js(text string) Doc {
	var d bson.D
	require.NoError(s, bson.UnmarshalExtJSON([]byte(text), false, &d), text)
	raw, err := bson.Marshal(d)
	require.NoError(s, err)
	return Doc(raw)
}

// text is js the other way round.
func (s *scenario) text(d Doc) string {
	out, err := bson.MarshalExtJSON(bson.Raw(d), false, false)
	require.NoError(s, err)
	return string(out)
}

func (s *scenario) write(branch, actor string, fn func(*Txn) error) mvcc.LSN {
	s.Helper()
	lsn, err := s.store.Write(s.ctx, head(branch), CommitMeta{Actor: actor}, fn)
	require.NoError(s, err)
	return lsn
}

func (s *scenario) insert(branch, coll string, docs ...string) mvcc.LSN {
	s.Helper()
	return s.write(branch, "me", func(t *Txn) error {
		var list []Doc
		for _, d := range docs {
			list = append(list, s.js(d))
		}
		res, err := t.Insert(s.ctx, coll, list, true)
		if err == nil && len(res.Errors) > 0 {
			err = res.Errors[0].Err
		}
		return err
	})
}

func (s *scenario) updateBy(actor, branch, coll, filter, change string) mvcc.LSN {
	s.Helper()
	return s.write(branch, actor, func(t *Txn) error {
		_, err := t.Update(s.ctx, coll, &UpdateSpec{Filter: s.js(filter), Update: s.js(change).Value(), Multi: change[1] == '"' || change[1] == '$'})
		return err
	})
}

func (s *scenario) update(branch, coll, filter, change string) mvcc.LSN {
	s.Helper()
	return s.updateBy("me", branch, coll, filter, change)
}

func (s *scenario) delete(branch, coll, filter string) mvcc.LSN {
	s.Helper()
	return s.write(branch, "me", func(t *Txn) error {
		_, err := t.Delete(s.ctx, coll, &DeleteSpec{Filter: s.js(filter), Multi: true})
		return err
	})
}

func (s *scenario) branch(name, from string) {
	s.Helper()
	ref, err := refs.ParseRef(from)
	require.NoError(s, err)
	_, err = s.store.CreateBranch(s.ctx, "p", name, ref, CommitMeta{})
	require.NoError(s, err)
}

func (s *scenario) ref(text string) refs.Ref {
	ref, err := refs.ParseRef(text)
	require.NoError(s, err)
	ref.Project = "p"
	return ref
}

// docs reads a collection at a ref, as texts.
func (s *scenario) docs(ref, coll string) []string {
	s.Helper()
	snap, err := s.store.Snapshot(s.ctx, s.ref(ref))
	require.NoError(s, err)
	defer snap.Close()
	cur, err := snap.Find(s.ctx, coll, &FindSpec{})
	require.NoError(s, err)
	var out []string
	for _, d := range drain(s, s.ctx, cur) {
		out = append(out, s.text(d))
	}
	return out
}

func (s *scenario) mergeSpec(from, into string) *MergeSpec {
	return &MergeSpec{Project: "p", From: s.ref(from), Into: s.ref(into)}
}

func (s *scenario) merge(from, into string, resolutions ...Resolution) Doc {
	s.Helper()
	spec := s.mergeSpec(from, into)
	spec.Resolve.Resolutions = resolutions
	reply, err := s.store.Merge(s.ctx, spec)
	require.NoError(s, err)
	return reply
}

// conflicts lists a plan's conflicts as "kind collection path".
func (s *scenario) conflicts(from, into string) []string {
	s.Helper()
	plan, err := s.store.MergePlan(s.ctx, s.mergeSpec(from, into))
	require.NoError(s, err)
	var out []string
	for _, v := range plan.Get("plan").Doc().Get("conflicts").Doc().Values() {
		d := v.Doc()
		out = append(out, d.Get("kind").Str()+" "+d.Get("collection").Str()+" "+d.Get("path").Str())
	}
	return out
}

func (s *scenario) createIndex(branch, coll, spec string) error {
	_, err := s.store.Write(s.ctx, head(branch), CommitMeta{}, func(t *Txn) error {
		_, _, err := t.CreateIndexes(s.ctx, coll, []Doc{s.js(spec)})
		return err
	})
	return err
}

func TestBothIncrementsCount(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"n":0,"a":1}`)
	s.branch("exp", "main")
	s.update("exp", "c", `{}`, `{"$inc":{"n":1}}`)
	s.update("main", "c", `{}`, `{"$inc":{"n":10}}`)
	s.update("exp", "c", `{}`, `{"$set":{"b":2}}`)
	require.Empty(t, s.conflicts("exp", "main"))
	s.merge("exp", "main")
	require.Equal(t, []string{`{"_id":1,"n":11,"a":1,"b":2}`}, s.docs("main", "c"))
	require.Equal(t, []string{`{"_id":1,"n":10,"a":1}`}, s.docs("main@-1", "c"))
	require.True(t, s.merge("exp", "main").Get("upToDate").Bool(), "a second merge has nothing to do")
	s.merge("main", "exp")
	require.Equal(t, s.docs("main", "c"), s.docs("exp", "c"), "merged the other way, both are the same")
	s.update("exp", "c", `{}`, `{"$inc":{"n":100}}`)
	s.update("main", "c", `{}`, `{"$inc":{"n":1000}}`)
	s.merge("exp", "main")
	require.Equal(t, []string{`{"_id":1,"n":1111,"a":1,"b":2}`}, s.docs("main", "c"), "each increment counts once")
}

func TestConflictsAreShownResolvedAndApplied(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1,"b":1}`, `{"_id":2,"a":1}`, `{"_id":3,"a":1}`)
	s.branch("exp", "main")
	s.update("exp", "c", `{"_id":1}`, `{"$set":{"a":2,"b":2}}`)
	s.update("main", "c", `{"_id":1}`, `{"$set":{"a":3,"b":2}}`)
	s.delete("exp", "c", `{"_id":2}`)
	s.update("main", "c", `{"_id":2}`, `{"$set":{"a":5}}`)
	s.delete("exp", "c", `{"_id":3}`)
	require.Equal(t, []string{"samePath c a", "samePath c b", "editDelete c "}, s.conflicts("exp", "main"))

	before := s.docs("main", "c")
	_, err := s.store.Merge(s.ctx, s.mergeSpec("exp", "main"))
	require.Equal(t, errs.MergeConflict, errs.CodeOf(err))
	require.Len(t, Doc(errs.As(err).Details).Get("conflicts").Doc().Values(), 3)
	require.Equal(t, before, s.docs("main", "c"), "a merge with conflicts changes nothing")

	spec := s.mergeSpec("exp", "main")
	spec.Resolve.Resolutions = []Resolution{{N: 9, Take: "ours"}}
	_, err = s.store.Merge(s.ctx, spec)
	require.Equal(t, errs.ResolutionUnknown, errs.CodeOf(err))

	s.merge(
		"exp", "main",
		Resolution{N: 1, Value: bsonraw.Int32Value(9)},
		Resolution{Collection: "c", ID: bsonraw.Int32Value(1), Path: "b", Take: "theirs"},
		Resolution{N: 3, Take: "theirs"},
	)
	require.Equal(t, []string{`{"_id":1,"a":9,"b":2}`}, s.docs("main", "c"))
}

func TestAPlanWhoseBranchesMovedOnSaysSo(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1}`)
	s.branch("exp", "main")
	s.insert("exp", "c", `{"_id":2}`)
	plan, err := s.store.MergePlan(s.ctx, s.mergeSpec("exp", "main"))
	require.NoError(t, err)
	spec := s.mergeSpec("exp", "main")
	ours, _ := plan.Get("plan").Doc().Get("oursLSN").AsInt64()
	theirs, _ := plan.Get("plan").Doc().Get("theirsLSN").AsInt64()
	spec.Resolve.ExpectOurs, spec.Resolve.ExpectTheirs = mvcc.LSN(ours), mvcc.LSN(theirs)
	s.insert("main", "c", `{"_id":3}`)
	_, err = s.store.Merge(s.ctx, spec)
	require.Equal(t, errs.PlanStale, errs.CodeOf(err))
}

func TestMergeOfCollectionsAndIndexes(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "kept", `{"_id":1}`)
	s.insert("main", "dropped", `{"_id":1}`)
	s.insert("main", "old", `{"_id":1,"a":7}`)
	s.branch("exp", "main")
	s.insert("exp", "both", `{"_id":"exp"}`)
	s.insert("main", "both", `{"_id":"main"}`)
	require.NoError(t, s.createIndex("exp", "kept", `{"key":{"a":1},"name":"a_1"}`))
	s.write("exp", "me", func(txn *Txn) error {
		if err := txn.RenameCollection(s.ctx, "old", "new", false); err != nil {
			return err
		}
		_, err := txn.DropCollection(s.ctx, "dropped")
		return err
	})
	s.update("main", "old", `{}`, `{"$set":{"b":1}}`)
	require.Empty(t, s.conflicts("exp", "main"))
	s.merge("exp", "main")
	require.Equal(t, []string{`{"_id":"exp"}`, `{"_id":"main"}`}, s.docs("main", "both"))
	require.Equal(t, []string{`{"_id":1,"a":7,"b":1}`}, s.docs("main", "new"))
	require.Empty(t, s.docs("main", "old"))
	require.Empty(t, s.docs("main", "dropped"))
	snap, err := s.store.Snapshot(s.ctx, head("main"))
	require.NoError(t, err)
	c, err := snap.Collection(s.ctx, "kept")
	require.NoError(t, err)
	require.Len(t, c.Indexes, 1)
}

func TestADropAgainstAnEditIsAConflict(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1}`)
	s.branch("exp", "main")
	s.write("exp", "me", func(txn *Txn) error { _, err := txn.DropCollection(s.ctx, "c"); return err })
	s.insert("main", "c", `{"_id":2}`)
	require.Equal(t, []string{"catalog c "}, s.conflicts("exp", "main"))
	require.Equal(t, []string{"catalog c "}, s.conflicts("main", "exp"))
	s.merge("main", "exp", Resolution{N: 1, Take: "theirs"})
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`}, s.docs("exp", "c"), "taking the edit brings the collection back")
}

func TestAUniqueIndexThatTheResultWouldViolateIsAConflict(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"k":1}`, `{"_id":2,"k":2}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1","unique":true}`))
	s.branch("exp", "main")
	s.insert("main", "c", `{"_id":3,"k":9}`)
	s.insert("exp", "c", `{"_id":4,"k":9}`)
	s.update("exp", "c", `{"_id":1}`, `{"$set":{"k":5}}`)
	s.update("exp", "c", `{"_id":2}`, `{"$set":{"k":1}}`)
	require.Equal(t, []string{"uniqueIndex c "}, s.conflicts("exp", "main"), "keys that change hands are none")
	s.merge("exp", "main", Resolution{N: 1, Take: "ours"})
	require.Equal(t, []string{`{"_id":1,"k":5}`, `{"_id":2,"k":1}`, `{"_id":3,"k":9}`}, s.docs("main", "c"))
}

func TestUndoByActorKeepsWhatOthersDid(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"n":0,"a":"old"}`, `{"_id":2,"a":"old"}`)
	s.updateBy("etl", "main", "c", `{}`, `{"$set":{"a":"bad"},"$inc":{"n":1}}`)
	s.updateBy("me", "main", "c", `{"_id":1}`, `{"$inc":{"n":10}}`)
	s.updateBy("me", "main", "c", `{"_id":1}`, `{"$set":{"b":true}}`)
	reply, err := s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), Actor: "etl"})
	require.NoError(t, err)
	require.EqualValues(t, 1, reply.Get("commits").Int64())
	require.Equal(t, []string{`{"_id":1,"n":10,"a":"old","b":true}`, `{"_id":2,"a":"old"}`}, s.docs("main", "c"))
}

// The first insert makes the collection. Undoing it leaves the collection to
// those who have written to it since.
func TestUndoOfAFirstInsertKeepsWhatOthersInserted(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "other", `{"_id":0}`)
	lsn := s.insert("main", "c", `{"_id":1}`)
	s.insert("main", "c", `{"_id":2}`)
	_, err := s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: lsn, To: lsn})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":2}`}, s.docs("main", "c"))

	alone := s.insert("main", "d", `{"_id":1}`)
	_, err = s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: alone, To: alone})
	require.NoError(t, err)
	snap, err := s.store.Snapshot(s.ctx, head("main"))
	require.NoError(t, err)
	coll, err := snap.Collection(s.ctx, "d")
	require.NoError(t, err)
	require.Nil(t, coll, "nobody else used it")
}

func TestUndoOfWhatWasChangedSinceIsAConflict(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1}`)
	lsn := s.update("main", "c", `{}`, `{"$set":{"a":2}}`)
	s.update("main", "c", `{}`, `{"$set":{"a":3}}`)
	spec := &UndoSpec{Ref: head("main"), From: lsn, To: lsn}
	_, err := s.store.Undo(s.ctx, spec)
	require.Equal(t, errs.MergeConflict, errs.CodeOf(err))
	spec.Resolve.Strategy = "theirs"
	_, err = s.store.Undo(s.ctx, spec)
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1,"a":1}`}, s.docs("main", "c"))
}

func TestUndoBringsADroppedCollectionBack(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"k":1}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1"}`))
	lsn := s.write("main", "me", func(txn *Txn) error { _, err := txn.DropCollection(s.ctx, "c"); return err })
	require.Empty(t, s.docs("main", "c"))
	_, err := s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: lsn, To: lsn})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1,"k":1}`}, s.docs("main", "c"))
	_, err = s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: lsn + 1, To: lsn + 1})
	require.NoError(t, err)
	require.Empty(t, s.docs("main", "c"), "an undo can be undone")
}

func TestUndoOfAMerge(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"n":0}`)
	s.branch("exp", "main")
	s.update("exp", "c", `{}`, `{"$inc":{"n":1}}`)
	s.insert("exp", "c", `{"_id":2}`)
	s.update("main", "c", `{}`, `{"$inc":{"n":10}}`)
	lsn := mvcc.LSN(s.merge("exp", "main").Get("lsn").Int64())
	_, err := s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: lsn, To: lsn})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1,"n":10}`}, s.docs("main", "c"))
}

func TestRestoreLeavesThePastReadable(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "c", `{"_id":1}`)
	second := s.insert("main", "c", `{"_id":2}`)
	_, left, err := s.store.Restore(s.ctx, s.ref("main@-1"), CommitMeta{})
	require.NoError(t, err)
	require.Equal(t, second, left)
	require.Equal(t, []string{`{"_id":1}`}, s.docs("main", "c"))
	third := s.insert("main", "c", `{"_id":3}`)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":3}`}, s.docs("main", "c"))
	at := func(lsn mvcc.LSN) []string {
		return s.docs("main@"+refs.Moment{Kind: refs.AtLSN, LSN: lsn}.String(), "c")
	}
	require.Equal(t, []string{`{"_id":1}`}, at(first))
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`}, at(second), "what the restore left, under its own LSN")
	require.Equal(t, []string{`{"_id":1}`, `{"_id":3}`}, at(third))
	ref := head("main")
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: second}
	_, _, err = s.store.Restore(s.ctx, ref, CommitMeta{})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`}, s.docs("main", "c"), "a restore can be taken back")
}

func TestHistoryAndBlame(t *testing.T) {
	s := newScenario(t)
	l1 := s.insert("main", "c", `{"_id":1,"a":1,"sub":{"x":1,"y":1}}`)
	l2 := s.updateBy("bob", "main", "c", `{}`, `{"$set":{"sub.y":2}}`)
	s.delete("main", "c", `{}`)
	l4 := s.insert("main", "c", `{"_id":1,"a":1,"sub":{"x":1,"y":2}}`)
	cur, err := s.store.History(s.ctx, head("main"), "c", bsonraw.Int32Value(1))
	require.NoError(t, err)
	var ops []string
	for _, d := range drain(t, s.ctx, cur) {
		ops = append(ops, d.Get("op").Str())
	}
	require.Equal(t, []string{"insert", "update", "delete", "insert"}, ops)
	blame := func(ref string) map[string]int64 {
		doc, err := s.store.Blame(s.ctx, s.ref(ref), "c", bsonraw.Int32Value(1))
		require.NoError(t, err)
		out := map[string]int64{}
		for _, v := range doc.Values() {
			out[v.Doc().Get("path").Str()] = v.Doc().Get("lsn").Int64()
		}
		return out
	}
	one, two, four := int64(l1), int64(l2), int64(l4)
	require.Equal(t, map[string]int64{"_id": four, "a": four, "sub.x": four, "sub.y": four}, blame("main"))
	require.Equal(t, map[string]int64{"_id": one, "a": one, "sub.x": one, "sub.y": two}, blame("main@-2"))
}

func TestBlameLooksThroughMerges(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1,"a":1,"n":0}`)
	s.branch("exp", "main")
	set := s.update("exp", "c", `{}`, `{"$set":{"a":2}}`)
	s.update("exp", "c", `{}`, `{"$inc":{"n":1}}`)
	s.update("main", "c", `{}`, `{"$inc":{"n":1}}`)
	merged := s.merge("exp", "main").Get("lsn").Int64()
	doc, err := s.store.Blame(s.ctx, head("main"), "c", bsonraw.Int32Value(1))
	require.NoError(t, err)
	got := map[string]int64{}
	for _, v := range doc.Values() {
		got[v.Doc().Get("path").Str()] = v.Doc().Get("lsn").Int64()
	}
	require.Equal(t, int64(set), got["a"], "set on the branch")
	require.Equal(t, merged, got["n"], "made by the merge: no side had this value")
}

func TestUnknownNamesNameTheNearest(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1}`)
	s.branch("experiment", "main")
	_, err := s.store.Snapshot(s.ctx, head("experimnt"))
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))
	require.ErrorContains(t, err, `did you mean "experiment"?`)
	_, err = s.store.Snapshot(s.ctx, s.ref("main@999"))
	require.Equal(t, errs.MomentNotFound, errs.CodeOf(err))
	_, err = s.store.Write(s.ctx, s.ref("main@1"), CommitMeta{}, func(*Txn) error { return nil })
	require.Equal(t, errs.PinnedMoment, errs.CodeOf(err))
}
