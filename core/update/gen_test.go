package update

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// gen makes random documents and updates over few names and values, so that
// paths often meet what is there.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 0))} }

// nan is a NaN without a payload: mongod carries payloads over into decimals,
// and we do not.
var nan = math.Float64frombits(0x7FF8 << 48)

func pick[T any](g gen, from ...T) T { return from[g.IntN(len(from))] }

// chance is true once in n.
func (g gen) chance(n int) bool { return g.IntN(n) == 0 }

// name returns a field name as documents have them.
func (g gen) name() string { return pick(g, "a", "a", "b", "b", "c", "d", "0", "1", "x") }

func (g gen) number() bsonraw.Value {
	switch g.IntN(12) {
	case 0:
		return bsonraw.DoubleValue(pick(g, 0, 1, -1, 1.5, 0.1, -2.25, 1e300, math.Copysign(0, -1), nan, math.Inf(1)))
	case 1:
		return bsonraw.Int64Value(pick[int64](g, 0, 1, 5, -7, math.MaxInt64, math.MinInt64, 1<<40))
	case 2:
		return mongotest.Value(fmt.Sprintf(`{"$numberDecimal": %q}`, pick(g, "0", "1", "1.00", "0.1", "-3.50", "1E+3", "NaN", "9.9E+6100")))
	case 3:
		return bsonraw.Int32Value(pick[int32](g, math.MaxInt32, math.MinInt32))
	}
	return bsonraw.Int32Value(int32(g.IntN(5) - 1))
}

func (g gen) scalar() bsonraw.Value {
	switch g.IntN(14) {
	case 0:
		return bsonraw.NullValue
	case 1:
		return bsonraw.BoolValue(g.chance(2))
	case 2, 3:
		return bsonraw.StringValue(pick(g, "", "a", "b", "xyz"))
	case 4:
		zoo := mongotest.Values()
		v := zoo[g.IntN(len(zoo))].Value
		if v.Type == bsonraw.Double && math.IsNaN(v.Double()) {
			return bsonraw.DoubleValue(nan)
		}
		if v.Type == bsonraw.Undefined || v.Type == bsonraw.Object || v.Type == bsonraw.Array {
			return bsonraw.NullValue
		}
		return v
	}
	return g.number()
}

// value returns any value, nested up to so many levels.
func (g gen) value(levels int) bsonraw.Value {
	switch k := g.IntN(6); {
	case levels > 0 && k == 0:
		return g.doc(levels - 1).Value()
	case levels > 0 && k == 1:
		return g.array(levels - 1)
	}
	return g.scalar()
}

// doc returns an object of up to four fields.
func (g gen) doc(levels int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	g.fields(b, levels)
	return b.Finish()
}

func (g gen) fields(b *bsonraw.Builder, levels int) {
	seen := map[string]bool{}
	for range g.IntN(5) {
		if name := g.name(); !seen[name] {
			seen[name] = true
			b.Value(name, g.value(levels))
		}
	}
}

func (g gen) array(levels int) bsonraw.Value {
	elems := make([]bsonraw.Value, g.IntN(4))
	for i := range elems {
		if levels > 0 && g.chance(3) {
			elems[i] = g.doc(levels - 1).Value()
		} else {
			elems[i] = g.value(levels)
		}
	}
	return bsonraw.ArrayValue(elems...)
}

// stored returns a document with an _id.
func (g gen) stored(id bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("_id", id)
	g.fields(b, 3)
	return b.Finish()
}

// path returns the path of an update's field.
func (g gen) path() string {
	parts := []string{g.name()}
	if g.chance(25) {
		parts[0] = pick(g, "_id", "_id", "$x", "$", "$[]", "")
	}
	for g.chance(2) && len(parts) < 4 {
		switch g.IntN(14) {
		case 0:
			parts = append(parts, "$")
		case 1:
			parts = append(parts, "$[]")
		case 2:
			parts = append(parts, pick(g, "$[i]", "$[j]"))
		case 3, 4, 5:
			parts = append(parts, pick(g, "0", "1", "2", "5"))
		case 6:
			parts = append(parts, pick(g, "$y", "10", "9"))
		default:
			parts = append(parts, g.name())
		}
	}
	return strings.Join(parts, ".")
}

// operators returns an operator document, arrayFilters included.
func (g gen) operators() (update bsonraw.Doc, filters []bsonraw.Doc) {
	fields := map[string]*bsonraw.Builder{}
	var order []string
	for range 1 + g.IntN(3) {
		op := pick(g, "$set", "$set", "$set", "$unset", "$inc", "$inc", "$mul", "$min", "$max", "$push", "$push", "$addToSet",
			"$pull", "$pullAll", "$pop", "$bit", "$rename", "$setOnInsert")
		if fields[op] == nil {
			fields[op] = bsonraw.NewBuilder(nil)
			order = append(order, op)
		}
		fields[op].Value(g.path(), g.argument(op))
	}
	b := bsonraw.NewBuilder(nil)
	for _, op := range order {
		b.Doc(op, fields[op].Finish())
	}
	update = b.Finish()
	for _, id := range []string{"i", "j"} {
		if used := strings.Contains(string(update), "$["+id+"]"); used != g.chance(50) {
			filters = append(filters, g.filter(id))
		}
	}
	return update, filters
}

func (g gen) filter(id string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	switch g.IntN(4) {
	case 0:
		b.Value(id, g.scalar())
	case 1:
		b.Value(id+"."+g.name(), g.scalar())
	case 2:
		b.Doc(id, bsonraw.NewBuilder(nil).Finish())
	default:
		b.Doc(id, g.condition(pick(g, "$gte", "$lt", "$ne"), g.scalar()))
	}
	return b.Finish()
}

func (g gen) condition(op string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	if v.Type == bsonraw.Regex {
		v = bsonraw.NullValue
	}
	b.Value(op, v)
	return b.Finish()
}

func (g gen) argument(op string) bsonraw.Value {
	if g.chance(40) {
		return g.value(2)
	}
	switch op {
	case "$inc", "$mul":
		return g.number()
	case "$pop":
		return bsonraw.Int32Value(pick[int32](g, 1, -1, 1, -1, 1, -1, 0))
	case "$bit":
		return g.bit()
	case "$rename":
		return bsonraw.StringValue(g.path())
	case "$push":
		return g.push()
	case "$addToSet":
		if g.chance(2) {
			return g.condition("$each", g.array(1)).Value()
		}
	case "$pullAll":
		return g.array(1)
	case "$pull":
		if g.chance(2) {
			return g.condition(pick(g, "$gt", "$gte", "$lt", "$in", "$eq"), pick(g, g.scalar(), g.array(1))).Value()
		}
	}
	return g.value(2)
}

func (g gen) bit() bsonraw.Value {
	b := bsonraw.NewBuilder(nil)
	for range 1 + g.IntN(8)/7 {
		v := bsonraw.Int32Value(int32(g.IntN(16) - 4))
		if g.chance(3) {
			v = bsonraw.Int64Value(int64(g.IntN(16)) << 30)
		}
		b.Value(pick(g, "and", "or", "xor"), v)
	}
	return b.Finish().Value()
}

func (g gen) push() bsonraw.Value {
	if g.chance(3) {
		return g.value(2)
	}
	b := bsonraw.NewBuilder(nil)
	b.Value("$each", g.array(2))
	if g.chance(3) {
		b.Int32("$slice", int32(g.IntN(7)-3))
	}
	if g.chance(3) {
		b.Int32("$position", int32(g.IntN(7)-3))
	}
	switch g.IntN(6) {
	case 0:
		b.Int32("$sort", pick[int32](g, 1, -1))
	case 1:
		b.BeginDoc("$sort")
		b.Int32(pick(g, "a", "a.b", "b.0"), pick[int32](g, 1, -1))
		b.Double("x", 1)
		b.End()
	}
	return b.Finish().Value()
}

// selector returns a filter that pins the _id, and now and then an array's
// element too, for the positional operator.
func (g gen) selector(doc bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("_id", doc.Get("_id"))
	for it := doc.Iter(); it.Next(); {
		if v := it.Value(); v.Type == bsonraw.Array && !v.Doc().IsEmpty() && !g.chance(4) {
			elems := v.Doc().Values()
			if e := elems[g.IntN(len(elems))]; e.Type != bsonraw.Regex {
				b.Doc(string(it.Key()), g.condition("$eq", e))
				break
			}
		}
	}
	return b.Finish()
}

// replacement returns a replacement for a document: near it or far from it,
// with or without its _id, at the start or not.
func (g gen) replacement(doc bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	if g.chance(2) {
		g.fields(b, 2)
	}
	for it := doc.Iter(); it.Next(); {
		v := it.Value()
		switch {
		case g.chance(4):
			continue
		case g.chance(4) && string(it.Key()) != "_id":
			v = g.value(2)
		case g.chance(20):
			v = g.scalar()
		}
		b.ValueBytes(it.Key(), v)
	}
	if g.chance(20) {
		b.Value(pick(g, "$set", "$x", "", "a.b", "$ref"), g.value(1))
	}
	return b.Finish()
}

// equalities returns a filter of which an upsert makes a document.
func (g gen) equalities() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	seen := map[string]bool{}
	for range g.IntN(4) {
		path := g.name()
		switch g.IntN(8) {
		case 0:
			path = pick(g, "_id", "_id", "_id.x", "_id.a")
		case 1, 2:
			path += "." + g.name()
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		v := g.value(2)
		if g.chance(3) && v.Type != bsonraw.Regex {
			v = g.condition(pick(g, "$eq", "$gt", "$ne"), v).Value()
		}
		if v.Type == bsonraw.Undefined {
			continue
		}
		b.Value(path, v)
	}
	return b.Finish()
}

// pipeline returns a pipeline of one to three stages.
func (g gen) pipeline() bsonraw.Value {
	stages := make([]bsonraw.Value, 1+g.IntN(3))
	for i := range stages {
		stages[i] = g.stage()
	}
	return bsonraw.ArrayValue(stages...)
}

func (g gen) stage() bsonraw.Value {
	switch g.IntN(8) {
	case 0:
		return g.condition("$unset", bsonraw.StringValue(g.plainPath())).Value()
	case 1:
		return g.condition("$replaceWith", bsonraw.StringValue(pick(g, "$a", "$b", "$$ROOT", "$a.b"))).Value()
	case 2:
		b := bsonraw.NewBuilder(nil)
		b.Int32(g.name(), 1)
		b.Bool("_id", g.chance(2))
		return g.condition("$project", b.Finish().Value()).Value()
	case 3:
		merged := bsonraw.ArrayValue(bsonraw.StringValue("$$ROOT"), g.fieldsOf().Value())
		return g.condition("$replaceRoot", g.condition("newRoot", g.condition("$mergeObjects", merged).Value()).Value()).Value()
	}
	return g.condition(pick(g, "$set", "$addFields"), g.fieldsOf().Value()).Value()
}

// fieldsOf returns the specification of $set.
func (g gen) fieldsOf() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	if g.chance(12) {
		b.Value("_id", g.expression())
	}
	b.Value(g.plainPath(), g.expression())
	return b.Finish()
}

func (g gen) plainPath() string {
	path := pick(g, "a", "b", "c", "x")
	for g.chance(3) {
		path += "." + pick(g, "a", "b", "0", "x")
	}
	return path
}

func (g gen) expression() bsonraw.Value {
	field := func() bsonraw.Value { return bsonraw.StringValue("$" + g.plainPath()) }
	switch g.IntN(6) {
	case 0:
		return g.condition("$literal", g.value(2)).Value()
	case 1:
		return g.condition("$ifNull", bsonraw.ArrayValue(field(), bsonraw.Int32Value(7))).Value()
	case 2:
		return g.condition("$add", bsonraw.ArrayValue(g.condition("$ifNull", bsonraw.ArrayValue(field(), bsonraw.Int32Value(1))).Value(), bsonraw.Int32Value(1))).Value()
	case 3:
		return bsonraw.StringValue(pick(g, "$$ROOT", "$$REMOVE", "$_id"))
	}
	return field()
}
