package pipeline

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// joinIter is $lookup by equality. It takes documents in batches: one Lookup
// fetches all that a batch joins with, and a table from the values' keys
// (bsonraw.AppendKey) to the documents found deals them out.
type joinIter struct {
	in    Iter
	stage *lookupStage
	r     *run
	env   *expr.Env
	size  int // of the next batch
	end   bool

	local  []bsonraw.Doc
	wanted [][]int // by local document: its values
	values []bsonraw.Value
	keys   map[string]int // of values
	found  []bsonraw.Doc
	by     [][]int // by value: places in found
	memory int     // bytes of found
	at     int     // of local, handed out so far

	key   []byte
	picks []int
	array arrayBuilder
	out   bsonraw.Builder
}

// Batches begin small, so that a $limit behind does not pay for what it does
// not read, and grow while what they fetch is small.
const (
	firstBatch = 16
	maxBatch   = 4096
	wantBytes  = 4 << 20
)

func (j *joinIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if j.at == len(j.local) {
		if err := j.nextBatch(ctx); err != nil {
			return nil, false, err
		}
		if len(j.local) == 0 {
			return nil, false, nil
		}
	}
	i := j.at
	j.at++
	j.picks = j.picks[:0]
	for _, v := range j.wanted[i] {
		j.picks = append(j.picks, j.by[v]...)
	}
	slices.Sort(j.picks)
	j.picks = slices.Compact(j.picks)
	v, err := j.joined(ctx, j.local[i])
	if err != nil {
		return nil, false, err
	}
	j.out.Reset()
	j.stage.as.set(&j.out, j.local[i], v)
	return j.out.Finish(), true, nil
}

// joined makes the array for a document, of the picked ones or of what the
// pipeline makes of them.
func (j *joinIter) joined(ctx context.Context, local bsonraw.Doc) (bsonraw.Value, error) {
	j.array.stage, j.array.limit = j.stage, j.r.limit()
	j.array.reset()
	if j.stage.sub == nil {
		for _, p := range j.picks {
			if err := j.array.add(j.found[p]); err != nil {
				return bsonraw.Value{}, err
			}
		}
		return j.array.value(), nil
	}
	docs := make([]bsonraw.Doc, len(j.picks))
	for i, p := range j.picks {
		docs[i] = j.found[p]
	}
	inner, err := j.stage.bind(j.r, j.env, local)
	if err != nil {
		return bsonraw.Value{}, err
	}
	made, err := j.stage.sub.over(ctx, inner, &docsIter{docs: docs})
	if err == nil {
		err = drain(ctx, made, j.array.add)
	}
	return j.array.value(), err
}

// nextBatch reads documents and fetches what they join with.
func (j *joinIter) nextBatch(ctx context.Context) error {
	j.local, j.wanted, j.values, j.at = j.local[:0], j.wanted[:0], j.values[:0], 0
	clear(j.keys)
	if j.keys == nil {
		j.keys = map[string]int{}
	}
	for len(j.local) < j.size && !j.end {
		doc, ok, err := j.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			j.end = true
			break
		}
		j.want(doc.Clone())
	}
	if len(j.local) == 0 {
		return nil
	}
	if err := j.fetch(ctx); err != nil {
		return err
	}
	if j.memory < wantBytes {
		j.size = min(2*j.size, maxBatch)
	} else {
		j.size = max(j.size/2, 1)
	}
	return nil
}

// want adds a document to the batch, with its values. Without any it joins by
// null.
func (j *joinIter) want(doc bsonraw.Doc) {
	var ids []int
	j.stage.local.localValues(doc, func(v bsonraw.Value) { ids = append(ids, j.valueOf(v)) })
	if len(ids) == 0 {
		ids = append(ids, j.valueOf(bsonraw.NullValue))
	}
	j.local, j.wanted = append(j.local, doc), append(j.wanted, ids)
}

// keyOf encodes a value to join by. Undefined joins with undefined only, but
// with null too where a pipeline stands behind the equality, as in mongod.
func (j *joinIter) keyOf(v bsonraw.Value) []byte {
	if v.Type == bsonraw.Undefined && j.stage.sub != nil {
		v = bsonraw.NullValue
	}
	j.key = bsonraw.AppendKey(j.key[:0], v)
	return j.key
}

// valueOf returns the number of a value in the batch. Undefined is looked up as
// null, which finds it too.
func (j *joinIter) valueOf(v bsonraw.Value) int {
	j.keyOf(v)
	if i, ok := j.keys[string(j.key)]; ok {
		return i
	}
	if v.IsNullish() {
		v = bsonraw.NullValue
	}
	j.keys[string(j.key)] = len(j.values)
	j.values = append(j.values, v)
	return len(j.values) - 1
}

// fetch reads the documents that the batch joins with.
func (j *joinIter) fetch(ctx context.Context) error {
	j.found, j.memory = j.found[:0], 0
	j.by = j.by[:0]
	for range j.values {
		j.by = append(j.by, nil)
	}
	in, err := j.r.src.Lookup(ctx, j.stage.from, j.stage.foreign, j.values)
	if err != nil {
		return err
	}
	return drain(ctx, in, func(doc bsonraw.Doc) error {
		place := len(j.found)
		j.found = append(j.found, doc.Clone())
		j.memory += len(doc)
		j.stage.walk.WalkMatch(doc, func(v bsonraw.Value, _ int) bool {
			if i, ok := j.keys[string(j.keyOf(v))]; ok {
				if n := len(j.by[i]); n == 0 || j.by[i][n-1] != place {
					j.by[i] = append(j.by[i], place)
				}
			}
			return false
		})
		return nil
	})
}

func (j *joinIter) Close() error {
	j.local, j.found, j.at = nil, nil, 0
	return j.in.Close()
}
