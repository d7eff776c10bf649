package attach

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

func open(t testing.TB, dir string, o *Options) *Shared {
	t.Helper()
	s, err := Open(context.Background(), dir, o)
	require.NoError(t, err)
	return s
}

func hosting(t testing.TB, s *Shared) bool {
	p, err := s.Place(context.Background())
	require.NoError(t, err)
	return p.Hosting
}

// Clients come, write, read and go in any order. A model counts what they wrote:
// every one of them sees all of it, and while there is one exactly one hosts.
func TestRandomClientsOfOneStore(t *testing.T) {
	n, most := 0, 10 // stores are opened and closed, which takes milliseconds
	if os.Getenv("RAPID_CHECKS") != "" {
		most = 1000
	}
	rapid.Check(t, func(t *rapid.T) {
		if n++; n > most {
			return
		}
		dir, err := os.MkdirTemp("", "argon")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		var clients []*Shared
		defer func() {
			for _, c := range clients {
				require.NoError(t, c.Close())
			}
		}()
		written := int32(0)
		pick := func(t *rapid.T) *Shared {
			if len(clients) == 0 {
				t.Skip("there is no client")
			}
			return rapid.SampledFrom(clients).Draw(t, "client")
		}
		run := func(t *rapid.T, c *Shared, cmd string) bsonraw.Doc {
			reply, err := c.Run(context.Background(), "p", parse(cmd))
			require.NoError(t, err)
			return reply
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				if len(clients) > 5 {
					t.Skip("enough")
				}
				c, err := Open(context.Background(), dir, nil)
				require.NoError(t, err)
				clients = append(clients, c)
			},
			"close": func(t *rapid.T) {
				c := pick(t)
				require.NoError(t, c.Close())
				_, err := c.Run(context.Background(), "p", parse(`{"ping": 1}`))
				require.Equal(t, errs.StoreClosed, errs.CodeOf(err))
				for i, other := range clients {
					if other == c {
						clients = append(clients[:i:i], clients[i+1:]...)
						break
					}
				}
			},
			"insert": func(t *rapid.T) {
				reply := run(t, pick(t), fmt.Sprintf(`{"insert": "c", "documents": [{"_id": %d}]}`, written))
				require.EqualValues(t, 1, reply.Get("n").Int32())
				written++
			},
			"increment": func(t *rapid.T) {
				run(t, pick(t), `{"update": "k", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}, "upsert": true, "multi": false}]}`)
			},
			"count": func(t *rapid.T) {
				require.EqualValues(t, written, run(t, pick(t), `{"count": "c"}`).Get("n").Int32())
			},
			"": func(t *rapid.T) {
				hosts := 0
				for _, c := range clients {
					if p, err := c.Place(context.Background()); err == nil && p.Hosting {
						hosts++
					}
				}
				require.LessOrEqual(t, hosts, 1)
				if len(clients) > 0 {
					require.Equal(t, 1, hosts)
				}
			},
		})
	})
}

// What a crash leaves in the way of a host is taken away, and what is not its own
// is not.
func TestWhatIsLeftOver(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir, nil).Close())
	socket := filepath.Join(dir, socketName)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	stale, err := json.Marshal(newRendezvous("of another opening"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, rendezvousName), stale, 0o600))
	first, second := open(t, dir, nil), open(t, dir, nil)
	require.True(t, hosting(t, first))
	require.False(t, hosting(t, second))
	require.NoError(t, second.Close())
	require.NoError(t, first.Close())

	require.NoError(t, os.WriteFile(socket, []byte("mine"), 0o600))
	first, second = open(t, dir, nil), open(t, dir, nil)
	p, err := first.Place(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, socket, p.Address, "it is elsewhere")
	require.False(t, hosting(t, second))
	require.NoError(t, second.Close())
	require.NoError(t, first.Close())
	text, err := os.ReadFile(socket)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
}

// A copy of a store, made while it is open, does not lead to the original.
func TestACopyOfAnOpenStore(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	first := open(t, dir, nil)
	defer first.Close()
	require.NoError(t, os.Mkdir(copied, 0o700))
	for _, name := range []string{rendezvousName, "LOCK.argon", "FORMAT"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, name), text, 0o600))
	}
	other := open(t, copied, nil)
	defer other.Close()
	require.True(t, hosting(t, other))
	third := open(t, copied, nil)
	defer third.Close()
	p, err := third.Place(t.Context())
	require.NoError(t, err)
	require.Equal(t, filepath.Join(copied, socketName), p.Address)
}

// A process that cannot attach is told why.
func TestWhoCannotAttach(t *testing.T) {
	fail := func(dir string, code errs.Code, texts ...string) {
		t.Helper()
		_, err := Open(t.Context(), dir, nil)
		require.Equal(t, code, errs.CodeOf(err), "%v", err)
		for _, text := range texts {
			require.Contains(t, err.Error(), text)
		}
	}
	rewrite := func(dir string, change func(*rendezvous)) {
		path := filepath.Join(dir, rendezvousName)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var r rendezvous
		require.NoError(t, json.Unmarshal(text, &r))
		change(&r)
		text, err = json.Marshal(&r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	t.Run("another version", func(t *testing.T) {
		dir := t.TempDir()
		defer open(t, dir, nil).Close()
		rewrite(dir, func(r *rendezvous) { r.Argon = "9.9.9" })
		fail(dir, errs.VersionMismatch, "Argon 9.9.9", "Argon "+command.Version, "one version")
	})
	t.Run("no socket", func(t *testing.T) {
		dir := t.TempDir()
		defer open(t, dir, nil).Close()
		rewrite(dir, func(r *rendezvous) { r.Socket, r.Problem = "", "the moon is full" })
		fail(dir, errs.StoreLocked, "could not make a socket", "the moon is full")
	})
	t.Run("an engine alone", func(t *testing.T) {
		dir := t.TempDir()
		store, err := engine.Open(t.Context(), dir, nil)
		require.NoError(t, err)
		defer store.Close()
		fail(dir, errs.StoreLocked, dir, fmt.Sprint(os.Getpid()))
	})
	t.Run("a reader", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, open(t, dir, nil).Close())
		store, err := engine.Open(t.Context(), dir, &engine.Options{ReadOnly: true})
		require.NoError(t, err)
		defer store.Close()
		fail(dir, errs.StoreLocked, "only reads it")
	})
	t.Run("a host that does not answer", func(t *testing.T) {
		dir := t.TempDir()
		defer open(t, dir, nil).Close()
		silent := filepath.Join(t.TempDir(), "s.sock")
		l, err := net.Listen("unix", silent)
		require.NoError(t, err)
		defer l.Close()
		rewrite(dir, func(r *rendezvous) { r.Socket = silent })
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err = Open(ctx, dir, nil)
		require.Error(t, err)
	})
	t.Run("another's directory", func(t *testing.T) {
		t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
		require.NoError(t, os.Mkdir(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "argon"), 0o755))
		dir := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
		s := open(t, dir, nil)
		defer s.Close()
		fail(dir, errs.StoreLocked, "not a directory of this user alone")
	})
}

// The context of a command ends it at the host, whose connection stays.
func TestCancelReachesTheHost(t *testing.T) {
	dir := t.TempDir()
	host, client := open(t, dir, nil), open(t, dir, nil)
	defer host.Close()
	defer client.Close()
	docs := make([]string, 0, 3000)
	for i := range 3000 {
		docs = append(docs, fmt.Sprintf(`{"_id": %d, "n": 1}`, i))
	}
	_, err := client.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [`+strings.Join(docs, ",")+`]}`))
	require.NoError(t, err)
	slow := parse(`{"aggregate": "c", "cursor": {}, "pipeline": [
		{"$lookup": {"from": "c", "localField": "n", "foreignField": "n", "as": "x"}}, {"$unwind": "$x"}, {"$group": {"_id": "$x._id", "n": {"$sum": 1}}}]}`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = client.Run(ctx, "p", slow)
	require.Equal(t, errs.MaxTimeMSExpired, errs.CodeOf(err), "%v", err)
	ctx, cancel = context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		_, err := client.Run(ctx, "p", slow)
		require.Equal(t, errs.Interrupted, errs.CodeOf(err), "%v", err)
	}()
	cancel()
	done.Wait()
	reply, err := client.Run(t.Context(), "p", parse(`{"count": "c"}`))
	require.NoError(t, err)
	require.EqualValues(t, 3000, reply.Get("n").Int32())
	require.Zero(t, client.moves.Load(), "the host was not lost over it")
}

// A source gives the same stream twice, although the branch moves on.
// TestAppendFirst gives the same at the host and attached to it.
func TestAppendFirst(t *testing.T) {
	dir := t.TempDir()
	host := open(t, dir, nil)
	_, err := host.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [{"_id": 1, "n": 7}]}`))
	require.NoError(t, err)
	for _, s := range []*Shared{host, open(t, dir, nil)} {
		found, err := s.AppendFirst(t.Context(), "p", parse(`{"find": "c", "filter": {"_id": 1}, "limit": 1, "singleBatch": true}`), []byte("x"))
		require.NoError(t, err)
		require.Equal(t, "x"+string(parse(`{"_id": 1, "n": 7}`)), string(found))
		found, err = s.AppendFirst(t.Context(), "p", parse(`{"find": "c", "filter": {"_id": 2}}`), []byte("x"))
		require.NoError(t, err)
		require.Equal(t, "x", string(found))
		_, err = s.AppendFirst(t.Context(), "p", parse(`{"ping": 1}`), nil)
		require.True(t, errs.Is(err, errs.CommandNotSupported), err)
		require.ErrorContains(t, err, "'ping'")
	}
}

func TestSourceStaysAtItsMoment(t *testing.T) {
	dir := t.TempDir()
	host, client := open(t, dir, nil), open(t, dir, nil)
	defer host.Close()
	defer client.Close()
	insert := func(from, to int) {
		var docs []string
		for i := from; i < to; i++ {
			docs = append(docs, fmt.Sprintf(`{"_id": %d, "text": "%s"}`, i, strings.Repeat("x", 200)))
		}
		_, err := host.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [`+strings.Join(docs, ",")+`]}`))
		require.NoError(t, err)
	}
	insert(0, 5000)
	src, err := client.OpenSource(t.Context(), "p", parse(`{"find": "c", "batchSize": 3, "singleBatch": true}`))
	require.NoError(t, err)
	defer src.Close()
	require.True(t, src.Repeatable())
	for range 2 {
		cur, err := src.Open(t.Context())
		require.NoError(t, err)
		n := 0
		for {
			d, ok, err := cur.Next(t.Context())
			require.NoError(t, err)
			if !ok {
				break
			}
			require.EqualValues(t, n, d.Get("_id").Int32())
			n++
		}
		require.Equal(t, 5000, n)
		require.NoError(t, cur.Close())
		insert(5000, 5010)
		_, err = host.Run(t.Context(), "p", parse(`{"delete": "c", "deletes": [{"q": {"_id": {"$gte": 5000}}, "limit": 0}]}`))
		require.NoError(t, err)
		insert(6000, 6001)
		_, err = host.Run(t.Context(), "p", parse(`{"delete": "c", "deletes": [{"q": {"_id": 6000}, "limit": 1}]}`))
		require.NoError(t, err)
	}
	random, err := client.OpenSource(t.Context(), "p", parse(`{"aggregate": "c", "pipeline": [{"$sample": {"size": 2}}], "cursor": {}}`))
	require.NoError(t, err)
	require.False(t, random.Repeatable())
	cur, err := client.OpenCursor(t.Context(), "p", parse(`{"find": "c"}`))
	require.NoError(t, err)
	_, _, err = cur.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, cur.Close(), "in the middle")
	require.NoError(t, cur.Close())
}

// BenchmarkRoundTrip is a command at the host of another process's.
func BenchmarkRoundTrip(b *testing.B) {
	dir := b.TempDir()
	host, client := open(b, dir, nil), open(b, dir, nil)
	defer host.Close()
	defer client.Close()
	find := parse(`{"find": "c", "filter": {"_id": 1}}`)
	for _, c := range []struct {
		name string
		s    *Shared
	}{{"host", host}, {"attached", client}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.s.Run(b.Context(), "p", find); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is what serving the store adds to opening it.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	b.Run("engine", func(b *testing.B) {
		for b.Loop() {
			s, err := engine.Open(b.Context(), dir, nil)
			require.NoError(b, err)
			require.NoError(b, s.Close())
		}
	})
	b.Run("shared", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, open(b, dir, nil).Close())
		}
	})
}
