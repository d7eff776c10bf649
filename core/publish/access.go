package publish

import (
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// access is an aggregation expression for one place in the live document.
//
// A place that plain names lead to from the top is a path "$a.b", which needs no
// nesting. Names that a path cannot carry, and elements of arrays, need
// operators around the place above. A path fans out through arrays, so whoever
// uses one has to know that there are none on the way.
type access struct {
	path string        // "a.b"; empty at the top and where nested is set
	nest bsonraw.Value // an expression, or missing
}

// value returns the expression.
func (a access) value() bsonraw.Value {
	switch {
	case !a.nest.IsMissing():
		return a.nest
	case a.path == "":
		return bsonraw.StringValue("$$ROOT")
	}
	return bsonraw.StringValue("$" + a.path)
}

// field returns the place of a field below.
func (a access) field(name string) access {
	if plain(name) && a.nest.IsMissing() {
		if a.path == "" {
			return access{path: name}
		}
		return access{path: a.path + "." + name}
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("$getField")
	b.Doc("field", literal(bsonraw.StringValue(name)))
	b.Value("input", a.value())
	b.End()
	return access{nest: b.Finish().Value()}
}

// element returns the place of an array's element.
func (a access) element(i int) access {
	return access{nest: operator("$arrayElemAt", bsonraw.ArrayValue(a.value(), bsonraw.Int32Value(int32(i)))).Value()}
}

// plain reports whether a path can carry a name.
func plain(name string) bool {
	return name != "" && name[0] != '$' && !strings.Contains(name, ".")
}

// literal keeps a value from being read as an expression.
func literal(v bsonraw.Value) bsonraw.Doc { return operator("$literal", v) }

// operator is {name: v}.
func operator(name string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(name)+len(v.Data)+8))
	b.Value(name, v)
	return b.Finish()
}

func equal(a, b bsonraw.Value) bsonraw.Value {
	return operator("$eq", bsonraw.ArrayValue(a, b)).Value()
}

// elements calls do for each element of an array.
func elements(list bsonraw.Doc, do func(i int, v bsonraw.Value)) {
	it := list.Iter()
	for it.Next() {
		i, err := strconv.Atoi(string(it.Key()))
		if err != nil {
			return // not an array: keys are numbers by BSON's rules
		}
		do(i, it.Value())
	}
}
