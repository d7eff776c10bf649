package expr

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// Env is what an expression is evaluated against: a root document, variables
// and the moment that $$NOW stands for. One goroutine uses it at a time.
//
//	env := expr.NewEnv(now)
//	for each document {
//		env.Reset(doc)
//		v, err := e.Eval(env)
//	}
type Env struct {
	// Now is $$NOW. It stays the same for one whole command.
	Now time.Time
	// ClusterTime is $$CLUSTER_TIME, a timestamp; missing where there is none.
	ClusterTime bsonraw.Value
	// Root is $$ROOT, and $$CURRENT unless a variable of that name is in scope.
	Root bsonraw.Value

	vars    []bsonraw.Value // by slot, see Vars
	arena   arena
	spare   []arena         // arenas of finished loops
	scratch []byte          // documents under construction, innermost last
	stack   []bsonraw.Value // arguments under evaluation, innermost last
	regexes regexCache
}

// NewEnv returns an Env for one command. Reset gives it a document.
func NewEnv(now time.Time) *Env { return &Env{Now: now} }

// Reset sets the root document and frees the memory of earlier results, which
// must not be used any more. Variables stay as they are.
func (env *Env) Reset(root bsonraw.Doc) {
	env.arena.reset()
	if cap(env.scratch) > maxKept {
		env.scratch = nil
	}
	// An evaluation that failed leaves both filled.
	env.scratch, env.stack = env.scratch[:0], env.stack[:0]
	env.Root = bsonraw.Value{Type: bsonraw.Object, Data: root}
}

// Set binds the variable of this slot (Vars.With) to a value, which is not
// copied. A missing value is a variable without a value.
func (env *Env) Set(slot int, v bsonraw.Value) {
	for slot >= len(env.vars) {
		env.vars = append(env.vars, bsonraw.Value{})
	}
	env.vars[slot] = v
}

// get returns the value of a slot; a slot that was never set is missing.
func (env *Env) get(slot int) bsonraw.Value {
	if slot < len(env.vars) {
		return env.vars[slot]
	}
	return bsonraw.Value{}
}

// maxResult bounds one value that an expression builds: eight times a stored
// document, room for the largest $range.
const maxResult = 128 << 20

// open begins a document or array in scratch. What is appended until close is
// its content; expressions evaluated meanwhile open and close their own above.
func (env *Env) open() (at int) {
	at = len(env.scratch)
	env.scratch = append(env.scratch, 0, 0, 0, 0)
	return at
}

// field appends a field to the document under construction; a missing value
// appends nothing.
func (env *Env) field(name []byte, v bsonraw.Value) {
	if v.Type == bsonraw.Missing {
		return
	}
	env.scratch = append(env.scratch, byte(v.Type))
	env.scratch = append(env.scratch, name...)
	env.scratch = append(env.scratch, 0)
	env.scratch = append(env.scratch, v.Data...)
}

// element appends the i-th element to the array under construction; a missing
// value becomes null.
func (env *Env) element(i int, v bsonraw.Value) {
	if v.Type == bsonraw.Missing {
		v.Type = bsonraw.Null
	}
	env.scratch = append(env.scratch, byte(v.Type))
	env.scratch = strconv.AppendInt(env.scratch, int64(i), 10)
	env.scratch = append(env.scratch, 0)
	env.scratch = append(env.scratch, v.Data...)
}

// drop forgets the document under construction.
func (env *Env) drop(at int) { env.scratch = env.scratch[:at] }

// close ends the document that open began and moves it to the arena.
func (env *Env) close(t bsonraw.Type, at int) (bsonraw.Value, error) {
	env.scratch = append(env.scratch, 0)
	size := len(env.scratch) - at
	if size > maxResult {
		return bsonraw.Value{}, tooLarge(size)
	}
	binary.LittleEndian.PutUint32(env.scratch[at:], uint32(size))
	data := env.arena.alloc(size)
	copy(data, env.scratch[at:])
	env.drop(at)
	return bsonraw.Value{Type: t, Data: data}, nil
}

func tooLarge(size int) error {
	return errs.New(errs.BSONObjectTooLarge, "an expression built a value of %d bytes, the most is %d", size, maxResult)
}

// array makes an array of these values, which may live anywhere.
func (env *Env) array(values []bsonraw.Value) (bsonraw.Value, error) {
	at := env.open()
	for i, v := range values {
		env.element(i, v)
	}
	return env.close(bsonraw.Array, at)
}

// number makes a value of a number.
func (env *Env) number(n number.Number) bsonraw.Value {
	return bsonraw.Value{Type: n.Type, Data: n.Append(env.arena.alloc(numberSize(n.Type))[:0])}
}

func numberSize(t bsonraw.Type) int {
	switch t {
	case bsonraw.Int32:
		return 4
	case bsonraw.Decimal128:
		return 16
	}
	return 8
}

// int32 makes an int32.
func (env *Env) int32(n int) bsonraw.Value { return env.number(number.Int32(int32(n))) }

// int64 makes an int64.
func (env *Env) int64(n int64) bsonraw.Value { return env.number(number.Int64(n)) }

// double makes a double.
func (env *Env) double(f float64) bsonraw.Value { return env.number(number.Double(f)) }

// date makes a date from milliseconds since 1970.
func (env *Env) date(ms int64) bsonraw.Value {
	v := env.int64(ms)
	v.Type = bsonraw.DateTime
	return v
}

// text makes a string.
func (env *Env) text(s []byte) (bsonraw.Value, error) {
	if len(s) > maxResult {
		return bsonraw.Value{}, tooLarge(len(s))
	}
	v, body := env.textOf(len(s))
	copy(body, s)
	return v, nil
}

// textOf makes a string of n bytes that the caller fills in.
func (env *Env) textOf(n int) (bsonraw.Value, []byte) {
	data := env.arena.alloc(n + 5)
	binary.LittleEndian.PutUint32(data, uint32(n+1))
	data[n+4] = 0
	return bsonraw.Value{Type: bsonraw.String, Data: data}, data[4 : n+4]
}

// str makes a string from a Go string.
func (env *Env) str(s string) bsonraw.Value {
	v, body := env.textOf(len(s))
	copy(body, s)
	return v
}

// takeArena returns an empty arena, giveArena takes it back.
func (env *Env) takeArena() arena {
	if n := len(env.spare); n > 0 {
		a := env.spare[n-1]
		env.spare = env.spare[:n-1]
		return a
	}
	return arena{}
}

func (env *Env) giveArena(a arena) {
	a.reset()
	env.spare = append(env.spare, a)
}

var boolValues = [2]bsonraw.Value{bsonraw.BoolValue(false), bsonraw.BoolValue(true)}

func boolean(t bool) bsonraw.Value {
	if t {
		return boolValues[1]
	}
	return boolValues[0]
}

// null is the null value.
var null = bsonraw.NullValue
