package query

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// What only find's projections have: the positional a.$ and {$slice: …}. Both
// work on the document that the rest of the projection made.

// slice is {path: {$slice: …}}.
type slice struct {
	path        Path
	skip, limit int
	fromEnd     bool // skip counts from the end
}

// finishFind writes the fields of projected into dst, with the positional
// projection and then the slices applied.
func (p *Projection) finishFind(original, projected bsonraw.Doc, env *expr.Env, dst *bsonraw.Builder) error {
	if p.positional == nil {
		return p.sliceAll(projected, dst)
	}
	at := func() (int, error) { return p.position(original, env) }
	if len(p.slices) == 0 {
		return positionalFields(dst, projected, p.positional.parts, at)
	}
	scratch := scratchBuilders.Get().(*bsonraw.Builder)
	defer scratchBuilders.Put(scratch)
	scratch.Reset()
	if err := positionalFields(scratch, projected, p.positional.parts, at); err != nil {
		return err
	}
	return p.sliceAll(scratch.Finish(), dst)
}

// position returns the index that $ stands for.
func (p *Projection) position(doc bsonraw.Doc, env *expr.Env) (int, error) {
	at := -1
	if p.filter != nil {
		r := run{pos: -1, record: true, env: env}
		if _, err := p.filter.match(doc, &r); err != nil {
			return 0, err
		}
		at = r.pos
	}
	if at < 0 {
		return 0, errs.New(51246, "positional operator '.$' couldn't find a matching element in the array")
	}
	return at, nil
}

// positionalFields copies doc and keeps of the first array on the path only the
// element that the filter matched. A path without an array needs no match.
func positionalFields(dst *bsonraw.Builder, doc bsonraw.Doc, parts []part, at func() (int, error)) error {
	it := doc.Iter()
	for it.Next() {
		v := it.Value()
		if string(it.Key()) != parts[0].name || v.Doc() == nil || v.Type == bsonraw.Object && len(parts) == 1 {
			dst.ValueBytes(it.Key(), v)
			continue
		}
		if v.Type == bsonraw.Object {
			dst.BeginDoc(parts[0].name)
			if err := positionalFields(dst, v.Doc(), parts[1:], at); err != nil {
				return err
			}
			dst.End()
			continue
		}
		i, err := at()
		if err != nil {
			return err
		}
		elem, ok := elementAt(v.Doc(), i)
		if !ok {
			return errs.New(51247, "positional operator '.$' element mismatch")
		}
		dst.BeginArray(parts[0].name)
		dst.Value("0", elem)
		dst.End()
	}
	return nil
}

func (p *Projection) sliceAll(doc bsonraw.Doc, dst *bsonraw.Builder) error {
	for i, s := range p.slices {
		if i == len(p.slices)-1 {
			s.fields(dst, doc, 0)
			return nil
		}
		scratch := scratchBuilders.Get().(*bsonraw.Builder)
		defer scratchBuilders.Put(scratch)
		scratch.Reset()
		s.fields(scratch, doc, 0)
		doc = scratch.Finish()
	}
	return nil
}

// fields copies doc with the arrays at the end of the path sliced. The path goes
// through arrays of objects, but not into arrays in arrays.
func (s *slice) fields(dst *bsonraw.Builder, doc bsonraw.Doc, depth int) {
	it := doc.Iter()
	for it.Next() {
		v := it.Value()
		if string(it.Key()) != s.path.parts[depth].name {
			dst.ValueBytes(it.Key(), v)
			continue
		}
		s.value(dst, s.path.parts[depth].name, v, depth+1)
	}
}

func (s *slice) value(dst *bsonraw.Builder, name string, v bsonraw.Value, depth int) {
	last := depth == len(s.path.parts)
	switch {
	case v.Type == bsonraw.Array && last:
		dst.BeginArray(name)
		s.elements(dst, v.Doc())
		dst.End()
	case v.Type == bsonraw.Object && !last:
		dst.BeginDoc(name)
		s.fields(dst, v.Doc(), depth)
		dst.End()
	case v.Type == bsonraw.Array:
		dst.BeginArray(name)
		it := v.Doc().Iter()
		for i := 0; it.Next(); i++ {
			if e := it.Value(); e.Type == bsonraw.Object {
				s.value(dst, bsonraw.Index(i), e, depth)
			} else {
				dst.Value(bsonraw.Index(i), e)
			}
		}
		dst.End()
	default:
		dst.Value(name, v)
	}
}

func (s *slice) elements(dst *bsonraw.Builder, array bsonraw.Doc) {
	n := array.Len()
	from := min(s.skip, n)
	if s.fromEnd {
		from = max(n-s.skip, 0)
	}
	to := from + min(s.limit, n-from)
	it := array.Iter()
	for i := 0; i < to && it.Next(); i++ {
		if i >= from {
			dst.Value(bsonraw.Index(i-from), it.Value())
		}
	}
}

// parseSlice reads the operand of find's $slice: a number or [skip, limit].
// False means that it is not of this form; why says it in mongod's words.
func parseSlice(path string, v bsonraw.Value) (s *slice, why string, ok bool) {
	if v.IsNumber() {
		n := sliceNumber(v)
		if n < 0 {
			return &slice{path: NewPath(path), skip: -n, limit: -n, fromEnd: true}, "", true
		}
		return &slice{path: NewPath(path), limit: n}, "", true
	}
	if v.Type != bsonraw.Array {
		return nil, "Location31273: $slice only supports numbers and [skip, limit] arrays", false
	}
	args := v.Doc().Values()
	if len(args) != 2 {
		return nil, "Location31272: $slice array argument should be of form [skip, limit]", false
	}
	if !args[0].IsNumber() || !args[1].IsNumber() {
		return nil, "Location31257: Failed to parse the $slice arguments as numbers", false
	}
	skip, limit := sliceNumber(args[0]), sliceNumber(args[1])
	if limit <= 0 {
		return nil, "Location31259: $slice limit must be positive", false
	}
	s = &slice{path: NewPath(path), skip: skip, limit: limit}
	if skip < 0 {
		s.skip, s.fromEnd = -skip, true
	}
	return s, "", true
}

// sliceNumber cuts a number to an int32, as mongod does; NaN is 0.
func sliceNumber(v bsonraw.Value) int {
	f, _ := v.AsFloat64()
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt32:
		return math.MaxInt32
	case f <= -math.MaxInt32:
		return -math.MaxInt32
	}
	return int(f)
}
