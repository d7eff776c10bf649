package wire

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/opmsg"
)

func TestCommandsOverOneConnection(t *testing.T) {
	p := serve(t, Options{}).dial()
	p.ok(`{"ping": 1, "$db": "admin"}`)
	p.ok(`{"insert": "users", "documents": [{"_id": 1}, {"_id": 2}], "$db": "shop"}`)
	reply := p.ok(`{"find": "users", "filter": {"_id": 2}, "$db": "shop"}`)
	require.Len(t, reply.Get("cursor").Doc().Get("firstBatch").Doc().Values(), 1)
	code, text := p.fails(`{"nonsense": 1, "$db": "shop"}`)
	require.Equal(t, int32(59), code)
	require.Equal(t, "no such command: 'nonsense'", text)
	code, _ = p.fails(`{"find": 7, "$db": "shop"}`)
	require.Equal(t, int32(2), code)
	code, _ = p.fails(`{"find": "users", "limit": "x", "$db": "shop"}`)
	require.Equal(t, int32(14), code)
	code, _ = p.fails(`{"find": "users", "limits": 1, "$db": "shop"}`)
	require.Equal(t, int32(40415), code)
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

func TestSequences(t *testing.T) {
	p := serve(t, Options{}).dial()
	msg := append(opmsg.BeginMsg(nil, 1, 0, opmsg.ChecksumPresent), doc(t, `{"insert": "users", "$db": "shop"}`)...)
	p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", doc(t, `{"_id": 1}`), doc(t, `{"_id": 2}`))))
	m := p.read()
	require.Equal(t, opmsg.ChecksumPresent, m.Flags, "a checksum is answered with a checksum")
	require.Equal(t, int32(2), m.Body.Get("n").Int32())

	msg = append(opmsg.BeginMsg(nil, 2, 0, 0), doc(t, `{"insert": "users", "documents": [], "$db": "shop"}`)...)
	p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", doc(t, `{"_id": 3}`))))
	require.Contains(t, p.read().Body.Get("errmsg").Str(), `"documents"`)
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

func TestCompressedMessages(t *testing.T) {
	p := serve(t, Options{}).dial()
	for _, c := range []opmsg.Compressor{opmsg.NoCompressor, opmsg.Snappy, opmsg.Zlib, opmsg.Zstd} {
		p.send(opmsg.Compress(nil, c, opmsg.AppendMsg(nil, 5, 0, 0, doc(t, `{"listCommands": 1, "$db": "admin"}`))))
		m := p.read()
		require.Equal(t, c, m.Compressor)
		require.True(t, m.Body.Get("ok").Truthy())
	}
	reply := p.ok(`{"hello": 1, "compression": ["lz4", "zstd", "snappy", "zlib"], "$db": "admin"}`)
	var names []string
	for _, v := range reply.Get("compression").Doc().Values() {
		names = append(names, v.Str())
	}
	require.Equal(t, []string{"zstd", "snappy", "zlib"}, names)
}

func TestMoreToComeHasNoReply(t *testing.T) {
	p := serve(t, Options{}).dial()
	p.begin(opmsg.MoreToCome, `{"insert": "users", "documents": [{"_id": 1}], "$db": "shop"}`)
	p.begin(opmsg.MoreToCome, `{"insert": "users", "documents": [{"_id": 1}], "$db": "shop"}`)
	p.begin(opmsg.MoreToCome, `{"nonsense": 1, "$db": "shop"}`)
	reply := p.ok(`{"count": "users", "$db": "shop"}`)
	require.Equal(t, int32(1), reply.Get("n").Int32())
}

func TestExhaust(t *testing.T) {
	p := serve(t, Options{}).dial()
	p.ok(`{"insert": "n", "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}, {"_id": 4}, {"_id": 5}], "$db": "shop"}`)
	reply := p.ok(`{"find": "n", "batchSize": 1, "$db": "shop"}`)
	id, _ := reply.Get("cursor").Doc().Get("id").AsInt64()
	b := bsonraw.NewBuilder(nil)
	b.Int64("getMore", id)
	b.String("collection", "n")
	b.Int32("batchSize", 1)
	b.String("$db", "shop")
	p.send(opmsg.AppendMsg(nil, 77, 0, opmsg.ExhaustAllowed, b.Finish()))
	to := int32(77)
	for n := int32(2); n <= 5; n++ {
		m := p.read()
		require.Equal(t, to, m.ResponseTo)
		to = m.RequestID
		docs := m.Body.Get("cursor").Doc().Get("nextBatch").Doc().Values()
		require.Len(t, docs, 1)
		require.Equal(t, n, docs[0].Doc().Get("_id").Int32())
		require.Equal(t, n < 5, m.Flags&opmsg.MoreToCome != 0)
	}
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

func TestHandshakeOfOld(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.send(opmsg.AppendQuery(nil, 3, "admin.$cmd", doc(t, `{"isMaster": 1, "helloOk": true, "backpressure": "2"}`)))
	m := p.read()
	require.Equal(t, opmsg.OpReply, m.Op)
	require.Equal(t, int32(3), m.ResponseTo)
	require.True(t, m.Body.Get("ismaster").Truthy())
	require.Equal(t, "argon", m.Body.Get("setName").Str())
	require.Equal(t, v.addr, m.Body.Get("me").Str())
	require.Equal(t, int32(21), m.Body.Get("maxWireVersion").Int32())

	p.send(opmsg.AppendQuery(nil, 4, "admin.$cmd", doc(t, `{"ping": 1}`)))
	require.Equal(t, int32(352), p.read().Body.Get("code").Int32())
	p.send(opmsg.AppendQuery(nil, 5, "shop.users", doc(t, `{"a": 1}`)))
	require.Equal(t, int32(352), p.read().Body.Get("code").Int32())
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

// TestStreamingHello waits for news as drivers do, until the server drains.
func TestStreamingHello(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	first := p.ok(`{"hello": 1, "$db": "admin"}`)
	b := bsonraw.NewBuilder(nil)
	b.Int32("hello", 1)
	b.Value("topologyVersion", first.Get("topologyVersion"))
	b.Int32("maxAwaitTimeMS", 20)
	b.String("$db", "admin")
	p.send(opmsg.AppendMsg(nil, 9, 0, opmsg.ExhaustAllowed, b.Finish()))
	for range 3 {
		m := p.read()
		require.NotZero(t, m.Flags&opmsg.MoreToCome)
		require.True(t, m.Body.Get("isWritablePrimary").Truthy())
	}
	go v.s.Shutdown(t.Context()) //nolint:errcheck // the cleanup looks at it
	for {
		if m := p.read(); m.Flags&opmsg.MoreToCome == 0 {
			require.False(t, m.Body.Get("isWritablePrimary").Truthy())
			require.Equal(t, int64(1), m.Body.Get("topologyVersion").Doc().Get("counter").Int64())
			break
		}
	}
	p.closed()

	other := serve(t, Options{}).dial()
	code, _ := other.fails(`{"hello": 1, "maxAwaitTimeMS": 10, "$db": "admin"}`)
	require.Equal(t, int32(31368), code)
}

func TestUnixSocketAndIPv6(t *testing.T) {
	path := socketPath(t)
	v := serve(t, Options{Address: "db.example:1"}, path, "[::1]:0")
	p := v.dialTo("unix", path)
	require.Equal(t, path, p.ok(`{"hello": 1, "$db": "admin"}`).Get("me").Str())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = Listen(t.Context(), path)
	require.ErrorContains(t, err, "another process serves")
	for l := range v.s.listeners {
		if l.Addr().Network() == "tcp" {
			six := v.dialTo("tcp", l.Addr().String())
			require.Equal(t, "db.example:1", six.ok(`{"hello": 1, "$db": "admin"}`).Get("me").Str())
		}
	}
}

func TestASocketLeftBehind(t *testing.T) {
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	again, err := Listen(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, again.Close())
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRemediesStandInMessages(t *testing.T) {
	p := serve(t, Options{}).dial()
	p.ok(`{"insert": "users", "documents": [{"_id": 1}], "$db": "shop"}`)
	_, text := p.fails(`{"insert": "users", "documents": [{"_id": 2}], "$db": "shop~main~1"}`)
	require.Contains(t, text, "argon branches create")
	_, text = p.fails(`{"insert": "users", "documents": [{"_id": 2}], "$db": "shop~mian"}`)
	require.Contains(t, text, "main")
	p.ok(`{"hello": 1, "client": {"driver": {"name": "argon"}}, "$db": "admin"}`)
	_, text = p.fails(`{"insert": "users", "documents": [{"_id": 2}], "$db": "shop~main~1"}`)
	require.NotContains(t, text, "argon branches create")
}

// serverStatus has what tools draw curves of.
func TestActivity(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.ok(`{"insert": "c", "documents": [{"_id": 1}, {"_id": 2}], "$db": "shop"}`)
	for range 3 {
		p.ok(`{"find": "c", "$db": "shop"}`)
	}
	other := v.dial()
	other.ok(`{"ping": 1, "$db": "admin"}`)
	s := p.ok(`{"serverStatus": 1, "$db": "admin"}`)
	counts := s.Get("opcounters").Doc()
	require.Equal(t, int64(1), counts.Get("insert").Int64())
	require.Equal(t, int64(3), counts.Get("query").Int64())
	require.Equal(t, int64(2), s.Get("connections").Doc().Get("current").Int64())
	require.Equal(t, int32(1), s.Get("connections").Doc().Get("active").Int32())
	net := s.Get("network").Doc()
	require.Equal(t, int64(5), net.Get("numRequests").Int64())
	require.Greater(t, net.Get("bytesOut").Int64(), net.Get("bytesIn").Int64())
}
