package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// raceDocs is how many documents both write.
const raceDocs = 300

// wrote is what the concurrent writer did to a document.
type wrote struct {
	incs  int
	chain []string // of the field that the publish writes, too: "old>new" each
}

// A publish races a writer: of a field that only the writer writes, every write
// is there at the end; of a field that both write, each write of either found
// what the one before it left.
func TestRace(t *testing.T) {
	servers(t, func(t *testing.T, uri string, client *mongo.Client) {
		b := benchOn(t, t.TempDir(), uri, client)
		b.shop(raceDocs)
		b.update("exp", "orders", `{}`, `{"$set": {"s": "published"}}`)
		coll := b.db.Collection("orders")
		seed := rand.Uint64()
		t.Logf("seed %d", seed)

		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		logs := make([]map[int]*wrote, 4)
		for w := range logs {
			logs[w] = map[int]*wrote{}
			group.Go(func() { race(ctx, t, coll, rand.New(rand.NewPCG(seed, uint64(w))), w, logs[w]) })
		}
		spec := b.spec("exp")
		spec.SkipConflicts = true
		spec.Limits.Steps = 20
		report, err := b.p.Publish(t.Context(), spec)
		stop()
		group.Wait()
		require.NoError(t, err)
		t.Logf("%+v", report.Counts)
		require.Positive(t, report.Counts.Written)

		published := map[int]bool{}
		for _, d := range b.liveDocs("orders") {
			id := int(d.Get("_id").Int32())
			incs := 0
			next := map[string]string{}
			for _, l := range logs {
				if m := l[id]; m != nil {
					incs += m.incs
					for i := 0; i+1 < len(m.chain); i += 2 {
						require.NotContains(t, next, m.chain[i], "two writes of %d took the place of one", id)
						next[m.chain[i]] = m.chain[i+1]
					}
				}
			}
			w, _ := d.Get("w").AsInt64()
			require.EqualValues(t, incs, w, "increments of %d", id)
			// From "x", the base, through everything that was written, to what is there.
			at, seen := "x", 0
			for {
				to, ok := next[at]
				if !ok && at == "x" && seen == 0 {
					to, ok = "published", !published[id]
					published[id] = true
				}
				if !ok {
					break
				}
				if to != "published" {
					seen++
				}
				at = to
			}
			require.Equal(t, at, d.Get("s").Str(), "document %d", id)
			require.Len(t, next, seen, "a write of %d is lost", id)
			require.NotEqual(t, "x", at, "neither wrote %d", id)
		}
		require.Len(t, published, int(report.Counts.Written))
		back, err := b.p.Rollback(t.Context(), &Again{ID: report.ID})
		require.NoError(t, err)
		require.EqualValues(t, report.Counts.Written, back.Counts.RolledBack+back.Counts.Conflicts)
		for _, d := range b.liveDocs("orders") {
			require.NotEqual(t, "published", d.Get("s").Str())
		}
	})
}

// race writes until it is stopped.
func race(ctx context.Context, t *testing.T, coll *mongo.Collection, rnd *rand.Rand, who int, log map[int]*wrote) {
	for n := 0; ctx.Err() == nil; n++ {
		id := rnd.IntN(raceDocs)
		change := bson.D{{Key: "$inc", Value: bson.D{{Key: "w", Value: 1}}}}
		token := ""
		if rnd.IntN(10) == 0 {
			token = fmt.Sprintf("%d-%d", who, n)
			change = bson.D{{Key: "$set", Value: bson.D{{Key: "s", Value: token}}}}
		}
		var old struct{ S string }
		// What was begun is waited for: a write whose outcome is not known proves
		// nothing.
		err := coll.FindOneAndUpdate(context.WithoutCancel(ctx), bson.D{{Key: "_id", Value: id}}, change).Decode(&old)
		if err != nil {
			t.Errorf("writer: %v", err)
			return
		}
		if log[id] == nil {
			log[id] = &wrote{}
		}
		if token == "" {
			log[id].incs++
		} else {
			log[id].chain = append(log[id].chain, old.S, token)
		}
	}
}
