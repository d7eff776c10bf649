package main

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// openStore opens a real store in a temporary directory.
func openStore(t testing.TB) int64 {
	t.Helper()
	options := bsonraw.NewBuilder(nil)
	options.String("uri", t.TempDir()+"/store")
	options.String("actor", "tester")
	a := openClient(options.Finish())
	require.Equal(t, ok, a.status, "%s", a.doc)
	t.Cleanup(func() { require.Equal(t, ok, closeClient(a.handle).status) })
	return a.handle
}

// build makes a document; the function fills it.
func build(fill func(b *bsonraw.Builder)) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	fill(b)
	return b.Finish()
}

func insertCommand(coll string, docs ...bsonraw.Doc) bsonraw.Doc {
	return build(func(b *bsonraw.Builder) {
		b.String("insert", coll)
		b.BeginArray("documents")
		for i, d := range docs {
			b.Doc(bsonraw.Index(i), d)
		}
		b.End()
	})
}

// TestArrowRoundTripOnAStore moves documents out as record batches and, as
// another collection, in again.
func TestArrowRoundTripOnAStore(t *testing.T) {
	client := openStore(t)
	var docs []bsonraw.Doc
	for i := range int32(1000) {
		docs = append(docs, build(func(b *bsonraw.Builder) {
			b.Int32("_id", i)
			b.Doc("at", document1("n", i*2))
		}))
	}
	require.Equal(t, ok, runCommand(client, "shop", insertCommand("a", docs...), 0).status)

	find := build(func(b *bsonraw.Builder) { b.String("find", "a") })
	n := startArrow(client, "shop", find, document1("batchRows", 100)).handle
	require.Equal(t, ok, waitJob(n, aMinute).status)
	s, err := takeStream(n, false)
	require.NoError(t, err)
	template := build(func(b *bsonraw.Builder) { b.String("insert", "b") })
	in := startInsertArrow(client, "shop", template, document1("batchRows", 300), s).handle
	require.Equal(t, ok, waitJob(in, aMinute).status)
	reply := bsonraw.Doc(jobResult(in, math.MaxInt64).doc)
	require.EqualValues(t, 1000, reply.Get("n").Int64(), "%s", reply)

	same := build(func(b *bsonraw.Builder) {
		b.String("find", "b")
		b.Int32("batchSize", 2000)
	})
	cursor := bsonraw.Doc(runCommand(client, "shop", same, 0).doc).Get("cursor").Doc()
	batch := cursor.Get("firstBatch").Doc().Values()
	require.Len(t, batch, 1000)
	for i, v := range batch {
		require.Equal(t, docs[i], v.Doc())
	}
}

// TestAStreamThatBreaksIsTheCallersFault inserts from a reader that fails.
func TestAStreamThatBreaksIsTheCallersFault(t *testing.T) {
	client := openStore(t)
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	empty, err := array.NewRecordReader(schema, nil)
	require.NoError(t, err)
	broken := &batches{RecordReader: empty, next: func() bool { return false }, err: context.DeadlineExceeded}
	template := build(func(b *bsonraw.Builder) { b.String("insert", "b") })
	n := startInsertArrow(client, "shop", template, nil, broken).handle
	require.Equal(t, ok, waitJob(n, aMinute).status)
	require.Equal(t, errs.BadValue, codeOf(t, jobResult(n, 1<<20)))
	require.Equal(t, 1, broken.released)
}

// TestMemoryOfBatchesIsC checks that what is exported is not Go's memory: the
// allocator counts what it gave out, and takes all of it back.
func TestMemoryOfBatchesIsC(t *testing.T) {
	before := allocator.inUse
	client := openStore(t)
	require.Equal(t, ok, runCommand(client, "shop", insertCommand("a", document1("n", 1)), 0).status)
	n := startArrow(client, "shop", build(func(b *bsonraw.Builder) { b.String("find", "a") }), nil).handle
	require.Equal(t, ok, waitJob(n, aMinute).status)
	s, err := takeStream(n, false)
	require.NoError(t, err)
	require.True(t, s.Next())
	require.Greater(t, allocator.inUse, before)
	s.Release()
	require.Equal(t, before, allocator.inUse)
	require.NotEqual(t, memory.DefaultAllocator, allocator)
}

// TestCancelEndsALongCommand runs a query that would take hours.
func TestCancelEndsALongCommand(t *testing.T) {
	client := openStore(t)
	var docs []bsonraw.Doc
	for i := range int32(5000) {
		docs = append(docs, build(func(b *bsonraw.Builder) {
			b.Int32("_id", i)
			b.Int32("g", 1)
		}))
	}
	require.Equal(t, ok, runCommand(client, "shop", insertCommand("a", docs...), 0).status)
	lookup := build(func(b *bsonraw.Builder) {
		b.String("from", "a")
		b.String("localField", "g")
		b.String("foreignField", "g")
		b.String("as", "x")
	})
	cross := build(func(b *bsonraw.Builder) {
		b.String("aggregate", "a")
		b.BeginArray("pipeline")
		for i, stage := range []bsonraw.Doc{
			build(func(b *bsonraw.Builder) { b.Doc("$lookup", lookup) }),
			build(func(b *bsonraw.Builder) { b.String("$unwind", "$x") }),
			build(func(b *bsonraw.Builder) { b.String("$count", "n") }),
		} {
			b.Doc(bsonraw.Index(i), stage)
		}
		b.End()
		b.Doc("cursor", bsonraw.EmptyDoc)
	})
	n := startCommand(client, "shop", cross).handle
	require.Equal(t, running, waitJob(n, 50).status)
	asked := time.Now()
	require.Equal(t, ok, cancelJob(n).status)
	require.Equal(t, ok, waitJob(n, aMinute).status)
	t.Logf("ended %v after the cancel", time.Since(asked))
	require.Equal(t, errs.Interrupted, codeOf(t, jobResult(n, 1<<20)))
	require.Equal(t, running, runCommand(client, "shop", cross, 20).status, "the budget ends it too")
}

// FuzzCommand hands any bytes to every entry point that takes bytes. None may
// panic, and whatever comes back is BSON.
func FuzzCommand(f *testing.F) {
	f.Add("shop", []byte(insertCommand("a", document1("_id", 1))))
	f.Add("shop~main~-1", []byte(build(func(b *bsonraw.Builder) {
		b.String("find", "a")
		b.Doc("filter", document1("_id", 1))
	})))
	f.Add("admin", []byte(document1("argonStatus", 1)))
	f.Add("shop~main", []byte(document1("argonLog", 1)))
	f.Add("shop", []byte(build(func(b *bsonraw.Builder) {
		b.String("argonDiff", "main@-1")
		b.Doc("schema", document1("n", 1))
	})))
	f.Add("", []byte{5, 0, 0, 0, 0})
	client := openStore(f)
	f.Fuzz(func(t *testing.T, db string, bytes []byte) {
		call := func(a answer) {
			require.False(t, poisoned.Load(), "%s", a.doc)
			if len(a.doc) > 0 {
				require.NoError(t, bsonraw.ValidateDepth(a.doc, math.MaxInt32))
			}
			if a.handle != 0 {
				require.Equal(t, ok, waitJob(a.handle, aMinute).status)
				require.Equal(t, ok, dropJob(a.handle).status)
			}
		}
		if namesAFile(bytes) {
			return
		}
		call(guarded(func() answer { return runCommand(client, db, bytes, 0) }))
		call(guarded(func() answer { return startCommand(client, db, bytes) }))
		if bsonraw.Validate(bytes) == nil {
			call(guarded(func() answer { return startArrow(client, db, bytes, nil) }))
			call(guarded(func() answer { return startArrow(client, db, bsonraw.EmptyDoc, bytes) }))
		}
	})
}

// namesAFile reports whether a command would read or write files.
func namesAFile(bytes []byte) bool {
	it := bsonraw.Doc(bytes).Iter()
	return it.Next() && (string(it.Key()) == "argonImport" || string(it.Key()) == "argonExport")
}
