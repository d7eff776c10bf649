package wire

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/opmsg"
)

// served is a server on a store of its own.
type served struct {
	t     testing.TB
	s     *Server
	host  *Server // which has the store: s, unless that one relays
	disp  *command.Dispatcher
	addr  string
	ended chan error
}

func serve(t testing.TB, o Options, addresses ...string) *served {
	t.Helper()
	store, err := engine.Open(t.Context(), t.TempDir(), &engine.Options{Actor: "ada"})
	require.NoError(t, err)
	v := &served{t: t, disp: command.NewDispatcher(store), ended: make(chan error, 4)}
	o.Dispatcher = v.disp
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if relayedMode {
		v.relay(&o)
	}
	v.s = NewServer(&o)
	if v.host == nil {
		v.host = v.s
	}
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1:0"}
	}
	for _, a := range addresses {
		l, err := Listen(t.Context(), a)
		require.NoError(t, err)
		if v.addr == "" {
			v.addr = l.Addr().String()
		}
		go func() { v.ended <- v.s.Serve(context.WithoutCancel(t.Context()), l) }()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, v.s.Shutdown(ctx))
		v.disp.Close()
		require.NoError(t, store.Close())
	})
	return v
}

// relayedMode puts a server between the clients of every test and the one that has
// the store.
var relayedMode bool

// TestMain runs every test twice: against the server of the process that has the
// store, and against that of another process, which relays.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.bench").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		relayedMode = true
		fmt.Println("relayed:")
		code = m.Run()
	}
	os.Exit(code)
}

// relay lets the options' server reach the store through another one.
func (v *served) relay(o *Options) {
	path := socketPath(v.t)
	l, err := Listen(v.t.Context(), path)
	require.NoError(v.t, err)
	host := NewServer(&Options{Dispatcher: v.disp, Log: o.Log})
	v.host = host
	ended := make(chan error, 1)
	go func() { ended <- host.Serve(context.WithoutCancel(v.t.Context()), l) }()
	v.t.Cleanup(func() {
		require.NoError(v.t, host.Shutdown(context.WithoutCancel(v.t.Context())))
		require.NoError(v.t, <-ended)
	})
	o.Dispatcher = nil
	o.Host = func(ctx context.Context) (*command.Dispatcher, net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		return nil, nc, err
	}
}

// running reports whether some connection runs a command.
func (v *served) running() bool {
	v.host.mu.Lock()
	defer v.host.mu.Unlock()
	for c := range v.host.conns {
		if p, _ := c.doing(); p == running {
			return true
		}
	}
	return false
}

// peer is a client that speaks the protocol itself.
type peer struct {
	t  testing.TB
	nc net.Conn
	r  *opmsg.Reader
	id int32
}

func (v *served) dial() *peer { return v.dialTo("tcp", v.addr) }

func (v *served) dialTo(network, address string) *peer {
	v.t.Helper()
	nc, err := net.Dial(network, address)
	require.NoError(v.t, err)
	v.t.Cleanup(func() { nc.Close() })
	return newPeer(v.t, nc)
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(20*time.Second)))
	return &peer{t: t, nc: nc, r: opmsg.NewReader(nc, 0)}
}

func doc(t testing.TB, text string) bsonraw.Doc {
	t.Helper()
	d, err := ejson.ParseDoc(text)
	require.NoError(t, err, text)
	return d
}

func jsonOf(d bsonraw.Doc) string { return string(ejson.Append(nil, d, ejson.Relaxed)) }

func (p *peer) send(msg []byte) {
	p.t.Helper()
	_, err := p.nc.Write(msg)
	require.NoError(p.t, err)
}

func (p *peer) read() *opmsg.Message {
	p.t.Helper()
	m, err := p.r.Next()
	require.NoError(p.t, err)
	return m
}

// begin sends a command and does not wait.
func (p *peer) begin(flags opmsg.Flags, command string) {
	p.t.Helper()
	p.id++
	p.send(opmsg.AppendMsg(nil, p.id, 0, flags, doc(p.t, command)))
}

// run runs a command, whatever its reply.
func (p *peer) run(command string) bsonraw.Doc {
	p.t.Helper()
	p.begin(0, command)
	m := p.read()
	require.Equal(p.t, p.id, m.ResponseTo)
	require.NoError(p.t, bsonraw.Validate(m.Body))
	return m.Body.Clone()
}

// ok runs a command that must succeed.
func (p *peer) ok(command string) bsonraw.Doc {
	p.t.Helper()
	reply := p.run(command)
	require.True(p.t, reply.Get("ok").Truthy(), "%s: %s", command, jsonOf(reply))
	return reply
}

// fails runs a command that must fail, and returns its code.
func (p *peer) fails(command string) (code int32, text string) {
	p.t.Helper()
	reply := p.run(command)
	require.False(p.t, reply.Get("ok").Truthy(), command)
	return reply.Get("code").Int32(), reply.Get("errmsg").Str()
}

// closed waits until the server has closed the connection.
func (p *peer) closed() {
	p.t.Helper()
	for {
		if _, err := p.r.Next(); err != nil {
			require.ErrorIs(p.t, err, io.EOF)
			return
		}
	}
}

// eventually waits for something that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 2*time.Millisecond, what)
}

func socketPath(t testing.TB) string {
	dir, err := os.MkdirTemp("", "argon")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s.sock")
}
