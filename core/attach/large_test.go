package attach

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// A command of an attached client may be as large as one in the host itself, and
// is one commit like it.
func TestACommandLargerThanAMessage(t *testing.T) {
	dir := t.TempDir()
	host, client := open(t, dir, nil), open(t, dir, nil)
	defer host.Close()
	defer client.Close()
	b := bsonraw.NewBuilder(nil)
	b.String("insert", "c")
	b.BeginArray("documents")
	text := string(make([]byte, 1<<20))
	for i := range 60 {
		b.BeginDoc(bsonraw.Index(i))
		b.Int32("_id", int32(i%59)) // the last one is there already
		b.String("text", text)
		b.End()
	}
	b.End()
	b.Bool("ordered", false)
	reply, err := client.Run(t.Context(), "p", b.Finish())
	require.NoError(t, err)
	require.EqualValues(t, 59, reply.Get("n").Int32())
	require.Equal(t, 1, reply.Get("writeErrors").Doc().Len())
	log, err := client.Run(t.Context(), "p", parse(`{"argonLog": 1}`))
	require.NoError(t, err)
	require.Equal(t, 1, log.Get("cursor").Doc().Get("firstBatch").Doc().Len())
}
