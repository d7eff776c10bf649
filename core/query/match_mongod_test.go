package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// oracle compares filters with a mongod that holds the same documents.
type oracle struct {
	t        *testing.T
	coll     *mongotest.Coll
	docs     []bsonraw.Doc
	filters  int
	mismatch []string
}

func newOracle(t *testing.T, docs []bsonraw.Doc) *oracle {
	o := &oracle{t: t, coll: mongotest.Collection(t), docs: docs}
	o.coll.Insert(docs...)
	t.Cleanup(func() {
		if n := len(o.mismatch); n > 0 {
			t.Errorf("%d mismatches of %d filters on %d documents:\n%s", n, o.filters, len(docs),
				strings.Join(o.mismatch[:min(n, 40)], "\n"))
		}
		t.Logf("%d filters on %d documents", o.filters, len(docs))
	})
	return o
}

func (o *oracle) report(format string, args ...any) {
	o.mismatch = append(o.mismatch, fmt.Sprintf(format, args...))
}

// check compares which documents match, or the error's code.
func (o *oracle) check(filter bsonraw.Doc) {
	o.t.Helper()
	o.filters++
	found, theirs := o.coll.Find(filter, mongotest.Doc(`{"projection": {"_id": 1}}`))
	f, err := Compile(filter, nil)
	if err != nil || theirs != nil {
		o.compareErrors(filter, err, theirs)
		return
	}
	want := map[int32]bool{}
	for _, d := range found {
		want[d.Get("_id").Int32()] = true
	}
	for i, d := range o.docs {
		got, err := f.Match(d)
		require.NoError(o.t, err)
		if got != want[int32(i)] {
			o.report("%s on %s: got %v", mongotest.JSON(filter), mongotest.JSON(d), got)
		}
	}
}

func (o *oracle) compareErrors(filter bsonraw.Doc, ours error, theirs *mongotest.Error) {
	switch {
	case ours == nil:
		o.report("%s: no error, want %v", mongotest.JSON(filter), theirs)
	case theirs == nil:
		o.report("%s: unexpected error %v (%d)", mongotest.JSON(filter), ours, errs.CodeOf(ours))
	case int32(errs.CodeOf(ours)) != theirs.Code:
		o.report("%s: error %d %v, want %v", mongotest.JSON(filter), errs.CodeOf(ours), ours, theirs)
	case theirs.Code == int32(errs.InvalidRegex): // the text is PCRE's
	case strings.TrimSpace(errs.As(ours).Message) != strings.TrimSpace(theirs.Message):
		o.report("%s: message %q, want %q", mongotest.JSON(filter), errs.As(ours).Message, theirs.Message)
	}
}

// filterOf builds {path: {op: v}}.
func filterOf(path, op string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc(path)
	b.Value(op, v)
	b.End()
	return b.Finish()
}

var zooPaths = []string{"a", "a.b", "a.0", "a.0.b", "a.b.c", "a.b.0", "a.0.0", "a.1.b"}

func TestComparisonsAgreeWithMongod(t *testing.T) {
	o := newOracle(t, mongotest.Documents())
	for i, s := range mongotest.Values() {
		for _, op := range []string{"$eq", "$lt", "$lte", "$gt", "$gte", "$ne"} {
			o.check(filterOf("a", op, s.Value))
		}
		path := zooPaths[1+i%(len(zooPaths)-1)]
		for _, op := range []string{"$eq", "$gte", "$ne"} {
			o.check(filterOf(path, op, s.Value))
		}
		b := bsonraw.NewBuilder(nil)
		b.Value("a.b", s.Value)
		o.check(b.Finish())
	}
}

func TestArrayAndTypeOperatorsAgreeWithMongod(t *testing.T) {
	o := newOracle(t, mongotest.Documents())
	for _, path := range zooPaths {
		for _, f := range []string{
			`{%q: {"$exists": true}}`, `{%q: {"$exists": false}}`, `{%q: {"$size": 0}}`, `{%q: {"$size": 1}}`,
			`{%q: {"$size": 2}}`, `{%q: {"$type": "array"}}`, `{%q: {"$type": "number"}}`, `{%q: {"$type": "object"}}`,
			`{%q: {"$type": "null"}}`, `{%q: {"$type": ["string", 6, -1, 127]}}`, `{%q: null}`, `{%q: {"$ne": null}}`,
			`{%q: {"$in": [null, 1, "a"]}}`, `{%q: {"$nin": [null, 1, {"$regularExpression": {"pattern": "b", "options": ""}}]}}`,
			`{%q: {"$in": [[1], [1, 2], []]}}`, `{%q: {"$in": []}}`, `{%q: {"$nin": []}}`, `{%q: {"$in": [{"$numberDouble": "NaN"}, {"a": 1}]}}`,
			`{%q: {"$in": [{"$minKey": 1}, {"$maxKey": 1}, {"$regularExpression": {"pattern": "a", "options": ""}}]}}`,
			`{%q: {"$all": [1]}}`, `{%q: {"$all": [1, 2]}}`, `{%q: {"$all": [[1, 2]]}}`, `{%q: {"$all": []}}`, `{%q: {"$all": [null]}}`,
			`{%q: {"$all": [{"$elemMatch": {"b": 1}}, {"$elemMatch": {"b": 5}}]}}`,
			`{%q: {"$all": [{"$regularExpression": {"pattern": "^a", "options": ""}}, "ab"]}}`,
			`{%q: {"$elemMatch": {"$gt": 1}}}`, `{%q: {"$elemMatch": {"$gte": 1, "$lt": 2}}}`, `{%q: {"$elemMatch": {"b": 1}}}`,
			`{%q: {"$elemMatch": {"b": {"$exists": false}}}}`, `{%q: {"$elemMatch": {}}}`, `{%q: {"$elemMatch": {"0": 5}}}`,
			`{%q: {"$elemMatch": {"0": {"b": 1}}}}`, `{%q: {"$elemMatch": {"$elemMatch": {"$gte": 1}}}}`, `{%q: {"$elemMatch": {"$not": {"$gt": 1}}}}`,
			`{%q: {"$elemMatch": {"$in": [null, 5]}}}`, `{%q: {"$elemMatch": {"$or": [{"b": 1}, {"b": null}]}}}`,
			`{%q: {"$elemMatch": {"$exists": false}}}`, `{%q: {"$elemMatch": {"$eq": [1, 2]}}}`, `{%q: {"$elemMatch": {"$size": 2}}}`,
			`{%q: {"$not": {"$gt": 1}}}`, `{%q: {"$not": {"$elemMatch": {"b": 1}}}}`, `{%q: {"$not": {"$regularExpression": {"pattern": "a", "options": ""}}}}`,
			`{%q: {"$not": {"$not": {"$gt": 1}}}}`, `{%q: {"$gt": 1, "$lt": 5}}`, `{%q: {"$not": {"$gt": 1, "$lt": 5}}}`,
			`{%q: {"$regularExpression": {"pattern": "a", "options": ""}}}`, `{%q: {"$regex": "^A", "$options": "i"}}`, `{%q: {"$options": "i", "$regex": "a"}}`,
			`{%q: {"$eq": {"$regularExpression": {"pattern": "a", "options": ""}}}}`, `{%q: {"$regex": "^ab"}}`,
			`{%q: {"$mod": [2, 1]}}`, `{%q: {"$mod": [2, 0]}}`, `{%q: {"$mod": [-2, -1]}}`, `{%q: {"$mod": [-1, 0]}}`, `{%q: {"$mod": [3.9, 1.9]}}`, `{%q: {"$mod": [4, -3]}}`,
			`{%q: {"$bitsAllSet": 1}}`, `{%q: {"$bitsAllSet": [0, 2]}}`, `{%q: {"$bitsAnySet": [1, 70]}}`, `{%q: {"$bitsAllClear": [1, 70]}}`,
			`{%q: {"$bitsAnyClear": 3}}`, `{%q: {"$bitsAllSet": 0}}`, `{%q: {"$bitsAnySet": 0}}`, `{%q: {"$bitsAllClear": 0}}`, `{%q: {"$bitsAnyClear": 0}}`,
			`{%q: {"$bitsAllSet": {"$binary": {"base64": "Bw==", "subType": "00"}}}}`, `{%q: {"$bitsAllSet": [63, 64, 200]}}`, `{%q: {"$bitsAnyClear": [63, 200]}}`,
			`{%q: {"$bitsAllSet": 5.0}}`, `{%q: {"$bitsAnySet": {"$numberDecimal": "4"}}}`, `{%q: {"$bitsAllSet": {"$binary": {"base64": "AgAAAAcH", "subType": "02"}}}}`,
			`{%q: {"$ref": "x", "$id": 1}}`, `{%q: {}}`, `{%q: {"b": 1}}`, `{%q: {"$eq": {"b": 1}}}`, `{%q: []}`,
			`{%q: {"$lt": {"$maxKey": 1}}}`, `{%q: {"$gt": {"$minKey": 1}}}`, `{%q: {"$lte": {"$minKey": 1}}}`,
			`{"$or": [{%q: 1}, {"a.b": 5}]}`, `{"$nor": [{%q: 1}, {"a.b": 5}]}`, `{"$and": [{%q: {"$gte": 1}}, {"a": {"$exists": true}}, {"$or": [{"_id": {"$gt": 700}}]}]}`,
		} {
			o.check(mongotest.Docf(f, path))
		}
	}
}

// TestFilterErrorsAgreeWithMongod compares code and text.
func TestFilterErrorsAgreeWithMongod(t *testing.T) {
	o := newOracle(t, []bsonraw.Doc{mongotest.Doc(`{"_id": 0, "a": [[5]]}`)})
	for _, f := range []string{
		`{"$foo": 1}`, `{"a": {"$foo": 1}}`, `{"a": {"$gt": 1, "b": 2}}`, `{"a": {"b": 1, "$gt": 1}}`, `{"$not": {"a": 1}}`, `{"$eq": 1}`,
		`{"$and": []}`, `{"$and": 1}`, `{"$and": [1]}`, `{"$or": {}}`, `{"$or": []}`, `{"$nor": []}`, `{"$nor": [[]]}`,
		`{"a": {"$in": 1}}`, `{"a": {"$nin": {}}}`, `{"a": {"$in": [{"$gt": 1}]}}`, `{"a": {"$nin": [{"$eq": 1}]}}`, `{"a": {"$in": [{"$undefined": true}]}}`,
		`{"a": {"$in": [{"$ref": "x"}]}}`, `{"a": {"$in": [{"$ref": "x", "$id": 1}]}}`,
		`{"a": {"$size": -1}}`, `{"a": {"$size": "x"}}`, `{"a": {"$size": 1.5}}`, `{"a": {"$size": null}}`, `{"a": {"$size": {"$numberDouble": "NaN"}}}`, `{"a": {"$size": 1e300}}`,
		`{"a": {"$size": {"a": [1, "b", {}]}}}`, `{"a": {"$size": {"$numberLong": "5000000000"}}}`,
		`{"a": {"$type": "foo"}}`, `{"a": {"$type": 99}}`, `{"a": {"$type": []}}`, `{"a": {"$type": 0}}`, `{"a": {"$type": 1.5}}`, `{"a": {"$type": {}}}`,
		`{"a": {"$type": [{}]}}`, `{"a": {"$type": -1}}`, `{"a": {"$type": 127}}`, `{"a": {"$type": 255}}`, `{"a": {"$type": -2}}`, `{"a": {"$type": 19}}`, `{"a": {"$type": 20}}`,
		`{"a": {"$type": "missing"}}`, `{"a": {"$type": 1e300}}`, `{"a": {"$type": {"$numberDecimal": "2"}}}`, `{"a": {"$type": {"$numberDecimal": "2.5"}}}`,
		`{"a": {"$mod": [0, 1]}}`, `{"a": {"$mod": [1]}}`, `{"a": {"$mod": []}}`, `{"a": {"$mod": 1}}`, `{"a": {"$mod": [1, 2, 3]}}`, `{"a": {"$mod": ["a", 2]}}`,
		`{"a": {"$mod": [2, "a"]}}`, `{"a": {"$mod": [0.5, 1]}}`, `{"a": {"$mod": [{"$numberDouble": "NaN"}, 1]}}`, `{"a": {"$mod": [1e300, 1]}}`,
		`{"a": {"$mod": [2, {"$numberDouble": "Infinity"}]}}`, `{"a": {"$mod": [{"$numberDecimal": "1e40"}, 1]}}`, `{"a": {"$mod": [0, "x"]}}`,
		`{"a": {"$regex": 1}}`, `{"a": {"$options": "i"}}`, `{"a": {"$regex": "a", "$options": 1}}`, `{"a": {"$options": 1, "$regex": "a"}}`,
		`{"a": {"$regex": {"$regularExpression": {"pattern": "a", "options": "i"}}, "$options": "i"}}`,
		`{"a": {"$options": "i", "$regex": {"$regularExpression": {"pattern": "a", "options": "i"}}}}`,
		`{"a": {"$regex": "a", "$options": "q"}}`, `{"a": {"$regex": "a\u0000b"}}`, `{"a": {"$regex": "a", "$options": "i\u0000"}}`,
		`{"a": {"$not": 1}}`, `{"a": {"$not": {}}}`, `{"a": {"$not": {"b": 1}}}`, `{"a": {"$not": {"$foo": 1}}}`, `{"a": {"$not": []}}`, `{"a": {"$not": {"$ref": "x"}}}`,
		`{"a": {"$ne": {"$regularExpression": {"pattern": "a", "options": ""}}}}`, `{"a": {"$gt": {"$regularExpression": {"pattern": "a", "options": ""}}}}`,
		`{"a": {"$undefined": true}}`, `{"a": {"$gt": {"$undefined": true}}}`, `{"a": {"$ne": {"$undefined": true}}}`,
		`{"a": {"$elemMatch": 1}}`, `{"a": {"$elemMatch": []}}`, `{"a": {"$elemMatch": {"$foo": 1}}}`, `{"a": {"$elemMatch": {"$gt": 1, "b": 1}}}`, `{"a": {"$elemMatch": {"b": 1, "$gt": 1}}}`,
		`{"a": {"$elemMatch": {"$where": "1"}}}`, `{"a": {"$elemMatch": {"$expr": 1}}}`, `{"a": {"$elemMatch": {"$ref": "x"}}}`, `{"a": {"$elemMatch": {"$and": []}}}`,
		`{"a": {"$all": 1}}`, `{"a": {"$all": [{"$elemMatch": {"b": 1}}, 1]}}`, `{"a": {"$all": [1, {"$elemMatch": {"b": 1}}]}}`, `{"a": {"$all": [{"$gt": 1}]}}`,
		`{"a": {"$all": [{"$elemMatch": 1}]}}`, `{"a": {"$all": [{"$elemMatch": {"b": 1}, "$gt": 1}]}}`, `{"a": {"$all": [{"$undefined": true}]}}`,
		`{"$alwaysTrue": 2}`, `{"$alwaysFalse": "x"}`, `{"$alwaysTrue": 1}`, `{"$alwaysTrue": -1}`, `{"$sampleRate": 2}`, `{"$sampleRate": "x"}`, `{"$sampleRate": 1}`, `{"$sampleRate": 0}`, `{"$sampleRate": {"$numberDouble": "NaN"}}`,
		`{"$comment": 1}`, `{"a": {"$comment": 1}}`, `{"a": {"$sampleRate": 1}}`, `{"a": {"$maxDistance": 1}}`, `{"a": {"$expr": 1}}`, `{"a": {"$and": [{"$gt": 1}]}}`, `{"a": {"$jsonSchema": {}}}`,
		`{"a": {"$bitsAllSet": "x"}}`, `{"a": {"$bitsAllSet": -1}}`, `{"a": {"$bitsAllSet": 1.5}}`, `{"a": {"$bitsAllSet": [-1]}}`, `{"a": {"$bitsAllSet": ["x"]}}`, `{"a": {"$bitsAllSet": [1.5]}}`,
		`{"a": {"$bitsAllSet": [1e20]}}`, `{"a": {"$bitsAllSet": [3e9]}}`, `{"a": {"$bitsAllSet": 1e20}}`, `{"a": {"$bitsAllSet": null}}`, `{"a": {"$bitsAllSet": {}}}`, `{"a": {"$bitsAnyClear": true}}`,
		`{"": 1}`, `{".": 1}`, `{"a.": 1}`, `{"a..b": 1}`, `{"a.$": 1}`, `{"a": {"$ref": "x"}}`, `{"a": {"$id": 1}}`, `{"a": {"$ref": "x", "$id": 1, "$gt": 1}}`,
		`{"a": {"$eq": {"$gt": 1}}}`, `{"a": {"$gt": {"$gt": 1}}}`, `{"$ref": 1}`, `{"$id": {"$gt": 1}}`, `{"a": {"$elemMatch": {"$ref": "x", "$id": 2}}}`,
		`{"$db": {"$regularExpression": {"pattern": "a", "options": ""}}}`, `{"$ref": {"$undefined": true}}`, `{"a": {"$type": {"$numberDouble": "NaN"}}}`,
	} {
		o.check(mongotest.Doc(f))
	}
}
