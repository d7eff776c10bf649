package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// TestStage: a load is on no branch before it is adopted, and then all of it,
// with what others committed meanwhile.
func TestStage(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "c", `{"_id":1}`)
	stage, err := s.store.Stage(s.ctx, head("main"), false, CommitMeta{})
	require.NoError(t, err)
	s.insert(stage, "c", `{"_id":2}`, `{"_id":3}`)
	s.write(stage, "me", func(txn *Txn) error {
		_, _, err := txn.CreateIndexes(s.ctx, "c", []Doc{s.js(`{"key":{"n":1},"name":"n_1"}`)})
		return err
	})
	between := s.insert(stage, "big", `{"_id":1}`)
	other := s.insert("main", "c", `{"_id":9}`)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":9}`}, s.docs("main", "c"))
	list, err := s.store.Branches(s.ctx, "p")
	require.NoError(t, err)
	require.Len(t, list, 1)

	lsn, err := s.store.Adopt(s.ctx, head("main"), stage, CommitMeta{}, "")
	require.NoError(t, err)
	require.Greater(t, lsn, other)
	all := []string{`{"_id":1}`, `{"_id":2}`, `{"_id":3}`, `{"_id":9}`}
	require.Equal(t, all, s.docs("main", "c"))
	require.Equal(t, []string{`{"_id":1}`}, s.docs("main", "big"))
	_, err = s.store.Branch(s.ctx, "p", stage)
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))

	// No moment of the branch shows a part of it.
	require.Equal(t, []string{`{"_id":1}`}, s.docs(fmt.Sprintf("main@%d", first), "c"))
	require.Equal(t, []string{`{"_id":1}`}, s.docs(fmt.Sprintf("main@%d", between), "c"))
	require.Empty(t, s.docs(fmt.Sprintf("main@%d", between), "big"))
	require.Equal(t, []string{`{"_id":1}`, `{"_id":9}`}, s.docs(fmt.Sprintf("main@%d", other), "c"))
	require.Equal(t, all, s.docs(fmt.Sprintf("main@%d", lsn), "c"))

	at, err := s.store.Resolve(s.ctx, s.ref("main"))
	require.NoError(t, err)
	require.Equal(t, lsn, at.LSN)
	require.Equal(t, lsn, at.HeadLSN)

	// It is one commit for whoever goes back through them, to where it was begun.
	require.Equal(t, []string{`{"_id":1}`}, s.docs("main@-1", "c"))
	log := func(spec *LogSpec) (lines []string) {
		cur, err := s.store.Log(s.ctx, head("main"), spec)
		for _, doc := range allOf(t, cur, err) {
			lines = append(lines, fmt.Sprint(number64(Doc(doc).Get("lsn")), s.text(Doc(doc).Get("counts").Doc())))
		}
		return lines
	}
	load := fmt.Sprint(lsn, `{"insert":4,"update":0,"delete":0}`)
	require.Equal(t, load, log(&LogSpec{})[0])
	require.Equal(t, []string{load}, log(&LogSpec{Collection: "big"}))
	require.NotContains(t, log(&LogSpec{Skip: 1}), load)
	require.Len(t, log(&LogSpec{Skip: 1}), len(log(nil))-1)

	// The branch goes on, and branches of before merge.
	s.branch("exp", fmt.Sprintf("main@%d", first))
	s.insert("exp", "c", `{"_id":4}`)
	s.insert("main", "c", `{"_id":5}`)
	_, err = s.store.Merge(s.ctx, &MergeSpec{Project: "p", From: head("exp"), Into: head("main")})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`, `{"_id":3}`, `{"_id":4}`, `{"_id":5}`, `{"_id":9}`}, s.docs("main", "c"))
}

// TestLoadIsOneCommit: whoever looks back finds a load's batches as the one commit
// that adopted them, and can undo it.
func TestLoadIsOneCommit(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "c", `{"_id":1,"a":1}`, `{"_id":2,"a":1}`)
	w := s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(first)})
	stage, err := s.store.Stage(s.ctx, head("main"), false, CommitMeta{})
	require.NoError(t, err)
	s.update(stage, "c", `{"_id":1}`, `{"$set":{"a":2}}`)
	s.update(stage, "c", `{"_id":1}`, `{"$set":{"b":3}}`)
	s.insert(stage, "c", `{"_id":3,"a":1}`)
	s.delete(stage, "c", `{"_id":2}`)
	load, err := s.store.Adopt(s.ctx, head("main"), stage, CommitMeta{Actor: "etl"}, "")
	require.NoError(t, err)
	later := s.update("main", "c", `{"_id":1}`, `{"$set":{"z":9}}`)

	lsns := func(docs []string, lsn, op string) (list []string) {
		for _, d := range docs {
			doc := Doc(d)
			list = append(list, fmt.Sprint(number64(doc.Get(lsn)), " ", doc.Get(op).Str()))
		}
		return list
	}
	history := func(id int32) []string {
		cur, err := s.store.History(s.ctx, head("main"), "c", bsonraw.Int32Value(id))
		return lsns(allOf(t, cur, err), "lsn", "op")
	}
	line := func(lsn mvcc.LSN, op string) string { return fmt.Sprint(uint64(lsn), " ", op) }
	require.Equal(t, []string{line(first, "insert"), line(load, "update"), line(later, "update")}, history(1))
	require.Equal(t, []string{line(first, "insert"), line(load, "delete")}, history(2))
	require.Equal(t, []string{line(load, "insert")}, history(3))
	cur, err := s.store.Versions(s.ctx, head("main"), "c")
	require.Equal(t, []string{
		line(later, "update"), line(load, "update"), line(first, "insert"),
		line(load, "delete"), line(first, "insert"), line(load, "insert"),
	}, lsns(allOf(t, cur, err), "_lsn", "_op"))
	blame, err := s.store.Blame(s.ctx, head("main"), "c", bsonraw.Int32Value(1))
	require.NoError(t, err)
	var blamed []string
	for _, v := range blame.Values() {
		blamed = append(blamed, string(v.Doc()))
	}
	require.Equal(t, []string{line(first, "_id"), line(load, "a"), line(load, "b"), line(later, "z")}, lsns(blamed, "lsn", "path"))

	times := map[string]bool{}
	changed := events(t, w)
	for _, e := range changed[:3] {
		times[fmt.Sprint(e.Get("clusterTime").Data)] = true
	}
	require.Len(t, changed, 4)
	require.Len(t, times, 1, "one commit has one time")

	_, err = s.store.Undo(s.ctx, &UndoSpec{Ref: head("main"), From: load, To: load})
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1,"a":1,"z":9}`, `{"_id":2,"a":1}`}, s.docs("main", "c"))
}

func TestStageConflict(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id":1}`)
	stage, err := s.store.Stage(s.ctx, head("main"), false, CommitMeta{})
	require.NoError(t, err)
	s.insert(stage, "c", `{"_id":2,"a":1}`)
	s.insert("main", "c", `{"_id":2,"a":2}`)
	_, err = s.store.Adopt(s.ctx, head("main"), stage, CommitMeta{}, "")
	require.Equal(t, errs.MergeConflict, errs.CodeOf(err), err)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2,"a":2}`}, s.docs("main", "c"))
	require.NoError(t, s.store.DropStage(s.ctx, "p", stage, CommitMeta{}))
	_, err = s.store.Adopt(s.ctx, head("main"), stage, CommitMeta{}, "")
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))
	_, err = s.store.Adopt(s.ctx, head("main"), "main", CommitMeta{}, "") // only stages can be adopted
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))
}

// TestStagesAfterReopen: what a crash leaves goes, unless it may be resumed.
func TestStagesAfterReopen(t *testing.T) {
	s := newScenario(t)
	dir := t.TempDir()
	store, err := Open(s.ctx, dir, nil)
	require.NoError(t, err)
	s.store = store
	s.insert("main", "c", `{"_id":1}`)
	gone, err := store.Stage(s.ctx, head("main"), false, CommitMeta{})
	require.NoError(t, err)
	kept, err := store.Stage(s.ctx, head("main"), true, CommitMeta{})
	require.NoError(t, err)
	s.insert(gone, "c", `{"_id":2}`)
	s.insert(kept, "c", `{"_id":3}`)
	require.NoError(t, store.Close())
	store, err = Open(s.ctx, dir, nil)
	require.NoError(t, err)
	s.store = store
	_, err = store.Branch(s.ctx, "p", gone)
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))
	adopted, err := store.Adopt(s.ctx, head("main"), kept, CommitMeta{}, "")
	require.NoError(t, err)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":3}`}, s.docs("main", "c"))
	checkStore(t, store)
	require.NoError(t, store.Close())
	store, err = Open(s.ctx, dir, nil)
	require.NoError(t, err)
	s.store = store
	require.Equal(t, []string{`{"_id":1}`, `{"_id":3}`}, s.docs("main", "c"))
	at, err := store.Resolve(s.ctx, s.ref("main"))
	require.NoError(t, err)
	require.Equal(t, adopted, at.LSN)
	require.Equal(t, []string{`{"_id":1}`, `{"_id":3}`}, s.docs(fmt.Sprintf("main@%d", at.LSN), "c"))
	require.Equal(t, []string{`{"_id":1}`}, s.docs(fmt.Sprintf("main@%d", at.LSN-1), "c"))
	settings, err := store.Settings(s.ctx, stageKind)
	require.NoError(t, err)
	require.Empty(t, settings)
	require.NoError(t, store.Close())
}

func number64(v Value) int64 {
	n, _ := v.AsInt64()
	return n
}
