package mirror

import (
	"encoding/hex"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/wal"
)

// stamp is a cluster time: seconds in the upper half, increment in the lower.
type stamp uint64

func stampOf(t bson.Timestamp) stamp { return stamp(t.T)<<32 | stamp(t.I) }

func (s stamp) timestamp() bson.Timestamp {
	return bson.Timestamp{T: uint32(s >> 32), I: uint32(s)}
}

// time returns the second that a cluster time is in.
func (s stamp) time() time.Time { return time.Unix(int64(s>>32), 0).UTC() }

// event is one change event, in memory of its batch.
type event struct {
	op      string
	coll    string // "" for an event of the database
	id      bsonraw.Value
	full    bsonraw.Doc
	delta   bsonraw.Doc // updateDescription
	detail  bsonraw.Doc // operationDescription
	to      string      // of a rename
	uuid    string      // of the collection, "" if not told
	at      stamp
	wall    int64
	lsid    bsonraw.Doc
	txn     int64
	token   bsonraw.Doc
	fetched string // why the document has to be read from the source; "" if it is in full
}

// parseEvent reads an event, whose bytes it keeps pointing into.
func parseEvent(raw bsonraw.Doc) *event {
	e := &event{}
	for it := raw.Iter(); it.Next(); {
		v := it.Value()
		switch string(it.Key()) {
		case "_id":
			e.token = v.Doc()
		case "operationType":
			e.op = text(v)
		case "clusterTime":
			if v.Type == bsonraw.Timestamp {
				t, i := v.Timestamp()
				e.at = stamp(t)<<32 | stamp(i)
			}
		case "wallTime":
			if v.Type == bsonraw.DateTime {
				e.wall = v.Int64()
			}
		case "ns":
			e.coll = text(v.Doc().Get("coll"))
		case "to":
			e.to = text(v.Doc().Get("coll"))
		case "documentKey":
			e.id = v.Doc().Get("_id")
		case "fullDocument":
			e.full = v.Doc()
		case "updateDescription":
			e.delta = v.Doc()
		case "operationDescription":
			e.detail = v.Doc()
		case "collectionUUID":
			e.uuid = uuidOf(v)
		case "lsid":
			e.lsid = v.Doc()
		case "txnNumber":
			e.txn, _ = v.AsInt64()
		}
	}
	return e
}

func text(v bsonraw.Value) string {
	if v.Type != bsonraw.String {
		return ""
	}
	return v.Str()
}

func uuidOf(v bsonraw.Value) string {
	if v.Type != bsonraw.Binary {
		return ""
	}
	_, data := v.Binary()
	return hex.EncodeToString(data)
}

// together reports whether two events that follow each other are of one entry of
// the source's log: of one transaction, or of one write of several documents.
func together(a, b *event) bool {
	return a.at == b.at && a.txn == b.txn && string(a.lsid) == string(b.lsid)
}

// source returns what the log keeps of where the event comes from.
func (e *event) source() *wal.Source {
	s := &wal.Source{ClusterTime: uint64(e.at), Wall: e.wall}
	if e.lsid != nil {
		s.Session, s.Txn = e.lsid, e.txn
	}
	return s
}

// time returns when the event happened. The wall clock is finer than the cluster
// time, which has seconds.
func (e *event) time() time.Time {
	if e.wall != 0 {
		return time.UnixMilli(e.wall).UTC()
	}
	return e.at.time()
}

// tokenStamp returns the cluster time that a resume token stands at; zero if it
// is of a form that we do not know. A token is {_data: hex}, whose bytes sort
// like positions: a byte that says "timestamp", then the timestamp.
func tokenStamp(token bsonraw.Doc) stamp {
	const timestampType = "82"
	data := text(token.Get("_data"))
	if !strings.HasPrefix(data, timestampType) || len(data) < 18 {
		return 0
	}
	var b [8]byte
	if _, err := hex.Decode(b[:], []byte(data[2:18])); err != nil {
		return 0
	}
	var s stamp
	for _, x := range b {
		s = s<<8 | stamp(x)
	}
	return s
}
