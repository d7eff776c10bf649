package update

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// benchDoc is a document of about 280 bytes, 14 fields.
var benchDoc = mongotest.Doc(`{
	"_id": {"$oid": "650102030405060708090a0b"}, "name": "Ada Lovelace", "email": "ada@example.org",
	"age": 36, "active": true, "score": 91.5, "created": {"$date": "2026-01-01T00:00:00Z"},
	"address": {"street": "St James's Square 12", "city": "London", "zip": "SW1Y"},
	"tags": ["a", "b", "c"], "visits": {"$numberLong": "1024"}, "plan": "pro", "n": 1,
	"note": "some text of a usual length", "last": null}`)

func BenchmarkApply(b *testing.B) {
	b.Logf("document of %d bytes", len(benchDoc))
	for _, c := range []struct{ name, update string }{
		{"inc", `{"$inc": {"n": 1}}`},
		{"set", `{"$set": {"age": 37}}`},
		{"set same", `{"$set": {"age": 36}}`},
		{"set nested", `{"$set": {"address.city": "Paris"}}`},
		{"set new", `{"$set": {"x": 1, "address.country": "UK"}}`},
		{"push", `{"$push": {"tags": "d"}}`},
		{"push sliced", `{"$push": {"tags": {"$each": ["d"], "$slice": -3}}}`},
		{"addToSet", `{"$addToSet": {"tags": "d"}}`},
		{"pull", `{"$pull": {"tags": "b"}}`},
		{"all elements", `{"$set": {"tags.$[]": "z"}}`},
		{"five operators", `{"$inc": {"n": 1, "visits": 1}, "$set": {"plan": "free", "address.zip": "X"}, "$unset": {"last": 1}}`},
		{"replacement", `{"name": "Ada", "age": 37, "plan": "pro"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			u, err := Compile(mongotest.Value(c.update), nil)
			require.NoError(b, err)
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := u.Apply(benchDoc, -1, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	v := mongotest.Value(`{"$inc": {"n": 1}, "$set": {"plan": "free", "address.zip": "X"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(v, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyChanges is what a mirror does for each event.
func BenchmarkApplyChanges(b *testing.B) {
	changes := []Change{{"n", Inc, bsonraw.Int32Value(1)}, {"address.city", Set, bsonraw.StringValue("Paris")}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ApplyChanges(benchDoc, changes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiffDocs(b *testing.B) {
	post, err := ApplyChanges(benchDoc, []Change{{"n", Inc, bsonraw.Int32Value(1)}, {"address.city", Set, bsonraw.StringValue("Paris")}})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		DiffDocs(benchDoc, post)
	}
}

// BenchmarkLongArray updates one element of an array of 10,000.
func BenchmarkLongArray(b *testing.B) {
	elems := make([]bsonraw.Value, 10_000)
	for i := range elems {
		elems[i] = bsonraw.Int32Value(int32(i))
	}
	doc := bsonraw.NewBuilder(nil)
	doc.Int32("_id", 1)
	doc.Value("a", bsonraw.ArrayValue(elems...))
	d := doc.Finish()
	for _, path := range []string{"a.5", "a.9999"} {
		b.Run(path, func(b *testing.B) {
			u, err := Compile(mongotest.Value(fmt.Sprintf(`{"$inc": {%q: 1}}`, path)), nil)
			require.NoError(b, err)
			dst := make([]byte, 0, 2*len(d))
			for b.Loop() {
				if _, err := u.Apply(d, -1, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
