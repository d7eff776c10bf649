package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// benchDoc has 16 fields and about 400 bytes.
func benchDoc() bsonraw.Doc {
	return mongotest.Doc(`{"_id": {"$oid": "650102030405060708090a0b"}, "first": "Grace", "last": "Hopper", "email": "grace@example.org",
		"n": 42, "score": 7.25, "active": true, "created": {"$date": "2024-05-01T00:00:00Z"}, "visits": {"$numberLong": "123456"},
		"addr": {"street": "1 Main Street", "city": "Arlington", "zip": "22201", "geo": [38.88, -77.1]},
		"phone": "+1 555 0100", "plan": "pro", "tags": ["navy", "cobol", "compiler"], "note": "short", "level": 3, "ref": null}`)
}

func BenchmarkMatchThreeClauses(b *testing.B) {
	doc := benchDoc()
	f, err := Compile(mongotest.Doc(`{"n": {"$gte": 40}, "addr.city": "Arlington", "tags": "compiler"}`), nil)
	require.NoError(b, err)
	b.Logf("%d bytes, %d fields", len(doc), doc.Len())
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := f.Match(doc); !ok {
			b.Fatal("no match")
		}
	}
}

func BenchmarkMatchFirstClauseFails(b *testing.B) {
	doc := benchDoc()
	f, err := Compile(mongotest.Doc(`{"n": {"$gte": 50}, "addr.city": "Arlington", "tags": "compiler"}`), nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := f.Match(doc); ok {
			b.Fatal("match")
		}
	}
}

func BenchmarkMatchOr(b *testing.B) {
	doc := benchDoc()
	f, err := Compile(mongotest.Doc(`{"$or": [{"plan": "free"}, {"level": {"$in": [1, 2, 3]}, "active": true}]}`), nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := f.Match(doc); !ok {
			b.Fatal("no match")
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	doc := benchDoc()
	for _, filter := range []string{
		`{"n": {"$gte": 40}, "addr.city": "Arlington", "tags": "compiler"}`,
		`{"$or": [{"plan": "free"}, {"level": {"$in": [1, 2, 3]}, "active": true}]}`,
		`{"tags": {"$all": ["navy", "cobol"], "$size": 3}, "addr.geo": {"$elemMatch": {"$lt": 0}}, "nope": {"$exists": false}}`,
		`{"visits": {"$mod": [2, 0]}, "level": {"$bitsAllSet": 3}, "ref": null, "plan": {"$ne": "free"}, "note": {"$type": "string"}}`,
		`{"first": {"$regex": "^Gra"}, "email": {"$not": {"$regex": "com"}}}`,
	} {
		f, err := Compile(mongotest.Doc(filter), nil)
		require.NoError(t, err)
		ok, err := f.Match(doc)
		require.NoError(t, err)
		require.True(t, ok, filter)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = f.Match(doc) }), filter)
	}
}

func BenchmarkProjection(b *testing.B) {
	doc := benchDoc()
	for _, spec := range []string{
		`{"first": 1, "addr.city": 1, "tags": 1}`, `{"note": 0, "addr.geo": 0}`, `{"first": 1, "next": {"$add": ["$n", 1]}}`,
	} {
		b.Run(spec, func(b *testing.B) {
			p, err := CompileProjection(mongotest.Doc(spec), nil, nil)
			require.NoError(b, err)
			var dst bsonraw.Builder
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Apply(doc, &dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSortKey(b *testing.B) {
	doc := benchDoc()
	for _, spec := range []string{`{"plan": 1, "n": -1}`, `{"tags": 1}`, `{"addr.geo": -1, "last": 1}`} {
		b.Run(spec, func(b *testing.B) {
			s, err := CompileSort(mongotest.Doc(spec))
			require.NoError(b, err)
			var key []byte
			b.ReportAllocs()
			for b.Loop() {
				if key, err = s.Key(doc, key[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestProjectionsAndSortKeysDoNotAllocate(t *testing.T) {
	doc := benchDoc()
	var dst bsonraw.Builder
	for _, spec := range []string{`{"first": 1, "addr.city": 1, "tags": 1}`, `{"note": 0, "addr.geo": 0}`} {
		p, err := CompileProjection(mongotest.Doc(spec), nil, nil)
		require.NoError(t, err)
		_, err = p.Apply(doc, &dst)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = p.Apply(doc, &dst) }), spec)
	}
	s, err := CompileSort(mongotest.Doc(`{"plan": 1, "n": -1}`))
	require.NoError(t, err)
	key, err := s.Key(doc, nil)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { key, _ = s.Key(doc, key[:0]) }))
}
