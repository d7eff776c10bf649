package command

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

const attachAs = `{"argonAttach": 1, "client": "d0f5c2b8a4c04a3f", "actor": "etl", "message": "nightly", "pid": 4711, "command": "train.py"}`

// Two connections of one client share a cursor, which outlives the connection
// that opened it, and ends with the last.
func TestConnectionsOfAClientShareItsSession(t *testing.T) {
	d := newDoor(t)
	d.SetHost(Host{PID: 12, Command: "notebook", Since: d.time, Token: "abc", Address: "/tmp/s.sock"})
	d.run("shop", `{"insert": "c", "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}]}`)
	first, second := d.NewSession(SessionOptions{}), d.NewSession(SessionOptions{})
	own := d.sess
	d.sess = first
	require.Equal(t, `{"pid":12,"command":"notebook","since":{"$date":"2026-11-24T06:00:00Z"},"token":"abc","address":"/tmp/s.sock"}`,
		jsonOf(d.run("admin", attachAs).Get("host").Doc()))
	d.fail("admin", attachAs, errs.IllegalOperation)
	d.sess = second
	d.run("admin", attachAs)
	_, id := batch(d.run("shop", `{"find": "c", "batchSize": 1}`))
	second.Close()
	d.sess = first
	require.Equal(t, 1, d.cursors.len())
	reply, err := d.Run(context.Background(), first, "shop", doc(t, getMore(id, "")))
	require.NoError(t, err)
	require.Equal(t, "c", reply.Get("cursor").Doc().Get("ns").Str()[len("shop."):])
	d.run("shop", `{"insert": "c", "documents": [{"_id": 4}]}`)
	docs, _ := batch(d.run("shop", `{"argonLog": 1, "limit": 1}`))
	require.Contains(t, docs[0], `"actor":"etl"`)
	require.Contains(t, docs[0], `"message":"nightly"`)
	status := jsonOf(d.run("admin", `{"argonStatus": 1}`))
	require.Contains(t, status, `"clients":[{"pid":4711,"command":"train.py",`)
	_, _ = batch(d.run("shop", `{"find": "c", "batchSize": 1}`))
	first.Close()
	require.Zero(t, d.cursors.len())
	d.sess = own
	require.Contains(t, jsonOf(d.run("admin", `{"argonStatus": 1}`)), `"clients":[]`)
}

func TestAttachIsChecked(t *testing.T) {
	d := newDoor(t)
	d.fail("admin", `{"argonAttach": 7, "client": "d0f5c2b8a4c04a3f"}`, errs.VersionMismatch)
	d.fail("admin", `{"argonAttach": 1, "client": "short"}`, errs.BadValue)
	d.fail("shop", attachAs, errs.Unauthorized)
}

// A read-only client is refused whatever changes anything.
func TestAttachedForReadingOnly(t *testing.T) {
	d := newDoor(t)
	d.run("shop", `{"insert": "c", "documents": [{"_id": 1}]}`)
	own := d.sess
	d.sess = d.NewSession(SessionOptions{})
	d.run("admin", `{"argonAttach": 1, "client": "d0f5c2b8a4c04a3f", "readOnly": true}`)
	for _, cmd := range []string{
		`{"insert": "c", "documents": [{"_id": 2}]}`, `{"drop": "c"}`, `{"argonBranchCreate": "x"}`,
		`{"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}}`, `{"argonTagCreate": "v1"}`,
		`{"argonUndo": 1, "lsn": 2}`, `{"argonRetention": 1, "keep": "3d"}`,
	} {
		d.fail("shop", cmd, errs.StoreReadOnly)
	}
	for _, cmd := range []string{`{"argonGC": 1, "dryRun": false}`, `{"argonProjectCreate": "p"}`, `{"argonCompact": 1}`} {
		d.fail("admin", cmd, errs.StoreReadOnly)
	}
	for _, cmd := range []string{
		`{"find": "c"}`, `{"aggregate": "c", "pipeline": [], "cursor": {}}`, `{"argonBranchList": 1}`,
		`{"argonRetention": 1}`, `{"argonUndo": 1, "actor": "ada", "dryRun": true}`, `{"argonLog": 1}`, `{"listCollections": 1}`,
	} {
		d.run("shop", cmd)
	}
	d.run("admin", `{"argonGC": 1}`)
	d.run("admin", `{"ping": 1}`)
	d.sess.Close()
	d.sess = own
}

// argonCancel ends a command that runs, and one that has not begun yet.
func TestCancelOfAnotherConnectionsCommand(t *testing.T) {
	d := newDoor(t)
	d.run("shop", `{"insert": "c", "documents": [{"_id": 1}]}`)
	d.sess = d.NewSession(SessionOptions{})
	d.run("admin", attachAs)
	require.False(t, d.run("admin", `{"argonCancel": {"$numberLong": "5"}}`).Get("running").Bool())
	d.fail("shop", `{"find": "c", "$argonOp": {"$numberLong": "5"}}`, errs.Interrupted)
	d.run("shop", `{"find": "c", "$argonOp": {"$numberLong": "6"}}`)
	ctx, done := d.sess.attached.Load().track(t.Context(), 7)
	defer done()
	require.True(t, d.run("admin", `{"argonCancel": {"$numberLong": "7"}}`).Get("running").Bool())
	<-ctx.Done()
	d.sess.Close()
}

func TestEffects(t *testing.T) {
	for text, want := range map[string]Effect{
		`{"find": "c"}`: Reads, `{"aggregate": "c", "pipeline": [{"$match": {}}]}`: Reads,
		`{"aggregate": "c", "pipeline": [{"$merge": "d"}]}`: Once, `{"insert": "c"}`: Once, `{"getMore": 1}`: Once,
		`{"argonBranchCreate": "x"}`: Once, `{"argonBranchList": 1}`: Reads, `{"argonDiff": "main"}`: Reads,
		`{"argonGC": 1}`: Reads, `{"argonGC": 1, "dryRun": false}`: Again, `{"nothing": 1}`: Once, `{}`: Once,
		`{"count": "c"}`: Reads, `{"distinct": "c"}`: Reads, `{"createIndexes": "c"}`: Once, `{"commitTransaction": 1}`: Again,
	} {
		require.Equal(t, want, EffectOf(doc(t, text)), text)
	}
	for text, want := range map[string]bool{
		`{"insert": "c"}`: true, `{"find": "c"}`: false, `{"findAndModify": "c"}`: true, `{"drop": "c"}`: true, `{"argonGC": 1, "dryRun": false}`: false, `{"aggregate": "c", "pipeline": [{"$out": "d"}]}`: true, `{"aggregate": "c", "pipeline": []}`: false,
	} {
		require.Equal(t, want, Numbered(doc(t, text)), text)
	}
}

// An attached client's writes of many documents are remembered too.
func TestAttachedClientsNumberAllTheirWrites(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"insert": "c", "documents": [{"_id": 1, "n": 0}, {"_id": 2, "n": 0}]}`)
	update := `{"update": "c", "updates": [{"q": {}, "u": {"$inc": {"n": 1}}, "multi": true}], ` + numbers(1) + `}`
	require.Contains(t, jsonOf(d.run("p", update)), `"code":72`, "a driver's are refused")
	update = strings.Replace(update, numbers(1), numbers(2), 1)
	d.run("admin", attachAs)
	require.Contains(t, jsonOf(d.run("p", update)), `"nModified":2`)
	d.restart()
	d.run("admin", attachAs)
	require.Contains(t, jsonOf(d.run("p", update)), `"retriedStmtIds":[0]`)
	docs, _ := batch(d.run("p", `{"find": "c"}`))
	require.Equal(t, []string{`{"_id":1,"n":1}`, `{"_id":2,"n":1}`}, docs)
	d.sess.Close()
}
