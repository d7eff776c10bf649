package command

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func TestStatsOfCollections(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 3)
	d.run("p", `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`)
	d.run("p", `{"create": "v", "viewOn": "c", "pipeline": []}`)
	s := d.run("p", `{"collStats": "c"}`)
	require.Equal(t, int64(3), s.Get("count").Int64())
	require.Equal(t, int32(2), s.Get("nindexes").Int32())
	size := s.Get("size").Double()
	require.Positive(t, size)
	require.Equal(t, size/3, float64(s.Get("avgObjSize").Int64()))
	d.fail("p", `{"collStats": "v"}`, errs.CommandNotSupportedOnView)
	d.fail("p", `{"collStats": "c", "scale": 0}`, 51024)
	require.Equal(t, int64(0), d.run("p", `{"collStats": "none"}`).Get("count").Int64())

	all := d.run("p", `{"dbStats": 1}`)
	require.Equal(t, int32(1), all.Get("collections").Int32())
	require.Equal(t, int32(1), all.Get("views").Int32())
	require.Equal(t, int32(2), all.Get("indexes").Int32())
	require.Equal(t, size, all.Get("dataSize").Double())
	require.Equal(t, int32(0), d.run("unborn", `{"dbStats": 1}`).Get("collections").Int32())

	docs, _ := batch(d.run("p", `{"aggregate": "c", "pipeline": [{"$collStats": {"count": {}, "storageStats": {"scale": 1}}}, {"$project": {"count": 1, "n": "$storageStats.nindexes"}}], "cursor": {}}`))
	require.Equal(t, []string{`{"count":3,"n":2}`}, docs)
	d.fail("p", `{"aggregate": "none", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}`, errs.NamespaceNotFound)
}

// A large collection is measured by a sample.
func TestSizesAreEstimated(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 2*sampled)
	s := d.run("p", `{"collStats": "c"}`)
	require.Equal(t, int64(2*sampled), s.Get("count").Int64())
	all, _ := batch(d.run("p", `{"aggregate": "c", "pipeline": [{"$group": {"_id": null, "n": {"$sum": {"$bsonSize": "$$ROOT"}}}}, {"$project": {"_id": 0}}], "cursor": {}}`))
	exact := doc(t, all[0]).Get("n")
	n, _ := exact.AsFloat64()
	require.InEpsilon(t, n, s.Get("size").Double(), 0.01)
}

func TestValidateAndHash(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 5)
	d.run("p", `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`)
	v := d.run("p", `{"validate": "c", "full": true}`)
	require.True(t, v.Get("valid").Bool())
	require.Equal(t, int64(5), v.Get("nrecords").Int64())
	require.Equal(t, `{"_id_":5,"a_1":5}`, jsonOf(v.Get("keysPerIndex").Doc()))
	d.fail("p", `{"validate": "none"}`, errs.NamespaceNotFound)
	d.fail("admin", `{"validate": "none"}`, errs.NamespaceNotFound)

	d.run("p", `{"argonBranchCreate": "exp"}`)
	sum := func(db string) string { return d.run(db, `{"dbHash": 1}`).Get("md5").Str() }
	before := sum("p")
	require.Equal(t, before, sum("p~exp"))
	d.run("p~exp", `{"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]}`)
	require.NotEqual(t, before, sum("p~exp"))
	require.Equal(t, before, sum("p"))
}

func TestOperationsThatRun(t *testing.T) {
	d := newDoor(t)
	ops := d.run("admin", `{"currentOp": 1}`).Get("inprog").Doc().Values()
	require.Len(t, ops, 1, "the command sees itself")
	require.Equal(t, "admin.$cmd", ops[0].Doc().Get("ns").Str())
	require.Empty(t, d.run("admin", `{"currentOp": 1, "op": "query", "comment": "x"}`).Get("inprog").Doc().Values())
	d.fail("p", `{"currentOp": 1}`, errs.Unauthorized)
	docs, _ := batch(d.run("admin", `{"aggregate": 1, "pipeline": [{"$currentOp": {"allUsers": true}}, {"$project": {"_id": 0, "op": 1, "ns": 1}}], "cursor": {}}`))
	require.Equal(t, []string{`{"op":"command","ns":"admin.$cmd"}`}, docs)
	d.fail("p", `{"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}}`, errs.InvalidNamespace)
	d.run("admin", `{"killOp": 1, "op": 4711}`)
	d.fail("admin", `{"killOp": 1}`, errs.NoSuchKey)
}

// interruptible is a context as the server's.
type interruptible struct {
	context.Context
	cancel context.CancelFunc
}

func (i interruptible) Interrupt() { i.cancel() }

func TestKillOpInterrupts(t *testing.T) {
	d := newDoor(t)
	d.EnableTestCommands()
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan int64, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := d.Run(interruptible{ctx, cancel}, d.sess, "p", doc(t, `{"aggregate": 1, "cursor": {}, "pipeline": [{"$documents": [{"a": {"$range": [0, 100000]}}]}, {"$unwind": "$a"}, {"$set": {"b": {"$range": [0, 10000]}}}, {"$unwind": "$b"}, {"$group": {"_id": null, "n": {"$sum": 1}}}]}`))
		ended <- err
	}()
	require.Eventually(t, func() bool {
		d.ops.each(func(c *call) { started <- c.op.id })
		return len(started) == 1
	}, 10*time.Second, time.Millisecond)
	found, able := d.ops.interrupt(<-started)
	require.True(t, found && able)
	require.Equal(t, errs.Interrupted, errs.CodeOf(<-ended))
}

func TestTopCounts(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 2)
	d.run("p", `{"find": "c"}`)
	use := d.run("admin", `{"top": 1}`).Get("totals").Doc().Get("p.c").Doc()
	n, _ := use.Get("queries").Doc().Get("count").AsInt64()
	require.Equal(t, int64(1), n)
	n, _ = use.Get("total").Doc().Get("count").AsInt64()
	require.GreaterOrEqual(t, n, int64(2))
}

func TestParameters(t *testing.T) {
	d := newDoor(t)
	require.Equal(t, "7.0", d.run("admin", `{"getParameter": 1, "featureCompatibilityVersion": 1}`).Get("featureCompatibilityVersion").Doc().Get("version").Str())
	require.False(t, d.run("admin", `{"getParameter": "*"}`).Get("quiet").IsMissing())
	d.fail("admin", `{"getParameter": 1, "nonsense": 1}`, errs.InvalidOptions)
	require.False(t, d.run("admin", `{"setParameter": 1, "quiet": false}`).Get("was").Bool())
	d.fail("admin", `{"setParameter": 1, "quiet": true}`, errs.IllegalOperation)
	d.fail("admin", `{"setParameter": 1, "nonsense": 1}`, errs.InvalidOptions)
	d.fail("admin", `{"setParameter": 1}`, errs.InvalidOptions)
	d.fail("admin", `{"getLog": "nonsense"}`, errs.OperationFailed)
	d.fail("admin", `{"fsync": 1, "lock": true}`, errs.NotSupported)
	d.fail("p", `{"profile": 2}`, errs.NotSupported)
}

// Object mappers make sure of their indexes wherever they look.
func TestIndexesThatAreThereAtAMoment(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 2)
	d.run("p", `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`)
	d.run("p", `{"argonTagCreate": "v1"}`)
	reply := d.run("p~main~v1", `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}, {"key": {"_id": 1}, "name": "_id_"}]}`)
	require.Equal(t, "all indexes already exist", reply.Get("note").Str())
	d.fail("p~main~v1", `{"createIndexes": "c", "indexes": [{"key": {"b": 1}, "name": "b_1"}]}`, errs.PinnedMoment)
	d.fail("p~main~v1", `{"createIndexes": "none", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`, errs.PinnedMoment)
}

func TestKillingSessions(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 5)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	d.run("p", `{"find": "c", "batchSize": 1`+txn+`, "startTransaction": true}`)
	require.Equal(t, 1, d.logical.openTxns())
	require.Equal(t, 1, d.cursors.len())
	docs, _ := batch(d.run("admin", `{"aggregate": 1, "pipeline": [{"$listLocalSessions": {}}, {"$count": "n"}], "cursor": {}}`))
	require.Equal(t, []string{`{"n":1}`}, docs)
	d.fail("admin", `{"killAllSessions": [{"user": "x"}]}`, errs.MissingRequiredField)
	d.fail("admin", `{"killAllSessionsByPattern": [{"roles": [{"role": "read", "db": "p"}]}]}`, errs.NotSupported)
	d.run("admin", `{"killAllSessions": [{"user": "x", "db": "y"}]}`)
	d.run("admin", `{"killAllSessionsByPattern": [{"users": [{"user": "x", "db": "y"}]}, {"lsid": {"id": {"$uuid": "00000000-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}}]}`)
	require.Equal(t, 1, d.logical.openTxns(), "the session is nobody's of these")
	d.run("admin", `{"killAllSessionsByPattern": [{`+strings.TrimPrefix(lsidA, ", ")+`, "uid": {"$binary": {"base64": "`+strings.Repeat("A", 43)+`=", "subType": "00"}}}]}`)
	require.Zero(t, d.logical.openTxns(), "a session without a user")
	require.Zero(t, d.cursors.len())
	d.run("p", `{"find": "c", "batchSize": 1`+lsidA+`}`)
	d.run("admin", `{"killAllSessions": []}`)
	require.Zero(t, d.cursors.len())
	d.run("p", `{"find": "c", "batchSize": 1`+lsidA+`}`)
	d.run("admin", `{"killSessions": []}`)
	require.Zero(t, d.cursors.len())
}

// Nothing that a command holds as a secret is shown to others.
func TestOperationsHideSecrets(t *testing.T) {
	d := newDoor(t)
	c := newCall(d.Dispatcher, d.sess, d.commands["saslStart"], "admin", doc(t, `{"saslStart": 1, "payload": "geheim", "speculativeAuthenticate": {"payload": "geheim"}}`))
	b := bsonraw.NewBuilder(nil)
	c.describe(b, d.time)
	require.NotContains(t, jsonOf(b.Finish()), "geheim")
}

// A read concern that a command cannot heed is refused, as by mongod; reads heed
// all of them.
func TestReadConcernsThatMeanNothing(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 2)
	snapshot := `, "readConcern": {"level": "snapshot"}}`
	for _, cmd := range []string{
		`{"insert": "c", "documents": [{"_id": 9}]`, `{"delete": "c", "deletes": [{"q": {}, "limit": 0}]`,
		`{"findAndModify": "c", "remove": true`, `{"create": "d"`, `{"ping": 1`,
	} {
		require.Contains(t, d.fail("p", cmd+snapshot, errs.InvalidOptions).Message, "does not support { readConcern: { level: \"snapshot\"")
		d.run("p", cmd+`, "readConcern": {"level": "local"}}`)
	}
	d.fail("p", `{"aggregate": "c", "pipeline": [{"$out": "o"}], "cursor": {}, "readConcern": {"level": "linearizable"}}`, errs.InvalidOptions)
	for _, cmd := range []string{`{"find": "c"`, `{"count": "c"`, `{"listCollections": 1`, `{"aggregate": "c", "pipeline": [], "cursor": {}`} {
		d.run("p", cmd+snapshot)
	}
}

// A client that wants version 1 of the API and nothing else gets nothing else.
func TestStrictAPI(t *testing.T) {
	d := newDoor(t)
	strict := `, "apiVersion": "1", "apiStrict": true}`
	d.insertN("p", 2)
	d.run("p", `{"find": "c"`+strict)
	d.run("p", `{"aggregate": "c", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}`+strict)
	require.Contains(t, d.fail("p", `{"distinct": "c", "key": "a"`+strict, errs.APIStrictError).Message, "command distinct is not in API Version 1")
	d.fail("p", `{"argonBranchList": 1`+strict, errs.APIStrictError)
	for _, stage := range []string{`{"$indexStats": {}}`, `{"$collStats": {"count": {}, "storageStats": {}}}`} {
		d.fail("p", `{"aggregate": "c", "pipeline": [`+stage+`], "cursor": {}`+strict, errs.APIStrictError)
	}
}

// Commands that change the catalog, too, say that a write concern cannot be had.
func TestWriteConcernsOfCatalogCommands(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 2)
	for _, cmd := range []string{
		`{"create": "d"`, `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]`, `{"dropIndexes": "c", "index": "a_1"`,
		`{"collMod": "c", "validationLevel": "moderate"`, `{"aggregate": "c", "pipeline": [{"$out": "o"}], "cursor": {}`,
		`{"drop": "d"`, `{"dropDatabase": 1`,
	} {
		reply := d.run("p", cmd+`, "writeConcern": {"w": 7}}`)
		require.Equal(t, int32(100), reply.Get("writeConcernError").Doc().Get("code").Int32(), cmd)
	}
	for _, cmd := range []string{`{"drop": "d"`, `{"collMod": "none"`, `{"createIndexes": "c", "indexes": [{"key": {"b": "text"}, "name": "b"}]`} {
		_, err := d.Run(t.Context(), d.sess, "p", doc(t, cmd+`, "writeConcern": {"w": 7}}`))
		reply := ErrorReply(err)
		require.Equal(t, 0.0, reply.Get("ok").Double(), cmd)
		require.Equal(t, int32(100), reply.Get("writeConcernError").Doc().Get("code").Int32(), cmd)
		require.Equal(t, reply, ErrorReply(ParseErrorReply(reply)), "an attached process hands it on")
	}
}

// A database is gone from the list when its last collection is, as in MongoDB; its
// branches, and what was only just made, are there.
func TestDroppedDatabasesAreNotListed(t *testing.T) {
	d := newDoor(t)
	listed := func() []string {
		var names []string
		for _, v := range d.run("admin", `{"listDatabases": 1, "nameOnly": true}`).Get("databases").Doc().Values() {
			names = append(names, v.Doc().Get("name").Str())
		}
		return names
	}
	d.run("admin", `{"argonProjectCreate": "fresh"}`)
	d.insertN("p", 1)
	d.run("p", `{"argonBranchCreate": "exp"}`)
	require.Equal(t, []string{"fresh", "p", "p~exp"}, listed())
	d.run("p", `{"dropDatabase": 1}`)
	require.Equal(t, []string{"fresh", "p~exp"}, listed())
	d.run("p", `{"argonBranchCreate": "empty"}`)
	d.run("p~exp", `{"drop": "c"}`)
	require.Equal(t, []string{"fresh", "p~empty"}, listed())
	d.insertN("p", 1)
	require.Equal(t, []string{"fresh", "p", "p~empty"}, listed())
}

// What is deleted while databases are listed is left out, and fails nothing.
func TestDatabasesAreListedWhileTheyGo(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 1)
	list := doc(t, `{"listDatabases": 1, "nameOnly": true}`)
	stop, failed := make(chan struct{}), make(chan error)
	go func() {
		defer close(failed)
		sess := d.NewSession(SessionOptions{})
		defer sess.Close()
		for {
			if _, err := d.Run(d.t.Context(), sess, "admin", list); err != nil {
				failed <- err
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 100 {
		d.run("p", `{"argonBranchCreate": "exp"}`)
		d.run("admin", `{"argonProjectCreate": "other"}`)
		d.run("p", `{"argonBranchDelete": "exp"}`)
		d.run("admin", `{"argonProjectDelete": "other"}`)
	}
	close(stop)
	require.NoError(t, <-failed)
}

// A collection has one UUID on every branch, by every name.
func TestCollectionsHaveUUIDs(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 1)
	uuid := func(db string) string {
		docs, _ := batch(d.run(db, `{"listCollections": 1, "filter": {"name": {"$in": ["c", "renamed"]}}}`))
		require.Len(t, docs, 1)
		return jsonOf(doc(t, docs[0]).Get("info").Doc())
	}
	first := uuid("p")
	require.Contains(t, first, `"subType":"04"`)
	d.run("p", `{"argonBranchCreate": "exp"}`)
	d.run("admin", `{"renameCollection": "p~exp.c", "to": "p~exp.renamed"}`)
	require.Equal(t, first, uuid("p~exp"))
	d.run("p", `{"drop": "c"}`)
	d.insertN("p", 1)
	require.NotEqual(t, first, uuid("p"))
}

// $indexStats tells the indexes that are used from those that are not.
func TestIndexUses(t *testing.T) {
	d := newDoor(t)
	d.insertN("p", 5)
	d.run("p", `{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}, {"key": {"b": 1}, "name": "b_1"}]}`)
	d.run("p", `{"find": "c", "filter": {"a": 1}}`)
	d.run("p", `{"update": "c", "updates": [{"q": {"a": {"$gt": 3}}, "u": {"$set": {"x": 1}}, "multi": true}]}`)
	d.run("p", `{"explain": {"find": "c", "filter": {"b": 1}}, "verbosity": "queryPlanner"}`)
	d.run("p", `{"find": "c", "filter": {"n": 1}}`)
	docs, _ := batch(d.run("p", `{"aggregate": "c", "pipeline": [{"$indexStats": {}}, {"$project": {"name": 1, "_id": 0, "ops": "$accesses.ops"}}], "cursor": {}}`))
	require.Equal(t, []string{`{"name":"_id_","ops":0}`, `{"name":"a_1","ops":2}`, `{"name":"b_1","ops":0}`}, docs)
}
