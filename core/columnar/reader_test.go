package columnar_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

// numbered makes n documents {i: 0, 1, …}; change may replace some.
func numbered(n int, change func(i int, b *bsonraw.Builder) bool) []byte {
	var out []byte
	b := bsonraw.NewBuilder(nil)
	for i := range n {
		b.Reset()
		if change == nil || !change(i, b) {
			b.Int32("i", int32(i))
		}
		out = append(out, b.Finish()...)
	}
	return out
}

// numberedButOne is numbered with a double at one place, which widens the schema.
func numberedButOne(n, at int) []byte {
	return numbered(n, func(i int, b *bsonraw.Builder) bool {
		if i == at {
			b.Double("i", float64(i)+0.5)
		}
		return i == at
	})
}

// requireNumbered reads all batches: n rows in order, none lost, doubled or moved.
func requireNumbered(t *testing.T, r array.RecordReader, n int) {
	row := 0
	for r.Next() {
		for _, d := range back(t, []arrow.RecordBatch{r.RecordBatch()}, columnar.EncodeOptions{}) {
			f, _ := d.Get("i").AsFloat64()
			require.Equal(t, row, int(f))
			row++
		}
	}
	require.NoError(t, r.Err())
	require.Equal(t, n, row)
}

// TestStages checks how often the stream is read, that the schema is exact
// wherever the odd value is, and that no row is lost, doubled or moved.
func TestStages(t *testing.T) {
	const n = 1000
	late := func(at int) []byte { return numberedButOne(n, at) }
	for name, c := range map[string]struct {
		docs  []byte
		o     columnar.Options
		opens int
		typ   string
	}{
		"one batch":              {numbered(n, nil), columnar.Options{}, 1, "int32"},
		"the guess holds":        {numbered(n, nil), columnar.Options{BatchRows: 10}, 1, "int32"},
		"a value in the first":   {late(3), columnar.Options{BatchRows: 10}, 1, "float64"},
		"a value in the middle":  {late(500), columnar.Options{BatchRows: 10}, 3, "float64"},
		"a value in the last":    {late(n - 1), columnar.Options{BatchRows: 10}, 3, "float64"},
		"buffer full, held":      {numbered(n, nil), columnar.Options{BatchRows: 10, Buffer: 1000}, 3, "int32"},
		"buffer full, wrong":     {late(n - 1), columnar.Options{BatchRows: 10, Buffer: 1000}, 3, "float64"},
		"once":                   {late(n - 1), columnar.Options{BatchRows: 10, Once: true}, 1, "float64"},
		"once, one worker, full": {late(n - 1), columnar.Options{BatchRows: 10, Once: true, Workers: 1, Buffer: 1}, 1, "float64"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer mem.AssertSize(t, 0)
			c.o.Allocator = mem
			s := &stream{docs: c.docs}
			r, err := columnar.NewReader(t.Context(), s.open, c.o)
			require.NoError(t, err)
			require.Equal(t, c.typ, r.Schema().Field(0).Type.String())
			requireNumbered(t, r, n)
			r.Release()
			require.Equal(t, c.opens, s.opened)
			require.Equal(t, s.opened, s.closed)
		})
	}
}

// TestSpoolFile checks a stream that can be read once and does not fit the
// memory of the spool.
func TestSpoolFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const n = 9000
	text := make([]byte, 10_000)
	for i := range text {
		text[i] = 'x'
	}
	docs := numbered(n, func(i int, b *bsonraw.Builder) bool {
		b.String("text", string(text))
		if i == n-1 {
			b.String("i", "last")
			return true
		}
		b.Int32("i", int32(i))
		return true
	})
	require.Greater(t, len(docs), columnar.SpoolMemory)
	s := &stream{docs: docs}
	r, err := columnar.NewReader(t.Context(), s.open, columnar.Options{Once: true, BatchRows: 1000})
	require.NoError(t, err)
	require.Equal(t, "text:utf8 i:utf8{bson=mixed}", describe(r.Schema().Fields()))
	rows := int64(0)
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	require.NoError(t, r.Err())
	r.Release()
	require.EqualValues(t, n, rows)
	require.Equal(t, 1, s.opened)
	require.Equal(t, 1, s.closed)
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

// brokenIter fails, panics or hangs after some documents.
type brokenIter struct {
	sliceIter
	after int
	act   func(context.Context) error
}

func (b *brokenIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if b.after--; b.after < 0 {
		return nil, false, b.act(ctx)
	}
	return b.sliceIter.Next(ctx)
}

func TestBrokenStreams(t *testing.T) {
	docs := numbered(100, nil)
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		act  func(context.Context) error
		code errs.Code
	}{
		"error":    {func(context.Context) error { return errs.Wrap(boom, errs.StoreIO, "reading") }, errs.StoreIO},
		"panic":    {func(context.Context) error { panic("boom") }, errs.LibraryPanicked},
		"canceled": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, errs.Interrupted},
	} {
		for _, after := range []int{0, 5, 10, 57} {
			t.Run(name, func(t *testing.T) {
				mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
				defer mem.AssertSize(t, 0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				opened, closed := 0, 0
				open := func(context.Context) (columnar.Iter, error) {
					opened++
					return &brokenIter{sliceIter{docs, func() { closed++ }}, after, func(ctx context.Context) error {
						cancel()
						return c.act(ctx)
					}}, nil
				}
				_, err := columnar.NewReader(ctx, open, columnar.Options{Allocator: mem, BatchRows: 10})
				require.Error(t, err)
				require.Equal(t, c.code, errs.CodeOf(err), err)
				require.Equal(t, opened, closed)
			})
		}
	}
}

// TestBrokenLater checks that a stream that breaks while batches are consumed
// ends in its error, and not as if it were whole.
func TestBrokenLater(t *testing.T) {
	opened := 0
	open := func(context.Context) (columnar.Iter, error) {
		opened++
		it := &brokenIter{sliceIter: sliceIter{rest: numbered(1000, nil)}, after: 1 << 30}
		if opened == 3 {
			it.after = 500
			it.act = func(context.Context) error { return errs.New(errs.StoreCorrupt, "a bad block") }
		}
		return it, nil
	}
	r, err := columnar.NewReader(t.Context(), open, columnar.Options{BatchRows: 10, Buffer: 1})
	require.NoError(t, err)
	defer r.Release()
	rows := 0
	for r.Next() {
		rows += int(r.RecordBatch().NumRows())
	}
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(r.Err()))
	require.LessOrEqual(t, rows, 500)
	require.False(t, r.Next())
}

// TestCancel checks that a reader stops, and frees everything, in the middle.
func TestCancel(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{docs: numbered(10_000, nil)}
	r, err := columnar.NewReader(ctx, s.open, columnar.Options{Allocator: mem, BatchRows: 10, Buffer: 1})
	require.NoError(t, err)
	require.True(t, r.Next())
	cancel()
	for r.Next() {
	}
	require.Equal(t, errs.Interrupted, errs.CodeOf(r.Err()))
	r.Release()
	require.Equal(t, s.opened, s.closed)
}

// TestReleaseEarly checks that a reader that is dropped in any stage frees all.
func TestReleaseEarly(t *testing.T) {
	for _, o := range []columnar.Options{{}, {BatchRows: 10}, {BatchRows: 10, Buffer: 1}} {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		o.Allocator = mem
		s := &stream{docs: numbered(1000, nil)}
		r, err := columnar.NewReader(t.Context(), s.open, o)
		require.NoError(t, err)
		require.True(t, r.Next())
		r.Retain()
		r.Release()
		r.Release()
		mem.AssertSize(t, 0)
		require.Equal(t, s.opened, s.closed)
	}
}

func TestNotADocument(t *testing.T) {
	open := func(context.Context) (columnar.Iter, error) { return lying{}, nil }
	_, err := columnar.NewReader(t.Context(), open, columnar.Options{})
	require.Equal(t, errs.InvalidBSON, errs.CodeOf(err))
}

// lying gives a document whose length is not its length.
type lying struct{}

func (lying) Next(context.Context) (bsonraw.Doc, bool, error) {
	return bsonraw.Doc{0, 0, 0, 0, 0}, true, nil
}
func (lying) Close() error { return nil }
