package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
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
// what the one before it left. So it is under guards of fields and of documents,
// in transactions and without, and where the publish dies again and again on its
// way.
func TestRace(t *testing.T) {
	cut := map[string]int{"TestRace/replica_set": 7, "TestRace/standalone": 61} // there it can die at each document
	servers(t, func(t *testing.T, uri string, client *mongo.Client) {
		race := func(guard Guard, cuts int) {
			t.Run(fmt.Sprintf("%s guard, cut off every %d steps", guard, cuts), func(t *testing.T) {
				raceUnder(t, benchOn(t, t.TempDir(), uri, client), guard, cuts)
			})
		}
		race(Fields, 0)
		race(Fields, cut[t.Name()])
		race(Document, cut[t.Name()])
	})
}

func raceUnder(t *testing.T, b *bench, guard Guard, cuts int) {
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
	}
	spec := b.spec("exp")
	spec.Guard, spec.SkipConflicts, spec.Limits.Steps = guard, true, 20
	// The writers begin behind the plan: under the guard of documents, nothing would
	// be left of one that takes its time.
	start := sync.OnceFunc(func() {
		for w := range logs {
			group.Go(func() { race(ctx, t, coll, rand.New(rand.NewPCG(seed, uint64(w))), w, logs[w]) })
		}
	})
	report, died := b.publishDying(spec, cuts, start)
	stop()
	group.Wait()
	t.Logf("%+v, died %d times", report.Counts, died)
	require.Positive(t, report.Counts.Written)
	require.Equal(t, cuts > 0, died > 0)
	require.GreaterOrEqual(t, report.Counts.Written+report.Counts.Conflicts, int64(raceDocs), "what was not written is listed")

	published := 0
	for _, d := range b.liveDocs("orders") {
		published += checkRaced(t, d, logs, guard)
	}
	// Where it died between a write and its record, and another has written since,
	// a conflict is all that can be said.
	require.GreaterOrEqual(t, int64(published), report.Counts.Written)
	if cuts == 0 {
		require.EqualValues(t, report.Counts.Written, published)
	}
	b.p = New(b.store)
	back, err := b.p.Rollback(t.Context(), &Again{ID: report.ID})
	require.NoError(t, err)
	require.GreaterOrEqual(t, back.Counts.RolledBack+back.Counts.Conflicts, report.Counts.Written)
	for _, d := range b.liveDocs("orders") {
		if w, _ := d.Get("w").AsInt64(); guard == Fields || w == 0 { // else others have changed it since
			require.NotEqual(t, "published", d.Get("s").Str())
		}
	}
}

// publishDying publishes, dies at every n-th place where it can, and is resumed.
func (b *bench) publishDying(spec *Spec, every int, planned func()) (report *Report, died int) {
	seen := 0
	fault := func(point string) error {
		if point == "planned" {
			planned()
		}
		if seen++; every > 0 && seen > 1 && seen%every == 0 {
			return errFault
		}
		return nil
	}
	b.p.fault = fault
	report, err := b.p.Publish(b.t.Context(), spec)
	for ; errors.Is(err, errFault); died++ {
		id := b.only()
		b.p = New(b.store)
		b.p.fault = fault
		report, err = b.p.Resume(b.t.Context(), &Again{ID: id})
	}
	require.NoError(fatal{b.t}, err)
	return report, died
}

// checkRaced checks a document against what was written to it, and returns how
// often the publish wrote it.
func checkRaced(t *testing.T, d bsonraw.Doc, logs []map[int]*wrote, guard Guard) (published int) {
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
	for at != d.Get("s").Str() || next[at] != "" {
		to, ok := next[at]
		if !ok {
			require.Equal(t, "x", at, "document %d", id)
			to, published = "published", published+1
		} else {
			seen++
		}
		at = to
	}
	require.Len(t, next, seen, "a write of %d is lost", id)
	if guard == Fields || incs == 0 {
		require.NotEqual(t, "x", at, "neither wrote %d", id)
	}
	return published
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
