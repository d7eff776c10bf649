package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/mirror"
)

// Mirrors go on in the process that takes the host's place, unless that is over in a
// moment.
func TestWhoGoesOnWithMirrors(t *testing.T) {
	for _, brief := range []bool{false, true} {
		dir := t.TempDir()
		store, err := engine.Open(t.Context(), dir, nil)
		require.NoError(t, err)
		def, err := bson.Marshal(mirror.Definition{
			Name: "live", URI: "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", Running: true, Created: time.Now(),
			Databases: []mirror.Mapping{{Database: "shop", Project: "shop", Branch: "live"}},
		})
		require.NoError(t, err)
		require.NoError(t, store.PutSetting(t.Context(), "mirror", "live", engine.Doc(def)))
		require.NoError(t, store.Close())

		state := func(c *Client) string {
			m, err := c.Mirrors().Status(t.Context(), "live")
			require.NoError(t, err)
			return m.State
		}
		first, err := Open(t.Context(), dir, nil)
		require.NoError(t, err)
		require.Equal(t, "stopped", state(first), "who opens a store was not asked to")
		next, err := Open(t.Context(), dir, &Options{Brief: brief})
		require.NoError(t, err)
		require.NoError(t, first.Close())
		require.Equal(t, brief, state(next) == "stopped")
		require.True(t, next.HostsStore())
		require.NoError(t, next.Close())
	}
}
