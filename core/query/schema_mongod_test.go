package query

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// schemaRules are tried on a field, below a field, in arrays and negated.
var schemaRules = []string{
	`{}`, `{"bsonType": "int"}`, `{"bsonType": ["string", "number", "array"]}`, `{"type": "number"}`, `{"type": ["null", "object"]}`, `{"type": "boolean"}`, `{"bsonType": "undefined"}`,
	`{"bsonType": "minKey"}`, `{"bsonType": "bool"}`, `{"minimum": 1}`, `{"maximum": 1}`, `{"minimum": 1, "exclusiveMinimum": true}`, `{"maximum": {"$numberDecimal": "4.5"}, "exclusiveMaximum": true}`,
	`{"minimum": {"$numberDouble": "NaN"}}`, `{"multipleOf": 2}`, `{"multipleOf": 0.1}`, `{"multipleOf": {"$numberDecimal": "1.5"}}`, `{"multipleOf": {"$numberDouble": "Infinity"}}`, `{"multipleOf": {"$numberDouble": "NaN"}}`,
	`{"minLength": 1}`, `{"maxLength": 1}`, `{"minLength": 2, "maxLength": 2}`, `{"pattern": "^a"}`, `{"minItems": 1}`, `{"maxItems": 1}`, `{"uniqueItems": true}`, `{"uniqueItems": false}`,
	`{"items": {"bsonType": "int"}}`, `{"items": [{"bsonType": "int"}, {"bsonType": "string"}]}`, `{"items": [{"bsonType": "int"}], "additionalItems": false}`, `{"items": [{}], "additionalItems": {"bsonType": "int"}}`,
	`{"items": [], "additionalItems": false}`, `{"additionalItems": false}`, `{"items": {}, "additionalItems": false}`, `{"minProperties": 1}`, `{"maxProperties": 1}`, `{"required": ["b"]}`, `{"properties": {"b": {"bsonType": "int"}}}`,
	`{"properties": {"b": {"minimum": 2}}, "required": ["a"]}`, `{"patternProperties": {"^[ab]$": {"bsonType": "int"}}}`, `{"additionalProperties": false}`, `{"properties": {"b": {}}, "additionalProperties": false}`,
	`{"patternProperties": {"b": {}}, "additionalProperties": {"bsonType": "string"}}`, `{"dependencies": {"b": ["a"]}}`, `{"dependencies": {"a": {"required": ["b"]}}}`,
	`{"enum": [1, "a", null, {"b": 2, "a": 1}, [1, 2]]}`, `{"enum": [[{"b": 1}], {"$numberDouble": "NaN"}, {"$undefined": true}]}`, `{"allOf": [{"bsonType": "int"}, {"minimum": 1}]}`, `{"anyOf": [{"bsonType": "string"}, {"minimum": 5}]}`,
	`{"oneOf": [{"bsonType": "int"}, {"minimum": 1}]}`, `{"not": {"bsonType": "int"}}`, `{"not": {}}`, `{"title": "t", "description": "d", "bsonType": "object"}`, `{"properties": {"b": {"properties": {"c": {"bsonType": "int"}}, "required": ["c"]}}}`,
}

func TestSchemasAgreeWithMongod(t *testing.T) {
	o := newOracle(t, mongotest.Documents())
	for _, rule := range schemaRules {
		for _, shape := range []string{
			`{"$jsonSchema": {"properties": {"a": %s}}}`, `{"$jsonSchema": {"properties": {"a": {"properties": {"b": %s}}}}}`, `{"$jsonSchema": {"properties": {"a": {"items": %s}}}}`,
			`{"$jsonSchema": {"not": {"properties": {"a": %s}}}}`, `{"$jsonSchema": %s}`, `{"a": {"$elemMatch": {"$jsonSchema": %s}}}`, `{"$or": [{"$jsonSchema": {"required": ["a"], "properties": {"a": %s}}}, {"_id": 5}]}`,
		} {
			o.check(mongotest.Docf(shape, rule))
		}
	}
}

func TestSchemaErrorsAgreeWithMongod(t *testing.T) {
	o := newOracle(t, []bsonraw.Doc{mongotest.Doc(`{"_id": 0, "a": 5}`)})
	for _, s := range []string{
		`1`, `{"foo": 1}`, `{"$ref": "x"}`, `{"format": "x"}`, `{"default": 1}`, `{"definitions": {}}`, `{"$schema": "x"}`, `{"id": "x"}`, `{"type": 1}`, `{"type": "foo"}`, `{"type": "integer"}`, `{"type": []}`, `{"type": ["string", "string"]}`,
		`{"type": ["string", 1]}`, `{"type": ["null", "integer"]}`, `{"type": "int"}`, `{"bsonType": "foo"}`, `{"bsonType": 1}`, `{"bsonType": []}`, `{"bsonType": ["int", "int"]}`, `{"type": "object", "bsonType": "object"}`, `{"bsonType": "missing"}`,
		`{"minimum": "x"}`, `{"exclusiveMinimum": 1}`, `{"exclusiveMinimum": true}`, `{"maximum": "x"}`, `{"exclusiveMaximum": true}`, `{"minimum": 1, "exclusiveMinimum": 1}`, `{"multipleOf": "x"}`, `{"multipleOf": 0}`, `{"multipleOf": -1}`,
		`{"minLength": "x"}`, `{"minLength": -1}`, `{"minLength": 1.5}`, `{"maxLength": -1}`, `{"maxLength": {"$numberDouble": "NaN"}}`, `{"pattern": 1}`, `{"pattern": "("}`, `{"properties": {"a": {"pattern": "("}}}`,
		`{"minItems": -1}`, `{"maxItems": "x"}`, `{"uniqueItems": 1}`, `{"items": 1}`, `{"items": [1]}`, `{"additionalItems": 1}`, `{"minProperties": -1}`, `{"maxProperties": "x"}`, `{"required": 1}`, `{"required": []}`, `{"required": [1]}`, `{"required": ["a", "a"]}`,
		`{"properties": 1}`, `{"properties": {"a": 1}}`, `{"properties": {"a": {"foo": 1}}}`, `{"patternProperties": 1}`, `{"patternProperties": {"a": 1}}`, `{"additionalProperties": 1}`, `{"additionalProperties": {"foo": 1}}`,
		`{"dependencies": 1}`, `{"dependencies": {"a": 1}}`, `{"dependencies": {"a": []}}`, `{"dependencies": {"a": ["b", "b"]}}`, `{"dependencies": {"a": [1]}}`, `{"dependencies": {"a": {"foo": 1}}}`, `{"enum": 1}`, `{"enum": []}`, `{"enum": [1, 1.0]}`,
		`{"enum": [{"a": 1, "b": 1}, {"b": 1, "a": 1}]}`, `{"allOf": 1}`, `{"allOf": []}`, `{"allOf": [1]}`, `{"anyOf": []}`, `{"oneOf": [1]}`, `{"not": 1}`, `{"not": {"foo": 1}}`, `{"title": 1}`, `{"description": 1}`, `{"minLength": 1, "minLength": 2}`,
		`{"properties": {"a.b": {"bsonType": "string"}}}`, `{"required": ["a.b"]}`, `{"oneOf": [{}, {}]}`, `{"minItems": {"$numberDouble": "Infinity"}}`,
	} {
		o.check(mongotest.Docf(`{"$jsonSchema": %s}`, s))
	}
}
