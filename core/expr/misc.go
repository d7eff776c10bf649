package expr

import (
	"math/rand/v2"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func parseLiteral(_ *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	return constantOf(arg.Clone()), nil
}

func typeOf(env *Env, v bsonraw.Value) (bsonraw.Value, error) { return env.str(v.Type.Name()), nil }

func isNumber(_ *Env, v bsonraw.Value) (bsonraw.Value, error) { return boolean(v.IsNumber()), nil }

func bsonSize(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	switch {
	case v.IsNullish():
		return null, nil
	case v.Type != bsonraw.Object:
		return bsonraw.Value{}, errs.New(31393, "$bsonSize requires a document input, found: %s", v.Type.Name())
	}
	return env.int32(len(v.Data)), nil
}

func binarySize(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
	switch {
	case v.IsNullish():
		return null, nil
	case v.Type == bsonraw.String:
		return env.int32(len(v.StringBytes())), nil
	case v.Type == bsonraw.Binary:
		return env.int32(len(v.Data) - 5), nil
	}
	return bsonraw.Value{}, errs.New(51276, "$binarySize requires a string or BinData argument, found: %s", v.Type.Name())
}

// timestampPart is $tsSecond or $tsIncrement.
func timestampPart(name string, code errs.Code, part func(seconds, increment uint32) uint32) parser {
	return one(func(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
		switch {
		case v.IsNullish():
			return null, nil
		case v.Type != bsonraw.Timestamp:
			return bsonraw.Value{}, errs.New(code, " Argument to %s must be a timestamp, but is %s", name, v.Type.Name())
		}
		return env.int64(int64(part(v.Timestamp()))), nil
	})
}

// random is $rand.
type random struct{ leaf }

func parseRand(_ *compiler, name string, arg bsonraw.Value) (Expr, error) {
	if arg.Doc() == nil {
		return nil, errs.New(10065, "invalid parameter: expected an object (%s)", name)
	}
	if !arg.Doc().IsEmpty() {
		return nil, errs.New(3040501, "$rand does not currently accept arguments")
	}
	return random{}, nil
}

func (random) Eval(env *Env) (bsonraw.Value, error) { return env.double(rand.Float64()), nil }
