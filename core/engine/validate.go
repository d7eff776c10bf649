package engine

import (
	"context"

	"github.com/argon-lab/argon/core/refs"
)

// Validation is what Validate found in one collection.
type Validation struct {
	Documents int64
	Indexes   []IndexValidation // that of _id first
	Problems  []string          // at most 100
}

// IndexValidation is what Validate found in one index.
type IndexValidation struct {
	Name    string
	Entries int64
	Valid   bool
}

// Validate checks one collection as a branch shows it at a moment: its documents,
// its count and its indexes. Nil if there is no such collection.
func (s *Store) Validate(ctx context.Context, ref refs.Ref, name string) (*Validation, error) {
	snap, err := s.Snapshot(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	coll := snap.catalog.byName[name]
	if coll == nil || coll.View {
		return nil, nil
	}
	c := &check{s: s, ctx: ctx}
	v := snap.newView()
	defer v.Close()
	if err := c.count(v, coll); err != nil {
		return nil, err
	}
	n, err := count(v, coll.ID)
	if err != nil {
		return nil, err
	}
	out := &Validation{Documents: n, Indexes: []IndexValidation{{idIndex.Name, n, c.found == 0}}}
	for _, def := range coll.Indexes {
		before := c.found
		entries, err := c.index(snap.lineage, coll, def)
		if err != nil {
			return nil, err
		}
		out.Indexes = append(out.Indexes, IndexValidation{def.Name, entries, c.found == before})
	}
	out.Problems = c.problems
	return out, nil
}
