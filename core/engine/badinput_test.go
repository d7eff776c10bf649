package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// reopen closes the scenario's store and opens its directory again.
func (s *scenario) reopen(dir string) {
	s.Helper()
	require.NoError(s, s.store.Close())
	store, err := Open(s.ctx, dir, nil)
	require.NoError(s, err)
	s.store = store
}

func TestAnIndexOverArraysSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(t.Context(), dir, nil)
	require.NoError(t, err)
	s := &scenario{T: t, ctx: t.Context(), store: store}
	s.insert("main", "c", `{"_id":1,"k":[1,2]}`)
	require.NoError(t, s.createIndex("main", "c", `{"key":{"k":1},"name":"k_1"}`))
	require.NoError(t, s.createIndex("main", "c", `{"key":{"a":1,"k":1},"name":"a_1_k_1"}`))
	s.insert("main", "c", `{"_id":2,"a":[3,4]}`)
	checkStore(t, s.store)
	s.reopen(dir)
	defer func() { require.NoError(t, s.store.Close()) }()
	checkStore(t, s.store)
	s.insert("main", "c", `{"_id":3,"k":[2,2,3]}`)
	s.update("main", "c", `{"k":2}`, `{"$set":{"seen":true}}`)
	require.Equal(t, []string{`{"_id":1,"k":[1,2],"seen":true}`, `{"_id":2,"a":[3,4]}`, `{"_id":3,"k":[2,2,3],"seen":true}`}, s.docs("main", "c"))
	checkStore(t, s.store)
}

// A filter in the catalog stands in a document of the catalog, which may be no
// deeper than any other: diff, merge and fsck read it as one.
func TestFiltersOfTheCatalogAreNoDeeperThanDocuments(t *testing.T) {
	s := newScenario(t)
	deep := func(levels int) string {
		return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
	}
	for levels := bsonraw.MaxDepth - 6; levels <= bsonraw.MaxDepth; levels++ {
		err := s.createIndex("main", "c", `{"key":{"k":1},"name":"k`+strings.Repeat("_", levels)+`","partialFilterExpression":`+deep(levels)+`}`)
		if err != nil {
			require.Equal(t, errs.Overflow, errs.CodeOf(err))
		}
	}
	checkStore(t, s.store)
}
