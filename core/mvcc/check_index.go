package mvcc

import (
	"context"
	"hash/maphash"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// IndexKeys calls emit with the encoded fields of every entry that a document
// has in an index, once for each.
type IndexKeys func(doc bsonraw.Doc, emit func(key []byte)) error

// CheckIndex compares an index with the documents of its collection, as a
// lineage shows them. Both sides are summed up by a hash that does not depend
// on the order, so a sound index costs two scans and no memory; only where the
// sums differ are the entries compared one by one.
func (s *Store) CheckIndex(ctx context.Context, l Lineage, c CollectionID, ix IndexID, keys IndexKeys, report func(Problem) bool) (entries int64, err error) {
	k := indexChecker{store: s, ctx: ctx, c: c, ix: ix, keys: keys, report: report, seed: maphash.MakeSeed()}
	k.view = s.NewView(l)
	defer k.view.Close()
	var want, have sum
	if err := k.expected(func(key, idKey []byte) error { want.add(k.seed, key, idKey); return nil }); err != nil {
		return 0, err
	}
	if err := k.found(func(key, idKey []byte) error { have.add(k.seed, key, idKey); return nil }); err != nil {
		return 0, err
	}
	if want == have {
		return have.count, nil
	}
	if err := k.compare(); err != errStopped {
		return have.count, err
	}
	return have.count, nil
}

// errStopped ends a comparison that the caller wants no more of.
var errStopped = errs.New(errs.Interrupted, "the check was stopped")

// sum stands for a set of entries.
type sum struct {
	count int64
	hash  uint64
}

func (s *sum) add(seed maphash.Seed, key, idKey []byte) {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.Write(key)
	_, _ = h.Write(idKey)
	s.count++
	s.hash += h.Sum64()
}

type indexChecker struct {
	store  *Store
	ctx    context.Context
	view   *View
	c      CollectionID
	ix     IndexID
	keys   IndexKeys
	report func(Problem) bool
	seed   maphash.Seed
}

// expected calls fn for every entry that the documents ask for.
func (k *indexChecker) expected(fn func(key, idKey []byte) error) error {
	cur := k.view.Scan(k.c, nil, nil, false)
	for n := 0; cur.Next(); n++ {
		if n%4096 == 0 && k.ctx.Err() != nil {
			_ = cur.Close()
			return errs.Wrap(k.ctx.Err(), errs.Interrupted, "the check was stopped")
		}
		var failed error
		err := k.keys(cur.Doc(), func(key []byte) {
			if failed == nil {
				failed = fn(key, cur.IDKey())
			}
		})
		if err = firstError(failed, err); err != nil {
			_ = cur.Close()
			return err
		}
	}
	return cur.Close()
}

// found calls fn for every entry that the index has.
func (k *indexChecker) found(fn func(key, idKey []byte) error) error {
	cur := k.view.ScanIndex(k.c, k.ix, nil, nil, false)
	for cur.Next() {
		if err := fn(cur.Fields(), cur.IDKey()); err != nil {
			_ = cur.Close()
			return err
		}
	}
	return cur.Close()
}

// compare reports each entry that is missing or too many.
func (k *indexChecker) compare() error {
	err := k.expected(func(key, idKey []byte) error {
		whole := append(append([]byte(nil), key...), idKey...)
		cur := k.view.ScanIndex(k.c, k.ix, whole, nil, false)
		found := cur.Next() && string(cur.Key()) == string(whole)
		if err := cur.Close(); err != nil || found {
			return err
		}
		return k.problem(whole, "a document has no entry in the index")
	})
	if err != nil {
		return err
	}
	return k.found(func(key, idKey []byte) error {
		v, ok, err := k.view.Get(k.c, idKey)
		if err != nil {
			return err
		}
		asked := false
		if ok {
			err = k.keys(v.Doc, func(want []byte) { asked = asked || string(want) == string(key) })
		}
		if err != nil || asked {
			return err
		}
		return k.problem(append(append([]byte(nil), key...), idKey...), "the index has an entry that no document asks for")
	})
}

func (k *indexChecker) problem(key []byte, message string) error {
	if k.report != nil && !k.report(Problem{Collection: k.c, Index: k.ix, Key: key, Message: message}) {
		return errStopped
	}
	return nil
}
