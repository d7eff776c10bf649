package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// TestInserterCutsBatchesAndAddsUp sends ten documents in batches of four, of
// which the sixth fails.
func TestInserterCutsBatchesAndAddsUp(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		var sizes []int
		f := &fake{run: func(_ context.Context, _ string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
			require.NoError(t, bsonraw.Validate(cmd))
			require.Equal(t, "users", cmd.Get("insert").Str())
			docs := cmd.Get("documents").Doc().Values()
			sizes = append(sizes, len(docs))
			return insertReply(docs, len(sizes)), nil
		}}
		for i := range int32(10) {
			f.docs = append(f.docs, document1("_id", i))
		}
		template := bsonraw.NewBuilder(nil)
		template.String("insert", "users")
		template.Bool("ordered", ordered)
		in := &inserter{client: newConnection(f), db: "d", template: template.Finish(), rows: 4, report: func(bsonraw.Doc) {}}
		reply, err := in.run(context.Background(), &fakeCursor{docs: f.docs})
		require.NoError(t, err)
		failed := reply.Get("writeErrors").Doc().Values()
		require.Len(t, failed, 1)
		require.EqualValues(t, 5, failed[0].Doc().Get("index").Int32())
		if ordered {
			require.Equal(t, []int{4, 4}, sizes)
			require.EqualValues(t, 7, reply.Get("n").Int64())
			continue
		}
		require.Equal(t, []int{4, 4, 2}, sizes)
		require.EqualValues(t, 9, reply.Get("n").Int64())
		require.EqualValues(t, 3, reply.Get("argonLSN").Int64())
	}
}

// insertReply refuses the document with _id 5.
func insertReply(docs []bsonraw.Value, lsn int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	n := int32(len(docs))
	for i, d := range docs {
		if d.Doc().Get("_id").Int32() == 5 {
			n--
			b.BeginArray("writeErrors")
			b.BeginDoc("0")
			b.Int32("index", int32(i))
			b.Int32("code", 11000)
			b.End()
			b.End()
		}
	}
	b.Int32("n", n)
	b.Int64("argonLSN", int64(lsn))
	return b.Finish()
}
