package kv_test

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/argon-lab/argon/core/kv"
)

// memory is the naive backend: a sorted slice that is never changed, only
// replaced. It is what the others are compared with.
type memory struct {
	mu    sync.Mutex
	pairs []pair
}

type pair struct{ key, value []byte }

func newMemory() kv.Store { return kv.Checked(&memory{}) }

func (m *memory) now() []pair {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs
}

func find(pairs []pair, key []byte) int {
	return sort.Search(len(pairs), func(i int) bool { return bytes.Compare(pairs[i].key, key) >= 0 })
}

func (m *memory) NewBatch() kv.Batch { return &memoryBatch{} }

func (m *memory) Apply(b kv.Batch, _ bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pairs = slices.Clone(m.pairs)
	for _, op := range b.(*memoryBatch).ops {
		m.pairs = op(m.pairs)
	}
	return nil
}

func (m *memory) ApplyNoWait(b kv.Batch) (func() error, error) {
	return func() error { return nil }, m.Apply(b, true)
}

func (m *memory) Get(key []byte) ([]byte, bool, error) { return memoryReader(m.now()).Get(key) }

func (m *memory) NewIter(lo, hi []byte) (kv.Iterator, error) {
	return memoryReader(m.now()).NewIter(lo, hi)
}
func (m *memory) NewSnapshot() kv.Snapshot                      { return memoryReader(m.now()) }
func (m *memory) Flush() error                                  { return nil }
func (m *memory) Compact(context.Context, []byte, []byte) error { return nil }
func (m *memory) Cuts([]byte, []byte) ([][]byte, error)         { return nil, nil }
func (m *memory) DiskUsage([]byte, []byte) (uint64, error)      { return 0, nil }
func (m *memory) Metrics() kv.Metrics                           { return kv.Metrics{} }
func (m *memory) Checkpoint(string) error                       { return nil }
func (m *memory) Close() error                                  { return nil }

type memoryReader []pair

func (r memoryReader) Get(key []byte) ([]byte, bool, error) {
	if i := find(r, key); i < len(r) && bytes.Equal(r[i].key, key) {
		return append([]byte{}, r[i].value...), true, nil
	}
	return nil, false, nil
}

func (r memoryReader) NewIter(lo, hi []byte) (kv.Iterator, error) {
	it := &memoryIter{all: r}
	it.SetBounds(lo, hi)
	return it, nil
}

func (r memoryReader) Close() error { return nil }

type memoryBatch struct {
	ops  []func([]pair) []pair
	size int
}

func (b *memoryBatch) Set(key, value []byte) {
	k, v := b.SetDeferred(len(key), len(value))
	copy(k, key)
	copy(v, value)
}

func (b *memoryBatch) SetDeferred(keyLen, valueLen int) (key, value []byte) {
	key, value = make([]byte, keyLen), make([]byte, valueLen)
	b.size += keyLen + valueLen
	b.ops = append(b.ops, func(pairs []pair) []pair {
		i := find(pairs, key)
		if i < len(pairs) && bytes.Equal(pairs[i].key, key) {
			pairs[i] = pair{key, value}
			return pairs
		}
		return slices.Insert(pairs, i, pair{key, value})
	})
	return key, value
}

func (b *memoryBatch) Delete(key []byte) {
	b.DeleteRange(key, append(bytes.Clone(key), 0))
}

func (b *memoryBatch) DeleteRange(lo, hi []byte) {
	lo, hi = bytes.Clone(lo), bytes.Clone(hi)
	b.size += len(lo) + len(hi)
	b.ops = append(b.ops, func(pairs []pair) []pair {
		return slices.Delete(pairs, find(pairs, lo), find(pairs, hi))
	})
}

func (b *memoryBatch) AddRun(r kv.Run) { b.ops = append(b.ops, r.(*memoryRun).ops...) }

type memoryRun struct{ memoryBatch }

func (*memory) NewRun(context.Context, uint64) (kv.Run, error) { return &memoryRun{}, nil }

func (r *memoryRun) Set(key, value []byte) error {
	r.memoryBatch.Set(key, value)
	return nil
}

func (r *memoryRun) Finish() error { return nil }

func (b *memoryBatch) Len() int  { return len(b.ops) }
func (b *memoryBatch) Size() int { return b.size }
func (b *memoryBatch) Close()    {}

type memoryIter struct {
	all    []pair
	pairs  []pair // within the bounds
	at     int
	prefix []byte
}

func (it *memoryIter) SetBounds(lo, hi []byte) {
	from, to := 0, len(it.all)
	if lo != nil {
		from = find(it.all, lo)
	}
	if hi != nil {
		to = max(from, find(it.all, hi))
	}
	it.pairs, it.at, it.prefix = it.all[from:to], -1, nil
}

func (it *memoryIter) to(i int) bool { it.at, it.prefix = i, nil; return it.Valid() }

func (it *memoryIter) Valid() bool {
	if it.at < 0 || it.at >= len(it.pairs) {
		return false
	}
	key := it.Key()
	return it.prefix == nil || bytes.Equal(key[:kv.Split(key)], it.prefix)
}

func (it *memoryIter) SeekGE(key []byte) bool { return it.to(find(it.pairs, key)) }

func (it *memoryIter) SeekPrefixGE(key []byte) bool {
	it.at, it.prefix = find(it.pairs, key), bytes.Clone(key[:kv.Split(key)])
	return it.Valid()
}

func (it *memoryIter) SeekLT(key []byte) bool { return it.to(find(it.pairs, key) - 1) }
func (it *memoryIter) First() bool            { return it.to(0) }
func (it *memoryIter) Last() bool             { return it.to(len(it.pairs) - 1) }
func (it *memoryIter) Next() bool             { it.at++; return it.Valid() }
func (it *memoryIter) Prev() bool             { it.at--; return it.Valid() }
func (it *memoryIter) Key() []byte            { return it.pairs[it.at].key }
func (it *memoryIter) Value() ([]byte, error) { return it.pairs[it.at].value, nil }
func (it *memoryIter) Err() error             { return nil }
func (it *memoryIter) Close() error           { return nil }
