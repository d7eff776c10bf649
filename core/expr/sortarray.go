package expr

import (
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// SortPattern orders values by fields of objects, or by the values themselves,
// as $sortArray and $topN do: arrays are compared whole, missing as null.
type SortPattern struct {
	keys []sortKey
}

type sortKey struct {
	path [][]byte // none: the value itself
	sign int
}

// sortArray is $sortArray.
type sortArray struct {
	input Expr
	by    *SortPattern
}

func parseSortArray(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(2942500, "$sortArray requires an object as an argument, found: %s", arg.Type.Name())
	}
	parts, err := named(arg.Doc(), []string{"input", "sortBy"}, func(field string) error {
		return errs.New(2942501, "$sortArray found an unknown argument: %s", field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(2942502, "$sortArray requires 'input' to be specified")
	case parts[1].IsMissing():
		return nil, errs.New(2942503, "$sortArray requires 'sortBy' to be specified")
	}
	x := &sortArray{}
	if x.by, err = parseSortBy(parts[1]); err != nil {
		return nil, err
	}
	x.input, err = c.expr(parts[0])
	return x, err
}

func parseSortBy(v bsonraw.Value) (*SortPattern, error) {
	if v.IsNumber() {
		sign, ok := direction(v)
		if !ok {
			return nil, errs.New(2942506, "The $sort element value must be either 1 or -1")
		}
		return &SortPattern{[]sortKey{{sign: sign}}}, nil
	}
	if v.Type != bsonraw.Object {
		return nil, errs.New(2942507, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	}
	p, problem := newSortPattern(v.Doc())
	if problem != "" {
		return nil, errs.New(2942505, "BadValue: %s", problem)
	}
	return p, nil
}

func direction(v bsonraw.Value) (sign int, ok bool) {
	n, ok := v.AsInt64()
	return int(n), ok && (n == 1 || n == -1)
}

// newSortPattern reads {field: 1 or -1, …}; problem says what is wrong with it.
func newSortPattern(d bsonraw.Doc) (p *SortPattern, problem string) {
	if d.IsEmpty() {
		return nil, "The sort pattern is empty when it should be a set of fields."
	}
	p = &SortPattern{}
	it := d.Iter()
	for it.Next() {
		field := string(it.Key())
		sign, ok := direction(it.Value())
		switch {
		case field == "":
			return nil, "The sort field cannot be empty"
		case !ok:
			return nil, "The sort element value must be either 1 or -1"
		}
		key := sortKey{sign: sign}
		for part := range strings.SplitSeq(field, ".") {
			if part == "" {
				return nil, "The sort field is a dotted field but has an empty part: " + field
			}
			key.path = append(key.path, []byte(part))
		}
		p.keys = append(p.keys, key)
	}
	return p, ""
}

// Compare orders two values.
func (p *SortPattern) Compare(a, b bsonraw.Value) int {
	for _, k := range p.keys {
		if c := compare(k.of(a), k.of(b)); c != 0 {
			return c * k.sign
		}
	}
	return 0
}

func (k sortKey) of(v bsonraw.Value) bsonraw.Value {
	for _, name := range k.path {
		if v.Type != bsonraw.Object {
			return null
		}
		v = lookup(v.Doc(), name)
	}
	if v.IsMissing() {
		return null
	}
	return v
}

func (x *sortArray) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(2942504, "The input argument to $sortArray must be an array, but was of type: %s", input.Type.Name())
	}
	vs := env.values(input.Doc())
	slices.SortStableFunc(vs, x.by.Compare)
	return env.popArray(vs)
}

func (x *sortArray) children(visit func(*Expr)) { visit(&x.input) }
