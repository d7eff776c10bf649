package engine

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Distinct returns the distinct values of a path in their order, arrays by element.
// Equal values of different types (1 and 1.0) count once; the first one seen stays.
func (r *reader) Distinct(ctx context.Context, coll string, spec *DistinctSpec) (Doc, error) {
	c, err := r.compileFind(coll, &FindSpec{Filter: spec.Filter, Collation: spec.Collation})
	if err != nil || c.coll == nil {
		return bsonraw.EmptyDoc, err
	}
	var cur Cursor
	if c.coll.View {
		cur, err = r.findOnView(ctx, c)
	} else {
		cur, _, err = r.runFind(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	return distinct(ctx, cur, strings.Split(spec.Key, "."))
}

func distinct(ctx context.Context, cur Cursor, path []string) (Doc, error) {
	seen := make(map[string]Value) // by their keys, which sort like them
	size := 0
	var key []byte
	add := func(v Value) {
		key = bsonraw.AppendKey(key[:0], v)
		if _, dup := seen[string(key)]; !dup {
			seen[string(key)] = v.Clone()
			size += len(v.Data) + len(bsonraw.Index(len(seen))) + 2 // with type, name and its end
		}
	}
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			return valuesInOrder(seen), nil
		}
		eachDistinct(doc.Value(), path, add)
		if size > bsonraw.MaxDocSize {
			return nil, errs.New(17217, "distinct too big, 16mb cap")
		}
	}
}

func valuesInOrder(seen map[string]Value) Doc {
	b := bsonraw.NewBuilder(nil)
	for i, key := range slices.Sorted(maps.Keys(seen)) {
		b.Value(bsonraw.Index(i), seen[key])
	}
	return b.Finish()
}

// eachDistinct calls add with the values that distinct sees at a path: arrays on
// the way fan out, a numeric component is an index or a name, and an array at
// the end gives its elements, one level deep.
func eachDistinct(v Value, path []string, add func(Value)) {
	if len(path) == 0 {
		if v.Type != bsonraw.Array {
			add(v)
			return
		}
		it := v.Doc().Iter()
		for it.Next() {
			add(it.Value())
		}
		return
	}
	if next, ok := v.Doc().Lookup(path[0]); ok {
		eachDistinct(next, path[1:], add)
	}
	if v.Type != bsonraw.Array {
		return
	}
	if _, err := strconv.Atoi(path[0]); err == nil {
		return // an index, looked up above
	}
	it := v.Doc().Iter()
	for it.Next() {
		if it.Value().Type == bsonraw.Object {
			eachDistinct(it.Value(), path, add)
		}
	}
}
