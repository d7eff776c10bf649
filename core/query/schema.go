package query

import (
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/regex"
)

// schema is a compiled $jsonSchema or one inside it: MongoDB's subset of draft
// 4 and bsonType. A keyword for one type says nothing about values of others,
// and a field that is not there satisfies every schema; only "required" asks
// for it.
type schema struct {
	rules       []schemaRule
	title       bsonraw.Value // for explanations; missing if there is none
	description bsonraw.Value
}

// schemaRule is one keyword with its operand. Which fields are set follows from
// the keyword.
type schemaRule struct {
	keyword string
	spec    bsonraw.Value // the operand as it stands
	match   func(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool

	top        bool // it is about whole documents
	types      typeSet
	bound      *predicate // minimum, maximum
	divisor    *big.Rat   // multipleOf
	limit      int64      // minLength and its like
	regex      *regex.Regex
	names      []string // required
	properties []property
	patterns   []patternProperty
	schemas    []*schema // allOf …, items, not, additional…
	others     bool      // additionalItems, additionalProperties: what a boolean says
	values     []bsonraw.Value
}

// property is a name with a schema, or with the names that it asks for.
type property struct {
	name     string
	schema   *schema
	requires []string
}

type patternProperty struct {
	pattern string
	regex   *regex.Regex
	schema  *schema
}

// schemaRun is the state of one evaluation. It is not run, since calls through
// a rule's function move it to the heap.
type schemaRun struct {
	err error
}

func (r *schemaRun) fail(err error) bool {
	r.err = err
	return false
}

// matchObject evaluates the schema on a document.
func (s *schema) matchObject(d bsonraw.Doc) (bool, error) {
	r := &schemaRun{}
	matched := s.matchValue(d.Value(), r)
	return matched && r.err == nil, r.err
}

func (s *schema) matchValue(v bsonraw.Value, r *schemaRun) bool {
	for i := range s.rules {
		if rule := &s.rules[i]; !rule.match(rule, v, r) {
			return false
		}
	}
	return true
}

func matchTypes(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool { return rule.types.has(v.Type) }

func matchBound(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return !v.IsNumber() || rule.bound.compare(v)
}

// matchMultiple divides exactly. A double counts as its first 15 digits, as in
// mongod; what is not finite is a multiple of nothing.
func matchMultiple(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	if !v.IsNumber() {
		return true
	}
	n := exactNumber(v)
	return n != nil && new(big.Rat).Quo(n, rule.divisor).IsInt()
}

// exactNumber returns a number as a fraction, or nil if it is not finite.
func exactNumber(v bsonraw.Value) *big.Rat {
	switch v.Type {
	case bsonraw.Double:
		n, ok := new(big.Rat).SetString(strconv.FormatFloat(v.Double(), 'e', 14, 64))
		if !ok {
			return nil
		}
		return n
	case bsonraw.Decimal128:
		d := v.Decimal()
		if d.IsNaN() || d.IsInf() {
			return nil
		}
		negative, c, exponent := d.Parts()
		n := new(big.Rat).SetInt(c)
		if c.Sign() == 0 {
			return n
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big10, big.NewInt(int64(max(exponent, -exponent))), nil))
		if exponent < 0 {
			power.Inv(power)
		}
		if negative {
			power.Neg(power)
		}
		return n.Mul(n, power)
	}
	n, _ := v.AsInt64()
	return new(big.Rat).SetInt64(n)
}

func matchMinLength(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.String || int64(utf8.RuneCount(v.StringBytes())) >= rule.limit
}

func matchMaxLength(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.String || int64(utf8.RuneCount(v.StringBytes())) <= rule.limit
}

func matchPattern(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.String {
		return true
	}
	ok, err := rule.regex.Match(v.StringBytes())
	if err != nil {
		return r.fail(err)
	}
	return ok
}

func matchEnum(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	for _, w := range rule.values {
		if equalUnordered(v, w) {
			return true
		}
	}
	return false
}

// equalUnordered is equality in which the order of fields does not matter.
func equalUnordered(a, b bsonraw.Value) bool {
	if a.Type != b.Type || a.Type != bsonraw.Object && a.Type != bsonraw.Array {
		return bsonraw.SameClass(a.Type, b.Type) && bsonraw.Equal(a, b)
	}
	if a.Doc().Len() != b.Doc().Len() {
		return false
	}
	ia, ib := a.Doc().Iter(), b.Doc().Iter()
	for ia.Next() {
		other := bsonraw.Value{}
		if a.Type == bsonraw.Object {
			other = b.Doc().Get(string(ia.Key()))
		} else if ib.Next() {
			other = ib.Value()
		}
		if other.IsMissing() || !equalUnordered(ia.Value(), other) {
			return false
		}
	}
	return true
}

func matchAllOf(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	return rule.countMatches(v, r) == len(rule.schemas)
}

func matchAnyOf(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	return rule.countMatches(v, r) > 0
}

func matchOneOf(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	return rule.countMatches(v, r) == 1
}

func matchNot(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	return rule.countMatches(v, r) == 0
}

func (rule *schemaRule) countMatches(v bsonraw.Value, r *schemaRun) int {
	n := 0
	for _, s := range rule.schemas {
		if s.matchValue(v, r) {
			n++
		}
	}
	return n
}
