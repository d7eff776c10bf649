package index_test

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/stretchr/testify/require"
)

// specifications are what createIndexes may be given, good and bad. Those that
// mongod takes and Argon does not are not here, see TestUnsupported.
var specifications = []string{
	`{"key": {"a": 1}, "name": "x"}`,
	`{"key": {"a": -1.5, "b.c": {"$numberLong": "7"}}, "name": "x"}`,
	`{"key": {"a": {"$numberDecimal": "-1"}}, "name": "x", "unique": true, "sparse": 1, "background": true}`,
	`{"key": {"a": 1}, "name": "x", "unique": 0, "v": 2}`,
	`{"key": {"a": 1}, "name": "x", "v": 1, "ns": "any", "dropDups": true}`,
	`{"key": {"a": 1}, "name": "x", "hidden": true}`,
	`{"key": {"a": 1}, "name": "x", "collation": {"locale": "simple"}}`,
	`{"key": {"a.$id": 1}, "name": "x"}`,
	`{"key": {"a": 1}, "name": "a$b"}`,
	`{"key": {"a": 1, "_id": 1}, "name": "x"}`,
	`{"key": {"a": 0}, "name": "x"}`, `{"key": {"a": {"$numberDouble": "NaN"}}, "name": "x"}`,
	`{"key": {"a": ""}, "name": "x"}`, `{"key": {"a": "foo"}, "name": "x"}`, `{"key": {"a": true}, "name": "x"}`,
	`{"key": {"a": null}, "name": "x"}`, `{"key": {"a": {}}, "name": "x"}`, `{"key": {}, "name": "x"}`,
	`{"key": {"": 1}, "name": "x"}`, `{"key": {"a.": 1}, "name": "x"}`, `{"key": {".a": 1}, "name": "x"}`,
	`{"key": {"a..b": 1}, "name": "x"}`, `{"key": {"$a": 1}, "name": "x"}`, `{"key": {"a.$b": 1}, "name": "x"}`,
	`{"key": {"a": 1}, "name": ""}`, `{"key": {"a": 1}, "name": "*"}`, `{"key": {"a": 1}, "name": 5}`,
	`{"key": {"a": 1}, "name": "a\u0000b"}`, `{"name": "x"}`, `{"key": 5, "name": "x"}`,
	`{"key": {"a": 1}, "name": "x", "foo": 1}`, `{"key": {"a": 1}, "name": "x", "unique": "x"}`,
	`{"key": {"a": 1}, "name": "x", "v": 3}`, `{"key": {"a": 1}, "name": "x", "v": "2"}`,
	`{"key": {"a": 1}, "name": "x", "storageEngine": {}}`, `{"key": {"a": 1}, "name": "x", "storageEngine": 1}`,
	`{"key": {"a": 1}, "name": "x", "weights": {"a": 1}}`, `{"key": {"a": 1}, "name": "x", "collation": 1}`,
	`{"key": {"_id": -1}, "name": "x"}`, `{"key": {"_id": -1}, "name": "_id_"}`,
	`{"key": {"_id": 1}, "name": "_id_", "unique": true}`, `{"key": {"_id": 1}, "name": "x", "sparse": true}`,
	`{"key": {"_id": 1}, "name": "_id_", "partialFilterExpression": {"a": 1}}`,
	`{"key": {"_id": 1, "a": 1}, "name": "_id_"}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$exists": true}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"$or": [{"a": 1}, {"b": 1}]}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"$and": [{"$and": [{"a": {"$in": [1, null]}}]}]}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$type": 2, "$gte": 1, "$lt": 9}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$all": [1, 2]}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$ne": 1}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$exists": false}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$not": {"$gt": 1}}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$regex": "x"}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$elemMatch": {"b": 1}}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$size": 2}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$mod": [2, 0]}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"$expr": {"$eq": ["$a", 1]}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"$nor": [{"a": 1}]}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": {"$foo": 1}}}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": 5}`,
	`{"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": 1}, "sparse": true}`,
}

func TestParseDefinitionIsMongod(t *testing.T) {
	coll := mongotest.Collection(t)
	for _, spec := range specifications {
		t.Run(spec, func(t *testing.T) {
			coll := coll.For(t)
			_, _ = coll.Run(mongotest.Docf(`{"drop": %q}`, coll.Name()))
			_, failed := coll.Run(createIndexes(coll, mongotest.Docf("%s", spec)))
			def, err := index.ParseDefinition(mongotest.Docf("%s", spec))
			if failed != nil {
				require.Error(t, err, "mongod: %v", failed)
				require.Equal(t, failed.Code, int32(errs.CodeOf(err)), "mongod: %v\nargon: %v", failed, err)
				return
			}
			require.NoError(t, err)
			if def.IsID() {
				return
			}
			require.Equal(t, mongotest.JSON(listed(coll, def.Name)), mongotest.JSON(def.Options))
		})
	}
}

func createIndexes(coll *mongotest.Coll, specs ...bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.String("createIndexes", coll.Name())
	b.BeginArray("indexes")
	for i, s := range specs {
		b.Doc(bsonraw.Index(i), s)
	}
	b.End()
	return b.Finish()
}

func listed(coll *mongotest.Coll, name string) bsonraw.Doc {
	reply := coll.MustRun(mongotest.Docf(`{"listIndexes": %q}`, coll.Name()))
	for _, v := range reply.Get("cursor").Doc().Get("firstBatch").Doc().Values() {
		if v.Doc().Get("name").Str() == name {
			return v.Doc()
		}
	}
	return nil
}

func TestUnsupportedSayWhat(t *testing.T) {
	for spec, what := range map[string]string{
		`{"key": {"a": "text"}, "name": "x"}`:                           "text indexes",
		`{"key": {"a": "2d"}, "name": "x"}`:                             "2d indexes",
		`{"key": {"a": "2dsphere"}, "name": "x"}`:                       "2dsphere indexes",
		`{"key": {"a": "hashed"}, "name": "x"}`:                         "hashed indexes",
		`{"key": {"$**": 1}, "name": "x"}`:                              "wildcard indexes",
		`{"key": {"a.$**": 1}, "name": "x"}`:                            "wildcard indexes",
		`{"key": {"a": 1}, "name": "x", "expireAfterSeconds": 5}`:       "TTL indexes",
		`{"key": {"a": 1}, "name": "x", "collation": {"locale": "en"}}`: "collation",
	} {
		_, err := index.ParseDefinition(mongotest.Docf("%s", spec))
		require.ErrorContains(t, err, what)
	}
}

func TestDefaultName(t *testing.T) {
	def, err := index.ParseDefinition(mongotest.Docf(`{"key": {"a": 1, "b.c": -1.0, "d": {"$numberLong": "2"}, "e": 1.5}}`))
	require.NoError(t, err)
	require.Equal(t, "a_1_b.c_-1_d_2_e_1.5", def.Name)
}

func TestTooManyParts(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("key")
	for i := range 33 {
		b.Int32("k"+bsonraw.Index(i), 1)
	}
	b.End()
	_, err := index.ParseDefinition(b.Finish())
	require.Equal(t, errs.Code(13103), errs.CodeOf(err))
}

// TestSameIsMongod creates one index and then another, on mongod and with Same.
func TestSameIsMongod(t *testing.T) {
	specs := []string{
		`{"key": {"a": 1}, "name": "a_1"}`, `{"key": {"a": 1.0}, "name": "a_1"}`, `{"key": {"a": 1}, "name": "other"}`,
		`{"key": {"a": 1}, "name": "a_1", "unique": true}`, `{"key": {"a": 1}, "name": "u", "unique": true}`,
		`{"key": {"a": 1}, "name": "a_1", "sparse": true}`, `{"key": {"a": 1}, "name": "a_1", "hidden": true}`,
		`{"key": {"a": -1}, "name": "a_1"}`, `{"key": {"a": 2}, "name": "a_2"}`, `{"key": {"a": 1, "b": 1}, "name": "ab"}`,
		`{"key": {"a": 1}, "name": "p", "partialFilterExpression": {"b": {"$gt": 1}}}`,
		`{"key": {"a": 1}, "name": "p", "partialFilterExpression": {"b": {"$gt": 2}}}`,
		`{"key": {"a": 1}, "name": "q", "partialFilterExpression": {"b": {"$gt": 1}}}`,
		`{"key": {"a": 1}, "name": "p", "unique": false, "sparse": false}`,
	}
	coll := mongotest.Collection(t)
	for _, first := range specs {
		for _, second := range specs {
			_, _ = coll.Run(mongotest.Docf(`{"drop": %q}`, coll.Name()))
			coll.MustRun(createIndexes(coll, mongotest.Docf("%s", first)))
			reply, failed := coll.Run(createIndexes(coll, mongotest.Docf("%s", second)))
			a, err := index.ParseDefinition(mongotest.Docf("%s", first))
			require.NoError(t, err)
			b, err := index.ParseDefinition(mongotest.Docf("%s", second))
			require.NoError(t, err)
			same, err := index.Same(a, b)
			if failed != nil {
				require.Equal(t, failed.Code, int32(errs.CodeOf(err)), "%s then %s: %v, got %v", first, second, failed, err)
				continue
			}
			require.NoError(t, err, "%s then %s", first, second)
			before, _ := reply.Get("numIndexesBefore").AsInt64()
			after, _ := reply.Get("numIndexesAfter").AsInt64()
			require.Equal(t, before == after, same, "%s then %s", first, second)
		}
	}
}
