package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/merge"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/wal"
)

// ancestor is the base of a merge: what both sides know. Mostly that is a state
// in which some branch was. Where both sides took in several branches that did not
// know each other it is none, and is worked out document by document, by merging
// the newest states that both know.
//
// Rejected: the newest of these states alone. What the others brought would look
// as if each side had made it itself.
type ancestor struct {
	s     *Store
	bases []*ancestorBase // newest first; none knows what another one knows
}

// ancestorBase is one of the newest states that both sides know.
type ancestorBase struct {
	at    wal.Position
	knows knowledge
	*reader
	view *mvcc.View

	// before is what this base and those before it have in common, in their turn;
	// ours is what those touched since, theirs what this one did. They are worked
	// out once a document asks for them.
	before       *ancestor
	ours, theirs touches
}

// common returns the ancestor of two states. It has to be closed.
func (s *Store) common(a, b knowledge) (*ancestor, error) {
	anc, known, shared := &ancestor{s: s}, knowledge{}, knowledge{}
	for seg, lsn := range a {
		if other, ok := b[seg]; ok {
			shared[seg] = min(lsn, other)
		}
	}
	for {
		at, more, err := s.newestUnknown(shared, known)
		if err == nil && more {
			err = anc.addBase(at, known)
		}
		if err != nil {
			anc.close()
			return nil, err
		}
		if !more {
			return anc, nil
		}
	}
}

// addBase takes in a state, and known what it knows.
func (a *ancestor) addBase(at wal.Position, known knowledge) (err error) {
	b := &ancestorBase{at: at}
	if b.knows, err = a.s.knowledgeOf(at); err != nil {
		return err
	}
	if b.reader, err = a.s.readerAt(at); err != nil {
		return err
	}
	b.view = b.newView()
	known.add(b.knows)
	a.bases = append(a.bases, b)
	return nil
}

// newestUnknown returns the newest position of shared with commits that known
// does not know.
func (s *Store) newestUnknown(shared, known knowledge) (best wal.Position, more bool, err error) {
	for seg, lsn := range shared {
		if more && (lsn < best.LSN || lsn == best.LSN && seg > best.Segment) {
			continue
		}
		if len(known) > 0 {
			covered, err := s.covers(known, knowledge{seg: lsn})
			if err != nil {
				return best, false, err
			}
			if covered {
				continue
			}
		}
		best, more = wal.Position{Segment: seg, LSN: lsn}, true
	}
	return best, more, nil
}

// newest is the position that stands for the ancestor where one is shown.
func (a *ancestor) newest() (wal.Position, error) {
	if len(a.bases) == 0 {
		return wal.Position{}, errs.New(errs.NoMergeBase, "the two branches have no common ancestor")
	}
	return a.bases[0].at, nil
}

// doc returns a document as the ancestor has it, nil if it does not. The bytes
// are good until the next call.
func (a *ancestor) doc(ctx context.Context, cid mvcc.CollectionID, key string) (doc Doc, err error) {
	for i, b := range a.bases {
		other, err := docAt(b.view, cid, key)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			doc = other
		} else if !bytes.Equal(doc, other) {
			if doc, err = a.merged(ctx, i, cid, key, doc, other); err != nil {
				return nil, err
			}
		}
	}
	return doc, nil
}

// merged merges a document of the n-th base into what the bases before it have.
func (a *ancestor) merged(ctx context.Context, n int, cid mvcc.CollectionID, key string, ours, theirs Doc) (Doc, error) {
	b := a.bases[n]
	if b.before == nil {
		if err := a.split(ctx, n); err != nil {
			return nil, err
		}
	}
	mine, other := b.ours[cid][key], b.theirs[cid][key]
	switch {
	case other == nil:
		return ours, nil
	case mine == nil:
		return theirs, nil
	}
	before, err := b.before.doc(ctx, cid, key)
	if err != nil {
		return nil, err
	}
	r := merge.Document(before, ours, theirs, mine.changes, other.changes, merge.DefaultRule)
	if r.Doc == nil {
		return theirs, nil // one gave it up, the other wrote to it: it is there to compare with
	}
	return undecided(cid, r)
}

// undecided leaves out what bases disagree about: each side has decided that for
// itself since, and differs from any value there.
func undecided(cid mvcc.CollectionID, r merge.Result) (Doc, error) {
	if cid < firstUserID {
		return r.Doc, nil // the catalog's documents are whole
	}
	var gone []merge.Resolution
	for _, c := range r.Conflicts {
		if c.Path != "" {
			gone = append(gone, merge.Resolution{Path: c.Path, Take: merge.Custom})
		}
	}
	r, err := merge.Resolve(r, gone)
	return r.Doc, err
}

// split finds out in what the n-th base and those before it differ.
func (a *ancestor) split(ctx context.Context, n int) (err error) {
	b, known := a.bases[n], knowledge{}
	for _, earlier := range a.bases[:n] {
		known.add(earlier.knows)
	}
	if b.ours, err = a.s.touched(ctx, known, b.knows); err != nil {
		return err
	}
	if b.theirs, err = a.s.touched(ctx, b.knows, known); err != nil {
		return err
	}
	b.before, err = a.s.common(known, b.knows)
	return err
}

// collections returns the ancestor's catalog.
func (a *ancestor) collections(ctx context.Context) (*catalog, error) {
	if len(a.bases) == 1 {
		return a.bases[0].catalog, nil
	}
	c, indexes := emptyCatalog(), map[string]bool{}
	for _, b := range a.bases {
		for cid, coll := range b.catalog.byID {
			for _, def := range coll.Indexes {
				indexes[string(bsonraw.AppendKey(nil, indexDocID(cid, def.Name)))] = true
			}
			if c.byID[cid] != nil {
				continue
			}
			doc, err := a.doc(ctx, sysCollections, string(bsonraw.AppendKey(nil, bsonraw.Int64Value(int64(cid)))))
			if err != nil {
				return nil, err
			}
			if doc == nil {
				continue
			}
			if coll, err = decodeCollection(doc.Clone()); err != nil {
				return nil, err
			}
			c.put(coll)
		}
	}
	for key := range indexes {
		if err := a.addIndex(ctx, c, key); err != nil {
			return nil, err
		}
	}
	for _, coll := range c.byID {
		slices.SortFunc(coll.Indexes, func(a, b *index.Definition) int { return int(a.ID) - int(b.ID) })
	}
	return c, nil
}

// addIndex adds an index of the ancestor to its collection.
func (a *ancestor) addIndex(ctx context.Context, c *catalog, key string) error {
	doc, err := a.doc(ctx, sysIndexes, key)
	if doc == nil || err != nil {
		return err
	}
	cid, def, err := decodeIndex(doc.Clone())
	if coll := c.byID[cid]; err == nil && coll != nil {
		coll.Indexes = append(coll.Indexes, def)
	}
	return err
}

func (a *ancestor) close() {
	for _, b := range a.bases {
		b.view.Close()
		if b.before != nil {
			b.before.close()
		}
	}
}

// add takes in what another state knows.
func (k knowledge) add(other knowledge) {
	for seg, lsn := range other {
		k[seg] = max(k[seg], lsn)
	}
}
