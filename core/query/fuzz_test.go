package query

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// The fuzzers give bytes from nowhere to everything that compiles or reads
// documents. Nothing may panic or run for ever.

func FuzzFilter(f *testing.F) {
	doc := mongotest.Doc(`{"_id": 1, "a": [1, {"b": [{"c": "x"}]}, null, [5]], "s": "text"}`)
	for _, filter := range append(positionFilters, `{"$jsonSchema": {"properties": {"a": {"items": {"enum": [1, {"b": 2}]}, "minItems": 2}}, "required": ["s"]}}`,
		`{"s": {"$regex": "(?=t)", "$options": "x"}}`, `{"$expr": {"$eq": ["$a", 1]}}`, `{"a": {"$bitsAllSet": [1, 70]}}`, `{"a": {"$type": ["int", 2]}}`) {
		f.Add([]byte(mongotest.Doc(filter)), []byte(doc))
	}
	f.Fuzz(func(t *testing.T, filter, doc []byte) {
		compiled, err := Compile(filter, nil)
		if err != nil {
			return
		}
		matched, err := compiled.Match(doc)
		position, at, err2 := compiled.MatchPosition(doc)
		if matched != position || (err == nil) != (err2 == nil) {
			if !compiled.root.hasKind(nodeSample) {
				t.Fatalf("Match %v %v, MatchPosition %v %d %v", matched, err, position, at, err2)
			}
		}
		_, _ = compiled.Equalities()
		_, _ = compiled.IDs()
		_, _ = compiled.Explain(doc)
	})
}

func FuzzElement(f *testing.F) {
	for _, s := range mongotest.Values() {
		f.Add([]byte(bsonraw.ArrayOf(s.Value, s.Value)))
	}
	f.Fuzz(func(t *testing.T, pair []byte) {
		condition, value := bsonraw.Doc(pair).Get("0"), bsonraw.Doc(pair).Get("1")
		if m, err := CompileElement(condition, nil); err == nil {
			_, _ = m.Match(value)
		}
	})
}

func FuzzProjection(f *testing.F) {
	doc := mongotest.Doc(`{"_id": 1, "a": [1, {"b": [{"c": "x"}]}, null, [5]], "s": "text"}`)
	for _, spec := range append(findOnly, projections...) {
		f.Add([]byte(mongotest.Doc(spec)), []byte(doc))
	}
	f.Fuzz(func(t *testing.T, spec, doc []byte) {
		all, err := Compile(mongotest.Doc(`{"a": 1}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		var dst bsonraw.Builder
		apply := func(p *Projection, err error) {
			if err != nil {
				return
			}
			got, err := p.Apply(doc, &dst)
			if err == nil && bsonraw.Validate(doc) == nil {
				if err := bsonraw.Validate(got); err != nil && !tooDeep(err) {
					t.Fatalf("%x: %v", []byte(got), err)
				}
			}
		}
		apply(CompileProjection(spec, all, nil))
		apply(CompileProjectStage(spec, nil))
		apply(CompileAddFields(spec, nil))
		apply(CompileUnset(bsonraw.Value{Type: bsonraw.Array, Data: spec}))
	})
}

func FuzzSort(f *testing.F) {
	doc := mongotest.Doc(`{"_id": 1, "a": [1, {"b": [{"c": "x"}]}, null, [5]], "s": "text"}`)
	for _, spec := range []string{`{"a": 1}`, `{"a.b.c": -1, "a": 1}`, `{"a.1.b": 1}`, `{"$natural": -1}`} {
		f.Add([]byte(mongotest.Doc(spec)), []byte(doc))
	}
	f.Fuzz(func(t *testing.T, spec, doc []byte) {
		s, err := CompileSort(spec)
		if err != nil {
			return
		}
		key, err := s.Key(doc, nil)
		if err != nil {
			return
		}
		for range s.Parts() {
			n, ok := bsonraw.KeySize(key)
			if len(key) > 0 && key[0] >= 0x80 {
				n, ok = bsonraw.KeySizeDesc(key)
			}
			if !ok {
				if bsonraw.Validate(doc) == nil {
					t.Fatalf("%x is no key", key)
				}
				return
			}
			key = key[n:]
		}
		if len(key) != 0 && bsonraw.Validate(doc) == nil {
			t.Fatalf("%x left", key)
		}
	})
}

// tooDeep reports whether a document is valid but for its depth, which a
// projection may add to.
func tooDeep(err error) bool { return errs.Is(err, errs.Overflow) }
