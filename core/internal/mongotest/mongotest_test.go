package mongotest

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

// The oracle is worth nothing if documents change on the way to it and back.
func TestDocumentsComeBackBitForBit(t *testing.T) {
	c := Collection(t)
	docs := Documents()
	c.Insert(docs...)
	got, err := c.Find(bsonraw.EmptyDoc, Doc(`{"sort": {"_id": 1}}`))
	require.Nil(t, err)
	require.Len(t, got, len(docs))
	for i := range docs {
		require.NoError(t, bsonraw.Validate(docs[i]))
		require.Equal(t, docs[i], got[i], JSON(docs[i]))
	}
}

func TestErrorsHaveTheServersCode(t *testing.T) {
	c := Collection(t)
	_, err := c.Find(Doc(`{"a": {"$nope": 1}}`), nil)
	require.NotNil(t, err)
	require.EqualValues(t, 2, err.Code)
	require.Equal(t, "unknown operator: $nope", err.Message)

	c.Insert(Doc(`{"_id": 1}`))
	_, err = c.Run(Docf(`{"insert": %q, "documents": [{"_id": 1}]}`, c.Name()))
	require.NotNil(t, err)
	require.EqualValues(t, 11000, err.Code)
}

func TestZooNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Values() {
		require.False(t, seen[s.Name], s.Name)
		seen[s.Name] = true
	}
}
