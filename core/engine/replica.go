package engine

import (
	"bytes"
	"context"
	"errors"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// Replica is a run of commits to one branch that share a sync.
type Replica struct {
	s *Store
	b *branch
}

// Replicate runs fn with the branch's lock held, and returns once what fn committed
// is durable, also where fn returned an error. Each commit has an LSN of its own
// and is visible at once; a crash takes the last of them, never one from the
// middle. It is for followers of another database, which have many small commits
// at hand, in order: waiting for each would cost a sync each.
func (s *Store) Replicate(ctx context.Context, ref refs.Ref, meta CommitMeta, fn func(*Replica) error) error {
	b, err := s.writableBranch(ctx, ref, meta)
	if err != nil {
		return err
	}
	b.mu.Lock()
	err = fn(&Replica{s, b})
	b.mu.Unlock()
	return errors.Join(err, s.mv.Sync(b.head.Load().lineage[0].Segment))
}

// Commit runs fn in a transaction and commits what it wrote, as Write does, but
// for the wait. It returns zero if nothing was written.
func (r *Replica) Commit(ctx context.Context, meta CommitMeta, fn func(*Txn) error) (mvcc.LSN, error) {
	if r.b.gone {
		return 0, unknown(errs.BranchNotFound, "branch", r.b.rec.Name, nil)
	}
	t := r.s.newTxn(r.b, meta)
	defer t.release()
	t.unsynced = true
	if err := fn(t); err != nil {
		return 0, err
	}
	lsn, wait, err := t.commitLocked(ctx)
	if err != nil || lsn == 0 {
		return lsn, err
	}
	return lsn, wait()
}

// Rewrite replaces the state of one document by what fn makes of it. Nil stands
// for a document that is not there, before and after. Changes are what fn did,
// for the log; nil has them computed, as of a replacement. The document that fn is given is valid
// until fn returns; the one that fn returns is copied.
//
// It asks no validator, since what it is for happened elsewhere; the document
// has to be one that can be stored, with the _id that it is stored under.
func (t *Txn) Rewrite(coll string, id Value, fn func(before Doc) (after Doc, changes []update.Change, err error)) error {
	c, err := t.writable(coll)
	if err != nil {
		return err
	}
	w := t.newWrite(c, id)
	if w.before, err = t.get(t.view, c.ID, w.idKey); err != nil {
		return err
	}
	after, changes, err := fn(w.before)
	if err != nil || w.before == nil && after == nil || w.before != nil && bytes.Equal(w.before, after) {
		return err
	}
	whole := changes == nil
	if after != nil {
		if err := t.checkRewritten(after, w.idKey); err != nil {
			return err
		}
		w.after = t.keep(after)
		if w.before != nil && changes == nil {
			changes = update.DiffDocs(w.before, w.after)
		}
	}
	if w.before != nil {
		w.changes = changes
		if whole {
			w.form = wal.ByReplacement
		}
	}
	return t.put(w)
}

// Remark adds a remark to the message of the transaction's commit.
func (t *Txn) Remark(text string) {
	if t.meta.Message != "" {
		text = t.meta.Message + "; " + text
	}
	t.meta.Message = text
}

func (t *Txn) checkRewritten(doc Doc, idKey []byte) error {
	if len(doc) > bsonraw.MaxDocSize {
		return errs.New(errs.BSONObjectTooLarge, "a document of %d bytes, at most %d are allowed", len(doc), bsonraw.MaxDocSize)
	}
	if err := bsonraw.Validate(doc); err != nil {
		return err
	}
	it := doc.Iter()
	if !it.Next() || string(it.Key()) != "_id" {
		return errs.New(errs.InvalidIDField, "a document whose first field is not _id")
	}
	if err := bsonraw.ValidateID(it.Value()); err != nil {
		return err
	}
	if !bytes.Equal(bsonraw.AppendKey(nil, it.Value()), idKey) {
		return errs.New(errs.ImmutableField, "a document that is to be stored under another _id than its own")
	}
	return nil
}

// Protect makes a branch take no direct writes but those of a replica, or ends
// that.
func (s *Store) Protect(ctx context.Context, ref refs.Ref, on bool, meta CommitMeta) error {
	b, err := s.branch(ref.Project, ref.Branch)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return unknown(errs.BranchNotFound, "branch", ref.Branch, nil)
	}
	rec := b.rec
	rec.Protected = on
	return s.protect(ctx, b, rec, meta)
}

// AtSource returns the newest commit of a branch that was made at its source at
// or before a cluster time; false if there is none. It walks back from the head.
func (s *Store) AtSource(ctx context.Context, ref refs.Ref, clusterTime uint64) (mvcc.LSN, bool, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return 0, false, err
	}
	for _, span := range head.lineage {
		cur := s.mv.ReadLog(span.Segment, 0, span.Max, true)
		for n := 1; cur.Next(); n++ {
			if n%checkEvery == 0 {
				if err := ctxError(ctx); err != nil {
					cur.Close()
					return 0, false, err
				}
			}
			if rec := cur.Record(); rec != nil && rec.Source != nil && rec.Source.ClusterTime <= clusterTime {
				lsn := cur.LSN()
				return lsn, true, cur.Close()
			}
		}
		if err := cur.Close(); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}
