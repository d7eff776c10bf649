package mirror

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/refs"
)

const childEnv = "ARGON_MIRROR_CHILD"

// childCommit has a child copy in commits that are large enough for runs, and many.
const childCommit = 10 << 20

// child is another process that runs the mirrors of a store until it is killed.
func child(dir string) {
	ctx := context.Background()
	commitBytes = childCommit
	store, err := engine.Open(ctx, dir, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m := New(ctx, store, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if err := m.Resume(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("running")
	select {}
}

// runner is the child of a test.
type runner struct {
	t    *testing.T
	dir  string
	stop func()
}

// start starts the child and waits until it has the store open.
func (r *runner) start() {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+r.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, cmd.Start())
	line := make([]byte, 8)
	_, err = io.ReadFull(out, line)
	require.NoError(r.t, err)
	r.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		r.stop = func() {}
	}
	r.t.Cleanup(func() { r.stop() })
}

// proxy forwards connections to a server until it is told to cut them.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    map[net.Conn]bool
	refuse   bool
}

func newProxy(t *testing.T, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, target: target, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut(true)
	})
	return p
}

func (p *proxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.refuse {
			p.mu.Unlock()
			_ = c.Close()
			continue
		}
		p.conns[c], p.conns[s] = true, true
		p.mu.Unlock()
		go p.pipe(c, s)
		go p.pipe(s, c)
	}
}

func (p *proxy) pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// cut breaks every connection, and refuses new ones until it is called again.
func (p *proxy) cut(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// writer changes documents that are its own, and keeps every state they had.
type writer struct {
	t      *testing.T
	u      updater
	client *mongo.Client
	coll   *mongo.Collection
	ids    []string
	states map[string][]bson.Raw // nil: deleted
}

func newWriter(t *testing.T, client *mongo.Client, coll *mongo.Collection, n int, seed *rand.Rand) *writer {
	w := &writer{t: t, u: updater{rand.New(rand.NewPCG(seed.Uint64(), uint64(n)))}, client: client, coll: coll, states: map[string][]bson.Raw{}}
	for i := range 8 {
		w.ids = append(w.ids, fmt.Sprintf("w%d-%d", n, i))
	}
	return w
}

// note reads a document behind a write.
func (w *writer) note(ctx context.Context, id string) {
	raw, err := w.coll.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	if err == mongo.ErrNoDocuments {
		raw, err = nil, nil
	}
	require.NoError(w.t, err)
	states := w.states[id]
	if len(states) == 0 && raw == nil || len(states) > 0 && string(states[len(states)-1]) == string(raw) {
		return
	}
	w.states[id] = append(states, raw)
}

// step makes one change. An error of the server to the update itself is no matter;
// the driver repeats what a failover interrupts.
func (w *writer) step(ctx context.Context) {
	id := w.ids[w.u.IntN(len(w.ids))]
	filter := bson.D{{Key: "_id", Value: id}}
	there := len(w.states[id]) > 0 && w.states[id][len(w.states[id])-1] != nil
	switch n := w.u.IntN(20); {
	case !there:
		_, _ = w.coll.InsertOne(ctx, w.u.document(id))
	case n == 0:
		_, _ = w.coll.DeleteOne(ctx, filter)
	case n < 4:
		_, _ = w.coll.ReplaceOne(ctx, filter, w.u.document(id))
	case n < 6:
		w.transaction(ctx)
		return
	default:
		_, _ = w.coll.UpdateOne(ctx, filter, bson.D{w.u.operator()})
	}
	w.note(ctx, id)
}

// transaction changes several documents at once, and some of them twice.
func (w *writer) transaction(ctx context.Context) {
	session, err := w.client.StartSession()
	require.NoError(w.t, err)
	defer session.EndSession(ctx)
	stamp := w.u.Uint32()
	_, _ = session.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		for _, id := range w.ids[:4] {
			up := bson.D{{Key: "$set", Value: bson.D{{Key: "txn", Value: int64(stamp)}}}, {Key: "$unset", Value: bson.D{{Key: "e", Value: 1}}}}
			if _, err := w.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}}, up); err != nil {
				return nil, err
			}
		}
		_, err := w.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: w.ids[0]}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}})
		return nil, err
	})
	for _, id := range w.ids[:4] {
		w.note(ctx, id)
	}
}

// definer makes, renames, indexes and drops collections.
func definer(ctx context.Context, db *mongo.Database, r *rand.Rand, n int) {
	name := fmt.Sprintf("def%d", n%4)
	c := db.Collection(name)
	_, _ = c.InsertMany(ctx, []any{bson.D{{Key: "_id", Value: n}, {Key: "k", Value: n}}, bson.D{{Key: "_id", Value: -n - 1}}})
	switch r.IntN(6) {
	case 0:
		_ = c.Drop(ctx)
	case 1:
		_, _ = c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}})
	case 2:
		_ = c.Indexes().DropAll(ctx)
	case 3:
		rename := bson.D{{Key: "renameCollection", Value: db.Name() + "." + name}, {Key: "to", Value: db.Name() + fmt.Sprintf(".def%d", r.IntN(4))}, {Key: "dropTarget", Value: true}}
		_ = db.Client().Database("admin").RunCommand(ctx, rename).Err()
	case 4:
		_ = db.RunCommand(ctx, bson.D{{Key: "collMod", Value: name}, {Key: "validator", Value: bson.D{{Key: "k", Value: bson.D{{Key: "$ne", Value: "x"}}}}}}).Err()
	case 5:
		_, _ = c.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$inc", Value: bson.D{{Key: "m", Value: 1}}}})
	}
}

// lasting returns what tells a loop whether to go on: for so many steps, or for as
// long as $SOAK says.
func lasting(t *testing.T) func(n, steps int) bool {
	text := os.Getenv("SOAK")
	if text == "" {
		return func(n, steps int) bool { return n < steps }
	}
	long, err := time.ParseDuration(text)
	require.NoError(t, err)
	end := time.Now().Add(long)
	return func(int, int) bool { return time.Now().Before(end) }
}

// hammer runs writers while disturb disturbs, and then checks everything. disturb
// says what it did.
func hammer(t *testing.T, source string, client *mongo.Client, steps int, disturb func(r *runner, round int) string) {
	r, goOn := seed(t), lasting(t)
	w := &world{t: t, dir: t.TempDir(), uri: source, db: client.Database("hammered")}
	var writers []*writer
	for i := range 3 {
		wr := newWriter(t, client, w.db.Collection("docs"), i, r)
		for _, id := range wr.ids {
			_, err := wr.coll.InsertOne(t.Context(), wr.u.document(id))
			require.NoError(t, err)
			wr.note(t.Context(), id)
		}
		writers = append(writers, wr)
	}
	w.open()
	t.Cleanup(w.close)
	w.add()
	w.sync() // from here on everything is captured
	w.close()

	ctx := t.Context()
	var group sync.WaitGroup
	over := make(chan struct{})
	for _, wr := range writers {
		group.Go(func() {
			for n := 0; goOn(n, steps); n++ {
				wr.step(ctx)
			}
		})
	}
	group.Go(func() {
		for n := 0; goOn(n, steps/8); n++ {
			definer(ctx, w.db, r, n)
		}
	})
	go func() {
		group.Wait()
		close(over)
	}()
	run := &runner{t: t, dir: w.dir}
	run.start()
	did := map[string]int{}
	for round := 0; ; round++ {
		select {
		case <-over:
			run.stop()
			w.open()
			w.start()
			w.sync()
			require.Zero(t, w.status().Gaps)
			compared := 0
			for _, wr := range writers {
				compared += wr.check(w)
			}
			require.Equal(t, statesOf(writers), compared)
			w.verify()
			t.Logf("%d changes of documents, %d states compared with their history here, disturbed by %v", statesOf(writers), compared, did)
			return
		default:
			did[disturb(run, round)]++
		}
	}
}

func statesOf(writers []*writer) (n int) {
	for _, w := range writers {
		for _, s := range w.states {
			n += len(s)
		}
	}
	return n
}

// check compares every state of every document with our history of it, which begins
// with the copy's, and returns how many there are.
func (w *writer) check(world *world) (compared int) {
	for _, id := range w.ids {
		cur, err := world.store.History(w.t.Context(), refs.Ref{Project: "shop", Branch: "main"}, "docs", bsonraw.StringValue(id))
		require.NoError(w.t, err)
		var ours []string
		for {
			doc, ok, err := cur.Next(w.t.Context())
			require.NoError(w.t, err)
			if !ok {
				break
			}
			state := "deleted"
			if d := doc.Get("document").Doc(); d != nil {
				state = relaxed(d)
			}
			ours = append(ours, state)
		}
		require.NoError(w.t, cur.Close())
		var theirs []string
		for _, s := range w.states[id] {
			if s == nil {
				theirs = append(theirs, "deleted")
			} else {
				theirs = append(theirs, relaxed(bsonraw.Doc(s)))
			}
		}
		require.LessOrEqual(w.t, len(ours), len(theirs), id)
		require.Equal(w.t, theirs[len(theirs)-len(ours):], ours, id)
		compared += len(ours)
	}
	return compared
}

// TestKilledAndCut kills the mirror's process and cuts its network while a
// source is written to, and finds every state of every document.
func TestKilledAndCut(t *testing.T) {
	set := mongotest.NewSet(t, 1)
	p := newProxy(t, set.Hosts[0])
	source := "mongodb://" + p.listener.Addr().String() + "/?directConnection=true&serverSelectionTimeoutMS=2000"
	hammer(t, source, set.Client, 400, func(r *runner, round int) string {
		time.Sleep(time.Duration(150+round*37%200) * time.Millisecond) // whatever the mirror is at then
		if round%3 < 2 {
			r.stop()
			r.start()
			return "kills"
		}
		p.cut(true)
		time.Sleep(50 * time.Millisecond)
		p.cut(false)
		return "cuts"
	})
}

// TestStepDown has the primary of three nodes step down, and be killed and started
// again, while it is written to.
func TestStepDown(t *testing.T) {
	set := mongotest.NewSet(t, 3)
	hammer(t, set.URI, set.Client, 250, func(_ *runner, round int) string {
		time.Sleep(500 * time.Millisecond)
		switch round % 12 {
		case 1:
			if err := set.StepDown(t.Context()); err != nil {
				t.Logf("step down: %v", err)
			}
			return "step-downs"
		case 7:
			set.KillPrimary(t)
			return "kills of the primary"
		}
		return "pauses"
	})
}
