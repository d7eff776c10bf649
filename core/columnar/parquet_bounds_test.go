package columnar_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/arrowfile"
	"github.com/argon-lab/argon/core/bsonraw"
)

// TestBoundsOfTexts: short texts have their bounds in the metadata, long ones do
// not make it long.
func TestBoundsOfTexts(t *testing.T) {
	const n = 100
	long := strings.Repeat("long text ", 100<<10)
	docs := make([]bsonraw.Doc, n)
	for i := range docs {
		b := bsonraw.NewBuilder(nil)
		b.Int32("_id", int32(i))
		b.String("name", fmt.Sprintf("n%03d", (i*37)%n))
		b.String("text", long)
		b.BeginArray("tags")
		b.String("0", fmt.Sprintf("t%03d", n-i))
		b.End()
		docs[i] = b.Finish().Clone()
	}
	data := fileOf(t, arrowfile.Parquet, docs, "zstd")
	require.Less(t, len(data), 1<<20, "1 MiB a row compresses well, and stands nowhere uncompressed")
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	groups := f.Metadata().RowGroups
	require.Greater(t, len(groups), 1)
	least, most := map[string]string{}, map[string]string{}
	for _, g := range groups {
		for _, c := range g.Columns {
			name := strings.Join(c.MetaData.PathInSchema, ".")
			s := c.MetaData.Statistics
			require.Equal(t, name != "text", s.MinValue != nil && s.MaxValue != nil, name)
			if v := string(s.MinValue); least[name] == "" || v < least[name] {
				least[name] = v
			}
			most[name] = max(most[name], string(s.MaxValue))
		}
	}
	require.Equal(t, "n000", least["name"])
	require.Equal(t, "n099", most["name"])
	require.Equal(t, "t001", least["tags.list.element"])
	require.Equal(t, "t100", most["tags.list.element"])
	got, err := documentsOf(arrowfile.Parquet, data, arrowfile.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, got, n)
	require.Equal(t, docs[n-1], got[n-1])
}
