package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

const aMinute = int(time.Minute / time.Millisecond)

func TestCommandAnswersWithTheReply(t *testing.T) {
	n := openFake(t, &fake{run: echo})
	a := runCommand(n, "shop", document1("ping", 1), 0)
	require.Equal(t, ok, a.status)
	require.Equal(t, "shop", bsonraw.Doc(a.doc).Get("db").Str())
	require.Equal(t, document1("ping", 1), bsonraw.Doc(a.doc).Get("command").Doc())
}

// TestFirstWritesIntoTheCallersMemory unless the document does not fit there.
func TestFirstWritesIntoTheCallersMemory(t *testing.T) {
	var doc bsonraw.Doc
	n := openFake(t, &fake{first: func(dst []byte) ([]byte, error) {
		if doc == nil {
			return dst, errs.New(errs.BadValue, "no")
		}
		return append(dst, doc...), nil
	}})
	room := make([]byte, 32)
	require.Equal(t, errs.BadValue, codeOf(t, runFirst(n, "d", document1("find", 1), room)))
	doc = bsonraw.Doc{}
	require.Empty(t, runFirst(n, "d", document1("find", 1), room).doc)
	for _, name := range []string{"short", "a name that is longer than the room"} {
		doc = document1(name, 7)
		a := runFirst(n, "d", document1("find", 1), room)
		require.Equal(t, ok, a.status)
		require.Equal(t, doc, bsonraw.Doc(a.doc))
		require.Equal(t, len(doc) <= len(room), &a.doc[0] == &room[0])
	}
}

func TestUnknownHandlesFail(t *testing.T) {
	n := openFake(t, &fake{run: echo})
	kept := keep(answer{doc: document1("x", 1)})
	defer registry.forget(kept)
	for _, wrong := range []int64{0, -1, 1 << 40, kept} {
		require.Equal(t, errs.StoreClosed, codeOf(t, runCommand(wrong, "d", document1("ping", 1), 0)))
		require.Equal(t, errs.StoreClosed, codeOf(t, startCommand(wrong, "d", document1("ping", 1))))
		require.Equal(t, errs.StoreClosed, codeOf(t, startArrow(wrong, "d", document1("find", 1), nil)))
		require.Equal(t, errs.StoreClosed, codeOf(t, closeClient(wrong)))
	}
	for _, wrong := range []int64{0, -1, 1 << 40, n} {
		require.Equal(t, errs.HandleInvalid, codeOf(t, waitJob(wrong, 0)))
		require.Equal(t, errs.HandleInvalid, codeOf(t, cancelJob(wrong)))
		require.Equal(t, errs.HandleInvalid, codeOf(t, jobProgress(wrong)))
		require.Equal(t, errs.HandleInvalid, codeOf(t, jobResult(wrong, 1000)))
		require.Equal(t, errs.HandleInvalid, codeOf(t, dropJob(wrong)))
		_, err := takeStream(wrong, false)
		require.True(t, errs.Is(err, errs.HandleInvalid))
	}
}

func TestBudgetStopsAReadAndSaysSo(t *testing.T) {
	n := openFake(t, &fake{run: untilCanceled})
	a := runCommand(n, "d", document1("find", 1), 1)
	require.Equal(t, running, a.status)
	require.Empty(t, a.doc)
}

func TestBudgetKeepsOtherErrors(t *testing.T) {
	n := openFake(t, &fake{run: func(ctx context.Context, _ string, _ bsonraw.Doc) (bsonraw.Doc, error) {
		<-ctx.Done()
		return nil, errs.New(errs.BadValue, "no")
	}})
	require.Equal(t, errs.BadValue, codeOf(t, runCommand(n, "d", document1("find", 1), 1)))
}

func TestJobRunsReportsAndIsFetchedOnce(t *testing.T) {
	release := make(chan struct{})
	n := openFake(t, &fake{run: func(context.Context, string, bsonraw.Doc) (bsonraw.Doc, error) {
		<-release
		return document1("done", 1), nil
	}})
	job := startCommand(n, "d", document1("find", 1)).handle
	require.Equal(t, running, waitJob(job, 0).status)
	require.Equal(t, running, jobResult(job, 1000).status)
	require.Equal(t, 5, len(jobProgress(job).doc))
	close(release)
	require.Equal(t, ok, waitJob(job, aMinute).status)
	small := jobResult(job, 3)
	require.Equal(t, answer{status: tooSmall, need: 15, handle: job}, small)
	require.Equal(t, document1("done", 1), bsonraw.Doc(jobResult(job, 15).doc))
	require.Equal(t, errs.HandleInvalid, codeOf(t, jobResult(job, 15)))
}

func TestJobCancelEndsTheCommand(t *testing.T) {
	n := openFake(t, &fake{run: untilCanceled})
	job := startCommand(n, "d", document1("find", 1)).handle
	require.Equal(t, ok, cancelJob(job).status)
	require.Equal(t, ok, waitJob(job, aMinute).status)
	require.Equal(t, errs.Interrupted, codeOf(t, jobResult(job, 1000)))
}

func TestJobDropEndsTheCommand(t *testing.T) {
	stopped := make(chan struct{})
	n := openFake(t, &fake{run: func(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
		defer close(stopped)
		return untilCanceled(ctx, db, cmd)
	}})
	job := startCommand(n, "d", document1("find", 1)).handle
	require.Equal(t, ok, dropJob(job).status)
	<-stopped
	require.Equal(t, errs.HandleInvalid, codeOf(t, waitJob(job, 0)))
}

func TestCloseCancelsAndWaits(t *testing.T) {
	begun := make(chan struct{})
	f := &fake{}
	f.run = func(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
		close(begun)
		defer func() { require.False(t, f.closed, "the store was closed under a running command") }()
		return untilCanceled(ctx, db, cmd)
	}
	n := openFake(t, f)
	job := startCommand(n, "d", document1("find", 1)).handle
	<-begun
	require.Equal(t, ok, closeClient(n).status)
	require.True(t, f.closed)
	require.Equal(t, errs.Interrupted, codeOf(t, jobResult(job, 1000)))
	require.Equal(t, errs.StoreClosed, codeOf(t, runCommand(n, "d", document1("ping", 1), 0)))
}

func TestPanicPoisonsTheLibrary(t *testing.T) {
	unpoison(t)
	n := openFake(t, &fake{run: func(context.Context, string, bsonraw.Doc) (bsonraw.Doc, error) { panic("oh no") }})
	first := guarded(func() answer { return runCommand(n, "d", document1("ping", 1), 0) })
	require.Equal(t, errs.LibraryPanicked, codeOf(t, first))
	info := bsonraw.Doc(first.doc).Get("errInfo").Doc()
	require.Equal(t, "oh no", info.Get("panic").Str())
	require.Contains(t, info.Get("stack").Str(), "TestPanicPoisonsTheLibrary")
	later := guarded(func() answer { t.Fatal("ran"); return answer{} })
	require.Equal(t, errs.LibraryPanicked, codeOf(t, later))
}

func TestPanicInAJobPoisonsTheLibrary(t *testing.T) {
	unpoison(t)
	n := openFake(t, &fake{run: func(context.Context, string, bsonraw.Doc) (bsonraw.Doc, error) { panic("oh no") }})
	job := startCommand(n, "d", document1("ping", 1)).handle
	require.Equal(t, ok, waitJob(job, aMinute).status)
	require.Equal(t, errs.LibraryPanicked, codeOf(t, jobResult(job, 1<<20)))
	require.True(t, poisoned.Load())
}

// TestForkedErrorIsTheErrorDocument holds what argon.c has written out.
func TestForkedErrorIsTheErrorDocument(t *testing.T) {
	want := failure(errs.New(errs.ForkedProcess, "this process was forked after the library was loaded, and cannot use it now"))
	require.Equal(t, want.doc, forkedError())
}
