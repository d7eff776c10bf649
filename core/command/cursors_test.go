package command

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// insertN puts documents {_id: 0} … {_id: n-1} into c.
func (d *door) insertN(db string, n int) {
	var docs []string
	for i := range n {
		docs = append(docs, fmt.Sprintf(`{"_id": %d}`, i))
	}
	d.run(db, `{"insert": "c", "documents": [`+strings.Join(docs, ", ")+`]}`)
}

func getMore(id int64, more string) string {
	return fmt.Sprintf(`{"getMore": {"$numberLong": "%d"}, "collection": "c"%s}`, id, more)
}

func TestCursorReadsOneSnapshotToItsEnd(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 250)
	docs, id := batch(d.run("p", `{"find": "c"}`))
	require.Len(t, docs, 101)
	require.NotZero(t, id)
	d.run("p", `{"delete": "c", "deletes": [{"q": {}, "limit": 0}]}`)

	docs, next := batch(d.run("p", getMore(id, `, "batchSize": 100`)))
	require.Equal(t, id, next)
	require.Len(t, docs, 100)
	require.Equal(t, `{"_id":101}`, docs[0])
	docs, next = batch(d.run("p", getMore(id, "")))
	require.Zero(t, next)
	require.Len(t, docs, 49)
	d.fail("p", getMore(id, ""), errs.CursorNotFound)
	require.Zero(t, d.cursors.len())
}

// A batch that ends exactly with the documents leaves no cursor behind.
func TestCursorLooksAhead(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 6)
	for _, c := range []struct {
		fields string
		n      int
		open   bool
	}{
		{`, "batchSize": 6`, 6, false},
		{`, "batchSize": 5`, 5, true},
		{`, "batchSize": 0`, 0, true},
		{`, "batchSize": 5, "singleBatch": true`, 5, false},
		{`, "limit": 3, "batchSize": 3`, 3, false},
		{`, "limit": 4, "batchSize": 3`, 3, true},
	} {
		docs, id := batch(d.run("p", `{"find": "c"`+c.fields+`}`))
		require.Len(t, docs, c.n, c.fields)
		require.Equal(t, c.open, id != 0, c.fields)
	}
}

func TestBatchesStayUnderSixteenMegabytes(t *testing.T) {
	d := newDoor(t)
	big := strings.Repeat("x", 6<<20)
	for i := range 4 {
		d.run("p", fmt.Sprintf(`{"insert": "c", "documents": [{"_id": %d, "s": "%s"}]}`, i, big))
	}
	docs, id := batch(d.run("p", `{"find": "c"}`))
	require.Len(t, docs, 2)
	docs, id = batch(d.run("p", getMore(id, `, "batchSize": 100`)))
	require.Len(t, docs, 2)
	require.Zero(t, id)
}

func TestCursorsBelongToTheirClient(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	_, id := batch(d.run("p", `{"find": "c", "batchSize": 1}`))
	d.fail("p~other", getMore(id, ""), errs.Unauthorized)
	d.fail("p", strings.Replace(getMore(id, ""), `"c"`, `"d"`, 1), errs.Unauthorized)

	mallory := d.NewSession(SessionOptions{User: "mallory"})
	_, err := d.Run(context.Background(), mallory, "p", doc(t, getMore(id, "")))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	reply, err := d.Run(context.Background(), mallory, "p", doc(t, fmt.Sprintf(`{"killCursors": "c", "cursors": [{"$numberLong": "%d"}]}`, id)))
	require.NoError(t, err)
	require.Equal(t, 1, reply.Get("cursorsNotFound").Doc().Len())

	reply = d.run("p", fmt.Sprintf(`{"killCursors": "c", "cursors": [{"$numberLong": "%d"}, {"$numberLong": "5"}]}`, id))
	require.Equal(t, 1, reply.Get("cursorsKilled").Doc().Len())
	require.Equal(t, 1, reply.Get("cursorsNotFound").Doc().Len())
	d.fail("p", getMore(id, ""), errs.CursorNotFound)
}

const lsidA = `, "lsid": {"id": {"$uuid": "11111111-1111-4111-8111-111111111111"}}`

func TestCursorsEndWithTheirSession(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	_, plain := batch(d.run("p", `{"find": "c", "batchSize": 1}`))
	_, logical := batch(d.run("p", `{"find": "c", "batchSize": 1`+lsidA+`}`))
	d.sess.Close()
	d.fail("p", getMore(plain, ""), errs.CursorNotFound)
	d.run("p", getMore(logical, `, "batchSize": 1`+lsidA))
	d.run("admin", `{"endSessions": [{"id": {"$uuid": "11111111-1111-4111-8111-111111111111"}}]}`)
	d.fail("p", getMore(logical, lsidA), errs.CursorNotFound)
}

func TestCursorsExpire(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 5)
	_, short := batch(d.run("p", `{"find": "c", "batchSize": 1}`))
	_, long := batch(d.run("p", `{"find": "c", "batchSize": 1, "noCursorTimeout": true}`))
	d.advance(9 * time.Minute)
	d.run("p", getMore(short, `, "batchSize": 1`))
	d.advance(9 * time.Minute)
	d.run("p", getMore(short, `, "batchSize": 1`))
	d.advance(11 * time.Minute)
	d.fail("p", getMore(short, ""), errs.CursorNotFound)
	d.run("p", getMore(long, `, "batchSize": 1`))
}

func TestTransactionsExpire(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"create": "c"}`)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	d.run("p", `{"insert": "c", "documents": [{"_id": 1}]`+txn+`, "startTransaction": true}`)
	d.advance(11 * time.Minute)
	d.run("admin", `{"ping": 1}`)
	e := d.fail("admin", `{"commitTransaction": 1`+txn+`}`, errs.NoSuchTransaction)
	require.Equal(t, []string{"TransientTransactionError"}, e.Labels)
	d.advance(time.Hour)
	d.run("admin", `{"ping": 1}`)
	require.Empty(t, d.logical.byID)
}

func TestTransactionsEndWithTheirClient(t *testing.T) {
	d := newDoor(t)
	d.SetGrace(0)
	d.run("p", `{"create": "c"}`)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	d.run("p", `{"insert": "c", "documents": [{"_id": 1}]`+txn+`, "startTransaction": true}`)
	d.sess.Close()
	d.fail("p", `{"find": "c"`+txn+`}`, errs.NoSuchTransaction)
	// The document is free for others.
	d.run("p", `{"insert": "c", "documents": [{"_id": 1}]}`)
}

func TestTransactionStaysOnItsBranch(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	d.run("p", `{"argonBranchCreate": "exp"}`)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	d.run("p", `{"find": "c"`+txn+`, "startTransaction": true}`)
	d.fail("p~exp", `{"find": "c"`+txn+`}`, errs.OperationNotSupportedInTxn)
	two := strings.Replace(txn, `"1"`, `"2"`, 1)
	d.fail("p~main~-1", `{"find": "c"`+two+`, "startTransaction": true}`, errs.PinnedMoment)
}

// A cursor of a transaction reads the transaction's own writes and ends with it.
func TestCursorInTransaction(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	d.run("p", `{"insert": "c", "documents": [{"_id": 100}]`+txn+`, "startTransaction": true}`)
	_, id := batch(d.run("p", `{"find": "c", "batchSize": 2`+txn+`}`))
	d.fail("p", getMore(id, lsidA), errs.Code(50740))
	docs, _ := batch(d.run("p", getMore(id, `, "batchSize": 1`+txn)))
	require.Equal(t, []string{`{"_id":2}`}, docs)

	cur, err := d.OpenCursor(context.Background(), d.sess, "p", doc(t, `{"find": "c"`+txn+`}`))
	require.NoError(t, err)
	lines, err := drain(context.Background(), cur)
	require.NoError(t, err)
	require.Len(t, lines, 4)
	require.NoError(t, cur.Close())

	reply := d.run("admin", `{"commitTransaction": 1`+txn+`}`)
	require.NotZero(t, reply.Get("argonLSN").Int64())
	d.fail("p", getMore(id, lsidA), errs.CursorNotFound)
}

// Opening a source again gives the same documents, whatever was written since.
func TestSourceIsRepeatable(t *testing.T) {
	d, ctx := newDoor(t), context.Background()
	d.insertN("p", 3)
	src, err := d.OpenSource(ctx, d.sess, "p", doc(t, `{"find": "c"}`))
	require.NoError(t, err)
	require.True(t, src.Repeatable())
	for range 2 {
		cur, err := src.Open(ctx)
		require.NoError(t, err)
		lines, err := drain(ctx, cur)
		require.NoError(t, err)
		require.Len(t, lines, 3)
		require.NoError(t, cur.Close())
		d.run("p", `{"insert": "c", "documents": [{}]}`)
	}
	require.NoError(t, src.Close())
	require.NoError(t, src.Close())
	_, err = d.OpenCursor(ctx, d.sess, "p", doc(t, `{"count": "c"}`))
	require.Equal(t, errs.CommandNotSupported, errs.CodeOf(err))
}

// nested returns {_id: id, a: {a: …}} of so many levels.
func nested(id int32, levels int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", id)
	for range levels - 1 {
		b.BeginDoc("a")
	}
	for range levels - 1 {
		b.End()
	}
	return b.Finish()
}

func TestDepthOfDocuments(t *testing.T) {
	d, ctx := newDoor(t), context.Background()
	for levels, code := range map[int]errs.Code{bsonraw.MaxDepth: 0, bsonraw.MaxDepth + 1: errs.Overflow, 10_000: errs.Overflow} {
		b := bsonraw.NewBuilder(nil)
		b.String("insert", "c")
		b.Array("documents", bsonraw.ArrayOf(nested(1, levels).Value()))
		_, err := d.Run(ctx, d.sess, "p", b.Finish())
		require.Equal(t, code, errs.CodeOf(err), "%d levels", levels)
	}
	docs, _ := batch(d.run("p", `{"find": "c"}`))
	require.Len(t, docs, 1)
}

// Whatever the bytes, a command is answered or refused, and nothing panics.
func FuzzRun(f *testing.F) {
	for _, c := range Commands() {
		if raw, err := exampleDoc(c.Example); err == nil {
			f.Add([]byte(raw))
		}
	}
	f.Add([]byte{})
	d := newDoor(f)
	ctx, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, db := range []string{"p", "admin"} {
			reply, err := d.Run(ctx, d.sess, db, bsonraw.Doc(data))
			if err == nil {
				require.NoError(t, bsonraw.ValidateDepth(reply, bsonraw.MaxDepth+6))
			} else {
				require.NoError(t, bsonraw.Validate(ErrorReply(err)))
			}
		}
		d.cursors.closeAll()
	})
}

// The time limit of a query is for all of its batches.
func TestTimeLimitsSpanBatches(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	d.EnableTestCommands()
	_, limited := batch(d.run("p", `{"find": "c", "batchSize": 1, "maxTimeMS": 100000}`))
	_, free := batch(d.run("p", `{"find": "c", "batchSize": 1}`))
	d.run("admin", `{"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "alwaysOn"}`)
	d.run("p", getMore(free, ""))
	d.fail("p", getMore(limited, ""), errs.MaxTimeMSExpired)
	d.run("admin", `{"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "off"}`)
	_, id := batch(d.run("p", `{"find": "c", "batchSize": 1, "maxTimeMS": 100000}`))
	cur, err := d.cursors.checkOut(id)
	require.NoError(t, err)
	require.Equal(t, 100*time.Second, cur.left, "the clock of the test stands still")
	cur.spend(200 * time.Second)
	d.cursors.checkIn(cur, false, d.now())
	d.fail("p", getMore(id, ""), errs.MaxTimeMSExpired)
}

// TestAppendFirst is the first document of what Run answers, and nothing of the
// reply around it; a command without a cursor is refused before it does anything.
func TestAppendFirst(t *testing.T) {
	d, ctx := newDoor(t), context.Background()
	d.run("p", `{"insert": "c", "documents": [{"_id": 1, "n": 1}, {"_id": 2, "n": 2}, {"_id": 3, "n": 2}]}`)
	first := func(db, command string) (string, error) {
		all, err := d.AppendFirst(ctx, d.sess, db, doc(t, command), []byte("before"))
		require.Equal(t, "before", string(all[:6]))
		if len(all) == 6 {
			return "", err
		}
		return jsonOf(all[6:]), err
	}
	for command, want := range map[string]string{
		`{"find": "c", "filter": {"_id": 2}, "limit": 1, "singleBatch": true}`: `{"_id":2,"n":2}`,
		`{"find": "c", "filter": {"_id": 4}, "limit": 1, "singleBatch": true}`: "",
		`{"find": "c", "filter": {"n": 2}, "sort": {"_id": -1}}`:               `{"_id":3,"n":2}`,
		`{"find": "c", "filter": {"n": 2}, "projection": {"n": 1}, "skip": 1}`: `{"_id":3,"n":2}`,
		`{"find": "none", "filter": {}}`:                                       "",
		`{"aggregate": "c", "pipeline": [{"$count": "all"}], "cursor": {}}`:    `{"all":3}`,
		`{"aggregate": "c", "pipeline": [{"$match": {"n": 9}}], "cursor": {}}`: "",
		`{"aggregate": "c", "pipeline": [{"$out": "copy"}], "cursor": {}}`:     "",
	} {
		got, err := first("p", command)
		require.NoError(t, err, command)
		require.Equal(t, want, got, command)
	}
	got, err := first("p", `{"find": "copy", "filter": {"_id": 3}}`)
	require.NoError(t, err)
	require.Equal(t, `{"_id":3,"n":2}`, got)
	for command, code := range map[string]errs.Code{
		`{"find": "c", "filter": {"_id": {"$no": 1}}}`:                          errs.BadValue,
		`{"find": "c", "fiter": {}}`:                                            errs.UnknownField,
		`{"nothing": 1}`:                                                        errs.CommandNotFound,
		`{"insert": "c", "documents": [{"_id": 9}]}`:                            errs.CommandNotSupported,
		`{"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}`: errs.CommandNotSupported,
		`{"aggregate": "c", "pipeline": [], "cursor": {}, "explain": true}`:     errs.CommandNotSupported,
	} {
		_, err := first("p", command)
		require.Equal(t, code, errs.CodeOf(err), "%s: %v", command, err)
	}
	got, err = first("p", `{"find": "c", "filter": {"_id": 9}}`)
	require.NoError(t, err)
	require.Empty(t, got, "a refused command has inserted")
	_, err = first("p~none", `{"find": "c", "filter": {"_id": 1}}`)
	require.Equal(t, errs.BranchNotFound, errs.CodeOf(err))
}
