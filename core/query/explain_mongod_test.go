package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// TestExplainAgreesWithValidators compares with the errInfo of documents that
// a validator refuses.
func TestExplainAgreesWithValidators(t *testing.T) {
	property := func(s string) string { return `{"$jsonSchema": {"properties": {"a": ` + s + `}}}` }
	c := mongotest.Collection(t)
	for _, test := range [][2]string{
		{property(`{"bsonType": "int"}`), `{"a": "x"}`},
		{property(`{"type": "number"}`), `{"a": "x"}`},
		{property(`{"bsonType": ["int", "string"]}`), `{"a": 1.5}`},
		{property(`{"minimum": 5}`), `{"a": 1}`},
		{property(`{"minimum": 5, "exclusiveMinimum": true}`), `{"a": 5}`},
		{property(`{"maximum": 5}`), `{"a": 7}`},
		{property(`{"maximum": 5, "exclusiveMaximum": false}`), `{"a": 7}`},
		{property(`{"multipleOf": 2}`), `{"a": 3}`},
		{property(`{"minLength": 3}`), `{"a": "x"}`},
		{property(`{"maxLength": 1}`), `{"a": "xxx"}`},
		{property(`{"pattern": "^b"}`), `{"a": "x"}`},
		{property(`{"minItems": 2}`), `{"a": [1]}`},
		{property(`{"maxItems": 1}`), `{"a": [1, 2]}`},
		{property(`{"uniqueItems": true}`), `{"a": [1, 2, 1]}`},
		{property(`{"items": {"bsonType": "int"}}`), `{"a": [1, "x"]}`},
		{property(`{"items": [{"bsonType": "int"}, {"bsonType": "int"}]}`), `{"a": [1, "x"]}`},
		{property(`{"items": [{}], "additionalItems": false}`), `{"a": [1, "x"]}`},
		{property(`{"items": [{}], "additionalItems": {"bsonType": "int"}}`), `{"a": [1, "x"]}`},
		{property(`{"minProperties": 1}`), `{"a": {}}`},
		{property(`{"maxProperties": 1}`), `{"a": {"b": 1, "c": 2}}`},
		{property(`{"required": ["b"]}`), `{"a": {}}`},
		{`{"$jsonSchema": {"required": ["a", "b", "c"]}}`, `{"b": 1}`},
		{property(`{"properties": {"b": {"bsonType": "int"}}}`), `{"a": {"b": "x"}}`},
		{`{"$jsonSchema": {"patternProperties": {"^a": {"bsonType": "int"}, "b$": {"title": "B", "bsonType": "int"}}}}`, `{"a": "x", "ab": "y", "b": "z"}`},
		{`{"$jsonSchema": {"properties": {"_id": {}}, "additionalProperties": false}}`, `{"a": 1, "b": 2}`},
		{`{"$jsonSchema": {"properties": {"_id": {}}, "additionalProperties": {"bsonType": "int"}}}`, `{"a": 1, "b": "x"}`},
		{`{"$jsonSchema": {"dependencies": {"a": ["b", "c"]}}}`, `{"a": 1, "b": 1}`},
		{`{"$jsonSchema": {"dependencies": {"a": {"required": ["b"]}}}}`, `{"a": 1}`},
		{property(`{"enum": [1, 2]}`), `{"a": 3}`},
		{property(`{"allOf": [{"bsonType": "int"}, {"minimum": 5}]}`), `{"a": 1}`},
		{property(`{"anyOf": [{"bsonType": "string"}, {"minimum": 5}]}`), `{"a": 1}`},
		{property(`{"oneOf": [{"bsonType": "int"}, {"minimum": 0}]}`), `{"a": 1}`},
		{property(`{"oneOf": [{"bsonType": "string"}, {"minimum": 5}]}`), `{"a": 1}`},
		{property(`{"not": {"bsonType": "int"}}`), `{"a": 1}`},
		{`{"$jsonSchema": {"title": "T", "description": "D", "required": ["a"], "properties": {"b": {"title": "BT", "description": "BD", "bsonType": "int", "minimum": 5}}}}`, `{"b": "x"}`},
		{`{"$jsonSchema": {"required": ["c"], "properties": {"a": {"bsonType": "int"}, "b": {"bsonType": "int"}}}}`, `{"a": "x", "b": "y"}`},
		{`{"$jsonSchema": {"minProperties": 5}}`, `{}`},
		{`{"$jsonSchema": {"not": {"required": ["a"]}}}`, `{"a": 1}`},
		{`{"$jsonSchema": {"allOf": [{"required": ["z"]}]}}`, `{"a": 1}`},
		{`{"$jsonSchema": {"enum": [1], "minProperties": 9, "required": ["q"], "properties": {"a": {"maxLength": 1, "enum": ["b"], "pattern": "z", "bsonType": "string"}}, "anyOf": [{"required": ["w"]}]}}`, `{"a": "xx"}`},
		{`{"$jsonSchema": {"bsonType": "string"}}`, `{}`},
		{`{"$jsonSchema": {"title": "T", "type": "string", "minimum": 5}}`, `{}`},
		{`{"$jsonSchema": {"enum": [{"a": 1}, 5]}}`, `{"a": "xx"}`},
		{`{"a": {"$gt": 5}}`, `{"a": 1}`},
		{`{"a": 5}`, `{"a": 1}`},
		{`{"a": 5}`, `{}`},
		{`{"a": 5, "b": 6}`, `{"a": 1, "b": 6}`},
		{`{"$and": [{"a": 5}, {"b": 6}]}`, `{"a": 1, "b": 1}`},
		{`{"$or": [{"a": 5}, {"b": 6}]}`, `{"a": 1, "b": 1}`},
		{`{"$nor": [{"a": 1}]}`, `{"a": 1}`},
		{`{"$nor": [{"a": 1}, {"b": 1}]}`, `{"a": 1}`},
		{`{"a": {"$not": {"$gt": 0}}}`, `{"a": 1}`},
		{`{"a": {"$ne": 1}}`, `{"a": 1}`},
		{`{"a": {"$in": [5]}}`, `{"a": 1}`},
		{`{"a": {"$in": [5, 6]}}`, `{"a": 1}`},
		{`{"a": {"$nin": [1]}}`, `{"a": 1}`},
		{`{"a": {"$type": "string"}}`, `{"a": 1}`},
		{`{"a": {"$exists": true}}`, `{}`},
		{`{"a": {"$exists": false}}`, `{"a": 1}`},
		{`{"a": {"$regex": "x"}}`, `{"a": "y"}`},
		{`{"a": {"$regex": "x", "$options": "i"}}`, `{"a": "y"}`},
		{`{"a": {"$mod": [2, 0]}}`, `{"a": 1}`},
		{`{"a": {"$size": 2}}`, `{"a": [1]}`},
		{`{"a": {"$size": 2}}`, `{"a": 1}`},
		{`{"a": {"$all": [1, 2]}}`, `{"a": [1]}`},
		{`{"a": {"$elemMatch": {"$gt": 5}}}`, `{"a": [1]}`},
		{`{"a": {"$elemMatch": {"b": 5}}}`, `{"a": [1]}`},
		{`{"a": {"$bitsAllSet": 2}}`, `{"a": 1}`},
		{`{"a": {"$gt": 5}}`, `{"a": [1, 2]}`},
		{`{"a": {"$gt": 5}}`, `{"a": []}`},
		{`{"a": {"$gt": 5}}`, `{"a": "x"}`},
		{`{"a.b": {"$gt": 5}}`, `{"a": [{"b": 1}]}`},
		{`{"a": {"$gt": 1, "$lt": 5}}`, `{"a": 7}`},
		{`{"$and": [{"$jsonSchema": {"required": ["z"]}}, {"a": 5}]}`, `{"a": 1}`},
		{`{"$comment": "hi", "a": 5}`, `{"a": 1}`},
		{`{"$expr": {"$gt": ["$a", 5]}}`, `{"a": 1}`},
		{`{"$nor": [{"a": {"$gt": 1}, "b": 2}]}`, `{"a": 5, "b": 2}`},
		{`{"$nor": [{"$or": [{"a": 1}, {"b": 1}]}]}`, `{"a": 1, "b": 2}`},
		{`{"a": {"$not": {"$exists": true}}}`, `{"a": 1}`},
		{`{"a": {"$not": {"$in": [1, 2]}}}`, `{"a": 1}`},
		{`{"$nor": [{"$jsonSchema": {"required": ["a"]}}]}`, `{"a": 1}`},
	} {
		_, _ = c.Run(mongotest.Docf(`{"drop": %q}`, c.Name()))
		c.MustRun(mongotest.Docf(`{"create": %q, "validator": %s}`, c.Name(), test[0]))
		b := bsonraw.NewBuilder(nil)
		b.Int32("_id", 1)
		it := mongotest.Doc(test[1]).Iter()
		for it.Next() {
			b.ValueBytes(it.Key(), it.Value())
		}
		doc := b.Finish()
		_, theirs := c.Run(mongotest.Docf(`{"insert": %q, "documents": [%s]}`, c.Name(), mongotest.JSON(doc)))
		require.NotNil(t, theirs, "%s takes %s", test[0], test[1])
		require.EqualValues(t, 121, theirs.Code)
		want := theirs.Reply.Get("writeErrors").Doc().Get("0").Doc().Get("errInfo").Doc().Get("details").Doc()

		f, err := Compile(mongotest.Doc(test[0]), nil)
		if err != nil {
			t.Errorf("%s: %v", test[0], err)
			continue
		}
		got, err := f.Explain(doc)
		require.NoError(t, err)
		if mongotest.JSON(want) != mongotest.JSON(got) {
			t.Errorf("%s on %s\n\tgot  %s\n\twant %s", test[0], test[1], mongotest.JSON(got), mongotest.JSON(want))
		}
	}
}
