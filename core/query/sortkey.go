package query

import (
	"bytes"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// leastKey keeps the least of the keys that an index on the fields of the sort
// would have for a document with arrays: mongod sorts by it.
type leastKey struct {
	walk  KeyWalk
	sort  *Sort
	dst   []byte
	start int // where the least key so far begins in dst
	found bool
}

var leastKeys = sync.Pool{New: func() any { return new(leastKey) }}

// arrayKey is Key for a document with an array on one of the paths.
func (s *Sort) arrayKey(doc bsonraw.Doc, dst []byte) ([]byte, error) {
	k := leastKeys.Get().(*leastKey)
	k.sort, k.dst, k.start, k.found = s, dst, len(dst), false
	err := k.walk.Walk(s.paths, doc, k)
	dst = k.dst
	k.walk.Release()
	k.sort, k.dst = nil, nil
	leastKeys.Put(k)
	return dst, err
}

// AddKey appends one key and keeps the lesser of it and the one before.
func (k *leastKey) AddKey(places []KeyPlace) error {
	at := len(k.dst)
	for i := range places {
		k.dst = appendSortKey(k.dst, places[i].Value, k.sort.parts[i].Desc)
	}
	if k.found {
		if key := k.dst[at:]; bytes.Compare(key, k.dst[k.start:at]) < 0 {
			at = k.start + copy(k.dst[k.start:], key)
		}
		k.dst = k.dst[:at]
	}
	k.found = true
	return nil
}

// Parallel implements KeySink.
func (*leastKey) Parallel(string, string) error {
	return errs.New(errs.BadValue, "cannot sort with keys that are parallel arrays")
}
