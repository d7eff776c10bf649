package ordered_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// count is a plan over 0, 1, … n-1 whose work doubles.
func count(n, workers int) (ordered.Plan[int, int], *atomic.Int64) {
	var closed atomic.Int64
	next := 0
	return ordered.Plan[int, int]{
		Workers: workers,
		Read: func(context.Context) (int, bool, error) {
			next++
			return next - 1, next <= n, nil
		},
		Close: func() { closed.Add(1) },
		Work:  func() func(int) (int, error) { return func(i int) (int, error) { return 2 * i, nil } },
	}, &closed
}

func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, workers := rapid.IntRange(0, 200).Draw(t, "n"), rapid.IntRange(0, 8).Draw(t, "workers")
		p, closed := count(n, workers)
		l := ordered.Start(context.Background(), p)
		for i := range n {
			v, ok, err := l.Next()
			if v != 2*i || !ok || err != nil {
				t.Fatal(i, v, ok, err)
			}
		}
		if _, ok, err := l.Next(); ok || err != nil {
			t.Fatal("not the end")
		}
		l.Stop()
		if closed.Load() != 1 {
			t.Fatal("closed", closed.Load())
		}
	})
}

func TestStopDropsAndCloses(t *testing.T) {
	p, closed := count(1000, 3)
	var made, dropped atomic.Int64
	p.Work = func() func(int) (int, error) {
		return func(i int) (int, error) { made.Add(1); return i, nil }
	}
	p.Drop = func(int) { dropped.Add(1) }
	l := ordered.Start(t.Context(), p)
	_, ok, err := l.Next()
	require.True(t, ok)
	require.NoError(t, err)
	l.Stop()
	require.Equal(t, made.Load()-1, dropped.Load())
	require.EqualValues(t, 1, closed.Load())
}

func TestErrors(t *testing.T) {
	boom := errors.New("boom")
	p, _ := count(3, 2)
	p.Work = func() func(int) (int, error) {
		return func(i int) (int, error) {
			switch i {
			case 0:
				return 0, boom
			case 1:
				panic("bang")
			}
			return i, nil
		}
	}
	l := ordered.Start(t.Context(), p)
	_, ok, err := l.Next()
	require.False(t, ok)
	require.Equal(t, boom, err)
	_, ok, err = l.Next()
	require.False(t, ok)
	require.Equal(t, errs.LibraryPanicked, errs.CodeOf(err))
	v, ok, err := l.Next()
	require.True(t, ok)
	require.NoError(t, err)
	require.Equal(t, 2, v)
	l.Stop()
}

// TestBrokenStream checks that neither an error nor a panic of the stream, nor
// a canceled context, looks like its end.
func TestBrokenStream(t *testing.T) {
	for code, act := range map[errs.Code]func(context.CancelFunc, context.Context) error{
		errs.StoreIO:         func(context.CancelFunc, context.Context) error { return errs.New(errs.StoreIO, "disk") },
		errs.LibraryPanicked: func(context.CancelFunc, context.Context) error { panic("bang") },
		errs.Interrupted: func(cancel context.CancelFunc, ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p, closed := count(3, 2)
		inner := p.Read
		p.Read = func(ctx context.Context) (int, bool, error) {
			i, ok, err := inner(ctx)
			if !ok {
				return i, ok, act(cancel, ctx)
			}
			return i, ok, err
		}
		l := ordered.Start(ctx, p)
		for {
			_, ok, err := l.Next()
			if !ok {
				require.Equal(t, code, errs.CodeOf(err))
				break
			}
		}
		l.Stop()
		require.EqualValues(t, 1, closed.Load())
		cancel()
	}
}

func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	<-ctx.Done()
	require.Equal(t, errs.MaxTimeMSExpired, errs.CodeOf(ordered.Canceled(ctx)))
}
