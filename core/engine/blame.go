package engine

import (
	"bytes"
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
)

// Blame returns, for each field of a document as it is now, the commit that set
// it last: an array of {path, lsn, time, actor, message, value}. Objects are
// looked into; an array is one field. Where a merge brought the value, that is
// the commit on the branch that was merged.
func (s *Store) Blame(ctx context.Context, ref refs.Ref, coll string, id Value) (Doc, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return nil, err
	}
	c := head.catalog.byName[coll]
	if c == nil {
		return bsonraw.EmptyDoc, nil
	}
	b := &blamer{s: s, coll: c.ID, key: bsonraw.AppendKey(nil, id)}
	versions, err := s.mv.Versions(head.lineage, b.coll, b.key)
	if err != nil || len(versions) == 0 || versions[0].Doc == nil {
		return bsonraw.EmptyDoc, err
	}
	adopted, err := s.adoptions(ref.Project)
	if err != nil {
		return nil, err
	}
	out := bsonraw.NewBuilder(nil)
	n := 0
	eachLeaf(versions[0].Doc, "", func(path string, v Value) {
		var by mvcc.Version
		if err == nil {
			by, err = b.setBy(versions, path)
		}
		if err == nil {
			out.BeginDoc(bsonraw.Index(n))
			out.String("path", path)
			err = s.appendCommit(out, adopted.shown(by))
			out.Value("value", v)
			out.End()
			n++
		}
	})
	if err != nil {
		return nil, err
	}
	return out.Finish(), nil
}

// eachLeaf calls fn with every field that is not an object with fields.
func eachLeaf(doc Doc, prefix string, fn func(path string, v Value)) {
	it := doc.Iter()
	for it.Next() {
		path := update.JoinPath(string(it.Key()))
		if prefix != "" {
			path = prefix + "." + path
		}
		if v := it.Value(); v.Type == bsonraw.Object && !v.Doc().IsEmpty() {
			eachLeaf(v.Doc(), path, fn)
		} else {
			fn(path, v)
		}
	}
}

// blamer finds who set the fields of one document.
type blamer struct {
	s    *Store
	coll mvcc.CollectionID
	key  []byte
}

// setBy returns the version that set the value at a path, which has been what it
// is in the newest version since.
func (b *blamer) setBy(versions []mvcc.Version, path string) (mvcc.Version, error) {
	now := valueAt(versions[0].Doc, path)
	last := versions[0]
	for _, v := range versions[1:] {
		if v.Doc == nil || !sameBits(valueAt(v.Doc, path), now) {
			break
		}
		last = v
	}
	rec, ok, err := b.s.mv.GetRecord(last.Segment, last.LSN)
	if err != nil || !ok || rec.Parent.Segment == 0 {
		return last, err
	}
	lineage, err := b.s.mv.Lineage(rec.Parent.Segment, rec.Parent.LSN)
	if err != nil {
		return last, err
	}
	theirs, err := b.s.mv.Versions(lineage, b.coll, b.key)
	if err != nil || len(theirs) == 0 || theirs[0].Doc == nil || !sameBits(valueAt(theirs[0].Doc, path), now) {
		return last, err // the merge itself: both sides' operators, or a resolution
	}
	return b.setBy(theirs, path)
}

func sameBits(a, b Value) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }
