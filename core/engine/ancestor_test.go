package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// conflictAt is the only conflict of a plan, as {kind, path, base, ours, theirs}.
func (s *scenario) conflictAt(from, into string) string {
	s.Helper()
	plan, err := s.store.MergePlan(s.ctx, s.mergeSpec(from, into))
	require.NoError(s, err)
	list := plan.Get("plan").Doc().Get("conflicts").Doc().Values()
	require.Len(s, list, 1)
	b := bsonraw.NewBuilder(nil)
	for _, name := range []string{"kind", "path", "base", "ours", "theirs"} {
		b.Value(name, list[0].Doc().Get(name))
	}
	return s.text(b.Finish())
}

// aroundMerges makes branches a and b that took in two others each, which do not
// know each other: what a and b have in common is in no branch.
func aroundMerges(t *testing.T, onOne, onMain func(*scenario)) *scenario {
	s := newScenario(t)
	s.insert("main", "c", `{"_id": 1, "f": 1, "n": 0}`)
	s.branch("one", "main")
	onOne(s)
	onMain(s)
	for _, name := range []string{"a", "b"} {
		s.branch(name, "main")
		s.merge("one", name)
	}
	return s
}

func TestBaseOfSeveralStates(t *testing.T) {
	main2 := func(s *scenario) { s.insert("main", "c", `{"_id": 2}`) }
	t.Run("inserted", func(t *testing.T) {
		s := aroundMerges(t, func(s *scenario) { s.insert("one", "c", `{"_id": 7, "f": 1}`) }, main2)
		s.update("a", "c", `{"_id": 7}`, `{"$set": {"f": 2, "g": 1}}`)
		s.update("b", "c", `{"_id": 7}`, `{"$set": {"f": 3}}`)
		require.Equal(t, `{"kind":"samePath","path":"f","base":1,"ours":2,"theirs":3}`, s.conflictAt("b", "a"))
	})
	t.Run("changed on one", func(t *testing.T) {
		s := aroundMerges(t, func(s *scenario) { s.update("one", "c", `{"_id": 1}`, `{"$set": {"f": 5}}`) }, main2)
		s.update("a", "c", `{"_id": 1}`, `{"$set": {"f": 6}}`)
		s.update("b", "c", `{"_id": 1}`, `{"$set": {"f": 7}}`)
		require.Equal(t, `{"kind":"samePath","path":"f","base":5,"ours":6,"theirs":7}`, s.conflictAt("b", "a"))
	})
	t.Run("changed on both", func(t *testing.T) {
		s := aroundMerges(t,
			func(s *scenario) { s.update("one", "c", `{"_id": 1}`, `{"$set": {"f": 5}, "$inc": {"n": 2}}`) },
			func(s *scenario) { s.update("main", "c", `{"_id": 1}`, `{"$set": {"g": 8}, "$inc": {"n": 3}}`) })
		s.update("a", "c", `{"_id": 1}`, `{"$set": {"n": 0}}`)
		s.update("b", "c", `{"_id": 1}`, `{"$inc": {"n": 1}}`)
		require.Equal(t, `{"kind":"samePath","path":"n","base":5,"ours":0,"theirs":6}`, s.conflictAt("b", "a"))
	})
	t.Run("deleted", func(t *testing.T) {
		s := aroundMerges(t, func(s *scenario) { s.delete("one", "c", `{"_id": 1}`) }, main2)
		s.insert("a", "c", `{"_id": 1, "f": 6}`)
		s.insert("b", "c", `{"_id": 1, "f": 7}`)
		require.Equal(t, []string{"insertInsert c "}, s.conflicts("b", "a"))
	})
	// By this rule a side that has the base's value made no change.
	t.Run("back to an older value", func(t *testing.T) {
		s := aroundMerges(t, func(s *scenario) { s.update("one", "c", `{"_id": 1}`, `{"$set": {"f": 5}}`) }, main2)
		s.write("a", "me", func(txn *Txn) error {
			return txn.ModifyCollection(s.ctx, "c", s.js(`{"merge": {"trigger": "diverged"}}`))
		})
		s.update("a", "c", `{"_id": 1}`, `{"$set": {"f": 1}}`)
		s.update("b", "c", `{"_id": 1}`, `{"$set": {"f": 7}}`)
		require.Equal(t, `{"kind":"samePath","path":"f","base":5,"ours":1,"theirs":7}`, s.conflictAt("b", "a"))
	})
	// The sides settled one conflict in two ways: there is no base, and what is
	// there on one side is no older than on the other.
	t.Run("decided in two ways", func(t *testing.T) {
		s := newScenario(t)
		s.insert("main", "c", `{"_id": 1, "f": 1}`)
		s.branch("one", "main")
		s.update("one", "c", `{"_id": 1}`, `{"$set": {"f": 5}}`)
		s.update("main", "c", `{"_id": 1}`, `{"$set": {"f": 6}}`)
		for name, take := range map[string]string{"a": "ours", "b": "theirs"} {
			s.branch(name, "main")
			s.merge("one", name, Resolution{N: 1, Take: take})
		}
		s.write("a", "me", func(txn *Txn) error {
			return txn.ModifyCollection(s.ctx, "c", s.js(`{"merge": {"trigger": "diverged"}}`))
		})
		require.Equal(t, `{"kind":"samePath","path":"f","ours":6,"theirs":5}`, s.conflictAt("b", "a"))
	})
}

func TestBaseCatalogOfSeveralStates(t *testing.T) {
	s := aroundMerges(t,
		func(s *scenario) {
			s.write("one", "me", func(txn *Txn) error {
				_, _, err := txn.CreateIndexes(s.ctx, "d", []Doc{s.js(`{"key": {"x": 1}}`)})
				return err
			})
			s.insert("one", "d", `{"_id": 1}`)
			s.insert("one", "e", `{"_id": 1}`)
		},
		func(s *scenario) { s.insert("main", "c", `{"_id": 2}`) })
	s.write("a", "me", func(txn *Txn) error {
		_, err := txn.DropIndexes(s.ctx, "d", bsonraw.StringValue("x_1"))
		return err
	})
	s.write("b", "me", func(txn *Txn) error {
		_, err := txn.DropCollection(s.ctx, "e")
		return err
	})
	s.merge("b", "a")
	require.Empty(t, s.docs("a", "e"), "b dropped it")
	snap, err := s.store.Snapshot(s.ctx, head("a"))
	require.NoError(t, err)
	defer snap.Close()
	require.Nil(t, snap.catalog.byName["e"])
	require.Nil(t, snap.catalog.byName["d"].index("x_1"), "a dropped it")
}

// TestDecisionsAreKept checks that two sides that settled one conflict in two ways
// are in conflict again when they meet, whether there is a document or not.
func TestDecisionsAreKept(t *testing.T) {
	decided := func(s *scenario, from, into string) {
		s.Helper()
		s.branch("a", into)
		s.branch("b", into)
		s.merge(from, "a", Resolution{N: 1, Take: "ours"})
		s.merge(from, "b", Resolution{N: 1, Take: "theirs"})
		require.NotEqual(s, s.docs("a", "c"), s.docs("b", "c"))
		require.Len(s, s.conflicts("a", "b"), 1)
		require.Len(s, s.conflicts("b", "a"), 1)
		s.merge("a", "b", Resolution{N: 1, Take: "theirs"})
		require.Equal(s, s.docs("a", "c"), s.docs("b", "c"))
		s.merge("b", "a") // knows what was decided
		require.Equal(s, s.docs("b", "c"), s.docs("a", "c"))
	}
	for _, sides := range [][2]string{{"one", "main"}, {"main", "one"}} {
		t.Run("deletion, into "+sides[1], func(t *testing.T) {
			s := newScenario(t)
			s.insert("main", "c", `{"_id": 1, "f": 1}`)
			s.branch("one", "main")
			s.update("one", "c", `{"_id": 1}`, `{"$set": {"f": 5}}`)
			s.delete("main", "c", `{"_id": 1}`)
			decided(s, sides[0], sides[1])
			log, err := s.store.Log(s.ctx, head("a"), &LogSpec{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, `{"insert":0,"update":0,"delete":0}`, s.text(drain(t, s.ctx, log)[0].Get("counts").Doc()))
		})
	}
}
