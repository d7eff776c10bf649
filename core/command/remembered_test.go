package command

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// restart ends the process's memory of everything, and with it the dispatcher:
// what a session has done is known from the store alone.
func (d *door) restart() {
	d.sess.Close()
	d.Dispatcher.Close()
	d.Dispatcher = newDispatcher(d.store, d.now)
	d.sess = d.NewSession(SessionOptions{})
}

// numbers are the fields of the retryable write number n.
func numbers(n int) string {
	return fmt.Sprintf(`"lsid": {"id": {"$uuid": "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}, "txnNumber": {"$numberLong": "%d"}`, n)
}

// A write is sent again to a process that did not run it.
func TestStatementsAreRememberedByTheStore(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"create": "c"}`)
	d.run("p", `{"insert": "c", "documents": [{"_id": 0, "n": 0}, {"_id": 9}]}`)
	for i, step := range []struct{ command, reply string }{
		{`{"insert": "c", "documents": [{"_id": 1}, {"_id": 0}, {"_id": 2}], "ordered": false, `, `"n":2`},
		{`{"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$inc": {"n": 1}}}, {"q": {"_id": 7}, "u": {"$inc": {"n": 1}}, "upsert": true}], `, `"n":2`},
		{`{"delete": "c", "deletes": [{"q": {"_id": 9}, "limit": 1}], `, `"n":1`},
		{`{"findAndModify": "c", "query": {"_id": 0}, "update": {"$inc": {"n": 1}}, "new": true, `, `"n":2`},
	} {
		number := numbers(i + 1)
		first := d.run("p", step.command+number+`}`)
		require.Contains(t, jsonOf(first), step.reply)
		d.restart()
		again := d.run("p", step.command+number+`}`)
		require.Contains(t, jsonOf(again), step.reply)
		require.Contains(t, jsonOf(again), `"retriedStmtId`)
		require.Equal(t, first.Get("argonLSN").Int64(), again.Get("argonLSN").Int64(), "the commit that did it")
		require.Equal(t, first.Get("upserted").Doc(), again.Get("upserted").Doc())
	}
	docs, _ := batch(d.run("p", `{"find": "c", "sort": {"_id": 1}}`))
	require.Equal(t, []string{`{"_id":0,"n":2}`, `{"_id":1}`, `{"_id":2}`, `{"_id":7,"n":1}`}, docs)
	d.fail("p", `{"insert": "c", "documents": [{"_id": 3}], `+numbers(2)+`}`, errs.TransactionTooOld)
	require.Empty(t, remaining(d, "p"), "nothing of it is a commit of its own")
}

// remaining lists commits that write nothing.
func remaining(d *door, db string) (empty []string) {
	docs, _ := batch(d.run(db, `{"argonLog": 1, "limit": 100}`))
	for _, text := range docs {
		if doc(d.t, text).Get("ops").Doc().Len() == 0 && doc(d.t, text).Get("kind").Str() == "write" {
			empty = append(empty, text)
		}
	}
	return empty
}

// A statement that writes nothing is no commit, whatever it carries.
func TestARetryableWriteThatFindsNothingIsNoCommit(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"insert": "c", "documents": [{"_id": 0}]}`)
	before := d.store.LastLSN()
	d.run("p", `{"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$inc": {"n": 1}}}], `+numbers(1)+`}`)
	require.Equal(t, before, d.store.LastLSN())
}

// A commit is sent again, and so is one whose transaction died with its process.
func TestCommitsAreRememberedByTheStore(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"create": "c"}`)
	inside := numbers(1) + `, "autocommit": false`
	d.run("p", `{"insert": "c", "documents": [{"_id": 1}], "startTransaction": true, `+inside+`}`)
	first := d.run("admin", `{"commitTransaction": 1, `+inside+`}`)
	d.restart()
	again := d.run("admin", `{"commitTransaction": 1, `+inside+`}`)
	require.Equal(t, first.Get("argonLSN").Int64(), again.Get("argonLSN").Int64())
	require.NotZero(t, first.Get("argonLSN").Int64())
	d.fail("admin", `{"abortTransaction": 1, `+inside+`}`, errs.TransactionCommitted)

	inside = numbers(2) + `, "autocommit": false`
	d.run("p", `{"insert": "c", "documents": [{"_id": 2}], "startTransaction": true, `+inside+`}`)
	d.restart()
	e := d.fail("admin", `{"commitTransaction": 1, `+inside+`}`, errs.NoSuchTransaction)
	require.Contains(t, e.Labels, transientLabel)
	docs, _ := batch(d.run("p", `{"find": "c"}`))
	require.Equal(t, []string{`{"_id":1}`}, docs)
}

// What nobody comes back for goes after an hour.
func TestOldSessionsAreForgotten(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"insert": "c", "documents": [{"_id": 0}], `+numbers(1)+`}`)
	count := func() int {
		list, err := d.store.Settings(context.Background(), sessionKind)
		require.NoError(t, err)
		return len(list)
	}
	require.Equal(t, 1, count())
	d.advance(30 * time.Minute)
	d.run("admin", `{"ping": 1}`)
	require.Equal(t, 1, count())
	d.advance(2 * time.Hour)
	d.run("admin", `{"ping": 1}`)
	require.Zero(t, count())
}

// The form of the setting is frozen: other versions read it.
func TestFormOfARememberedSession(t *testing.T) {
	s := &logicalSession{txnNumber: 7}
	s.done.add(0, statement{n: 1})
	s.done.add(1, statement{n: 1})
	s.done.add(2, statement{n: 1, upserted: bsonraw.Int32Value(5)})
	text := jsonOf(s.encode(12, time.UnixMilli(1).UTC(), false, s.done.list))
	require.Equal(t, `{"txn":7,"committed":false,"lsn":12,"at":{"$date":"1970-01-01T00:00:00.001Z"},"done":[{"s":0,"c":2,"n":1,"m":0},{"s":2,"c":1,"n":1,"m":0,"u":5}]}`, text)
}

func TestResultsAreFound(t *testing.T) {
	var r results
	for i := range int32(1000) {
		r.add(i, statement{n: int64(i % 3)})
	}
	for i := range int32(500) {
		r.add(1000+i, statement{n: 1})
	}
	require.Len(t, r.list, 1001)
	for _, i := range []int32{0, 7, 999, 1000, 1499} {
		st, ok := r.find(i)
		require.True(t, ok)
		want := int64(1)
		if i < 1000 {
			want = int64(i % 3)
		}
		require.Equal(t, want, st.n)
	}
	_, ok := r.find(1500)
	require.False(t, ok)
	r.clear()
	_, ok = r.find(0)
	require.False(t, ok)
}
