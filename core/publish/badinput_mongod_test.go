package publish

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// proxy is a network that can be cut.
type proxy struct {
	uri   string
	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, uri string) *proxy {
	host, rest, _ := strings.Cut(strings.TrimPrefix(uri, "mongodb://"), "/")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	p := &proxy{uri: fmt.Sprintf("mongodb://%s/%s", l.Addr(), rest)}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", host)
			if err != nil {
				from.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, from, to)
			p.mu.Unlock()
			for _, ends := range [][2]net.Conn{{from, to}, {to, from}} {
				go func() {
					_, _ = io.Copy(ends[0], ends[1])
					ends[0].Close()
				}()
			}
		}
	}()
	return p
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// A network that is cut, at whatever place, is ridden through.
func TestNetworkCut(t *testing.T) {
	servers(t, func(t *testing.T, uri string, client *mongo.Client) {
		net := newProxy(t, uri)
		b := benchOn(t, t.TempDir(), uri, client)
		b.story()
		b.goLive("main")
		before := b.whole()
		b.uri = net.uri
		for n := 2; n < 20; n += 3 {
			b.p = New(b.store)
			seen := 0
			b.p.fault = func(point string) error {
				if seen++; seen == n && point != "action" {
					net.cut()
				}
				return nil
			}
			report, err := b.p.Publish(t.Context(), b.smallSpec())
			require.NoError(t, err, n)
			same(t, b.onBranch("exp"), b.live(), n)
			seen = 0
			back, err := b.p.Rollback(t.Context(), &Again{ID: report.ID})
			require.NoError(t, err, n)
			require.Empty(t, back.Conflicts)
			require.Equal(t, before, b.whole(), n)
		}
	})
}

// A transaction that is too long for the server is halved, as often as need be.
func TestHalves(t *testing.T) {
	b := newBench(t)
	b.shop(20)
	b.update("exp", "orders", `{}`, `{"$set": {"s": "y"}}`)
	before := b.live()
	left := 3
	b.p.fault = func(point string) error {
		if point == "written" && left > 0 {
			left--
			return mongo.CommandError{Code: 290, Message: "too long", Labels: []string{"TransientTransactionError"}}
		}
		return nil
	}
	report, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.EqualValues(t, 20, report.Counts.Written)
	j, err := b.p.load(t.Context(), report.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"000001aaa", "000001aab", "000001ab", "000001b"}, j.head.Batches)
	same(t, b.onBranch("exp"), b.live())
	left = 1
	_, err = b.p.Rollback(t.Context(), &Again{ID: report.ID})
	require.NoError(t, err)
	same(t, before, b.live())
	require.NoError(t, b.p.Forget(t.Context(), report.ID))
}

// Ctrl-C stops at once, says how to go on, and leaves what can be gone on with.
func TestInterrupted(t *testing.T) {
	servers(t, func(t *testing.T, uri string, client *mongo.Client) {
		b := benchOn(t, t.TempDir(), uri, client)
		b.story()
		b.goLive("main")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		b.p.fault = func(string) error {
			if n++; n == 8 {
				cancel()
			}
			return nil
		}
		_, err := b.p.Publish(ctx, b.smallSpec())
		e := errs.As(err)
		require.Equal(t, errs.Interrupted, e.Code, "%v", err)
		require.Contains(t, e.Message, "was cut off after")
		require.Contains(t, e.Remedy, "argon publish --resume "+b.only())
		b.p.fault = nil
		_, err = b.p.Resume(t.Context(), &Again{ID: b.only()})
		require.NoError(t, err)
		same(t, b.onBranch("exp"), b.live())
	})
}

// Documents as large as they can be are written; larger ones are conflicts.
func TestLargeDocuments(t *testing.T) {
	b := newBench(t)
	large := strings.Repeat("x", 15<<20)
	b.insert("main", "a", `{"_id": 1, "n": 1, "s": "`+large+`"}`)
	b.branch("exp", "main")
	b.goLive("main")
	b.update("exp", "a", `{"_id": 1}`, `{"$set": {"n": 2}}`)
	b.insert("exp", "a", `{"_id": 2, "s": "`+large+`"}`)
	report, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.EqualValues(t, 2, report.Counts.Written)
	same(t, b.onBranch("exp"), b.live())

	b.branch("more", "exp")
	b.update("more", "a", `{"_id": 1}`, `{"$set": {"n": "`+large[:900<<10]+`"}}`)
	b.do(`{"update": "a", "updates": [{"q": {"_id": 1}, "u": {"$set": {"other": "` + large[:900<<10] + `"}}}]}`)
	got := reportOf(t, func() error { _, err := b.p.Publish(t.Context(), b.spec("more")); return err }())
	require.Equal(t, kindRefused, got.Conflicts[0].Kind)
}

// Missing rights are named before the first write.
func TestRights(t *testing.T) {
	b := newBench(t)
	b.story()
	b.goLive("main")
	b.do(`{"createUser": "reader", "pwd": "s3cret", "roles": ["read"]}`)
	defer b.do(`{"dropUser": "reader"}`)
	before := b.whole()
	spec := b.spec("exp")
	spec.Target = strings.Replace(b.uri, "mongodb://", "mongodb://reader:s3cret@", 1) + "&authSource=" + b.db.Name()
	_, err := b.p.Publish(t.Context(), spec)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
	for _, right := range []string{"collMod on ", "insert on ", "update on ", "remove on ", "createIndex on ", ".orders"} {
		require.Contains(t, err.Error(), right)
	}
	require.NotContains(t, err.Error(), "find on")
	require.NotContains(t, err.Error(), "s3cret")
	require.Equal(t, before, b.whole())

	spec.Target = strings.Replace(spec.Target, "s3cret", "wr0ng", 1)
	_, err = b.p.Plan(t.Context(), spec)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
	require.NotContains(t, err.Error(), "wr0ng")
}

// The password of a connection string is nowhere in the journal, and is asked for
// again.
func TestNoPasswords(t *testing.T) {
	b := newBench(t)
	b.shop(3)
	b.update("exp", "orders", `{}`, `{"$set": {"s": "y"}}`)
	b.do(`{"createUser": "writer", "pwd": "s3cret", "roles": ["readWrite", "dbAdmin"]}`)
	defer b.do(`{"dropUser": "writer"}`)
	spec := b.spec("exp")
	spec.Target = strings.Replace(b.uri, "mongodb://", "mongodb://writer:s3cret@", 1) + "&authSource=" + b.db.Name()
	report, err := b.p.Publish(t.Context(), spec)
	require.NoError(t, err)
	for _, kind := range []string{settingHeader, settingSteps, settingState, settingTxn} {
		all, err := b.store.Settings(t.Context(), kind)
		require.NoError(t, err)
		for _, s := range all {
			require.NotContains(t, string(s.Doc), "s3cret")
		}
	}
	_, err = b.p.Rollback(t.Context(), &Again{ID: report.ID})
	require.ErrorContains(t, err, "passwords are not kept")
	_, err = b.p.Rollback(t.Context(), &Again{ID: report.ID, Target: spec.Target})
	require.NoError(t, err)
}

// A store that is open for reading only can plan, and publishes nothing.
func TestReadOnlyStore(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	w := benchOn(t, dir, b.uri, b.db.Client())
	w.shop(3)
	w.update("exp", "orders", `{}`, `{"$set": {"s": "y"}}`)
	require.NoError(t, w.store.Close())
	store, err := engine.Open(t.Context(), dir, &engine.Options{ReadOnly: true})
	require.NoError(t, err)
	defer store.Close()
	w.store, w.p = store, New(store)
	plan, err := w.p.Plan(t.Context(), w.spec("exp"))
	require.NoError(t, err)
	require.EqualValues(t, 3, plan.Counts.Updated)
	_, err = w.p.Publish(t.Context(), w.spec("exp"))
	require.Equal(t, errs.StoreReadOnly, errs.CodeOf(err), "%v", err)
}

// Capped collections have no transactions: their documents are written one by one.
func TestCapped(t *testing.T) {
	b := newBench(t)
	b.insert("main", "log", `{"_id": 1, "n": 1}`)
	b.branch("exp", "main")
	b.goLive("main")
	b.do(`{"drop": "log"}`)
	b.do(`{"create": "log", "capped": true, "size": 100000}`)
	b.do(`{"insert": "log", "documents": [{"_id": 1, "n": 1}]}`)
	b.update("exp", "log", `{"_id": 1}`, `{"$set": {"n": 2}}`)
	b.insert("exp", "log", `{"_id": 2}`)
	report, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.EqualValues(t, 2, report.Counts.Written)
	same(t, b.onBranch("exp"), b.live())
	all, err := b.store.Settings(t.Context(), settingTxn)
	require.NoError(t, err)
	require.Empty(t, all)
}
