package wire

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/argon-lab/argon/core/opmsg"
)

// FuzzServer sends any bytes to a server: it answers or closes the connection,
// and goes on serving others.
func FuzzServer(f *testing.F) {
	seed := func(command string) []byte { return opmsg.AppendMsg(nil, 1, 0, 0, doc(f, command)) }
	for _, command := range []string{
		`{"hello": 1, "$db": "admin"}`, `{"ping": 1, "$db": "admin"}`,
		`{"insert": "c", "documents": [{"_id": 1, "a": [1, {"b": 2}]}], "$db": "shop"}`,
		`{"find": "c", "filter": {"a": {"$gt": 1}}, "sort": {"a": -1}, "$db": "shop"}`,
		`{"aggregate": "c", "pipeline": [{"$group": {"_id": "$a"}}], "cursor": {}, "$db": "shop"}`,
		`{"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "multi": true}], "$db": "shop~main"}`,
		`{"getMore": {"$numberLong": "1"}, "collection": "c", "$db": "shop"}`,
		`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}], "$db": "shop"}`,
		`{"endSessions": [], "$db": "admin"}`, `{"currentOp": 1, "$db": "admin"}`,
	} {
		f.Add(seed(command))
	}
	f.Add(append(seed(`{"ping": 1, "$db": "admin"}`), seed(`{"nonsense": 1}`)...))
	f.Add(opmsg.AppendQuery(nil, 1, "admin.$cmd", doc(f, `{"isMaster": 1}`)))
	f.Add(opmsg.Compress(nil, opmsg.Zstd, seed(`{"ping": 1, "$db": "admin"}`)))
	f.Add(opmsg.FinishMsg(opmsg.AppendSequence(append(opmsg.BeginMsg(nil, 1, 0, opmsg.ChecksumPresent),
		doc(f, `{"insert": "c", "$db": "shop"}`)...), "documents", doc(f, `{"_id": 1}`))))
	v := serve(f, Options{})
	well := v.dial()
	f.Fuzz(func(t *testing.T, bytes []byte) {
		nc, err := net.Dial("tcp", v.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := nc.Write(bytes); err != nil {
			return // it was closed in between
		}
		if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, nc); err != nil && isTimeout(err) {
			t.Fatal("the server neither answers nor closes")
		}
		well.t = t
		_ = well.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		well.ok(`{"ping": 1, "$db": "admin"}`)
		if n := v.s.stats.panics.Load(); n != 0 {
			t.Fatalf("%d panics", n)
		}
	})
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}
