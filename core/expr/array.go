package expr

import (
	"math"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// asInt32 returns a number as an int32 where that is exact.
func asInt32(v bsonraw.Value) (int32, bool) {
	n, ok := v.AsInt64()
	return int32(n), ok && n == int64(int32(n))
}

// elementAt returns the i-th element of an array, from the end where i is
// negative; missing outside.
func elementAt(d bsonraw.Doc, i int) bsonraw.Value {
	if i < 0 {
		if i += d.Len(); i < 0 {
			return bsonraw.Value{}
		}
	}
	it := d.Iter()
	for it.Next() {
		if i == 0 {
			return it.Value()
		}
		i--
	}
	return bsonraw.Value{}
}

func arrayElemAt(_ *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	arr, index := args[0], args[1]
	switch {
	case arr.IsNullish() || index.IsNullish():
		return null, nil
	case arr.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(28689, "$arrayElemAt's first argument must be an array, but is %s", arr.Type.Name())
	case !index.IsNumber():
		return bsonraw.Value{}, errs.New(28690, "$arrayElemAt's second argument must be a numeric value, but is %s", index.Type.Name())
	}
	i, ok := asInt32(index)
	if !ok {
		f, _ := index.AsFloat64()
		return bsonraw.Value{}, errs.New(28691, "$arrayElemAt's second argument must be representable as a 32-bit integer: %s", number.FormatDouble(f))
	}
	return elementAt(arr.Doc(), int(i)), nil
}

// endOf is $first or $last of an array.
func endOf(name string, i int) parser {
	return one(func(_ *Env, v bsonraw.Value) (bsonraw.Value, error) {
		switch {
		case v.IsNullish():
			return null, nil
		case v.Type != bsonraw.Array:
			return bsonraw.Value{}, errs.New(28689, "%s's argument must be an array, but is %s", name, v.Type.Name())
		}
		return elementAt(v.Doc(), i), nil
	})
}

func size(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	if v.Type != bsonraw.Array {
		return bsonraw.Value{}, errs.New(17124, "The argument to $size must be an array, but was of type: %s", v.Type.Name())
	}
	return env.int32(v.Doc().Len()), nil
}

func in(_ *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	if args[1].Type != bsonraw.Array {
		return bsonraw.Value{}, errs.New(40081, "$in requires an array as a second argument, found: %s", args[1].Type.Name())
	}
	it := args[1].Doc().Iter()
	for it.Next() {
		if compare(args[0], it.Value()) == 0 {
			return boolean(true), nil
		}
	}
	return boolean(false), nil
}

func isArray(_ *Env, v bsonraw.Value) (bsonraw.Value, error) {
	return boolean(v.Type == bsonraw.Array), nil
}

// arraysOnly makes a check of arguments that must be arrays or null.
func arraysOnly(code errs.Code, format string) func([]bsonraw.Value, int) (bool, error) {
	return func(args []bsonraw.Value, _ int) (done bool, err error) {
		v := args[len(args)-1]
		switch {
		case v.Type == bsonraw.Array:
			return false, nil
		case v.IsNullish():
			return true, nil
		}
		return false, errs.New(code, format, v.Type.Name())
	}
}

func concatArrays(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	at := env.open()
	n := 0
	for _, arr := range args {
		it := arr.Doc().Iter()
		for ; it.Next(); n++ {
			env.element(n, it.Value())
		}
		if len(env.scratch)-at > maxResult {
			return bsonraw.Value{}, tooLarge(len(env.scratch) - at)
		}
	}
	return env.close(bsonraw.Array, at)
}

// checkSlice checks the arguments of $slice as they come: the second is checked
// before the third is evaluated.
func checkSlice(args []bsonraw.Value, _ int) (done bool, err error) {
	switch {
	case len(args) == 1:
		return false, nil
	case args[0].IsNullish() || args[len(args)-1].IsNullish():
		return true, nil
	case args[0].Type != bsonraw.Array:
		return false, errs.New(28724, "First argument to $slice must be an array, but is of type: %s", args[0].Type.Name())
	case len(args) == 2:
		_, err := slicePart(args[1], 28725, 28726, "Second argument to $slice must be a numeric value", "Second")
		return false, err
	}
	n, err := slicePart(args[2], 28727, 28728, "Third argument to $slice must be numeric", "Third")
	if err == nil && n <= 0 {
		err = errs.New(28729, "Third argument to $slice must be positive: %d", n)
	}
	return false, err
}

func slicePart(v bsonraw.Value, notNumber, notInt32 errs.Code, must, which string) (int, error) {
	if !v.IsNumber() {
		return 0, errs.New(notNumber, "%s, but is of type: %s", must, v.Type.Name())
	}
	n, ok := asInt32(v)
	if !ok {
		f, _ := v.AsFloat64()
		return 0, errs.New(notInt32, "%s argument to $slice can't be represented as a 32-bit integer: %s", which, number.FormatDouble(f))
	}
	return int(n), nil
}

// slice computes $slice of arguments that checkSlice has seen. A single count
// from the end is a negative position.
func slice(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	d := args[0].Doc()
	first, _ := asInt32(args[1])
	from, count := 0, int(first)
	switch {
	case len(args) == 3:
		n, _ := asInt32(args[2])
		from, count = int(first), int(n)
	case first < 0:
		from, count = int(first), math.MaxInt
	}
	if from < 0 {
		from = max(0, from+d.Len())
	}
	return env.part(d, from, count)
}

// part returns count elements of an array from a position.
func (env *Env) part(d bsonraw.Doc, from, count int) (bsonraw.Value, error) {
	at := env.open()
	it := d.Iter()
	for i := 0; it.Next() && i-from < count; i++ {
		if i >= from {
			env.element(i-from, it.Value())
		}
	}
	return env.close(bsonraw.Array, at)
}

func reverseArray(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	switch {
	case v.IsNullish():
		return null, nil
	case v.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(34435, "The argument to $reverseArray must be an array, but was of type: %s", v.Type.Name())
	}
	vs := env.values(v.Doc())
	slices.Reverse(vs)
	return env.popArray(vs)
}

// values pushes the elements of an array on the stack and returns them;
// popArray makes an array of them and takes them off.
func (env *Env) values(d bsonraw.Doc) []bsonraw.Value {
	base := len(env.stack)
	it := d.Iter()
	for it.Next() {
		env.stack = append(env.stack, it.Value())
	}
	return env.stack[base:]
}

func (env *Env) popArray(vs []bsonraw.Value) (bsonraw.Value, error) {
	arr, err := env.array(vs)
	env.stack = env.stack[:len(env.stack)-len(vs)]
	return arr, err
}

var rangeParts = [3]struct {
	notNumber, notInt32 errs.Code
	article, name       string
}{
	{34443, 34444, "a", "starting"},
	{34445, 34446, "an", "ending"},
	{34447, 34448, "a", "step"},
}

func rangeOf(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	parts := [3]int64{2: 1}
	for i, v := range args {
		p := rangeParts[i]
		if !v.IsNumber() {
			return bsonraw.Value{}, errs.New(p.notNumber, "$range requires a numeric %s value, found value of type: %s", p.name, v.Type.Name())
		}
		n, ok := asInt32(v)
		if !ok {
			return bsonraw.Value{}, errs.New(p.notInt32, "$range requires %s %s value that can be represented as a 32-bit integer, found value: %s", p.article, p.name, show(v))
		}
		parts[i] = int64(n)
	}
	from, to, step := parts[0], parts[1], parts[2]
	if step == 0 {
		return bsonraw.Value{}, errs.New(34449, "$range requires a non-zero step value")
	}
	if err := checkRange(from, to, step); err != nil {
		return bsonraw.Value{}, err
	}
	at := env.open()
	for i, n := 0, from; step > 0 && n < to || step < 0 && n > to; i, n = i+1, n+step {
		env.intElement(i, int32(n))
	}
	return env.close(bsonraw.Array, at)
}

// checkRange refuses a range that would take mongod over its limit: 16 bytes a
// number.
func checkRange(from, to, step int64) error {
	if (step > 0) != (from < to) {
		return nil
	}
	const limit = 100 << 20
	count := (to-from)/step + 1
	if (to-from)%step == 0 {
		count--
	}
	if size := 40 + 16*count; size > limit {
		return errs.New(errs.ExceededMemoryLimit, "$range would use too much memory (%d bytes) and cannot spill to disk. Memory limit: %d bytes", size, limit)
	}
	return nil
}

// intElement appends an int32 to the array under construction.
func (env *Env) intElement(i int, n int32) {
	var data [4]byte
	env.element(i, bsonraw.Value{Type: bsonraw.Int32, Data: number.Int32(n).Append(data[:0])})
}

// indexOf is $indexOfArray.
type indexOf struct {
	call
}

func parseIndexOfArray(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	e, err := between(2, 4, indexOfArray).each(checkIndexOfArray)(c, name, arg)
	if err != nil {
		return nil, err
	}
	return &indexOf{*e.(*call)}, nil
}

// rewrite refuses a constant that is no array, with a code of its own.
func (x *indexOf) rewrite() (Expr, error) {
	if v, known := Constant(x.args[0]); known && v.Type != bsonraw.Array && !v.IsNullish() {
		return nil, errs.New(50809, "Failed to optimize pipeline :: caused by :: First operand of $indexOfArray must be an array. First argument is of type: %s", v.Type.Name())
	}
	return &x.call, nil
}

func checkIndexOfArray(args []bsonraw.Value, _ int) (done bool, err error) {
	n := len(args)
	switch v := args[n-1]; {
	case n == 1 && v.IsNullish():
		return true, nil
	case n == 1 && v.Type != bsonraw.Array:
		return false, errs.New(40090, "$indexOfArray requires an array as a first argument, found: %s", v.Type.Name())
	case n > 2:
		_, err = searchIndex("$indexOfArray", n-3, v)
	}
	return false, err
}

func indexOfArray(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	from, to, err := searchRange("$indexOfArray", args, math.MaxInt)
	if err != nil {
		return bsonraw.Value{}, err
	}
	it := args[0].Doc().Iter()
	for i := 0; it.Next() && i < to; i++ {
		if i >= from && compare(it.Value(), args[1]) == 0 {
			return env.int32(i), nil
		}
	}
	return env.int32(-1), nil
}

// searchRange reads the optional start and end of $indexOfArray, $indexOfCP and
// $indexOfBytes, the third and fourth argument.
func searchRange(name string, args []bsonraw.Value, end int) (from, to int, err error) {
	to = end
	places := [2]*int{&from, &to}
	for i, v := range args[2:] {
		if *places[i], err = searchIndex(name, i, v); err != nil {
			return 0, 0, err
		}
	}
	return from, min(to, end), nil
}

// searchIndex reads the start (0) or end (1) of a search.
func searchIndex(name string, which int, v bsonraw.Value) (int, error) {
	what := [2]string{"starting", "ending"}[which]
	n, ok := asInt32(v)
	if !ok {
		return 0, errs.New(40096, "%srequires an integral %s index, found a value of type: %s, with value: %s", name, what, v.Type.Name(), show(v))
	}
	if n < 0 {
		return 0, errs.New(40097, "%s requires a nonnegative %s index, found: %d", name, what, n)
	}
	return int(n), nil
}

func arrayToObject(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	switch {
	case v.IsNullish():
		return null, nil
	case v.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(40386, "$arrayToObject requires an array input, found: %s", v.Type.Name())
	}
	fields := newFieldList(env)
	pair := pairOfObject
	it := v.Doc().Iter()
	for first := true; it.Next(); first = false {
		element := it.Value()
		if first {
			switch element.Type {
			case bsonraw.Object:
			case bsonraw.Array:
				pair = pairOfArray
			default:
				return bsonraw.Value{}, errs.New(40398, "Unrecognised input type format for $arrayToObject: %s", element.Type.Name())
			}
		}
		k, v, err := pair(element)
		if err != nil {
			return bsonraw.Value{}, err
		}
		fields.set(k, v)
	}
	return fields.finish()
}

// pairOfArray reads [key, value].
func pairOfArray(v bsonraw.Value) (key []byte, value bsonraw.Value, err error) {
	if v.Type != bsonraw.Array {
		return nil, value, errs.New(40396, "$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Array was detected, now found: %s", v.Type.Name())
	}
	if n := v.Doc().Len(); n != 2 {
		return nil, value, errs.New(40397, "$arrayToObject requires an array of size 2 arrays,found array of size: %d", n)
	}
	k := elementAt(v.Doc(), 0)
	if k.Type != bsonraw.String {
		return nil, value, errs.New(40395, "$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: %s", k.Type.Name())
	}
	return k.StringBytes(), elementAt(v.Doc(), 1), checkKey(k, 4940400)
}

// pairOfObject reads {k: key, v: value}.
func pairOfObject(v bsonraw.Value) (key []byte, value bsonraw.Value, err error) {
	if v.Type != bsonraw.Object {
		return nil, value, errs.New(40391, "$arrayToObject requires a consistent input format. Elements mustall be arrays or all be objects. Object was detected, now found: %s", v.Type.Name())
	}
	if n := v.Doc().Len(); n != 2 {
		return nil, value, errs.New(40392, "$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number of keys:%d", n)
	}
	k, value := v.Doc().Get("k"), v.Doc().Get("v")
	switch {
	case k.IsMissing() || value.IsMissing():
		return nil, value, errs.New(40393, "$arrayToObject requires an object with keys 'k' and 'v'. Missing either or both keys from: %s", show(v))
	case k.Type != bsonraw.String:
		return nil, value, errs.New(40394, "$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. Found type: %s", k.Type.Name())
	}
	return k.StringBytes(), value, checkKey(k, 4940401)
}

func checkKey(k bsonraw.Value, code errs.Code) error {
	if slices.Contains(k.StringBytes(), 0) {
		return errs.New(code, "Key field cannot contain an embedded null byte")
	}
	return nil
}

func objectToArray(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	switch {
	case v.IsNullish():
		return null, nil
	case v.Type != bsonraw.Object:
		return bsonraw.Value{}, errs.New(40390, "$objectToArray requires a document input, found: %s", v.Type.Name())
	}
	at := env.open()
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		name, err := env.text(it.Key())
		if err != nil {
			return bsonraw.Value{}, err
		}
		pair := env.open()
		env.field([]byte("k"), name)
		env.field([]byte("v"), it.Value())
		object, err := env.close(bsonraw.Object, pair)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, object)
	}
	return env.close(bsonraw.Array, at)
}
