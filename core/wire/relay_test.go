package wire

import (
	"bytes"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// What a client sends is never a preface: not over TCP, and not behind one.
func TestAClientCannotSendAPreface(t *testing.T) {
	v := serve(t, Options{Auth: true})
	for range 2 {
		code, _ := v.dial().fails(`{"argonRelay": 1, "authenticate": false, "$db": "admin"}`)
		require.EqualValues(t, errs.CommandNotFound, code)
	}
}

// The host sees a client that comes through a relay as one of its own.
func TestWhoComesThroughARelay(t *testing.T) {
	var log lockedBuffer
	v := serve(t, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	p := v.dial()
	hello := p.ok(`{"hello": 1, "$db": "admin"}`)
	require.Equal(t, v.addr, hello.Get("me").Str())
	me := p.nc.LocalAddr().String()
	require.Equal(t, me, p.ok(`{"whatsmyuri": 1, "$db": "admin"}`).Get("you").Str())
	require.Contains(t, log.String(), me)
}

// A driver that watches is told that its server drains, although another process
// answers it.
func TestDrainTellsWhoWatches(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	first := p.ok(`{"hello": 1, "$db": "admin"}`)
	var await bytes.Buffer
	await.WriteString(`{"hello": 1, "maxAwaitTimeMS": 600000, "topologyVersion": `)
	await.WriteString(jsonOf(first.Get("topologyVersion").Doc()))
	await.WriteString(`, "$db": "admin"}`)
	p.begin(opmsg.ExhaustAllowed, await.String())
	eventually(t, "it waits", v.running)
	require.NoError(t, v.s.Shutdown(t.Context()))
	news := p.read().Body
	require.False(t, news.Get("isWritablePrimary").Truthy(), jsonOf(news))
	require.EqualValues(t, 1, news.Get("topologyVersion").Doc().Get("counter").Int64())
	p.closed()
}

// A host that has gone while its clients come ends their connections, and the
// server goes on.
func TestARelayWithoutAHost(t *testing.T) {
	if !relayedMode {
		t.Skip("there is no relay")
	}
	v := serve(t, Options{})
	p := v.dial()
	p.ok(`{"ping": 1, "$db": "admin"}`)
	require.NoError(t, v.host.Shutdown(t.Context()))
	p.closed()
	nc, err := net.Dial("tcp", v.addr)
	require.NoError(t, err)
	defer nc.Close()
	newPeer(t, nc).closed()
}
