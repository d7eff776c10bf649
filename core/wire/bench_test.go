package wire

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/opmsg"
)

// benchPeer is a client on a server that has 10,000 documents.
func benchPeer(b *testing.B) *peer {
	p := serve(b, Options{}).dial()
	for begin := int32(0); begin < 10_000; begin += 1000 {
		msg := append(opmsg.BeginMsg(nil, 1, 0, 0), doc(b, `{"insert": "docs", "$db": "shop"}`)...)
		p.send(opmsg.FinishMsg(opmsg.AppendSequence(msg, "documents", documents(begin, 1000)...)))
		p.read()
	}
	return p
}

func documents(begin, n int32) []bsonraw.Doc {
	list := make([]bsonraw.Doc, n)
	for i := range list {
		d := bsonraw.NewBuilder(nil)
		d.Int32("_id", begin+int32(i))
		d.String("name", "customer of the northern part, number some thing or other")
		d.String("email", "user@mail.example.org")
		d.Double("score", float64(i)/100)
		d.BeginDoc("address")
		d.String("street", "9999 Long Lane of the town")
		d.String("city", "Lisbon")
		d.End()
		d.BeginArray("tags")
		for j, tag := range []string{"red", "green", "blue"} {
			d.String(bsonraw.Index(j), tag)
		}
		d.End()
		d.Int32("visits", int32(i))
		list[i] = d.Finish()
	}
	return list
}

// again runs one command over and over.
func (p *peer) again(b *testing.B, command string) {
	msg := opmsg.AppendMsg(nil, 1, 0, 0, doc(b, command))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.nc.Write(msg); err != nil {
			b.Fatal(err)
		}
		if m, err := p.r.Next(); err != nil || !m.Body.Get("ok").Truthy() {
			b.Fatal(err)
		}
	}
}

func BenchmarkPing(b *testing.B) { benchPeer(b).again(b, `{"ping": 1, "$db": "admin"}`) }
func BenchmarkFindOne(b *testing.B) {
	benchPeer(b).again(b, `{"find": "docs", "filter": {"_id": 4711}, "limit": 1, "singleBatch": true, "$db": "shop"}`)
}

func BenchmarkFindThousand(b *testing.B) {
	benchPeer(b).again(b, `{"find": "docs", "filter": {"_id": {"$gte": 4000, "$lt": 5000}}, "batchSize": 2000, "$db": "shop"}`)
}

func BenchmarkUpdateOne(b *testing.B) {
	benchPeer(b).again(b, `{"update": "docs", "updates": [{"q": {"_id": 4711}, "u": {"$inc": {"visits": 1}}}], "$db": "shop"}`)
}
