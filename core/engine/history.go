package engine

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// historyOf reads a document's versions that a ref sees, newest first.
func (s *Store) historyOf(ref refs.Ref, coll string, id Value) ([]mvcc.Version, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return nil, err
	}
	c := head.catalog.byName[coll]
	if c == nil {
		return nil, nil
	}
	return s.mv.Versions(head.lineage, c.ID, bsonraw.AppendKey(nil, id))
}

// History returns the states that a document went through on a branch, oldest
// first: {lsn, time, actor, message, op, document}, document null where it was
// deleted.
func (s *Store) History(ctx context.Context, ref refs.Ref, coll string, id Value) (Cursor, error) {
	versions, err := s.historyOf(ref, coll, id)
	if err != nil {
		return nil, err
	}
	adopted, err := s.adoptions(ref.Project)
	if err != nil {
		return nil, err
	}
	cur := &listCursor{}
	existed := false
	for i := len(versions) - 1; i >= 0; i-- {
		v := adopted.shown(versions[i])
		if i > 0 && adopted.shown(versions[i-1]).LSN == v.LSN {
			continue // a load went through it, and nobody else saw it
		}
		b := bsonraw.NewBuilder(nil)
		if err := s.appendCommit(b, v); err != nil {
			return nil, err
		}
		b.String("op", opName(existed, v.Doc != nil))
		if v.Doc != nil {
			b.Doc("document", v.Doc)
		} else {
			b.Null("document")
		}
		existed = v.Doc != nil
		cur.docs = append(cur.docs, b.Finish())
	}
	return cur, nil
}

func opName(before, after bool) string {
	switch {
	case !after:
		return wal.Delete.String()
	case before:
		return wal.Update.String()
	}
	return wal.Insert.String()
}

// appendCommit appends who made a version, when and why.
func (s *Store) appendCommit(b *bsonraw.Builder, v mvcc.Version) error {
	b.Int64("lsn", int64(v.LSN))
	rec, ok, err := s.mv.GetRecord(v.Segment, v.LSN)
	if err != nil || !ok {
		return err // the log may be shorter than the versions, after garbage collection
	}
	b.Time("time", rec.At())
	b.String("actor", rec.Actor)
	b.String("message", rec.Message)
	return nil
}
