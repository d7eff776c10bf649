package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/opmsg"
)

// slow is a command that runs until it is canceled.
const slow = `{"aggregate": 1, "cursor": {}, "pipeline": [{"$documents": [{"a": {"$range": [0, 10000]}}]},
	{"$unwind": "$a"}, {"$set": {"b": {"$range": [0, 10000]}}}, {"$unwind": "$b"},
	{"$set": {"c": {"$range": [0, 10000]}}}, {"$unwind": "$c"}, {"$group": {"_id": null, "n": {"$sum": "$c"}}}], "$db": "shop"}`

func (v *served) operations() int {
	reply := v.dial().ok(`{"currentOp": 1, "$db": "admin"}`)
	n := 0
	for _, op := range reply.Get("inprog").Doc().Values() {
		if op.Doc().Get("command").Doc().Get("currentOp").IsMissing() {
			n++
		}
	}
	return n
}

func TestADisconnectCancelsTheCommand(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.begin(0, slow)
	eventually(t, "the command runs", func() bool { return v.operations() == 1 })
	p.nc.Close()
	eventually(t, "the command is canceled", func() bool { return v.operations() == 0 })
}

func TestKillOp(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.begin(0, slow)
	other := v.dial()
	var id int64
	eventually(t, "the command runs", func() bool {
		for _, op := range other.ok(`{"currentOp": 1, "$db": "admin"}`).Get("inprog").Doc().Values() {
			if op.Doc().Get("command").Doc().Get("aggregate").Type != bsonraw.Missing {
				id, _ = op.Doc().Get("opid").AsInt64()
			}
		}
		return id != 0
	})
	other.ok(fmt.Sprintf(`{"killOp": 1, "op": %d, "$db": "admin"}`, id))
	m := p.read()
	require.Equal(t, int32(11601), m.Body.Get("code").Int32())
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

// TestDrain lets a running command answer, and closes what waits.
func TestDrain(t *testing.T) {
	v := serve(t, Options{})
	idle, busy := v.dial(), v.dial()
	idle.ok(`{"ping": 1, "$db": "admin"}`)
	v.disp.EnableTestCommands()
	idle.ok(`{"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": {"failCommands": ["ping"], "blockConnection": true, "blockTimeMS": 300}, "$db": "admin"}`)
	busy.begin(0, `{"ping": 1, "$db": "admin"}`)
	eventually(t, "the command has begun", v.running)
	require.NoError(t, v.s.Shutdown(t.Context()))
	require.True(t, busy.read().Body.Get("ok").Truthy())
	busy.closed()
	idle.closed()
	_, err := net.Dial("tcp", v.addr)
	require.Error(t, err)
}

func TestAShutdownThatLosesPatience(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.begin(0, slow)
	eventually(t, "the command runs", func() bool { return v.operations() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, v.s.Shutdown(ctx), "before they had their answer")
	for {
		if _, err := p.r.Next(); err != nil {
			return
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	v := serve(t, Options{MaxConnections: 3})
	var list []*peer
	for range 3 {
		p := v.dial()
		p.ok(`{"ping": 1, "$db": "admin"}`)
		list = append(list, p)
	}
	v.dial().closed()
	list[0].nc.Close()
	eventually(t, "there is room again", func() bool { return v.s.Connections() == 2 })
	v.dial().ok(`{"ping": 1, "$db": "admin"}`)
}

// TestASlowReaderStopsNobody asks for much and takes nothing of it.
func TestASlowReaderStopsNobody(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	text := strings.Repeat("x", 1<<20)
	for i := range 12 {
		b := bsonraw.NewBuilder(nil)
		b.Int32("_id", int32(i))
		b.String("text", text)
		msg := append(opmsg.BeginMsg(nil, 1, 0, 0), doc(t, `{"insert": "big", "$db": "shop"}`)...)
		p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", b.Finish())))
		require.True(t, p.read().Body.Get("ok").Truthy())
	}
	var stuck []*peer
	for range 8 {
		s := v.dial()
		s.begin(0, `{"find": "big", "$db": "shop"}`)
		stuck = append(stuck, s)
	}
	for range 50 {
		p.ok(`{"find": "big", "filter": {"_id": 1}, "projection": {"_id": 1}, "$db": "shop"}`)
	}
	for _, s := range stuck {
		m := s.read()
		require.Len(t, m.Body.Get("cursor").Doc().Get("firstBatch").Doc().Values(), 12)
	}
}

// TestAThousandIdleAndTwoHundredBusy measures what an idle connection costs.
func TestAThousandIdleAndTwoHundredBusy(t *testing.T) {
	v := serve(t, Options{})
	heap := func() uint64 {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	seed := v.dial()
	seed.ok(`{"insert": "n", "documents": [{"_id": 1, "n": 0}], "$db": "shop"}`)
	before := heap()
	idle := make([]net.Conn, 1000)
	for i := range idle {
		nc, err := net.Dial("tcp", v.addr)
		require.NoError(t, err)
		t.Cleanup(func() { nc.Close() })
		idle[i] = nc
		p := newPeer(t, nc)
		p.ok(`{"hello": 1, "$db": "admin"}`)
		p.ok(`{"find": "n", "filter": {"_id": 1}, "$db": "shop"}`)
	}
	// This process has both ends; the client's is a net.Conn and no buffer.
	each := (int64(heap()) - int64(before)) / int64(len(idle))
	t.Logf("%d bytes for an idle connection, both ends", each)
	most := int64(30 << 10)
	if relayedMode {
		most *= 2 // it has what two processes have
	}
	require.Less(t, each, most)

	var wg sync.WaitGroup
	for i := range 200 {
		p := v.dial()
		wg.Go(func() {
			for j := range 20 {
				p.ok(fmt.Sprintf(`{"insert": "busy", "documents": [{"_id": %d}], "$db": "shop"}`, i*100+j))
				p.ok(`{"find": "n", "filter": {"_id": 1}, "$db": "shop"}`)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int32(4000), seed.ok(`{"count": "busy", "$db": "shop"}`).Get("n").Int32())
	require.Equal(t, 1201, v.s.Connections())
	newPeer(t, idle[999]).ok(`{"ping": 1, "$db": "admin"}`)
}

const session = `"lsid": {"id": {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAQ==", "subType": "04"}}}, "$db": "shop"`

// TestAClientThatDiesInATransaction leaves nothing behind.
func TestAClientThatDiesInATransaction(t *testing.T) {
	v := serve(t, Options{})
	v.disp.SetGrace(time.Millisecond)
	p, other := v.dial(), v.dial()
	p.ok(`{"insert": "n", "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}], "$db": "shop"}`)
	p.ok(`{"update": "n", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}], "txnNumber": {"$numberLong": "1"}, "startTransaction": true, "autocommit": false, ` + session + `}`)
	p.ok(`{"find": "n", "batchSize": 1, "txnNumber": {"$numberLong": "1"}, "autocommit": false, ` + session + `}`)
	p.ok(`{"find": "n", "batchSize": 1, "$db": "shop"}`)
	status := func() (cursors, txns int64) {
		m := other.ok(`{"serverStatus": 1, "$db": "admin"}`)
		cursors, _ = m.Get("metrics").Doc().Get("cursor").Doc().Get("open").Doc().Get("total").AsInt64()
		txns, _ = m.Get("transactions").Doc().Get("currentOpen").AsInt64()
		return cursors, txns
	}
	cursors, txns := status()
	require.Equal(t, int64(2), cursors)
	require.Equal(t, int64(1), txns)
	p.nc.Close()
	eventually(t, "its cursors and its transaction are gone", func() bool {
		cursors, txns := status()
		return cursors == 0 && txns == 0
	})
	other.ok(`{"update": "n", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 2}}}], "$db": "shop"}`)
}

// TestATransactionGoesOnElsewhere: drivers may use another connection for each
// command of a transaction, and close one that is idle.
func TestATransactionGoesOnElsewhere(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	p.ok(`{"insert": "n", "documents": [{"_id": 1}], "txnNumber": {"$numberLong": "1"}, "startTransaction": true, "autocommit": false, ` + session + `}`)
	p.nc.Close()
	eventually(t, "the connection is gone", func() bool { return v.s.Connections() == 0 })
	other := v.dial()
	other.ok(`{"commitTransaction": 1, "txnNumber": {"$numberLong": "1"}, "autocommit": false, ` + strings.Replace(session, "shop", "admin", 1) + `}`)
	require.Equal(t, int32(1), other.ok(`{"count": "n", "$db": "shop"}`).Get("n").Int32())
}

// TestLimits: what is too large is refused by its length, before its bytes.
func TestLimits(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	head := make([]byte, 16)
	binary.LittleEndian.PutUint32(head, 48_000_001)
	binary.LittleEndian.PutUint32(head[12:], 2013)
	p.send(head)
	require.Contains(t, p.read().Body.Get("errmsg").Str(), "at most 48000000")
	p.closed()

	p = v.dial()
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", 1)
	b.String("text", strings.Repeat("x", 16<<20))
	msg := append(opmsg.BeginMsg(nil, 1, 0, 0), doc(t, `{"insert": "big", "$db": "shop"}`)...)
	p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", b.Finish())))
	reply := p.read().Body
	require.Contains(t, jsonOf(reply), "10334", "a document of more than 16 MiB")

	msg = append(opmsg.BeginMsg(nil, 2, 0, 0), doc(t, `{"insert": "big", "$db": "shop"}`)...)
	many := make([]bsonraw.Doc, 100_001)
	for i := range many {
		many[i] = bsonraw.EmptyDoc
	}
	p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", many...)))
	require.Equal(t, int32(16), p.read().Body.Get("code").Int32())
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

func TestWhatIsNotSpoken(t *testing.T) {
	v := serve(t, Options{})
	for name, bytes := range map[string][]byte{
		"OP_INSERT": append([]byte{20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xD2, 0x07, 0, 0}, 0, 0, 0, 0),
		"HTTP":      []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":       {0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"a reply":   opmsg.AppendReply(nil, 1, 1, bsonraw.EmptyDoc),
	} {
		t.Run(name, func(t *testing.T) {
			p := v.dial()
			p.send(bytes)
			p.closed()
		})
	}
	v.dial().ok(`{"ping": 1, "$db": "admin"}`)
}

func TestFailPoints(t *testing.T) {
	v := serve(t, Options{})
	p := v.dial()
	code, _ := p.fails(`{"configureFailPoint": "failCommand", "mode": "off", "$db": "admin"}`)
	require.Equal(t, int32(59), code)
	v.disp.EnableTestCommands()
	on := func(mode, data string) {
		p.ok(`{"configureFailPoint": "failCommand", "mode": ` + mode + `, "data": ` + data + `, "$db": "admin"}`)
	}
	on(`{"times": 2}`, `{"failCommands": ["ping"], "errorCode": 91, "errorLabels": ["Mine"]}`)
	for range 2 {
		reply := p.run(`{"ping": 1, "$db": "admin"}`)
		require.Equal(t, "ShutdownInProgress", reply.Get("codeName").Str())
		require.Equal(t, "Mine", reply.Get("errorLabels").Doc().Get("0").Str())
	}
	p.ok(`{"ping": 1, "$db": "admin"}`)

	on(`{"times": 1}`, `{"failCommands": ["insert"], "errorCode": 10107}`)
	reply := p.run(`{"insert": "n", "documents": [{"_id": 1}], "txnNumber": {"$numberLong": "1"}, ` + session + `}`)
	require.Equal(t, "RetryableWriteError", reply.Get("errorLabels").Doc().Get("0").Str())

	begin := `"startTransaction": true, "autocommit": false, "txnNumber": {"$numberLong": "2"}, ` + session + `}`
	on(`{"times": 1}`, `{"failCommands": ["insert"], "errorCode": 112}`)
	reply = p.run(`{"insert": "n", "documents": [{"_id": 5}], ` + begin)
	require.Equal(t, "TransientTransactionError", reply.Get("errorLabels").Doc().Get("0").Str())
	require.True(t, reply.Get("topologyVersion").IsMissing())

	on(`{"times": 1}`, `{"failCommands": ["insert"], "writeConcernError": {"code": 91, "errmsg": "x"}}`)
	reply = p.ok(`{"insert": "n", "documents": [{"_id": 1}], "txnNumber": {"$numberLong": "1"}, ` + session + `}`)
	require.Equal(t, int32(91), reply.Get("writeConcernError").Doc().Get("code").Int32())
	require.Equal(t, "RetryableWriteError", reply.Get("errorLabels").Doc().Get("0").Str())
	require.Equal(t, int32(1), reply.Get("n").Int32())

	on(`"alwaysOn"`, `{"failCommands": ["ping"], "appName": "other", "closeConnection": true}`)
	p.ok(`{"ping": 1, "$db": "admin"}`)
	on(`{"times": 1}`, `{"failCommands": ["ping"], "closeConnection": true}`)
	p.begin(0, `{"ping": 1, "$db": "admin"}`)
	p.closed()
	p = v.dial()
	on(`{"times": 1}`, `{"failCommands": ["isMaster"], "appName": "mine", "closeConnection": true}`)
	named := v.dial()
	named.send(opmsg.AppendQuery(nil, 1, "admin.$cmd", doc(t, `{"isMaster": 1, "client": {"application": {"name": "mine"}}}`)))
	named.closed()
	on(`"off"`, `{}`)
	p.ok(`{"ping": 1, "$db": "admin"}`)
}

// What a fail point blocks for longer than its maxTimeMS does not run after all.
func TestFailPointsBlockWithinMaxTime(t *testing.T) {
	v := serve(t, Options{})
	v.disp.EnableTestCommands()
	p := v.dial()
	p.ok(`{"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {"failCommands": ["insert"], "blockConnection": true, "blockTimeMS": 3600000}, "$db": "admin"}`)
	code, _ := p.fails(`{"insert": "n", "documents": [{"_id": 1}], "maxTimeMS": 1, "$db": "shop"}`)
	require.Equal(t, int32(50), code)
	p.ok(`{"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {"failCommands": ["insert"], "blockConnection": true, "blockTimeMS": 1}, "$db": "admin"}`)
	p.ok(`{"insert": "n", "documents": [{"_id": 2}], "maxTimeMS": 100000, "$db": "shop"}`)
	require.Equal(t, int32(1), p.ok(`{"count": "n", "$db": "shop"}`).Get("n").Int32())
}

// A retryable write that fails before its commit is done when it is sent again,
// and one whose connection is lost after it is not done twice.
func TestFailPointOfRetryableWrites(t *testing.T) {
	v := serve(t, Options{})
	v.disp.EnableTestCommands()
	for i, data := range []string{`{"failBeforeCommitExceptionCode": 1}`, `{}`} {
		p := v.dial()
		p.ok(`{"configureFailPoint": "onPrimaryTransactionalWrite", "mode": {"times": 1}, "data": ` + data + `, "$db": "admin"}`)
		write := fmt.Sprintf(`{"update": "n", "updates": [{"q": {"_id": %d}, "u": {"$inc": {"n": 1}}, "upsert": true}], "txnNumber": {"$numberLong": "%d"}, `, i, i+1) + session + `}`
		p.begin(0, write)
		p.closed()
		p = v.dial()
		reply := p.ok(write)
		require.Equal(t, i == 1, !reply.Get("retriedStmtIds").IsMissing(), jsonOf(reply))
		count := p.ok(fmt.Sprintf(`{"count": "n", "query": {"_id": %d, "n": 1}, "$db": "shop"}`, i))
		require.Equal(t, int32(1), count.Get("n").Int32())
	}
	p := v.dial()
	p.ok(`{"configureFailPoint": "onPrimaryTransactionalWrite", "mode": "alwaysOn", "data": {"failBeforeCommitExceptionCode": 2, "closeConnection": false}, "$db": "admin"}`)
	code, _ := p.fails(`{"insert": "n", "documents": [{"_id": 8}], "txnNumber": {"$numberLong": "9"}, ` + session + `}`)
	require.Equal(t, int32(2), code)
	require.Zero(t, p.ok(`{"count": "n", "query": {"_id": 8}, "$db": "shop"}`).Get("n").Int32())
}

// A fail point takes hold of a driver that watches already, with its next reply.
func TestFailPointOfAStreamOfHellos(t *testing.T) {
	v := serve(t, Options{})
	v.disp.EnableTestCommands()
	p, other := v.dial(), v.dial()
	b := bsonraw.NewBuilder(nil)
	b.Int32("hello", 1)
	b.Value("topologyVersion", p.ok(`{"hello": 1, "$db": "admin"}`).Get("topologyVersion"))
	b.Int32("maxAwaitTimeMS", 5)
	b.String("$db", "admin")
	p.send(opmsg.AppendMsg(nil, 9, 0, opmsg.ExhaustAllowed, b.Finish()))
	require.NotZero(t, p.read().Flags&opmsg.MoreToCome)
	other.ok(`{"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": {"failCommands": ["hello"], "errorCode": 10107}, "$db": "admin"}`)
	for {
		if m := p.read(); m.Flags&opmsg.MoreToCome == 0 {
			require.Equal(t, int32(10107), m.Body.Get("code").Int32())
			break
		}
	}
	p.ok(`{"hello": 1, "$db": "admin"}`)
}

func TestFailPointsOfCursorsAndTimeLimits(t *testing.T) {
	v := serve(t, Options{})
	v.disp.EnableTestCommands()
	p := v.dial()
	p.ok(`{"insert": "n", "documents": [{"_id": 1}, {"_id": 2}], "$db": "shop"}`)
	for _, c := range []struct{ pipeline, label string }{{`[{"$changeStream": {}}]`, "ResumableChangeStreamError"}, {`[]`, ""}} {
		reply := p.ok(`{"aggregate": "n", "pipeline": ` + c.pipeline + `, "cursor": {"batchSize": 1}, "$db": "shop"}`)
		p.ok(`{"configureFailPoint": "failGetMoreAfterCursorCheckout", "mode": {"times": 1}, "data": {"errorCode": 89}, "$db": "admin"}`)
		reply = p.run(fmt.Sprintf(`{"getMore": {"$numberLong": "%d"}, "collection": "n", "$db": "shop"}`, reply.Get("cursor").Doc().Get("id").Int64()))
		require.Equal(t, int32(89), reply.Get("code").Int32())
		require.Equal(t, c.label != "", !reply.Get("errorLabels").IsMissing(), jsonOf(reply))
	}
	p.ok(`{"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "alwaysOn", "$db": "admin"}`)
	code, _ := p.fails(`{"find": "n", "maxTimeMS": 100000, "$db": "shop"}`)
	require.Equal(t, int32(50), code)
	p.ok(`{"find": "n", "$db": "shop"}`)
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	pool := a.pool()
	v := serve(t, Options{TLS: &tls.Config{
		Certificates: []tls.Certificate{a.pair(pkix.Name{CommonName: "server"})}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	nc, err := tls.Dial("tcp", v.addr, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{a.pair(pkix.Name{CommonName: "ada"})}})
	require.NoError(t, err)
	defer nc.Close()
	p := newPeer(t, nc)
	p.ok(`{"hello": 1, "$db": "admin"}`)
	p.begin(0, slow)
	eventually(t, "the command runs", v.running)
	nc.Close()
	eventually(t, "the connection is gone", func() bool { return v.s.Connections() == 0 })

	without, err := tls.Dial("tcp", v.addr, &tls.Config{RootCAs: pool})
	if err == nil { // the server's refusal comes with the first reading
		defer without.Close()
		_, err = without.Read(make([]byte, 1))
	}
	require.ErrorContains(t, err, "certificate")
	plain := v.dial()
	plain.begin(0, `{"ping": 1, "$db": "admin"}`)
	for {
		if _, err := plain.nc.Read(make([]byte, 64)); err != nil {
			break
		}
	}
}
