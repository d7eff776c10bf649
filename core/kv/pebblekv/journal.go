package pebblekv

import (
	"encoding/binary"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble syncs its log in a goroutine of its own: a writer wakes it, and is
// woken by it. For a small commit the two wakes take longer than the sync. So a
// small batch is applied without a sync, and written a second time, to the
// journal, by the writer itself: the first of several that wait writes and syncs
// for all of them.
//
// Every batch has an ordinal, which it sets under the key ordinalKey in Pebble
// too. After a crash Pebble has lost the last of its batches, and says by that
// key which was the last that it kept; those behind it are in the journal
// (recovery.go). That holds because a batch is written to the journal only if
// everything before it is durable, in Pebble or in the journal. Where it is
// not, for a large batch goes to Pebble alone, or where the journal is full,
// Pebble's log is synced instead; then nothing in the journal counts any more,
// and it begins anew.
//
// Rejected: the journal in place of Pebble's log. It would have to outlive
// flushes, and large batches are no faster through it.
const (
	journalName = "JOURNAL"
	// journalBatch is the size up to which a batch is small: writing it twice
	// costs less than two wakes.
	journalBatch = 32 << 10
)

// ordinalKey holds [generation 8][ordinal 8], big-endian, of the last batch. No
// key of the store's users is below minKey.
var (
	ordinalKey = []byte{0}
	minKey     = []byte{1}
)

const ordinalLen = 16

// journal makes small batches durable.
type journal struct {
	store      *Store
	generation uint64 // one higher each time that the store is opened for writing

	mu      sync.Mutex
	applied uint64 // the last batch that was applied
	outside uint64 // the last of them that is in Pebble alone
	settled uint64 // everything up to it is durable in Pebble
	durable uint64 // everything up to it is durable, here or there
	wanted  uint64 // the last that somebody sleeps for, here in Go
	pending group  // applied, and nobody writes it yet
	spare   group
	leading bool          // somebody writes a group
	turn    chan struct{} // closed when it is written

	// These belong to who leads.
	file   vfs.File
	offset int64
}

func newJournal(s *Store, generation, ordinal uint64) *journal {
	// What was replayed is durable, but the next batch goes to Pebble: it
	// carries the new generation.
	return &journal{
		store: s, generation: generation, turn: make(chan struct{}),
		applied: ordinal, outside: ordinal + 1, settled: ordinal, durable: ordinal,
	}
}

// stamp gives a batch its ordinal. Batches are applied in the order of their
// stamps: the caller holds applying from here until note.
func (j *journal) stamp(b *pebble.Batch) (ordinal uint64) {
	j.mu.Lock()
	ordinal = j.applied + 1
	j.mu.Unlock()
	op := b.SetDeferred(len(ordinalKey), ordinalLen)
	copy(op.Key, ordinalKey)
	binary.BigEndian.PutUint64(op.Value, j.generation)
	binary.BigEndian.PutUint64(op.Value[8:], ordinal)
	_ = op.Finish()
	return ordinal
}

// note records that a batch was applied. With repr, it will be written to the
// journal once somebody waits for it.
func (j *journal) note(ordinal uint64, repr []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applied = ordinal
	if repr == nil {
		j.outside = ordinal
		return
	}
	j.pending.add(ordinal, repr)
}

// noteSettled records that Pebble has synced everything up to a batch.
func (j *journal) noteSettled(ordinal uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled = max(j.settled, ordinal)
	j.durable = max(j.durable, ordinal)
}

// wait returns once a batch is durable. The first who waits writes for all.
func (j *journal) wait(ordinal uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < ordinal {
		if err := j.store.broken(); err != nil {
			return err
		}
		if j.leading {
			turn := j.turn
			j.wanted = max(j.wanted, ordinal)
			j.mu.Unlock()
			<-turn
			j.mu.Lock()
			continue
		}
		j.leading = true
		j.lead()
		if j.awaited() {
			go j.drain()
		} else {
			j.leading = false
		}
	}
	return nil
}

// awaited reports whether somebody sleeps for the group that has gathered. Where
// writers wait outside of Go (package capi), nobody does: one of them comes.
func (j *journal) awaited() bool {
	return !j.pending.empty() && j.wanted > j.durable && j.store.failed.Load() == nil
}

// drain goes on leading while writers keep coming, so that the next group does
// not wait until one of them has woken up.
func (j *journal) drain() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.awaited() {
		j.lead()
	}
	j.leading = false
	j.wake() // whoever began to sleep since, for what is durable or never will be
}

// wake lets everybody look again.
func (j *journal) wake() {
	close(j.turn)
	j.turn = make(chan struct{})
}

// lead writes the group that has gathered, and lets those go who wait for it.
// mu is held, and given up while writing.
func (j *journal) lead() {
	g := j.pending
	j.pending, j.spare = j.spare, group{}
	unsettled, durable, settles := j.outside > j.settled, j.durable, j.applied
	j.mu.Unlock()
	last, err := j.write(&g, unsettled, durable)
	j.mu.Lock()
	if err != nil {
		_ = j.store.fail(err)
	} else if last != 0 {
		j.durable = max(j.durable, last)
	} else {
		j.settled, j.durable = max(j.settled, settles), max(j.durable, settles)
	}
	g.reset()
	j.spare = g
	j.wake()
}

// write makes a group durable and returns the last ordinal in it; or zero if it
// has let Pebble sync everything that was applied.
func (j *journal) write(g *group, unsettled bool, durable uint64) (last uint64, err error) {
	defer j.store.caught(&err)
	if unsettled || g.empty() || j.offset+g.size() > j.store.opts.JournalBytes {
		j.offset = 0
		return 0, j.store.syncLog()
	}
	if j.file == nil {
		if j.file, err = j.store.openJournal(); err != nil {
			return 0, err
		}
	}
	if _, err := j.file.WriteAt(g.seal(j.generation, durable), j.offset); err != nil {
		return 0, err
	}
	if err := j.file.SyncData(); err != nil {
		return 0, err
	}
	j.offset += g.size()
	return g.last, j.store.broken()
}

// settle makes Pebble's log whole, so that the journal is not needed.
func (j *journal) settle() error {
	j.mu.Lock()
	done := j.settled >= j.applied
	j.mu.Unlock()
	if done {
		return nil
	}
	return j.store.syncLog()
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// syncLog returns once everything applied before it is durable in Pebble.
func (s *Store) syncLog() error {
	b := s.db.NewBatch()
	if err := b.LogData(nil, nil); err != nil {
		return err
	}
	s.applying.Lock()
	err := s.db.ApplyNoSyncWait(b, pebble.Sync)
	s.applying.Unlock()
	if err == nil {
		err = b.SyncWait()
	}
	if err == nil {
		err = s.broken() // the fence lets Pebble believe that it was synced
	}
	if err != nil {
		return err
	}
	return b.Close()
}

// openJournal opens the journal's file and gives it its size, so that a sync
// later on has only data to write.
func (s *Store) openJournal() (f vfs.File, err error) {
	path := s.fs.PathJoin(s.dir, journalName)
	info, err := s.opts.FS.Stat(path)
	whole := err == nil && info.Size() >= s.opts.JournalBytes
	if f, err = s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); err != nil || whole {
		return f, err
	}
	if _, err = f.WriteAt(make([]byte, s.opts.JournalBytes), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(s.opts.FS, s.dir)
	}
	return f, err
}
