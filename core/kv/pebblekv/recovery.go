package pebblekv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2"

	"github.com/argon-lab/argon/core/errs"
)

// recoverJournal applies what the journal has and Pebble has lost.
func (s *Store) recoverJournal() error {
	generation, ordinal, err := s.lastOrdinal()
	if err != nil {
		return err
	}
	lost, err := s.readJournal(generation, ordinal)
	if err != nil {
		return err
	}
	if s.opts.ReadOnly {
		return s.readThrough(lost)
	}
	for _, repr := range lost {
		b, err := s.lostBatch(repr)
		if err != nil {
			return err
		}
		if err := s.db.Apply(b, pebble.NoSync); err != nil {
			return err
		}
		if err := b.Close(); err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		if err := s.syncLog(); err != nil {
			return err
		}
	}
	s.journal = newJournal(s, generation+1, ordinal+uint64(len(lost)))
	return nil
}

func (s *Store) lostBatch(repr []byte) (*pebble.Batch, error) {
	b := s.db.NewBatch()
	if err := b.SetRepr(bytes.Clone(repr)); err != nil {
		return nil, s.journalDamaged("a batch does not parse: %v", err)
	}
	return b, nil
}

// readThrough lets a store that is only read, on a medium that nobody can write
// to perhaps, see the lost batches all the same: they are gathered in one that is
// never applied, and Pebble lays its content over its own. It is no larger than
// the journal.
func (s *Store) readThrough(lost [][]byte) error {
	if len(lost) == 0 {
		return nil
	}
	all := s.db.NewIndexedBatch()
	for _, repr := range lost {
		b, err := s.lostBatch(repr)
		if err != nil {
			return err
		}
		if err := errors.Join(all.Apply(b, nil), b.Close()); err != nil {
			return err
		}
	}
	s.reader = all
	// The first iterator sorts the batch's deletions of ranges, and keeps what it
	// sorted in the batch; those that follow only read, and may share it.
	it, err := all.NewIter(nil)
	if err != nil {
		return err
	}
	return it.Close()
}

// lastOrdinal returns which batch was the last that Pebble has.
func (s *Store) lastOrdinal() (generation, ordinal uint64, err error) {
	v, closer, err := s.db.Get(ordinalKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if len(v) != ordinalLen {
		return 0, 0, errors.Join(errs.New(errs.StoreCorrupt, "store %q is damaged: its ordinal has %d bytes", s.dir, len(v)), closer.Close())
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:]), closer.Close()
}

// readJournal returns the batches behind an ordinal, in order.
func (s *Store) readJournal(generation, ordinal uint64) (lost [][]byte, err error) {
	b, err := readFile(s.opts.FS, s.fs.PathJoin(s.dir, journalName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at, seen := 0, uint64(0)
	for at < len(b) {
		g, _, ok := readGroup(b[at:], generation)
		if !ok || g.first <= seen {
			break // a group of an earlier round through the file, or its end
		}
		whole, err := g.each(func(n uint64, repr []byte) error {
			seen = n
			if n <= ordinal {
				return nil
			}
			if n != ordinal+uint64(len(lost))+1 {
				return s.journalDamaged("batch %d is missing before %d", ordinal+uint64(len(lost))+1, n)
			}
			lost = append(lost, repr)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !whole {
			return nil, s.journalDamaged("a group at %d is not made of batches", at)
		}
		at += len(g.bytes)
	}
	return lost, s.checkVouched(b[at:], at, generation, max(seen, ordinal))
}

// checkVouched fails if a group further on proves that more was durable than
// has been read: then what ends the sequence is damage, not its end.
func (s *Store) checkVouched(b []byte, at int, generation, read uint64) error {
	mark := binary.BigEndian.AppendUint64(nil, generation)
	for from := 8; ; from++ {
		i := bytes.Index(b[min(from, len(b)):], mark)
		if i < 0 {
			return nil
		}
		from += i
		if _, durable, ok := readGroup(b[from-8:], generation); ok && durable > read {
			return s.journalDamaged("batch %d does not check out, at or before offset %d, and batch %d was durable", read+1, at, durable)
		}
	}
}

func (s *Store) journalDamaged(format string, args ...any) error {
	return errs.Wrap(errs.New(errs.StoreCorrupt, format, args...), errs.StoreCorrupt, "file %s of store %q is damaged", journalName, s.dir)
}
