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

// compareProjection projects every document on both sides.
func compareProjection(t *testing.T, docs, want []bsonraw.Doc, theirs *mongotest.Error, p *Projection, err error) error {
	if err != nil {
		return sameError(err, theirs)
	}
	var dst bsonraw.Builder
	for i, d := range docs {
		got, err := p.Apply(d, &dst)
		if err != nil {
			return sameError(err, theirs)
		}
		require.NoError(t, bsonraw.Validate(got))
		if theirs == nil && string(got) != string(want[i]) {
			return fmt.Errorf("on %s:\n\tgot  %s\n\twant %s", mongotest.JSON(d), mongotest.JSON(got), mongotest.JSON(want[i]))
		}
	}
	if theirs != nil {
		return sameError(nil, theirs)
	}
	return nil
}

// sameError compares code and text; mongod puts a prefix before errors of
// execution, which is the engine's to add.
func sameError(ours error, theirs *mongotest.Error) error {
	switch {
	case theirs == nil:
		return fmt.Errorf("unexpected error %w", ours)
	case ours == nil:
		return fmt.Errorf("no error, want %w", theirs)
	case int32(errs.CodeOf(ours)) != theirs.Code:
		return fmt.Errorf("error %d: %w, want %w", errs.CodeOf(ours), ours, theirs)
	case !strings.HasSuffix(theirs.Message, errs.As(ours).Message):
		return fmt.Errorf("message %q, want %q", errs.As(ours).Message, theirs.Message)
	}
	return nil
}

// projections are tried in find and in $project.
var projections = []string{
	`{"_id": 0}`, `{"_id": 1}`, `{"a": 1}`, `{"a": 0}`, `{"a": 1, "b": 0}`, `{"b": 0, "a": 1}`, `{"a": 1, "_id": 0}`, `{"a": 0, "_id": 1}`, `{"_id": 1, "a": 0}`,
	`{"_id": 0, "a": 1}`, `{"a": true}`, `{"a.b": 1}`, `{"a.b": 0}`, `{"a.b.c": 1}`, `{"a.b.c": 0}`, `{"a.0": 1}`, `{"a.0": 0}`, `{"a": {"b": 1, "c": 1}}`, `{"a": {"b": 0}}`,
	`{"a": {"b.c": 1}}`, `{"a.b": 1, "a.c": 1, "z": 1}`, `{"a": "x"}`, `{"a": "$_id"}`, `{"a": {}}`, `{"a": {"b": {}}}`, `{"a": {"b": 1, "c": 0}}`, `{"a.b": 1, "a": 1}`,
	`{"a": 1, "a.b": 1}`, `{"a": {"b": 1}, "a.c": 1}`, `{"a.b": 1, "a.b.c": 1}`, `{"a": 1, "n": {"c": "$_id"}}`, `{"a": {"$literal": 1}}`, `{"n": {"$add": ["$_id", 1]}}`,
	`{"a": 0, "n": {"$add": ["$_id", 1]}}`, `{"n": {"$add": ["$_id", 1]}, "a": 0}`, `{"n": {"$foo": 1}}`, `{"": 1}`, `{"a.": 1}`, `{".a": 1}`, `{"a..b": 1}`, `{"$a": 1}`,
	`{"a.$b": 1}`, `{"a": {"$b": 1}}`, `{"a": {"b": 1, "$c": 1}}`, `{"a": {"$add": [1, 2], "b": 1}}`, `{"a": null}`, `{"a": [1, "$_id"]}`, `{"a": []}`, `{"x": "$$ROOT._id"}`,
	`{"_id": "$a", "z": 1}`, `{"z": 1, "_id": "$a"}`, `{"_id": {"z": "$_id"}}`, `{"_id.z": "$_id"}`, `{"_id.z": 1}`, `{"_id.z": 0}`, `{"_id": 0, "_id.z": 0}`, `{"n.m": "$_id", "a": 1}`,
	`{"n": "$$REMOVE", "a": 1}`, `{"a": "$$REMOVE", "z": 1}`, `{"a.b": "$_id"}`, `{"a.d": "$_id", "a.b": 1}`, `{"a.b": 1, "a.d": "$_id"}`, `{"a.b.c": "$_id"}`, `{"a.b": {"d": "$_id"}, "a.c": 1}`,
	`{"a": {"$regularExpression": {"pattern": "a", "options": ""}}}`, `{"a": {"$minKey": 1}}`, `{"a": {"$numberDouble": "NaN"}}`, `{"a": 0.0}`, `{"a": 1.5}`, `{"a": {"$numberDecimal": "0"}}`,
	`{"_id": 0, "n": "$_id"}`, `{"_id": {"$add": [1]}, "a": 0}`, `{"a": 0, "_id": "$a"}`, `{"a": 0, "_id": {"b": 0}}`, `{"_id": {"b": 1}, "a": 0}`, `{"a": 0, "b": {"c": {"$literal": 0}}}`,
	`{"b": {"c": 0, "d": "$_id"}}`, `{"a.b": "$$REMOVE", "z": 1}`, `{"n.m.o": "$nope"}`, `{"a": {"$date": "2020-01-01T00:00:00Z"}}`, `{"a": {"$undefined": true}}`, `{"a.$id": 1}`, `{"a": {"$ref": 1}}`,
	`{"a.b": "$_id", "z": 1}`, `{"z": 1, "a.b": "$_id"}`, `{"a": {"$divide": [1, 0]}}`, `{"a": {"$divide": ["$_id", 0]}}`, `{"a": {"$add": [{"$foo": 1}]}}`, `{"a": {"$ref": 1, "$id": "$_id"}}`, `{"a": {"$ref": "x", "b": 2}}`,
	`{"a": {"$meta": "textScore"}}`, `{"a": {"$cond": [true, "$a", 1]}}`, `{"a": {"b": {"$foo": 1}}}`, `{"z": {"$let": {"vars": {"v": "$a"}, "in": "$$v.b"}}}`, `{"a.b": ["$a.b", {"c": "$a"}]}`,
	`{"_id": 0, "a": 0}`, `{"_id": false, "a": true}`, `{"a": {"b": true, "c": {"d": 1}}}`, `{"a.b": 1, "a": {"c": 1}}`, `{"a": {"b": 1}, "a": {"c": 1}}`, `{"a": 1, "a": 1}`,
}

// findOnly are projections that only find has.
var findOnly = []string{
	`{}`, `{"a": {"$slice": 1}}`, `{"a": {"$slice": [1, 1]}}`, `{"a": {"$slice": -1}}`, `{"a": {"$slice": [-2, 1]}}`, `{"a": {"$slice": [1]}}`, `{"a": {"$slice": [1, 2, 3]}}`,
	`{"a": {"$slice": "x"}}`, `{"a": {"$slice": ["x", 1]}}`, `{"a": {"$slice": [1, "x"]}}`, `{"a": {"$slice": [1, 0]}}`, `{"a": {"$slice": [1, -1]}}`, `{"a": {"$slice": ["$a", 1]}}`,
	`{"a": {"$slice": 1}, "z": 1}`, `{"z": 1, "a": {"$slice": 1}}`, `{"z": 0, "a": {"$slice": 1}}`, `{"a.b": {"$slice": 1}}`, `{"a": {"$slice": 1}, "a.b": {"$slice": -1}}`,
	`{"a.b": {"$slice": 1}, "z": 1}`, `{"a": {"b": {"$slice": 1}}}`, `{"a": {"$slice": 1, "b": 1}}`, `{"a": {"$slice": 1.9}}`, `{"a": {"$slice": null}}`, `{"a": {"$slice": 1e300}}`,
	`{"a": {"$slice": {"$numberDouble": "NaN"}}}`, `{"_id": 0, "a": {"$slice": 1}}`, `{"_id": 1, "a": {"$slice": 1}}`, `{"a.b": 1, "a": {"$slice": 1}}`, `{"a": {"$slice": 0}}`, `{"a": {"$slice": [0, 1]}}`,
	`{"a.b.c": {"$slice": [0, 1]}}`, `{"a.0": {"$slice": 1}}`,
	`{"a": {"$elemMatch": {"b": 1}}}`, `{"a": {"$elemMatch": {"$gte": 5}}}`, `{"a": {"$elemMatch": 1}}`, `{"a": {"$elemMatch": {}}}`, `{"a.b": {"$elemMatch": {"b": 1}}}`,
	`{"a": {"$elemMatch": {"$foo": 1}}}`, `{"a": {"$elemMatch": {"b": 1}}, "z": 1}`, `{"a": {"$elemMatch": {"b": 1}}, "z": 0}`, `{"z": 0, "a": {"$elemMatch": {"b": 1}}}`,
	`{"a": {"$elemMatch": {"b": 1}}, "a.b": 1}`, `{"a": {"b": {"$elemMatch": {"$gt": 1}}}}`, `{"a": {"$elemMatch": {"b": 1}, "c": 1}}`, `{"a.$": 1, "b": {"$elemMatch": {"$gt": 1}}}`,
	`{"b": {"$elemMatch": {"$gt": 1}}, "a.$": 1}`, `{"_id": 0, "a": {"$elemMatch": {"$gt": 4}}}`, `{"a": {"$elemMatch": {"$elemMatch": {"$gte": 1}}}}`, `{"_id": 0, "a": {"$elemMatch": {"$exists": true}}, "z": 0}`,
	`{"a.$": 0}`, `{"a.$": "x"}`, `{"a.$": {"b": 1}}`, `{"a.$.b": 1}`, `{"$": 1}`, `{".$": 1}`, `{"$.a": 1}`, `{"a.$": 1, "b.$": 1}`, `{"a.$": 1, "a": 1}`, `{"a": 1, "a.$": 1}`, `{"a.$": 1, "z": 0}`, `{"z": 0, "a.$": 1}`, `{"z.$": 1}`,
	`{"s": {"$meta": "textScore"}}`, `{"s": {"$meta": "foo"}}`,
}

// projectionDocs is the zoo without documents that have a name twice: mongod
// takes the first of them for all, which loses data; here each stays itself.
func projectionDocs() []bsonraw.Doc {
	var docs []bsonraw.Doc
	for _, d := range mongotest.Documents() {
		if !hasTwins(d) {
			docs = append(docs, d)
		}
	}
	return docs
}

func hasTwins(d bsonraw.Doc) bool {
	seen := map[string]bool{}
	it := d.Iter()
	for it.Next() {
		if seen[string(it.Key())] || it.Value().Doc() != nil && hasTwins(it.Value().Doc()) {
			return true
		}
		seen[string(it.Key())] = true
	}
	return false
}

func TestFindProjectionsAgreeWithMongod(t *testing.T) {
	docs := projectionDocs()
	c := mongotest.Collection(t)
	c.Insert(docs...)
	for _, spec := range append(findOnly, projections...) {
		want, theirs := c.Find(bsonraw.EmptyDoc, mongotest.Docf(`{"sort": {"_id": 1}, "projection": %s}`, spec))
		p, err := CompileProjection(mongotest.Doc(spec), nil, nil)
		if err := compareProjection(t, docs, want, theirs, p, err); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestProjectStageAgreesWithMongod(t *testing.T) {
	docs := projectionDocs()
	c := mongotest.Collection(t)
	c.Insert(docs...)
	sort := mongotest.Doc(`{"$sort": {"_id": 1}}`)
	for _, spec := range append([]string{`{}`, `{"a.$": 1}`, `{"a.$.b": 1}`, `{"a": {"$slice": ["$a", 1]}}`, `{"a": {"$slice": 1}}`, `{"a": {"$elemMatch": {"b": 1}}}`}, projections...) {
		want, theirs := c.Aggregate(sort, mongotest.Docf(`{"$project": %s}`, spec))
		p, err := CompileProjectStage(mongotest.Doc(spec), nil)
		if err := compareProjection(t, docs, want, theirs, p, err); err != nil {
			t.Errorf("$project %s: %v", spec, err)
		}
	}
	for _, spec := range []string{
		`{}`, `{"a": 1}`, `{"a.b": 1}`, `{"a": {"b": 2}}`, `{"a": {}}`, `{"a": {"b": {}}}`, `{"a.b": 1, "a": 1}`, `{"a": 1, "a.b": 1}`, `{"a": {"$add": [1, 2], "b": 1}}`, `{"_id": 5}`, `{"_id": "$$REMOVE"}`,
		`{"z": "$_id"}`, `{"_id.y": 1}`, `{"a.b.c": "$_id"}`, `{"a.d": "$$REMOVE"}`, `{"n.m.o": 1}`, `{"n.m": "$nope"}`, `{"": 1}`, `{"$a": 1}`, `{"a.": 1}`, `{"a": "$$REMOVE"}`, `{"a.b": "$$REMOVE"}`, `{"a": [1, 2]}`,
		`{"a": {"$foo": 1}}`, `{"a": null}`, `{"a": {"b": {"c": 1}, "d": "$_id"}}`, `{"b": {"e": 1, "f.g": 2}}`, `{"b": {"e": 1, "$f": 2}}`, `{"z": 0, "a.0": "$_id"}`, `{"a": "$a.b"}`, `{"a.b": "$a"}`, `{"a": 1, "a": 2}`,
	} {
		want, theirs := c.Aggregate(sort, mongotest.Docf(`{"$addFields": %s}`, spec))
		p, err := CompileAddFields(mongotest.Doc(spec), nil)
		if err := compareProjection(t, docs, want, theirs, p, err); err != nil {
			t.Errorf("$addFields %s: %v", spec, err)
		}
	}
	for _, spec := range []string{`"a"`, `"a.b"`, `"a.b.c"`, `"_id"`, `["a", "z"]`, `["a", "a"]`, `["a", "a.b"]`, `["a.b", "a"]`, `[]`, `""`, `5`, `["a", 5]`, `"$a"`, `"a."`, `{"a": 1}`, `"a.$"`, `"a.0"`, `["a.b", "a.c"]`} {
		want, theirs := c.Aggregate(sort, mongotest.Docf(`{"$unset": %s}`, spec))
		p, err := CompileUnset(mongotest.Value(spec))
		if err := compareProjection(t, docs, want, theirs, p, err); err != nil {
			t.Errorf("$unset %s: %v", spec, err)
		}
	}
}
