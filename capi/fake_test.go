package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

// fake is a backend whose commands are functions.
type fake struct {
	run    func(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error)
	first  func(dst []byte) ([]byte, error)
	docs   []bsonraw.Doc
	closed bool
}

func (f *fake) RunCommand(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	return f.run(ctx, db, cmd)
}

func (f *fake) AppendFirst(_ context.Context, _ string, _ bsonraw.Doc, dst []byte) ([]byte, error) {
	return f.first(dst)
}

func (f *fake) OpenSource(context.Context, string, bsonraw.Doc) (source, error) {
	return &fakeSource{docs: f.docs}, nil
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

// fakeSource opens its documents again and again, and tells when it is closed.
type fakeSource struct {
	docs   []bsonraw.Doc
	closed int
}

func (s *fakeSource) Open(context.Context) (columnar.Iter, error) {
	return &fakeCursor{docs: s.docs}, nil
}

func (s *fakeSource) Repeatable() bool { return true }

func (s *fakeSource) Close() error {
	s.closed++
	return nil
}

type fakeCursor struct{ docs []bsonraw.Doc }

func (c *fakeCursor) Next(context.Context) (bsonraw.Doc, bool, error) {
	if len(c.docs) == 0 {
		return nil, false, nil
	}
	doc := c.docs[0]
	c.docs = c.docs[1:]
	return doc, true, nil
}

func (c *fakeCursor) Close() error { return nil }

// openFake registers a client over f and checks, when the test ends, that
// nothing of it stays registered.
func openFake(t *testing.T, f *fake) int64 {
	t.Helper()
	before := registry.count()
	n := registry.add(newConnection(f))
	t.Cleanup(func() {
		closeClient(n)
		require.True(t, f.closed)
		require.Equal(t, before, registry.count(), "handles leaked")
	})
	return n
}

func echo(_ context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	b := bsonraw.NewBuilder(nil)
	b.String("db", db)
	b.Doc("command", cmd)
	return b.Finish(), nil
}

func untilCanceled(ctx context.Context, _ string, _ bsonraw.Doc) (bsonraw.Doc, error) {
	<-ctx.Done()
	return nil, errs.Wrap(ctx.Err(), errs.Interrupted, "stopped")
}

func document1(key string, n int32) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32(key, n)
	return b.Finish()
}

// codeOf returns the code of an answer that failed.
func codeOf(t *testing.T, a answer) errs.Code {
	t.Helper()
	require.Equal(t, failed, a.status)
	require.NoError(t, bsonraw.Validate(a.doc))
	return errs.Code(bsonraw.Doc(a.doc).Get("code").Int32())
}

// unpoison lets the next test go on after one that panics on purpose.
func unpoison(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { poisoned.Store(false) })
}
