package engine

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// knowledge is everything that went into a state: for each segment, the LSN up
// to which it was taken in, through the lineage and through merges. It is a
// vector clock with segments for processes. What one state knows and another
// does not is a set of ranges of logs, so that finding changes costs as much as
// there are changes.
type knowledge map[mvcc.SegmentID]mvcc.LSN

// knowledgeOf adds up what a segment at an LSN knows.
func (s *Store) knowledgeOf(at wal.Position) (knowledge, error) {
	k := knowledge{}
	work := []wal.Position{at}
	for len(work) > 0 {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		lineage, err := s.mv.Lineage(p.Segment, p.LSN)
		if err != nil {
			return nil, err
		}
		for _, span := range lineage {
			known, seen := k[span.Segment]
			if seen && known >= span.Max {
				continue
			}
			k[span.Segment] = span.Max
			for _, m := range s.mergesOf(span.Segment) {
				if m.lsn <= span.Max && m.lsn > known {
					work = append(work, m.merged)
				}
			}
		}
	}
	return k, nil
}

func (s *Store) mergesOf(seg mvcc.SegmentID) []mergeEdge {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.merges[seg]
}

// covers reports whether k knows all that other does, with respect to commits.
func (s *Store) covers(k, other knowledge) (bool, error) {
	for seg, lsn := range other {
		if k[seg] >= lsn {
			continue
		}
		cur := s.mv.ReadLog(seg, k[seg], lsn, false)
		some := cur.Next()
		err := cur.Err()
		cur.Close()
		if err != nil || some {
			return false, err
		}
	}
	return true, nil
}

// touch is what was done to one document.
type touch struct {
	id      Value
	changes []update.Change // oldest first; path "" is the whole document
}

// touches are the documents touched by some commits, by collection and _id key.
type touches map[mvcc.CollectionID]map[string]*touch

// touched collects what state knows and base does not.
//
// Of merge commits only what their resolutions decided counts: the rest came
// from logs that the merging state knows, too, and is found there.
func (s *Store) touched(ctx context.Context, state, base knowledge) (touches, error) {
	all := touches{}
	for _, seg := range sortedKeys(state) {
		if base[seg] >= state[seg] {
			continue
		}
		if err := s.collect(ctx, all, seg, base[seg], state[seg], nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// collect adds the touches of one segment's commits in (from, to] that keep, if
// given, chooses.
func (s *Store) collect(ctx context.Context, all touches, seg mvcc.SegmentID, from, to mvcc.LSN, keep func(*wal.Record) bool) error {
	cur := s.mv.ReadLog(seg, from, to, false)
	defer cur.Close()
	for n := 1; cur.Next(); n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		rec := cur.Record()
		if keep != nil && !keep(rec) {
			continue
		}
		for i := range rec.Ops {
			op := &rec.Ops[i]
			changes, decided, err := opChanges(rec, op)
			if err != nil {
				return err
			}
			if rec.Kind == wal.KindMerge {
				changes = decided
			}
			if len(changes) > 0 {
				all.add(op, changes)
			}
		}
	}
	return cur.Err()
}

// add records what one op of a commit did.
func (ts touches) add(op *wal.Op, changes []update.Change) {
	docs := ts[op.Collection]
	if docs == nil {
		docs = make(map[string]*touch)
		ts[op.Collection] = docs
	}
	key := string(bsonraw.AppendKey(nil, op.ID))
	t := docs[key]
	if t == nil {
		t = &touch{id: op.ID.Clone()}
		docs[key] = t
	}
	t.changes = append(t.changes, changes...)
}

// encodeChanges makes the Changes of a log's op. FROZEN:
//
//	of a merge commit   [length of decided, uvarint][decided][changes]
//	of any other        [changes]
//
// with update's encoding of changes. decided is what the merge's resolutions
// wrote; changes is all that the commit did, that included. An insert and a delete
// have none, as they are of the whole document, unless a resolution decided on
// them: then decided is the removal of the path "", and changes empty.
func encodeChanges(merge bool, changes, decided []update.Change) []byte {
	all := update.AppendChanges(nil, changes)
	if !merge {
		return all
	}
	var own []byte
	if len(decided) > 0 {
		own = update.AppendChanges(nil, decided)
	}
	out := binary.AppendUvarint(nil, uint64(len(own)))
	return append(append(out, own...), all...)
}

// opChanges returns what an op did, with bytes of its own; an insert or delete
// touches the whole document, path "". Of a merge, decided is what its
// resolutions wrote.
func opChanges(rec *wal.Record, op *wal.Op) (changes, decided []update.Change, err error) {
	if op.Kind != wal.Update || len(op.Changes) == 0 {
		changes = []update.Change{{Kind: update.Set}}
		if op.Kind == wal.Delete {
			changes[0].Kind = update.Unset
		}
		if rec.Kind == wal.KindMerge && len(op.Changes) > 0 {
			decided = changes
		}
		return changes, decided, nil
	}
	all := slices.Clone(op.Changes)
	if rec.Kind == wal.KindMerge {
		n, size := binary.Uvarint(all)
		if size <= 0 || n > uint64(len(all)-size) {
			return nil, nil, errs.New(errs.StoreCorrupt, "the changes of merge commit %d do not decode", rec.LSN)
		}
		own := all[size : size+int(n)]
		all = all[size+int(n):]
		if len(own) > 0 {
			if decided, err = update.DecodeChanges(own); err != nil {
				return nil, nil, err
			}
		}
	}
	changes, err = update.DecodeChanges(all)
	return changes, decided, err
}

func sortedKeys(k knowledge) []mvcc.SegmentID {
	segs := make([]mvcc.SegmentID, 0, len(k))
	for seg := range k {
		segs = append(segs, seg)
	}
	slices.Sort(segs)
	return segs
}

// readerAt opens a reader at a position, with no ref to name it.
func (s *Store) readerAt(at wal.Position) (*reader, error) {
	head, err := s.headAt(at.Segment, at.LSN)
	if err != nil {
		return nil, err
	}
	return &reader{store: s, lineage: head.lineage, lsn: head.lsn, catalog: head.catalog, now: s.clock()}, nil
}
