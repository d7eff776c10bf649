package main

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// batches is a record reader that tells when it is released.
type batches struct {
	array.RecordReader
	next     func() bool
	err      error
	released int
}

func (b *batches) Next() bool {
	if b.next != nil {
		return b.next()
	}
	return b.RecordReader.Next()
}

func (b *batches) Err() error { return b.err }

func (b *batches) Release() { b.released++ }

func numbers(t *testing.T, values ...int64) *batches {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	column := array.NewInt64Builder(memory.DefaultAllocator)
	column.AppendValues(values, nil)
	record := array.NewRecordBatch(schema, []arrow.Array{column.NewArray()}, int64(len(values)))
	reader, err := array.NewRecordReader(schema, []arrow.RecordBatch{record})
	require.NoError(t, err)
	return &batches{RecordReader: reader}
}

// startStream starts a job that gives b as its stream.
func startStream(t *testing.T, client int64, b *batches) int64 {
	t.Helper()
	c, err := use(client)
	require.NoError(t, err)
	n := startJob(c, func(_ context.Context, j *job) (bsonraw.Doc, *stream, error) {
		s, err := newStream(c, j, b, &fakeSource{})
		return nil, s, err
	}).handle
	require.Equal(t, ok, waitJob(n, aMinute).status)
	return n
}

func TestStreamIsTakenOnceAndReleasesItsJob(t *testing.T) {
	client := openFake(t, &fake{run: echo})
	b := numbers(t, 1, 2, 3)
	n := startStream(t, client, b)
	require.Equal(t, errs.HandleInvalid, codeOf(t, jobResult(n, 1000)))
	s, err := takeStream(n, false)
	require.NoError(t, err)
	_, err = takeStream(n, false)
	require.True(t, errs.Is(err, errs.HandleInvalid))
	require.True(t, s.Next())
	require.EqualValues(t, 3, s.RecordBatch().NumRows())
	require.False(t, s.Next())
	require.NoError(t, s.Err())
	s.Release()
	require.Equal(t, 1, b.released)
	require.Equal(t, errs.HandleInvalid, codeOf(t, cancelJob(n)))
}

func TestStreamKeepsItsErrorInTheJob(t *testing.T) {
	client := openFake(t, &fake{run: echo})
	b := numbers(t)
	b.next, b.err = func() bool { return false }, errs.New(errs.SchemaMismatch, "no int")
	n := startStream(t, client, b)
	s, err := takeStream(n, true)
	require.NoError(t, err)
	require.False(t, s.Next())
	require.ErrorContains(t, s.Err(), "no int")
	require.Equal(t, errs.SchemaMismatch, codeOf(t, jobResult(n, 1000)))
	s.Release()
	require.Equal(t, errs.SchemaMismatch, codeOf(t, jobResult(n, 1000)), "the job stays")
	require.Equal(t, ok, dropJob(n).status)
}

func TestStreamRecoversPanics(t *testing.T) {
	unpoison(t)
	client := openFake(t, &fake{run: echo})
	b := numbers(t)
	b.next = func() bool { panic(errors.New("deep down")) }
	s, err := takeStream(startStream(t, client, b), false)
	require.NoError(t, err)
	require.False(t, s.Next())
	require.True(t, errs.Is(s.Err(), errs.LibraryPanicked))
	require.False(t, s.Next())
	s.Release()
	require.Zero(t, b.released, "a reader that panicked is left alone")
}

func TestCloseEndsStreamsThatNobodyReads(t *testing.T) {
	f := &fake{run: echo}
	client := openFake(t, f)
	b := numbers(t, 1)
	s, err := takeStream(startStream(t, client, b), false)
	require.NoError(t, err)
	require.Equal(t, ok, closeClient(client).status)
	require.Equal(t, 1, b.released)
	require.False(t, s.Next())
	require.True(t, errs.Is(s.Err(), errs.StoreClosed))
	s.Release()
	require.Equal(t, 1, b.released)
}

func TestDropReleasesAStreamThatNobodyTook(t *testing.T) {
	client := openFake(t, &fake{run: echo})
	b := numbers(t, 1)
	n := startStream(t, client, b)
	j, err := jobOf(n)
	require.NoError(t, err)
	registry.forget(n)
	j.abandon()
	require.Equal(t, 1, b.released)
}

// TestArrowStreamsDocuments goes from documents to record batches.
func TestArrowStreamsDocuments(t *testing.T) {
	client := openFake(t, &fake{run: echo, docs: []bsonraw.Doc{document1("n", 1), document1("n", 2)}})
	n := startArrow(client, "d", document1("find", 1), nil).handle
	require.Equal(t, ok, waitJob(n, aMinute).status)
	s, err := takeStream(n, false)
	require.NoError(t, err)
	require.Equal(t, []string{"n"}, []string{s.Schema().Field(0).Name})
	require.True(t, s.Next())
	require.EqualValues(t, 2, s.RecordBatch().NumRows())
	require.False(t, s.Next())
	require.NoError(t, s.Err())
	src := s.source.(*fakeSource)
	require.Zero(t, src.closed)
	s.Release()
	require.Equal(t, 1, src.closed)
}

func TestOptionsThatDoNotExistAreRefused(t *testing.T) {
	client := openFake(t, &fake{run: echo})
	unknown := document1("unknown", 1)
	require.Equal(t, errs.BadValue, codeOf(t, startArrow(client, "d", document1("find", 1), unknown)))
	_, _, err := insertOptions(unknown)
	require.True(t, errs.Is(err, errs.BadValue))
	_, _, err = clientOptions(unknown)
	require.True(t, errs.Is(err, errs.BadValue))
}
