package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestStored(t *testing.T) {
	for given, want := range map[string]string{
		`{"_id": 1, "a": 2}`: `{"_id": 1, "a": 2}`,
		`{"_id": 1}`:         `{"_id": 1}`,
		`{"a": 2, "_id": 1}`: `{"_id": 1, "a": 2}`,
		`{"a": {"_id": 7}, "_id": "x", "b": [1, 2]}`: `{"_id": "x", "a": {"_id": 7}, "b": [1, 2]}`,
	} {
		txn, doc := &Txn{}, mongotest.Doc(given)
		kept, id, err := txn.stored(doc)
		require.NoError(t, err)
		require.Equal(t, kept.Get("_id"), id)
		require.Equal(t, mongotest.Doc(want), kept)
		require.Equal(t, mongotest.Doc(given), doc, "the given document stays as it is")
		require.Equal(t, txn.withID(doc), kept)
	}

	txn := &Txn{}
	made, id, err := txn.stored(mongotest.Doc(`{"a": 1}`))
	require.NoError(t, err)
	require.Equal(t, made.Get("_id"), id)
	require.Equal(t, bsonraw.ObjectID, made.Get("_id").Type)
	require.Equal(t, `{"_id":`, mongotest.JSON(made)[:7])

	twice := bsonraw.NewBuilder(nil)
	twice.Int32("a", 0)
	twice.Int32("_id", 1)
	twice.Int32("_id", 2)
	kept, _, err := txn.stored(twice.Finish())
	require.NoError(t, err)
	require.Equal(t, mongotest.Doc(`{"_id": 1, "a": 0}`), kept)

	for _, bad := range []string{`{"_id": [1]}`, `{"a": 1, "_id": [1]}`, `{"_id": {"$a": 1}}`} {
		_, _, err := txn.stored(mongotest.Doc(bad))
		require.Error(t, err, bad)
	}
}
