package publish

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// cutAt makes the publisher die at the n-th place where it can; false if it never
// came so far.
func (b *bench) cutAt(n int) (died func() bool) {
	seen := 0
	b.p = New(b.store)
	b.p.fault = func(string) error {
		if seen++; seen == n {
			return errFault
		}
		return nil
	}
	return func() bool { return seen >= n }
}

// story is a publish with everything in it: documents of each kind in several
// batches, a new collection with an index, a late index, a new validator.
func (b *bench) story() {
	var docs []string
	for i := range 6 {
		docs = append(docs, fmt.Sprintf(`{"_id": %d, "n": %d, "s": {"a": 1, "x.y": [1, {"b": 1}]}}`, i, i))
	}
	b.insert("main", "orders", docs...)
	b.branch("exp", "main")
	b.update("exp", "orders", `{"_id": {"$lt": 2}}`, `{"$set": {"s.a": 2}, "$unset": {"n": ""}}`)
	b.remove("exp", "orders", `{"_id": {"$in": [3, 4]}}`)
	b.insert("exp", "orders", `{"_id": 10, "n": {"$numberLong": "10"}}`, `{"_id": 11, "t": {"$timestamp": {"t": 0, "i": 0}}}`)
	b.insert("exp", "more", `{"_id": "a"}`)
	b.write("exp", func(t *engine.Txn) error {
		if _, _, err := t.CreateIndexes(b.t.Context(), "orders", []engine.Doc{mongotest.Doc(`{"key": {"n": 1}, "name": "n_1"}`)}); err != nil {
			return err
		}
		return t.ModifyCollection(b.t.Context(), "orders", mongotest.Doc(`{"validator": {"_id": {"$exists": true}}}`))
	})
}

// whole is everything of the live database that a publish may touch.
func (b *bench) whole() string {
	var out strings.Builder
	for _, name := range sortedKeys(shown(b.live())) {
		fmt.Fprintln(&out, name, shown(map[string][]bsonraw.Doc{name: b.liveDocs(name)}))
		specs, err := b.db.Collection(name).Indexes().ListSpecifications(b.t.Context())
		require.NoError(fatal{b.t}, err)
		for _, s := range specs {
			fmt.Fprintln(&out, s.Name, s.KeysDocument)
		}
	}
	cur, err := b.db.ListCollectionSpecifications(b.t.Context(), bson.D{})
	require.NoError(fatal{b.t}, err)
	for _, s := range cur {
		if v, err := s.Options.LookupErr("validator"); err == nil && len(v.Document()) > 5 {
			fmt.Fprintln(&out, s.Name, s.Options)
		}
	}
	return out.String()
}

func (b *bench) smallSpec() *Spec {
	s := b.spec("exp")
	s.Limits.Steps = 2
	return s
}

// only is the id of the one publish in the journal; "" if there is none.
func (b *bench) only() string {
	list, err := b.p.List(b.t.Context())
	require.NoError(fatal{b.t}, err)
	if len(list) == 0 {
		return ""
	}
	require.Len(fatal{b.t}, list, 1)
	return list[0].ID
}

func servers(t *testing.T, do func(t *testing.T, uri string, client *mongo.Client)) {
	t.Run("replica set", func(t *testing.T) { do(t, mongotest.URI(t), mongotest.Client(t)) })
	t.Run("standalone", func(t *testing.T) {
		uri, client := mongotest.Standalone(t)
		do(t, uri, client)
	})
}

// A publish that dies, at whatever place, is resumed to its end, and rolled back
// to where it began; so is a rollback that dies.
func TestCutOffAnywhere(t *testing.T) {
	servers(t, func(t *testing.T, uri string, client *mongo.Client) {
		b := benchOn(t, t.TempDir(), uri, client)
		b.story()
		b.goLive("main")
		before := b.whole()
		report, err := b.p.Publish(t.Context(), b.smallSpec())
		require.NoError(t, err)
		after := b.whole()
		same(t, b.onBranch("exp"), b.live())
		_, err = b.p.Rollback(t.Context(), &Again{ID: report.ID})
		require.NoError(t, err)
		require.Equal(t, before, b.whole())
		require.NoError(t, b.p.Forget(t.Context(), report.ID))

		cuts := 0
		for n := 1; ; n++ {
			died := b.cutAt(n)
			_, err := b.p.Publish(t.Context(), b.smallSpec())
			if !died() {
				require.NoError(t, err)
				require.NoError(t, b.p.Forget(t.Context(), b.only()))
				break
			}
			require.ErrorIs(t, err, errFault)
			cuts++
			id := b.only()
			// The rollback, too, dies, each time at another place.
			b.p = New(b.store)
			if n%2 == 0 {
				_, err = b.p.Resume(t.Context(), &Again{ID: id})
				if n == 1 || err != nil {
					require.ErrorContains(t, err, "while it was planned", n)
				} else {
					require.Equal(t, after, b.whole(), "resumed after a cut at %d", n)
				}
			}
			if err == nil || errors.Is(err, errFault) {
				died = b.cutAt(1 + n*7%cuts)
				_, err = b.p.Rollback(t.Context(), &Again{ID: id})
				if died() && errors.Is(err, errFault) {
					b.p = New(b.store)
					_, err = b.p.Resume(t.Context(), &Again{ID: id})
				}
				if err != nil {
					require.ErrorContains(t, err, "planning", n)
				}
			}
			require.Equal(t, before, b.whole(), "rolled back after a cut at %d", n)
			require.NoError(t, b.p.Forget(t.Context(), id))
		}
		require.Greater(t, cuts, 15)
		t.Logf("%d places", cuts)
		for _, kind := range []string{settingSteps, settingState, settingTxn, settingHeader} {
			left, err := b.store.Settings(t.Context(), kind)
			require.NoError(t, err)
			require.Empty(t, left, kind)
		}
	})
}

// The same with a process that is killed.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("ARGON_PUBLISH_CHILD"); dir != "" {
		publishAndDie(t, dir)
		return
	}
	b := newBench(t)
	b.story()
	b.goLive("main")
	before := b.whole()
	dir := t.TempDir()
	require.NoError(t, b.store.Close())
	for _, n := range []int{3, 9, 10, 11, 14} {
		b := benchOn(t, dir, b.uri, b.db.Client())
		if n == 3 {
			b.story()
		}
		b.goLive("main")
		name := b.db.Name()
		require.NoError(t, b.store.Close())
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "ARGON_PUBLISH_CHILD="+dir, "ARGON_PUBLISH_URI="+b.uri, "ARGON_PUBLISH_DB="+name, "ARGON_PUBLISH_AT="+strconv.Itoa(n))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%s", out)
		require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), "%s", out)

		store, err := engine.Open(t.Context(), dir, nil)
		require.NoError(t, err)
		b.store, b.p = store, New(store)
		id := b.only()
		report, err := b.p.Resume(t.Context(), &Again{ID: id})
		require.NoError(t, err)
		require.Empty(t, report.Conflicts)
		same(t, b.onBranch("exp"), b.live())
		_, err = b.p.Rollback(t.Context(), &Again{ID: id})
		require.NoError(t, err)
		require.Equal(t, before, b.whole())
		require.NoError(t, b.p.Forget(t.Context(), id))
		require.NoError(t, store.Close())
	}
}

// publishAndDie is the child of TestKilled.
func publishAndDie(t *testing.T, dir string) {
	client, err := mongo.Connect(options.Client().ApplyURI(os.Getenv("ARGON_PUBLISH_URI")))
	require.NoError(t, err)
	store, err := engine.Open(t.Context(), dir, nil)
	require.NoError(t, err)
	b := &bench{t: t, store: store, p: New(store), uri: os.Getenv("ARGON_PUBLISH_URI"), db: client.Database(os.Getenv("ARGON_PUBLISH_DB"))}
	at, err := strconv.Atoi(os.Getenv("ARGON_PUBLISH_AT"))
	require.NoError(t, err)
	n := 0
	b.p.fault = func(string) error {
		if n++; n == at {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {}
		}
		return nil
	}
	_, err = b.p.Publish(t.Context(), b.smallSpec())
	t.Fatalf("it was not killed: %v", err)
}
