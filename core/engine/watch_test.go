package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// atLSN is the moment of an LSN.
func atLSN(lsn mvcc.LSN) *refs.Moment { return &refs.Moment{Kind: refs.AtLSN, LSN: lsn} }

// watch opens a stream and closes it with the test.
func (s *scenario) watch(spec *WatchSpec) *ChangeStream {
	s.Helper()
	w, err := s.store.Watch(s.ctx, spec)
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, w.Close()) })
	return w
}

// events reads what a stream has by now.
func events(t require.TestingT, w *ChangeStream) []Doc {
	var docs []Doc
	for {
		doc, ok, err := w.TryNext(context.Background())
		require.NoError(t, err)
		if !ok {
			return docs
		}
		docs = append(docs, doc.Clone())
	}
}

// brief shows events without what differs from run to run.
func (s *scenario) brief(docs []Doc) string {
	var lines []string
	for _, doc := range docs {
		var m map[string]any
		require.NoError(s, json.Unmarshal([]byte(s.text(doc)), &m))
		for _, name := range []string{"_id", "clusterTime", "wallTime", "lsid", "txnNumber", "collectionUUID"} {
			delete(m, name)
		}
		line, err := json.Marshal(m)
		require.NoError(s, err)
		lines = append(lines, strings.ReplaceAll(string(line), `"`, ""))
	}
	return strings.Join(lines, "\n")
}

func TestWatchBranch(t *testing.T) {
	s := newScenario(t)
	w := s.watch(&WatchSpec{Ref: head("main"), Expanded: true, BeforeChange: true, FullDocument: true})
	require.Empty(t, events(t, w), "the project is not there yet")
	s.insert("main", "c", `{"_id": 1, "a": 1}`, `{"_id": 2}`)
	s.update("main", "c", `{"_id": 1}`, `{"$set": {"b.c": 1, "b.d": 2}, "$inc": {"a": 1}}`)
	s.update("main", "c", `{"_id": 1}`, `{"$push": {"l": {"$each": [1, 2]}}, "$unset": {"a": 1}}`)
	s.update("main", "c", `{"_id": 1}`, `{"$push": {"l": 3}}`)
	s.update("main", "c", `{"_id": 2}`, `{ "x": 1}`)
	s.delete("main", "c", `{"_id": 2}`)
	require.Equal(t, `{ns:{coll:c,db:p},operationDescription:{idIndex:{key:{_id:1},name:_id_,v:2}},operationType:create}
{documentKey:{_id:1},fullDocument:{_id:1,a:1},ns:{coll:c,db:p},operationType:insert}
{documentKey:{_id:2},fullDocument:{_id:2},ns:{coll:c,db:p},operationType:insert}
{documentKey:{_id:1},fullDocument:{_id:1,a:2,b:{c:1,d:2}},fullDocumentBeforeChange:{_id:1,a:1},ns:{coll:c,db:p},operationType:update,updateDescription:{disambiguatedPaths:{},removedFields:[],truncatedArrays:[],updatedFields:{a:2,b:{c:1,d:2}}}}
{documentKey:{_id:1},fullDocument:{_id:1,b:{c:1,d:2},l:[1,2]},fullDocumentBeforeChange:{_id:1,a:2,b:{c:1,d:2}},ns:{coll:c,db:p},operationType:update,updateDescription:{disambiguatedPaths:{},removedFields:[a],truncatedArrays:[],updatedFields:{l:[1,2]}}}
{documentKey:{_id:1},fullDocument:{_id:1,b:{c:1,d:2},l:[1,2,3]},fullDocumentBeforeChange:{_id:1,b:{c:1,d:2},l:[1,2]},ns:{coll:c,db:p},operationType:update,updateDescription:{disambiguatedPaths:{l.2:[l,2]},removedFields:[],truncatedArrays:[],updatedFields:{l.2:3}}}
{documentKey:{_id:2},fullDocument:{_id:2,x:1},fullDocumentBeforeChange:{_id:2},ns:{coll:c,db:p},operationType:replace}
{documentKey:{_id:2},fullDocumentBeforeChange:{_id:2,x:1},ns:{coll:c,db:p},operationType:delete}`, s.brief(events(t, w)))
	all := s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(0)})
	require.Len(t, events(t, all), 7, "from the beginning, without what is expanded")
}

func TestWatchDropAndRename(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "a", `{"_id": 1}`)
	s.insert("main", "b", `{"_id": 1}`)
	a := s.watch(&WatchSpec{Ref: head("main"), Collection: "a"})
	b := s.watch(&WatchSpec{Ref: head("main"), Collection: "b"})
	db := s.watch(&WatchSpec{Ref: head("main"), Expanded: true})
	s.write("main", "me", func(txn *Txn) error { return txn.RenameCollection(s.ctx, "a", "b", true) })
	dropped := s.write("main", "me", func(txn *Txn) error { return txn.DropDatabase(s.ctx) })
	require.Equal(t, "{ns:{coll:a,db:p},operationType:rename,to:{coll:b,db:p}}\n{operationType:invalidate}", s.brief(events(t, a)))
	require.Equal(t, "{ns:{coll:a,db:p},operationType:rename,to:{coll:b,db:p}}\n{operationType:invalidate}", s.brief(events(t, b)))
	all := events(t, db)
	rename, target := all[0].Get("operationDescription").Doc(), all[1].Get("collectionUUID")
	require.Equal(t, "b", rename.Get("to").Doc().Get("coll").Str())
	require.Equal(t, target, all[0].Get("collectionUUID"), "a collection keeps its UUID")
	require.NotEqual(t, target, rename.Get("dropTarget"))
	require.Equal(t, bsonraw.Binary, rename.Get("dropTarget").Type)
	require.Equal(t, `{ns:{coll:b,db:p},operationType:drop}
{ns:{db:p},operationType:dropDatabase}
{operationType:invalidate}`, s.brief(all[1:]))
	require.True(t, db.Ended())
	token := db.Token()
	require.Equal(t, dropped, token.LSN)
	_, err := s.store.Watch(s.ctx, &WatchSpec{Ref: head("main"), ResumeAfter: &token})
	require.Equal(t, errs.InvalidResumeToken, errs.CodeOf(err))
	s.insert("main", "a", `{"_id": 9}`)
	again := s.watch(&WatchSpec{Ref: head("main"), StartAfter: &token})
	require.Equal(t, "{documentKey:{_id:9},fullDocument:{_id:9},ns:{coll:a,db:p},operationType:insert}", s.brief(events(t, again)))
}

func TestWatchRestoreUndoAndDelete(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "a", `{"_id": 1}`)
	s.branch("exp", "main")
	w := s.watch(&WatchSpec{Ref: head("exp")})
	s.insert("exp", "a", `{"_id": 2}`)
	s.update("exp", "a", `{"_id": 1}`, `{"$set": {"x": 1}}`)
	dropped := s.write("exp", "me", func(txn *Txn) error {
		_, err := txn.DropCollection(s.ctx, "a")
		return err
	})
	_, err := s.store.Undo(s.ctx, &UndoSpec{Ref: head("exp"), From: dropped, To: dropped})
	require.NoError(t, err)
	_, _, err = s.store.Restore(s.ctx, s.ref(fmt.Sprintf("exp@%d", first)), CommitMeta{})
	require.NoError(t, err)
	s.insert("exp", "a", `{"_id": 3}`)
	require.NoError(t, s.store.DeleteBranch(s.ctx, "p", "exp", CommitMeta{}))
	want := `{documentKey:{_id:2},fullDocument:{_id:2},ns:{coll:a,db:p~exp},operationType:insert}
{documentKey:{_id:1},ns:{coll:a,db:p~exp},operationType:update,updateDescription:{removedFields:[],truncatedArrays:[],updatedFields:{x:1}}}
{ns:{coll:a,db:p~exp},operationType:drop}
{documentKey:{_id:1},fullDocument:{_id:1,x:1},ns:{coll:a,db:p~exp},operationType:insert}
{documentKey:{_id:2},fullDocument:{_id:2},ns:{coll:a,db:p~exp},operationType:insert}
{documentKey:{_id:1},ns:{coll:a,db:p~exp},operationType:update,updateDescription:{removedFields:[x],truncatedArrays:[],updatedFields:{}}}
{documentKey:{_id:2},ns:{coll:a,db:p~exp},operationType:delete}
{documentKey:{_id:3},fullDocument:{_id:3},ns:{coll:a,db:p~exp},operationType:insert}
{ns:{coll:a,db:p~exp},operationType:drop}
{ns:{db:p~exp},operationType:dropDatabase}`
	require.Equal(t, want+"\n{operationType:invalidate}", s.brief(events(t, w)))
	project := s.watch(&WatchSpec{Ref: refs.Ref{Project: "p"}, Since: atLSN(first)})
	require.Equal(t, want, s.brief(events(t, project)), "a branch that is gone is told among its project's")
}

func TestWatchMany(t *testing.T) {
	s := newScenario(t)
	all := s.watch(&WatchSpec{})
	s.insert("main", "a", `{"_id": 1}`)
	s.branch("exp", "main")
	for i := range 10 {
		s.insert([]string{"main", "exp"}[i%2], "a", fmt.Sprintf(`{"_id": %d}`, 10+i))
	}
	got := events(t, all)
	require.Len(t, got, 11)
	last := ""
	for i, doc := range got {
		data := doc.Get("_id").Doc().Get("_data").Str()
		require.Greater(t, data, last, "tokens ascend as strings")
		last = data
		token, err := changes.ParseTokenString(data)
		require.NoError(t, err)
		rest := s.watch(&WatchSpec{Ref: refs.Ref{Project: "p"}, ResumeAfter: &token})
		require.Equal(t, s.brief(got[i+1:]), s.brief(events(t, rest)))
	}
	require.Equal(t, "p~exp", got[2].Get("ns").Doc().Get("db").Str())
}

// TestWatchExactlyOnce lets many writers commit on several branches while one
// stream follows the store and one each branch: every commit comes once, in order.
func TestWatchExactlyOnce(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "a", `{"_id": -1}`)
	branches := []string{"main", "b1", "b2"}
	s.branch("b1", "main")
	s.branch("b2", "main")
	const writers, each = 4, 40
	streams := map[string]*ChangeStream{"": s.watch(&WatchSpec{})}
	for _, b := range branches {
		streams[b] = s.watch(&WatchSpec{Ref: head(b)})
	}
	var wg sync.WaitGroup
	for w := range writers {
		for _, b := range branches {
			wg.Go(func() {
				for i := range each {
					s.insert(b, "a", fmt.Sprintf(`{"_id": %d}`, w*each+i))
				}
			})
		}
	}
	for name, stream := range streams {
		wg.Go(func() {
			want := writers * each
			if name == "" {
				want *= len(branches)
			}
			seen, last := map[string]bool{}, ""
			for range want {
				doc, ok, err := stream.Next(s.ctx)
				if !ok || err != nil {
					t.Errorf("%q: %v %v", name, ok, err)
					return
				}
				data := doc.Get("_id").Doc().Get("_data").Str()
				key := doc.Get("ns").Doc().Get("db").Str() + strconv.Itoa(int(doc.Get("documentKey").Doc().Get("_id").Int32()))
				if data <= last || seen[key] {
					t.Errorf("%q: %s after %s, or twice: %s", name, data, last, key)
				}
				seen[key], last = true, data
			}
		})
	}
	wg.Wait()
	for name, stream := range streams {
		require.Empty(t, events(t, stream), name)
	}
}

func TestWatchWakesAndEnds(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "a", `{"_id": 1}`)
	w := s.watch(&WatchSpec{Ref: head("main")})
	got := make(chan error, 1)
	go func() {
		_, _, err := w.Next(s.ctx)
		got <- err
	}()
	s.insert("main", "a", `{"_id": 2}`)
	require.NoError(t, <-got)
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		_, _, err := w.Next(ctx)
		got <- err
	}()
	cancel()
	require.Equal(t, errs.Interrupted, errs.CodeOf(<-got))
	go func() {
		_, _, err := w.Next(s.ctx)
		got <- err
	}()
	w.Interrupt()
	require.Equal(t, errs.CursorKilled, errs.CodeOf(<-got))
}

func TestWatchPipeline(t *testing.T) {
	s := newScenario(t)
	w := s.watch(&WatchSpec{Ref: head("main"), Pipeline: []Doc{
		s.js(`{"$match": {"fullDocument.a": {"$gt": 1}}}`), s.js(`{"$project": {"fullDocument": 1}}`), s.js(`{"$set": {"x": 1}}`),
	}})
	s.insert("main", "c", `{"_id": 1, "a": 1}`, `{"_id": 2, "a": 2}`)
	require.Equal(t, `{fullDocument:{_id:2,a:2},x:1}`, s.brief(events(t, w)))
	for stage, want := range map[string]errs.Code{
		`{"$group": {"_id": 1}}`: errs.IllegalOperation, `{"$limit": 1}`: errs.IllegalOperation,
		`{"$foo": 1}`: errs.UnrecognizedPipelineStage, `{"$out": "x"}`: errs.IllegalOperation,
		`{"$changeStreamSplitLargeEvent": 1}`: 7182800,
	} {
		_, err := s.store.Watch(s.ctx, &WatchSpec{Ref: head("main"), Pipeline: []Doc{s.js(stage)}})
		require.Equal(t, want, errs.CodeOf(err), stage)
	}
	bad := s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(0), Pipeline: []Doc{s.js(`{"$unset": "_id"}`)}})
	_, _, err := bad.TryNext(s.ctx)
	require.Equal(t, errs.ChangeStreamFatalError, errs.CodeOf(err))
}

func TestWatchSplitsLargeEvents(t *testing.T) {
	s := newScenario(t)
	big := bsonraw.NewBuilder(nil)
	big.Int32("_id", 1)
	big.String("s", strings.Repeat("x", 12<<20))
	doc := big.Finish()
	s.write("main", "me", func(txn *Txn) error {
		_, err := txn.Insert(s.ctx, "c", []Doc{doc}, true)
		return err
	})
	at := s.update("main", "c", `{"_id": 1}`, `{"$set": {"a": 1}}`)
	spec := WatchSpec{Ref: head("main"), Since: atLSN(at - 1), FullDocument: true, BeforeChange: true}
	_, _, err := s.watch(&spec).TryNext(s.ctx)
	require.Equal(t, errs.BSONObjectTooLarge, errs.CodeOf(err))
	spec.Pipeline = []Doc{s.js(`{"$changeStreamSplitLargeEvent": {}}`)}
	parts := events(t, s.watch(&spec))
	require.Len(t, parts, 2)
	require.Equal(t, `{"fragment":1,"of":2}`, s.text(parts[0].Get("splitEvent").Doc()))
	token, err := changes.ParseToken(parts[0].Get("_id").Doc())
	require.NoError(t, err)
	spec.Since, spec.ResumeAfter = nil, &token
	rest := events(t, s.watch(&spec))
	require.Len(t, rest, 1)
	require.Equal(t, parts[1], rest[0])
}

func TestWatchHistoryLost(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "c", `{"_id": 1}`)
	s.update("main", "c", `{"_id": 1}`, `{"$set": {"a": 1}}`)
	w := s.watch(&WatchSpec{Ref: head("main")})
	_, err := s.store.GC(s.ctx, &GCSpec{Keep: 1})
	require.NoError(t, err)
	_, _, err = s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(first)}).TryNext(s.ctx)
	require.Equal(t, errs.ChangeStreamHistoryLost, errs.CodeOf(err))
	s.update("main", "c", `{"_id": 1}`, `{"$set": {"a": 2}}`)
	require.Len(t, events(t, w), 1, "who has kept up goes on")
}

// TestWatchResumesAfterGC resumes on segments that a restore left and that garbage
// collection took: with what was not seen of them the history is lost, with what
// was there before them it is not.
func TestWatchResumesAfterGC(t *testing.T) {
	s := newScenario(t)
	s.insert("main", "c", `{"_id": 1}`)
	first := s.insert("main", "c", `{"_id": 2}`)
	s.branch("b", "main")
	seen := s.insert("b", "c", `{"_id": 3}`)
	w := s.watch(&WatchSpec{Ref: head("b"), Since: atLSN(first)})
	require.Len(t, events(t, w), 1)
	lost := w.Token()
	before := lost
	before.LSN = first
	s.insert("b", "c", `{"_id": 4}`)
	for _, at := range []mvcc.LSN{seen, first} {
		_, _, err := s.store.Restore(s.ctx, s.ref(fmt.Sprintf("b@%d", at)), CommitMeta{})
		require.NoError(t, err)
	}
	_, err := s.store.GC(s.ctx, &GCSpec{Keep: 1})
	require.NoError(t, err)
	s.insert("b", "c", `{"_id": 5}`)
	_, _, err = s.watch(&WatchSpec{Ref: head("b"), ResumeAfter: &lost}).TryNext(s.ctx)
	require.Equal(t, errs.ChangeStreamHistoryLost, errs.CodeOf(err))
	got := events(t, s.watch(&WatchSpec{Ref: head("b"), ResumeAfter: &before}))
	require.Len(t, got, 1)
	require.EqualValues(t, 5, got[0].Get("documentKey").Doc().Get("_id").Int32())
}

// TestWatchMovesAfterGC begins before two restores, when what the first led to is
// gone: they are told as one.
func TestWatchMovesAfterGC(t *testing.T) {
	s := newScenario(t)
	first := s.insert("main", "c", `{"_id": 1}`)
	s.branch("b", "main") // keeps what main leaves below
	last := s.insert("main", "c", `{"_id": 2}`)
	s.branch("e", "main")
	for range 2 {
		_, _, err := s.store.Restore(s.ctx, s.ref(fmt.Sprintf("main@%d", first)), CommitMeta{})
		require.NoError(t, err)
	}
	_, err := s.store.GC(s.ctx, &GCSpec{Keep: 1})
	require.NoError(t, err)
	s.insert("main", "c", `{"_id": 3}`)
	require.Equal(t, `{documentKey:{_id:2},ns:{coll:c,db:p},operationType:delete}
{documentKey:{_id:3},fullDocument:{_id:3},ns:{coll:c,db:p},operationType:insert}`, s.brief(events(t, s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(last)}))))
}

func TestWatchClusterTime(t *testing.T) {
	s := newScenario(t)
	var lsns []mvcc.LSN
	for i := range 5 {
		lsns = append(lsns, s.insert("main", "c", fmt.Sprintf(`{"_id": %d}`, i)))
	}
	docs := events(t, s.watch(&WatchSpec{Ref: head("main"), Since: atLSN(0)}))
	require.Len(t, docs, 5)
	for i, doc := range docs {
		sec, inc := doc.Get("clusterTime").Timestamp()
		at := changes.Time{Seconds: sec, Increment: inc}
		lsn, err := s.store.LSNAt(head("main"), at)
		require.NoError(t, err)
		require.Equal(t, lsns[i], lsn)
		rest := events(t, s.watch(&WatchSpec{Ref: head("main"), StartAt: &at}))
		require.Equal(t, docs[i:], rest)
		rest = events(t, s.watch(&WatchSpec{StartAt: &at}))
		require.Equal(t, docs[i:], rest)
	}
	require.Empty(t, events(t, s.watch(&WatchSpec{Ref: head("main"), StartAt: &changes.Time{Seconds: 1 << 31}})))
	require.Len(t, events(t, s.watch(&WatchSpec{Ref: head("main"), StartAt: &changes.Time{Seconds: 1, Increment: 1}})), 5)
	now := s.store.Clock()
	lsn, err := s.store.LSNAt(head("main"), now)
	require.NoError(t, err)
	require.Equal(t, lsns[4], lsn)
}
