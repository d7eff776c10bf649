package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// watch opens a change stream and returns its cursor's id.
func (d *door) watch(db, coll, stage string) int64 {
	d.t.Helper()
	reply := d.run(db, fmt.Sprintf(`{"aggregate": %s, "pipeline": [{"$changeStream": {%s}}], "cursor": {}}`, coll, stage))
	_, id := batch(reply)
	require.NotZero(d.t, id)
	return id
}

// ids returns the _ids of the documents that the events of a reply are about, and
// the token to resume behind them.
func ids(reply bsonraw.Doc) (out []string, token string) {
	cur := reply.Get("cursor").Doc()
	list := cur.Get("nextBatch")
	if list.IsMissing() {
		list = cur.Get("firstBatch")
	}
	for _, v := range list.Doc().Values() {
		key := v.Doc().Get("documentKey").Doc().Get("_id")
		if key.IsMissing() {
			out = append(out, v.Doc().Get("operationType").Str())
			continue
		}
		out = append(out, fmt.Sprint(key.Int32()))
	}
	return out, jsonOf(cur.Get("postBatchResumeToken").Doc())
}

func TestChangeStreamCursor(t *testing.T) {
	d := newDoor(t)
	id := d.watch("p", `"c"`, "")
	got, empty := ids(d.run("p", getMore(id, `, "maxTimeMS": 1`)))
	require.Empty(t, got)
	require.NotEmpty(t, empty)
	d.insertN("p", 5)
	d.run("p", `{"insert": "other", "documents": [{"_id": 1}]}`)
	got, middle := ids(d.run("p", getMore(id, `, "batchSize": 2`)))
	require.Equal(t, []string{"0", "1"}, got)
	got, end := ids(d.run("p", getMore(id, ``)))
	require.Equal(t, []string{"2", "3", "4"}, got)
	require.Less(t, empty, middle)
	require.Less(t, middle, end)
	got, later := ids(d.run("p", getMore(id, `, "maxTimeMS": 1`)))
	require.Empty(t, got)
	require.GreaterOrEqual(t, later, end)

	again := d.run("p", fmt.Sprintf(`{"aggregate": "c", "pipeline": [{"$changeStream": {"resumeAfter": %s}}], "cursor": {"batchSize": 1}}`, middle))
	got, _ = ids(again)
	require.Equal(t, []string{"2"}, got)
	_, second := batch(again)
	got, _ = ids(d.run("p", getMore(second, ``)))
	require.Equal(t, []string{"3", "4"}, got)
	got, _ = ids(d.run("p", fmt.Sprintf(`{"aggregate": "c", "pipeline": [{"$changeStream": {"resumeAfter": %s}}], "cursor": {}}`, empty)))
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, got, "a token of no event")

	d.run("p", `{"drop": "c"}`)
	reply := d.run("p", getMore(id, ``))
	got, _ = ids(reply)
	require.Equal(t, []string{"drop", "invalidate"}, got)
	_, left := batch(reply)
	require.Zero(t, left, "the cursor is closed")
	d.fail("p", getMore(id, ``), errs.CursorNotFound)
	d.run("p", fmt.Sprintf(`{"killCursors": "c", "cursors": [{"$numberLong": "%d"}]}`, second))
}

// TestChangeStreamWaits holds that a getMore that waits is woken by a commit, and
// ended by everything that ends a cursor.
func TestChangeStreamWaits(t *testing.T) {
	for name, wake := range map[string]func(d *door, id int64, cancel func()){
		"insert": func(d *door, _ int64, _ func()) { d.insertN("p", 1) },
		"killCursors": func(d *door, id int64, _ func()) {
			d.run("p", fmt.Sprintf(`{"killCursors": "c", "cursors": [{"$numberLong": "%d"}]}`, id))
		},
		"session":    func(d *door, _ int64, _ func()) { d.sess.Close() },
		"cancel":     func(_ *door, _ int64, cancel func()) { cancel() },
		"dispatcher": func(d *door, _ int64, _ func()) { d.Dispatcher.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			id := d.watch("p", `"c"`, "")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			type result struct {
				reply bsonraw.Doc
				err   error
			}
			done := make(chan result)
			go func() {
				reply, err := d.Run(ctx, d.sess, "p", doc(t, getMore(id, `, "maxTimeMS": 600000`)))
				done <- result{reply, err}
			}()
			for { // until the getMore has the cursor
				d.cursors.mu.Lock()
				busy := d.cursors.byID[id] != nil && d.cursors.byID[id].busy
				d.cursors.mu.Unlock()
				if busy {
					break
				}
			}
			wake(d, id, cancel)
			r := <-done
			if name == "insert" {
				require.NoError(t, r.err)
				got, _ := ids(r.reply)
				require.Equal(t, []string{"0"}, got)
				return
			}
			require.Error(t, r.err)
			require.Contains(t, []errs.Code{errs.CursorKilled, errs.Interrupted}, errs.CodeOf(r.err))
		})
	}
}

func TestChangeStreamOfManyBranches(t *testing.T) {
	d := newDoor(t)
	all := d.watch("admin", "1", `"allChangesForCluster": true`)
	d.insertN("p", 1)
	d.run("p", `{"argonBranchCreate": "exp"}`)
	project := d.watch("p", "1", `"argonAllBranches": true, "argonSince": {"$numberLong": "0"}`)
	d.run("p~exp", `{"insert": "c", "documents": [{"_id": 7}]}`)
	d.run("q", `{"insert": "c", "documents": [{"_id": 8}]}`)
	more := func(db string, id int64) []string {
		got, _ := ids(d.run(db, fmt.Sprintf(`{"getMore": {"$numberLong": "%d"}, "collection": "$cmd.aggregate"}`, id)))
		return got
	}
	require.Equal(t, []string{"0", "7", "8"}, more("admin", all))
	require.Equal(t, []string{"7"}, more("p", project)[0:1], "what was before came with the first batch")
	d.run("admin", `{"argonProjectDelete": "q"}`)
	require.Equal(t, []string{"drop", "dropDatabase"}, more("admin", all))
}

func TestOpenCursorFollows(t *testing.T) {
	d := newDoor(t)
	cur, err := d.OpenCursor(t.Context(), d.sess, "p", doc(t, `{"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}`))
	require.NoError(t, err)
	go d.insertN("p", 3)
	for i := range 3 {
		ev, ok, err := cur.Next(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, i, ev.Get("documentKey").Doc().Get("_id").Int32())
	}
	require.NoError(t, cur.Close())
}

func TestClusterTimes(t *testing.T) {
	d := newDoor(t)
	plain := d.run("p", `{"ping": 1}`)
	require.True(t, plain.Get("operationTime").IsMissing(), "an embedded call does not pay for it")
	d.sess = d.NewSession(SessionOptions{ClusterTime: true})
	first := d.run("p", `{"insert": "c", "documents": [{"_id": 1}]}`)
	d.run("p", `{"argonBranchCreate": "exp"}`)
	second := d.run("p", `{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]}`)
	stamp := func(reply bsonraw.Doc) string {
		sec, inc := reply.Get("operationTime").Timestamp()
		require.Equal(t, reply.Get("operationTime"), reply.Get("$clusterTime").Doc().Get("clusterTime"))
		return fmt.Sprintf(`{"$timestamp": {"t": %d, "i": %d}}`, sec, inc)
	}
	find := func(db, concern string) ([]string, bsonraw.Doc) {
		reply := d.run(db, fmt.Sprintf(`{"find": "c", "readConcern": %s}`, concern))
		docs, _ := batch(reply)
		return docs, reply
	}
	docs, _ := find("p", fmt.Sprintf(`{"level": "snapshot", "atClusterTime": %s}`, stamp(first)))
	require.Equal(t, []string{`{"_id":1}`}, docs)
	docs, reply := find("p", `{"level": "snapshot"}`)
	require.Equal(t, []string{`{"_id":1,"a":1}`}, docs)
	when := reply.Get("cursor").Doc().Get("atClusterTime")
	require.Equal(t, second.Get("operationTime"), when)
	d.run("p", `{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 2}}}]}`)
	d.run("p~exp", `{"insert": "c", "documents": [{"_id": 2}]}`)
	concern := fmt.Sprintf(`{"level": "snapshot", "atClusterTime": %s}`, stamp(second))
	docs, _ = find("p", concern)
	require.Equal(t, []string{`{"_id":1,"a":1}`}, docs)
	docs, _ = find("p~exp", concern)
	require.Equal(t, []string{`{"_id":1}`}, docs, "one moment, whichever branch")
	distinct := d.run("p", fmt.Sprintf(`{"distinct": "c", "key": "a", "readConcern": %s}`, concern))
	require.Equal(t, `[1]`, strings.ReplaceAll(jsonOf(distinct.Get("values").Doc()), `{"0":1}`, "[1]"))
	require.Equal(t, when, distinct.Get("atClusterTime"))
	docs, _ = find("p", fmt.Sprintf(`{"afterClusterTime": %s}`, stamp(second)))
	require.Equal(t, []string{`{"_id":1,"a":2}`}, docs)

	failed := d.sess.ErrorReply(errs.New(errs.BadValue, "no"))
	require.False(t, failed.Get("operationTime").IsMissing())
	require.NoError(t, bsonraw.Validate(failed))
}

// TestTransactionEvents holds that the events of a transaction bear its session.
func TestTransactionEvents(t *testing.T) {
	d := newDoor(t)
	id := d.watch("p", `"c"`, "")
	const session = `"lsid": {"id": {"$uuid": "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}`
	d.run("p", `{"insert": "c", "documents": [{"_id": 1}], `+session+`}`)
	d.run("p", `{"insert": "c", "documents": [{"_id": 2}], "txnNumber": {"$numberLong": "5"}, "autocommit": false, "startTransaction": true, `+session+`}`)
	d.run("admin", `{"commitTransaction": 1, "txnNumber": {"$numberLong": "5"}, "autocommit": false, `+session+`}`)
	list := d.run("p", getMore(id, ``)).Get("cursor").Doc().Get("nextBatch").Doc().Values()
	require.Len(t, list, 2)
	require.True(t, list[0].Doc().Get("lsid").IsMissing(), "an ordinary write")
	require.EqualValues(t, 5, list[1].Doc().Get("txnNumber").Int64())
	sub, uuid := list[1].Doc().Get("lsid").Doc().Get("id").Binary()
	require.EqualValues(t, 4, sub)
	require.Equal(t, "2f4c1ab0", fmt.Sprintf("%x", uuid[:4]))
	d.run("p", fmt.Sprintf(`{"killCursors": "c", "cursors": [{"$numberLong": "%d"}]}`, id))
}

// TestChangeStreamAccess holds that a stream of many branches shows nobody what they
// may not read one by one.
func TestChangeStreamAccess(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 1)
	d.insertN("other", 1)
	d.run("shop", `{"argonBranchCreate": "exp-1"}`)
	stream := func(s *Session, db, fields string) bool {
		reply, err := d.as(s, db, `{"aggregate": 1, "pipeline": [{"$changeStream": {`+fields+`}}], "cursor": {}}`)
		if err != nil {
			require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%s %s: %v", db, fields, err)
			return false
		}
		_, id := batch(reply)
		_, err = d.as(s, db, fmt.Sprintf(`{"killCursors": "$cmd.aggregate", "cursors": [{"$numberLong": "%d"}]}`, id))
		require.NoError(t, err)
		return true
	}
	some := d.user("some", role("read", "shop~exp-*"))
	require.True(t, stream(some, "shop~exp-1", ""))
	require.False(t, stream(some, "shop", ""))
	require.False(t, stream(some, "shop~exp-1", `"argonAllBranches": true`))
	require.False(t, stream(some, "shop", `"argonAllBranches": true`))
	require.False(t, stream(some, "admin", `"allChangesForCluster": true`))
	project := d.user("project", role("read", "shop~*"))
	require.True(t, stream(project, "shop", `"argonAllBranches": true`))
	require.False(t, stream(project, "other", `"argonAllBranches": true`))
	require.False(t, stream(project, "admin", `"allChangesForCluster": true`))
	all := d.user("all", role("readAnyDatabase", "admin"))
	require.True(t, stream(all, "admin", `"allChangesForCluster": true`))
}
