package mvcc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

func TestTableEnd(t *testing.T) {
	end := TableEnd(16)
	version := func(c CollectionID) []byte {
		return appendVersionKey(nil, 7, c, bsonraw.AppendKey(nil, bsonraw.Int32Value(1)), 9)
	}
	require.Equal(t, appendHeader(nil, kindVersion, 7, 16), end(version(1)))
	require.Equal(t, appendHeader(nil, kindVersion, 7, 16), end(version(15)))
	require.Nil(t, end(version(16)))
	require.Equal(t, appendHeader(nil, kindIndex, 7, 16), end(appendIndexHeader(nil, 7, 3, 1)))
	require.Nil(t, end(appendLogKey(nil, 7, 9)))
	require.Nil(t, end(stateKey))
	require.Nil(t, end(nil))
}
