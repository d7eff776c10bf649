package expr

import (
	"encoding/binary"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// firstFold is $first.
type firstFold struct {
	value held
	any   bool
}

func (f *firstFold) add(v bsonraw.Value) error {
	if !f.any {
		f.value.set(v)
		f.any = true
	}
	return nil
}

func (f *firstFold) result(*Env) (bsonraw.Value, error) { return orNull(f.value.value, f.any), nil }

func orNull(v bsonraw.Value, is bool) bsonraw.Value {
	if !is || v.IsMissing() {
		return null
	}
	return v
}

func (f *firstFold) Reset()    { f.any = false }
func (f *firstFold) Size() int { return 40 + cap(f.value.value.Data) }

// lastFold is $last.
type lastFold struct {
	firstFold
}

func (f *lastFold) add(v bsonraw.Value) error {
	f.value.set(v)
	f.any = true
	return nil
}

// list is an array under construction, always but for its end.
type list struct {
	buf []byte
	n   int
}

func (l *list) add(v bsonraw.Value) {
	if len(l.buf) == 0 {
		l.buf = append(l.buf, 0, 0, 0, 0)
	}
	l.buf = append(l.buf, byte(v.Type))
	l.buf = strconv.AppendInt(l.buf, int64(l.n), 10)
	l.buf = append(l.buf, 0)
	l.buf = append(l.buf, v.Data...)
	l.n++
}

// value ends a copy of the slice, not of the bytes: the next element overwrites
// the closing zero.
func (l *list) value() bsonraw.Value {
	if len(l.buf) == 0 {
		return bsonraw.Value{Type: bsonraw.Array, Data: bsonraw.EmptyDoc}
	}
	l.buf = append(l.buf, 0)
	whole := l.buf
	l.buf = l.buf[:len(l.buf)-1]
	binary.LittleEndian.PutUint32(whole, uint32(len(whole)))
	return bsonraw.Value{Type: bsonraw.Array, Data: whole}
}

func (l *list) reset() { l.buf, l.n = l.buf[:0], 0 }

// pushFold is $push: a document without the value adds nothing.
type pushFold struct {
	list list
}

func (f *pushFold) add(v bsonraw.Value) error {
	if v.IsMissing() {
		return nil
	}
	f.list.add(v)
	return checkHeld("$push", len(f.list.buf))
}

func (f *pushFold) result(*Env) (bsonraw.Value, error) { return f.list.value(), nil }
func (f *pushFold) Reset()                             { f.list.reset() }
func (f *pushFold) Size() int                          { return 40 + cap(f.list.buf) }

// setFold is $addToSet: of equal values the first stays; in the order of
// arrival, where mongod has none.
type setFold struct {
	list list
	keys map[string]struct{} // order-preserving keys: the same for 1 and 1.0
	key  []byte              // for the next look-up
	size int                 // of the keys
}

func (f *setFold) add(v bsonraw.Value) error {
	if v.IsMissing() {
		return nil
	}
	f.key = bsonraw.AppendKey(f.key[:0], v)
	if _, seen := f.keys[string(f.key)]; seen {
		return nil
	}
	if f.keys == nil {
		f.keys = make(map[string]struct{})
	}
	f.keys[string(f.key)] = struct{}{}
	f.size += len(f.key) + 24
	f.list.add(v)
	return checkHeld("$addToSet", f.size+len(f.list.buf))
}

func (f *setFold) result(*Env) (bsonraw.Value, error) { return f.list.value(), nil }

func (f *setFold) Reset() {
	f.list.reset()
	clear(f.keys)
	f.size = 0
}

func (f *setFold) Size() int { return 80 + f.size + cap(f.list.buf) }

// mergeFold is $mergeObjects: later values replace earlier ones in place.
type mergeFold struct {
	index  map[string]int
	names  [][]byte
	values []held
	size   int
}

func (f *mergeFold) add(v bsonraw.Value) error {
	if err := checkMerged(v); err != nil {
		return err
	}
	it := v.Doc().Iter()
	for it.Next() {
		f.set(it.Key(), it.Value())
	}
	return checkHeld("$mergeObjects", f.size)
}

func (f *mergeFold) set(name []byte, v bsonraw.Value) {
	i, ok := f.index[string(name)]
	if !ok {
		if f.index == nil {
			f.index = make(map[string]int)
		}
		i = len(f.names)
		f.index[string(name)] = i
		f.names = append(f.names, append([]byte(nil), name...))
		f.values = append(f.values, held{})
		f.size += 2*len(name) + 64
	}
	f.size += len(v.Data) - len(f.values[i].value.Data)
	f.values[i].set(v)
}

func (f *mergeFold) result(env *Env) (bsonraw.Value, error) {
	at := env.open()
	for i, name := range f.names {
		env.field(name, f.values[i].value)
	}
	return env.close(bsonraw.Object, at)
}

func (f *mergeFold) Reset() {
	clear(f.index)
	f.names, f.values, f.size = f.names[:0], f.values[:0], 0
}

func (f *mergeFold) Size() int { return 80 + f.size }
