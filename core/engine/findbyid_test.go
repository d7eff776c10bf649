package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// The short way to a document finds what the planned way finds: for each value of
// the zoo as a document's _id, and as what is asked for.
func TestFindByID(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	var docs []Doc
	seen := map[string]bool{}
	for _, v := range idValues(t) {
		if key := string(bsonraw.AppendKey(nil, v)); !seen[key] {
			seen[key] = true
			docs = append(docs, stage("_id", v))
		}
	}
	_, err := s.Write(ctx, head("main"), CommitMeta{}, func(txn *Txn) error {
		res, err := txn.Insert(ctx, "c", docs, true)
		require.Empty(t, res.Errors)
		return err
	})
	require.NoError(t, err)
	snap, err := s.Snapshot(ctx, head("main"))
	require.NoError(t, err)
	defer snap.Close()
	short := 0
	for _, v := range idValues(t) {
		filter := stage("_id", v)
		spec := &FindSpec{Filter: filter, Limit: 1}
		if snap.findByID("c", spec) != nil {
			short++
		}
		// With a hint the query is planned.
		planned := &FindSpec{Filter: filter, Limit: 1, Hint: stage("_id", bsonraw.Int32Value(1)).Value()}
		require.Equal(t, found(t, snap, planned), found(t, snap, spec), mongotest.JSON(filter))
	}
	require.Greater(t, short, 10)
}

// idValues returns the values of the zoo that a filter may compare an _id with.
func idValues(t *testing.T) []Value {
	var values []Value
	for _, sample := range mongotest.Values() {
		if bsonraw.ValidateID(sample.Value) == nil {
			values = append(values, sample.Value)
		}
	}
	require.NotEmpty(t, values)
	return values
}

func found(t *testing.T, r Reader, spec *FindSpec) []Doc {
	ctx := context.Background()
	cur, err := r.Find(ctx, "c", spec)
	require.NoError(t, err)
	var docs []Doc
	for {
		doc, ok, err := cur.Next(ctx)
		require.NoError(t, err)
		if !ok {
			break
		}
		docs = append(docs, doc.Clone())
	}
	require.NoError(t, cur.Close())
	require.NoError(t, cur.Close())
	_, ok, err := cur.Next(ctx)
	require.NoError(t, err)
	require.False(t, ok)
	return docs
}

func TestFindByIDOfAnythingElse(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	_, err := s.Write(ctx, head("main"), CommitMeta{}, func(txn *Txn) error {
		_, err := txn.Insert(ctx, "c", []Doc{numbered(1, "a", 1)}, true)
		return err
	})
	require.NoError(t, err)
	snap, err := s.Snapshot(ctx, head("main"))
	require.NoError(t, err)
	defer snap.Close()
	one := stage("_id", bsonraw.Int32Value(1))
	require.NotNil(t, snap.findByID("c", &FindSpec{Filter: one}))
	for name, spec := range map[string]*FindSpec{
		"nothing":    {},
		"another":    {Filter: stage("a", bsonraw.Int32Value(1))},
		"operator":   {Filter: stage("_id", stage("$gt", bsonraw.Int32Value(0)).Value())},
		"document":   {Filter: stage("_id", one.Value())},
		"two":        {Filter: numbered(1, "a", 1)},
		"skip":       {Filter: one, Skip: 1},
		"projection": {Filter: one, Projection: one},
		"sort":       {Filter: one, Sort: one},
		"collation":  {Filter: one, Collation: stage("locale", bsonraw.StringValue("simple"))},
	} {
		require.Nil(t, snap.findByID("c", spec), name)
	}
	require.Nil(t, snap.findByID("elsewhere", &FindSpec{Filter: one}))
}
