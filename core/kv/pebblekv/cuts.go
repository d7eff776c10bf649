package pebblekv

import (
	"bytes"
	"slices"

	"github.com/argon-lab/argon/core/kv"
)

// Cuts implements kv.Store. Tables have about the same size, so that it cuts
// where the tables of the level that has most of them begin.
func (s *Store) Cuts(lo, hi []byte) ([][]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	levels, err := s.db.SSTables()
	if err != nil {
		return nil, s.translate(err)
	}
	var most [][]byte
	for _, tables := range levels {
		var cuts [][]byte
		for i := range tables {
			key := tables[i].Smallest.UserKey
			key = key[:kv.Split(key)]
			if bytes.Compare(key, aboveOrdinal(lo)) > 0 && (hi == nil || bytes.Compare(key, hi) < 0) {
				cuts = append(cuts, bytes.Clone(key))
			}
		}
		if len(cuts) > len(most) {
			most = cuts
		}
	}
	slices.SortFunc(most, bytes.Compare)
	return slices.CompactFunc(most, bytes.Equal), nil
}
