package pebblekv

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/argon-lab/argon/core/kv"
)

// batch is a kv.Batch.
type batch struct {
	b    *pebble.Batch
	run  *run // nil if it has none
	sets bool // it adds something, and needs room
}

func batchOf(b *pebble.Batch) *batch { return &batch{b: b} }

// Writes to a batch of ours fail only by running out of memory or over 4 GB,
// where Pebble panics.

func (b *batch) Set(key, value []byte) {
	b.sets = true
	_ = b.b.Set(key, value, nil)
}

func (b *batch) Delete(key []byte) { _ = b.b.Delete(key, nil) }

func (b *batch) DeleteRange(lo, hi []byte) { _ = b.b.DeleteRange(lo, hi, nil) }

func (b *batch) SetDeferred(keyLen, valueLen int) (key, value []byte) {
	b.sets = true
	op := b.b.SetDeferred(keyLen, valueLen)
	_ = op.Finish()
	return op.Key, op.Value
}

func (b *batch) AddRun(r kv.Run) {
	b.run, b.sets = r.(*run), true
}

func (b *batch) Len() int { return int(b.b.Count()) }

func (b *batch) Size() int { return b.b.Len() }

func (b *batch) Close() {
	b.closeRun()
	_ = b.b.Close()
}

func (b *batch) closeRun() {
	if b.run != nil {
		b.run.Close()
	}
}

// room is how many bytes the batch needs on disk.
func (b *batch) room() int {
	if b.run != nil {
		return b.b.Len() + b.run.size
	}
	return b.b.Len()
}

// waitSynced returns the wait of a large batch that has been applied. The batch
// goes back to its pool afterwards.
func (b *batch) waitSynced(s *Store, ordinal uint64) func() error {
	return func() error {
		if err := b.b.SyncWait(); err != nil {
			return s.fail(err)
		}
		if err := s.broken(); err != nil {
			return err // the fence let Pebble believe that it was synced
		}
		s.journal.noteSettled(ordinal)
		return s.translate(b.b.Close())
	}
}
