package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// Every field of MongoDB's commands with a value of every type gets the same
// answer as from mongod: success, or an error of the same code.
func TestFieldTypesAgainstMongod(t *testing.T) {
	commands := map[string]string{
		"insert":            `{"insert": "c", "documents": [{}]}`,
		"find":              `{"find": "c"}`,
		"count":             `{"count": "c"}`,
		"distinct":          `{"distinct": "c", "key": "a"}`,
		"aggregate":         `{"aggregate": "c", "pipeline": [], "cursor": {}}`,
		"update":            `{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]}`,
		"delete":            `{"delete": "c", "deletes": [{"q": {"_id": -1}, "limit": 1}]}`,
		"findAndModify":     `{"findAndModify": "c", "query": {"a": {"$exists": true}}, "update": {"$set": {"a": 1}}}`,
		"getMore":           `{"getMore": {"$numberLong": "1"}, "collection": "c"}`,
		"killCursors":       `{"killCursors": "c", "cursors": []}`,
		"createIndexes":     `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`,
		"listIndexes":       `{"listIndexes": "c"}`,
		"listCollections":   `{"listCollections": 1}`,
		"collMod":           `{"collMod": "c"}`,
		"explain":           `{"explain": {"find": "c"}, "verbosity": "queryPlanner"}`,
		"endSessions":       `{"endSessions": []}`,
		"ping":              `{"ping": 1}`,
		"commitTransaction": `{"commitTransaction": 1}`,
		"create":            `{"create": "c"}`,
		"dropIndexes":       `{"dropIndexes": "c", "index": "nope"}`,
		"drop":              `{"drop": "nothere"}`,
		"renameCollection":  `{"renameCollection": "x.y", "to": "x.z"}`,
		"listDatabases":     `{"listDatabases": 1}`,
		"refreshSessions":   `{"refreshSessions": []}`,
	}
	// Differences that are meant, with their reason.
	meant := map[string]string{
		"find.tailable": "there are no tailable cursors", "find.showRecordId": "there are no record ids",
		"find.max": "not there yet", "find.min": "not there yet", "find.returnKey": "not there yet",
		"create.merge": "Argon's own", "create.timeseries": "not there", "create.expireAfterSeconds": "not there",
		"create.indexOptionDefaults": "stored as it is", "create.idIndex": "has one form", "create.encryptedFields": "not there",
		"collMod.merge": "Argon's own", "collMod.expireAfterSeconds": "not there", "collMod.timeseries": "not there",
		"collMod.cappedSize": "not there", "collMod.cappedMax": "not there",
		"getMore.lastKnownCommittedOpTime": "internal to MongoDB", "getMore.term": "internal to MongoDB",
		"aggregate.fromMongos": "internal to MongoDB", "aggregate.needsMerge": "internal to MongoDB",
	}
	s := newSweep(t)
	for _, cmd := range Commands() {
		base, ok := commands[cmd.Name]
		if !ok {
			continue
		}
		for _, f := range cmd.Fields {
			if meant[cmd.Name+"."+f.Name] != "" {
				continue
			}
			for _, v := range sweepValues {
				s.compare(withValue(doc(t, base), f.Name, doc(t, `{"v": `+v+`}`).Get("v")))
			}
		}
	}
	s.finish()
}

// The same for the fields of statements inside a command.
func TestStatementTypesAgainstMongod(t *testing.T) {
	s := newSweep(t)
	for _, c := range []struct {
		command, list, statement string
		fields                   []FieldInfo
	}{
		{`{"update": "c", "updates": []}`, "updates", `{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}`, updateStatement.infos()},
		{`{"delete": "c", "deletes": []}`, "deletes", `{"q": {"_id": -1}, "limit": 1}`, deleteTable.infos()},
	} {
		for _, f := range c.fields {
			if f.Name == "sort" || f.Name == "upsertSupplied" { // of MongoDB 8.0; internal to MongoDB
				continue
			}
			values := sweepValues
			if f.Name == "limit" {
				values = []string{`0`, `1`, `2`, `-1`, `1.5`, `1.0`, `{"$numberLong": "1"}`} // others differ, and should
			}
			for _, v := range values {
				st := withValue(doc(t, c.statement), f.Name, doc(t, `{"v": `+v+`}`).Get("v"))
				s.compare(withValue(doc(t, c.command), c.list, bsonraw.ArrayValue(st.Value())))
			}
		}
	}
	s.finish()
}

// And for the fields that every command takes.
func TestGenericTypesAgainstMongod(t *testing.T) {
	s := newSweep(t)
	for _, base := range []string{`{"find": "c"}`, `{"insert": "c", "documents": [{}]}`} {
		for _, name := range []string{
			"maxTimeMS", "readConcern", "writeConcern", "comment", "lsid", "txnNumber", "autocommit", "startTransaction",
			"$readPreference", "apiVersion", "apiStrict", "apiDeprecationErrors", "stmtId", "stmtIds",
		} {
			for _, v := range sweepValues {
				if name == "maxTimeMS" && v == `1` {
					continue // which may be enough, or not
				}
				s.compare(withValue(doc(t, base), name, doc(t, `{"v": `+v+`}`).Get("v")))
			}
		}
	}
	s.finish()
}

var sweepValues = []string{
	`1`, `0`, `-1`, `1.5`, `{"$numberLong": "2"}`, `{"$numberDecimal": "3"}`, `"text"`, `""`, `true`, `false`, `null`,
	`{}`, `{"a": 1}`, `{"$bad": 1}`, `[]`, `[1]`, `[{}]`, `{"$date": 0}`, `{"$oid": "5f8f8c44b54764421b7156c1"}`, `{"$undefined": true}`,
}

// sweep runs commands on a dispatcher and on a mongod with the same documents,
// and collects where the answers differ.
type sweep struct {
	t     *testing.T
	d     *door
	wire  *wire
	db    string
	n     int
	wrong []string
}

func newSweep(t *testing.T) *sweep {
	s := &sweep{t: t, d: newDoor(t), wire: dialMongod(t), db: mongotest.Database(t)}
	s.compare(doc(t, `{"insert": "c", "documents": [{"_id": 1, "a": 1}, {"_id": 2, "a": "x"}]}`))
	return s
}

func (s *sweep) compare(raw bsonraw.Doc) {
	theirs := s.wire.run(s.t, s.db, raw)
	ours, err := s.d.Run(context.Background(), s.d.sess, s.db, raw)
	if err != nil {
		ours = ErrorReply(err)
	}
	s.n++
	if outcome(ours) != outcome(theirs) {
		s.wrong = append(s.wrong, fmt.Sprintf("%s: %s %s, mongod: %s %s", jsonOf(raw),
			outcome(ours), str(ours.Get("errmsg"), ""), outcome(theirs), str(theirs.Get("errmsg"), "")))
	}
}

func (s *sweep) finish() {
	s.t.Logf("%d commands", s.n)
	require.Empty(s.t, s.wrong, "%d differ:\n%s", len(s.wrong), strings.Join(s.wrong, "\n"))
}

// withValue sets a field of a command, at its place.
func withValue(cmd bsonraw.Doc, name string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	found := false
	it := cmd.Iter()
	for it.Next() {
		if string(it.Key()) == name {
			b.Value(name, v)
			found = true
		} else {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	if !found {
		b.Value(name, v)
	}
	return b.Finish()
}

// outcome is a reply's code, that of its first write error, or "ok".
func outcome(reply bsonraw.Doc) string {
	if list := reply.Get("writeErrors").Doc(); list != nil {
		code, _ := list.Values()[0].Doc().Get("code").AsInt64()
		return fmt.Sprintf("write error %d", code)
	}
	if reply.Get("ok").Truthy() {
		return "ok"
	}
	code, _ := reply.Get("code").AsInt64()
	return fmt.Sprintf("error %d", code)
}
