package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestParserOutlivesAnHour parses with a dispatcher that has no store, as clients
// do for files, at times at which those with one look for what they can forget.
func TestParserOutlivesAnHour(t *testing.T) {
	now := time.Now()
	d := newDispatcher(nil, func() time.Time { return now })
	raw, err := bson.Marshal(bson.D{{Key: "argonImport", Value: "f.jsonl"}, {Key: "collection", Value: "c"}})
	require.NoError(t, err)
	for range 3 {
		_, err := d.NewSession(SessionOptions{}).ParseImport(t.Context(), "shop", raw)
		require.NoError(t, err)
		now = now.Add(2 * time.Hour)
	}
}
