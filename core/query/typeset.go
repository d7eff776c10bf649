package query

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// typeSet is a set of BSON types. MinKey (0xFF) is bit 63.
type typeSet uint64

const (
	minKeyBit = 63
	maxKeyBit = 62
)

func typeBit(t bsonraw.Type) typeSet {
	switch t {
	case bsonraw.MinKey:
		return 1 << minKeyBit
	case bsonraw.MaxKey:
		return 1 << maxKeyBit
	}
	return 1 << t
}

const numberTypes typeSet = 1<<bsonraw.Double | 1<<bsonraw.Int32 | 1<<bsonraw.Int64 | 1<<bsonraw.Decimal128

func (s typeSet) has(t bsonraw.Type) bool { return s&typeBit(t) != 0 && t != bsonraw.Missing }

// parseTypeSet reads the operand of $type: a code, an alias, or an array of
// them.
func parseTypeSet(path string, v bsonraw.Value) (typeSet, error) {
	if v.Type != bsonraw.Array {
		return parseType(v)
	}
	var set typeSet
	it := v.Doc().Iter()
	for it.Next() {
		one, err := parseType(it.Value())
		if err != nil {
			return 0, err
		}
		set |= one
	}
	if set == 0 {
		return 0, errs.New(errs.FailedToParse, "%s must match at least one type", path)
	}
	return set, nil
}

func parseType(v bsonraw.Value) (typeSet, error) {
	switch {
	case v.Type == bsonraw.String:
		return typeByAlias(v.Str())
	case v.IsNumber():
		return typeByCode(v)
	}
	return 0, errs.New(errs.TypeMismatch, "type must be represented as a number or a string")
}

func typeByAlias(name string) (typeSet, error) {
	switch name {
	case "number":
		return numberTypes, nil
	case "missing":
		return 0, errs.New(errs.BadValue, "'missing' is not a legal type name. To query for non-existence of a field, use {$exists:false}.")
	}
	t, ok := bsonraw.TypeByName(name)
	if !ok {
		return 0, errs.New(errs.BadValue, "Unknown type name alias: %s", name)
	}
	return typeBit(t), nil
}

func typeByCode(v bsonraw.Value) (typeSet, error) {
	n, ok := v.AsInt64()
	switch {
	case !ok || n > math.MaxInt32 || n < math.MinInt32:
		return 0, errs.New(errs.BadValue, "Invalid numerical type code: %s", plainNumber(v))
	case n == 0:
		return 0, errs.New(errs.BadValue, "Invalid numerical type code: 0. Instead use {$exists:false}.")
	case n == -1:
		return typeBit(bsonraw.MinKey), nil
	case n == int64(bsonraw.MaxKey):
		return typeBit(bsonraw.MaxKey), nil
	case n < 0 || n > int64(bsonraw.Decimal128):
		return 0, errs.New(errs.BadValue, "Invalid numerical type code: %s", plainNumber(v))
	}
	return typeBit(bsonraw.Type(n)), nil
}
