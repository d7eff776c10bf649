package expr

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// headFold is $firstN.
type headFold struct {
	n    int
	list list
}

func (f *headFold) add(v bsonraw.Value) error {
	if f.list.n >= f.n {
		return nil
	}
	f.list.add(orNull(v, true))
	return checkHeld("$firstN", len(f.list.buf))
}

func (f *headFold) result(*Env) (bsonraw.Value, error) { return f.list.value(), nil }
func (f *headFold) Reset()                             { f.list.reset() }
func (f *headFold) Size() int                          { return 48 + cap(f.list.buf) }

// tailFold is $lastN: a ring of the last n values.
type tailFold struct {
	n    int
	ring []held
	next int
	size int
}

func (f *tailFold) add(v bsonraw.Value) error {
	if len(f.ring) < f.n {
		f.ring = append(f.ring, held{})
	}
	h := &f.ring[f.next]
	f.size += len(v.Data) - len(h.value.Data)
	h.set(orNull(v, true))
	f.next = (f.next + 1) % f.n
	return checkHeld("$lastN", f.Size())
}

func (f *tailFold) result(env *Env) (bsonraw.Value, error) {
	at := env.open()
	for i := range f.ring {
		start := 0
		if len(f.ring) == f.n {
			start = f.next
		}
		env.element(i, f.ring[(start+i)%len(f.ring)].value)
	}
	return env.close(bsonraw.Array, at)
}

func (f *tailFold) Reset()    { f.ring, f.next, f.size = f.ring[:0], 0, 0 }
func (f *tailFold) Size() int { return 64 + f.size + 32*len(f.ring) }

// entry is a value with what it is ranked by.
type entry struct {
	keys   []held
	output held
}

// ranked keeps the n first entries by an order. An entry that equals the last
// of n is not taken in.
type ranked struct {
	n       int
	entries []*entry
	size    int
}

// offer takes an entry in if it ranks among the first n. order compares it with
// one that is there, negative if it comes before; behind says whether it comes
// behind equal ones or before them. fill fills it in.
func (r *ranked) offer(order func(old *entry) int, behind bool, fill func(*entry)) {
	full := len(r.entries) == r.n
	if full && order(r.entries[r.n-1]) >= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(r.entries, 0, func(old *entry, _ int) int {
		if c := order(old); c < 0 || c == 0 && !behind {
			return 1
		}
		return -1
	})
	e := &entry{}
	if full {
		e = r.entries[r.n-1] // drops out: its memory is used again
		r.size -= e.size()
		r.entries = r.entries[:r.n-1]
	}
	fill(e)
	r.size += e.size()
	r.entries = slices.Insert(r.entries, at, e)
}

func (e *entry) size() int {
	n := 64 + cap(e.output.value.Data)
	for i := range e.keys {
		n += 32 + cap(e.keys[i].value.Data)
	}
	return n
}

// Reset implements Accumulator.
func (r *ranked) Reset() { r.entries, r.size = r.entries[:0], 0 }

// Size implements Accumulator.
func (r *ranked) Size() int { return 64 + r.size }

func (r *ranked) outputs(env *Env) (bsonraw.Value, error) {
	at := env.open()
	for i, e := range r.entries {
		env.element(i, e.output.value)
	}
	return env.close(bsonraw.Array, at)
}

// extremesFold is $minN (sign 1) or $maxN (sign -1).
type extremesFold struct {
	ranked
	sign int
}

func (f *extremesFold) add(v bsonraw.Value) error {
	if v.IsNullish() {
		return nil
	}
	f.offer(
		func(old *entry) int { return f.sign * compare(v, old.output.value) },
		f.sign > 0, // of equal values the last is the greatest
		func(e *entry) { e.output.set(v) })
	return checkHeld("$minN or $maxN", f.size)
}

func (f *extremesFold) result(env *Env) (bsonraw.Value, error) { return f.outputs(env) }

// ranking is $top, $topN, $bottom or $bottomN.
type ranking struct {
	name   string
	n      Expr // nil: one value, not an array
	by     []rankKey
	output Expr
	bottom bool
}

type rankKey struct {
	path Expr
	sign int
}

func parseRanking(c *compiler, name string, arg bsonraw.Value) (AccumulatorFactory, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(5788001, "specification must be an object; found %s: %s", name, show(arg))
	}
	many := name == "$topN" || name == "$bottomN"
	names := []string{"output", "sortBy", "n"}
	if !many {
		names = names[:2]
	}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(5788002, "Unknown argument to %s '%s'", name, field)
	})
	switch {
	case err != nil:
		return nil, err
	case many && parts[2].IsMissing():
		return nil, errs.New(5788003, "Missing value for 'n'")
	case parts[0].IsMissing():
		return nil, errs.New(5788004, "Missing value for 'output'")
	case parts[1].IsMissing():
		return nil, errs.New(5788005, "Missing value for 'sortBy'")
	case parts[1].Type != bsonraw.Object:
		return nil, errs.New(10065, "invalid parameter: expected an object (sortBy)")
	}
	f := &ranking{name: name, bottom: name == "$bottom" || name == "$bottomN"}
	if err := c.rankKeys(f, parts[1].Doc()); err != nil {
		return nil, err
	}
	if many {
		if f.n, err = c.optimized(parts[2]); err != nil {
			return nil, err
		}
	}
	f.output, err = c.optimized(parts[0])
	return f, err
}

func (c *compiler) rankKeys(f *ranking, d bsonraw.Doc) error {
	it := d.Iter()
	for it.Next() {
		field := string(it.Key())
		if it.Value().Type == bsonraw.Object {
			return errs.New(errs.NotSupported, "%s by metadata of %q is not supported", f.name, field)
		}
		if !it.Value().IsNumber() {
			return errs.New(15974, "Illegal key in $sort specification: %s: %s", field, show(it.Value()))
		}
		sign, ok := direction(it.Value())
		if !ok {
			return errs.New(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
		}
		names, err := ParsePath(field)
		if err != nil {
			return err
		}
		f.by = append(f.by, rankKey{&rootPath{names: names}, sign})
	}
	return it.Err()
}

// AddDeps implements AccumulatorFactory.
func (f *ranking) AddDeps(d *Deps) {
	AddDeps(f.output, d)
	for _, k := range f.by {
		AddDeps(k.path, d)
	}
}

// New implements AccumulatorFactory.
func (f *ranking) New(env *Env) (Accumulator, error) {
	n, err := evalN(env, f.n)
	if err != nil {
		return nil, err
	}
	return &rankingAccumulator{ranking: f, ranked: ranked{n: n}, keys: make([]bsonraw.Value, len(f.by))}, nil
}

type rankingAccumulator struct {
	*ranking
	ranked
	keys []bsonraw.Value // of the document at hand
}

// Add implements Accumulator.
func (a *rankingAccumulator) Add(env *Env) error {
	output, err := a.output.Eval(env)
	if err != nil {
		return err
	}
	arrays := 0
	for i, k := range a.by {
		v, err := k.path.Eval(env)
		if err != nil {
			return err
		}
		if v.Type == bsonraw.Array {
			arrays++
		}
		a.keys[i] = sortable(v)
	}
	if arrays > 1 {
		return errs.New(errs.BadValue, "cannot sort with keys that are parallel arrays")
	}
	a.offer(a.order, true, func(e *entry) { a.fill(e, output) })
	return checkHeld(a.name, a.size)
}

// sortable maps what sorts otherwise than it compares: a missing field as null,
// an empty array before null.
func sortable(v bsonraw.Value) bsonraw.Value {
	switch {
	case v.Type == bsonraw.Missing:
		return null
	case v.Type == bsonraw.Array && bsonraw.Doc(v.Data).IsEmpty():
		return bsonraw.Value{Type: bsonraw.Undefined}
	}
	return v
}

// order compares the document at hand with an entry: for $bottom backwards.
func (a *rankingAccumulator) order(old *entry) int {
	for i, k := range a.by {
		if c := k.sign * compare(a.keys[i], old.keys[i].value); c != 0 {
			if a.bottom {
				return -c
			}
			return c
		}
	}
	return 0
}

func (a *rankingAccumulator) fill(e *entry, output bsonraw.Value) {
	e.output.set(output)
	if e.keys == nil {
		e.keys = make([]held, len(a.keys))
	}
	for i, k := range a.keys {
		e.keys[i].set(k)
	}
}

// Result implements Accumulator.
func (a *rankingAccumulator) Result(env *Env) (bsonraw.Value, error) {
	if a.ranking.n != nil {
		return a.inOrder(env)
	}
	if len(a.entries) == 0 {
		return null, nil
	}
	return orNull(a.entries[0].output.value, true), nil
}

// inOrder gives the entries in the order of the sort. $bottom has them from the
// last on, equal ones in order of arrival, in which they stay.
func (a *rankingAccumulator) inOrder(env *Env) (bsonraw.Value, error) {
	if !a.bottom {
		return a.outputs(env)
	}
	sorted := ranked{entries: slices.Clone(a.entries)}
	slices.SortStableFunc(sorted.entries, func(x, y *entry) int {
		for i, k := range a.by {
			if c := k.sign * compare(x.keys[i].value, y.keys[i].value); c != 0 {
				return c
			}
		}
		return 0
	})
	return sorted.outputs(env)
}
