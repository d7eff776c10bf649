package expr

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

var (
	rewrite = flag.Bool("rewrite", false, "record mongod's answers in testdata")
	long    = flag.Bool("long", false, "compare every combination with mongod, not a sample")
)

func TestMain(m *testing.M) { mongotest.Main(m) }

// outcome is what an expression comes to: a value, maybe missing, or an error.
type outcome struct {
	value   bsonraw.Value
	code    errs.Code
	message string
}

func (o outcome) String() string {
	if o.code != 0 {
		return fmt.Sprintf("error %d %s", o.code, o.message)
	}
	return mongotest.ValueJSON(o.value)
}

// same compares bit for bit, but for the payload of NaN, and errors by code.
func (o outcome) same(other outcome) bool {
	return o.code == other.code && identical(o.value, other.value)
}

func identical(a, b bsonraw.Value) bool {
	if a.Type != b.Type {
		return false
	}
	switch a.Type {
	case bsonraw.Double:
		if math.IsNaN(a.Double()) && math.IsNaN(b.Double()) {
			return true
		}
	case bsonraw.Decimal128:
		if a.Decimal().IsNaN() && b.Decimal().IsNaN() {
			return true
		}
	case bsonraw.Object, bsonraw.Array:
		ia, ib := a.Doc().Iter(), b.Doc().Iter()
		for {
			na, nb := ia.Next(), ib.Next()
			if !na || !nb {
				return na == nb
			}
			if !bytes.Equal(ia.Key(), ib.Key()) || !identical(ia.Value(), ib.Value()) {
				return false
			}
		}
	}
	return bsonraw.Identical(a, b)
}

func failure(err error) outcome { return outcome{code: errs.CodeOf(err), message: err.Error()} }

var testNow = time.UnixMilli(1_700_000_000_123).UTC()

// ours evaluates an expression with this package.
func ours(e bsonraw.Value, doc bsonraw.Doc) outcome {
	x, err := Compile(e, nil)
	if err != nil {
		return failure(err)
	}
	env := NewEnv(testNow)
	env.Reset(doc)
	v, err := x.Eval(env)
	if err != nil {
		return failure(err)
	}
	return outcome{value: v.Clone()}
}

// theirs evaluates expressions over documents with mongod: want[i][j] is of
// expression i and document j. One error makes it nil.
func theirs(t mongotest.TB, db string, es []bsonraw.Value, docs []bsonraw.Doc) ([][]outcome, *mongotest.Error) {
	project := bson.D{{Key: "_id", Value: int32(0)}}
	for i, e := range es {
		// Inside $let nothing is read as a projection.
		let := bson.D{{Key: "$let", Value: bson.D{{Key: "vars", Value: bson.D{}}, {Key: "in", Value: raw(e)}}}}
		project = append(project, bson.E{Key: fmt.Sprintf("r%d", i), Value: let})
	}
	list := bson.A{}
	for _, d := range docs {
		list = append(list, bson.Raw(d))
	}
	command, err := bson.Marshal(bson.D{
		{Key: "aggregate", Value: int32(1)},
		{Key: "pipeline", Value: bson.A{
			bson.D{{Key: "$documents", Value: bson.D{{Key: "$literal", Value: list}}}},
			bson.D{{Key: "$project", Value: project}},
		}},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: int32(1_000_000)}}},
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	reply, failed := mongotest.Run(t, db, command)
	if failed != nil {
		return nil, failed
	}
	results := make([][]outcome, len(es))
	it := reply.Get("cursor").Doc().Get("firstBatch").Doc().Iter()
	for it.Next() {
		for i := range es {
			v, _ := it.Value().Doc().Lookup(fmt.Sprintf("r%d", i))
			results[i] = append(results[i], outcome{value: v})
		}
	}
	if len(results) > 0 && len(results[0]) != len(docs) {
		t.Fatalf("%d of %d documents came back", len(results[0]), len(docs))
	}
	return results, nil
}

func raw(v bsonraw.Value) bson.RawValue { return bson.RawValue{Type: bson.Type(v.Type), Value: v.Data} }

// theirsOne evaluates one expression over one document with mongod.
func theirsOne(t mongotest.TB, db string, e bsonraw.Value, doc bsonraw.Doc) outcome {
	results, failed := theirs(t, db, []bsonraw.Value{e}, []bsonraw.Doc{doc})
	if failed != nil {
		return outcome{code: errs.Code(failed.Code), message: failed.Message}
	}
	return results[0][0]
}

// recorded is a line of testdata: an expression and mongod's answer.
type recorded struct {
	expr bsonraw.Value
	doc  bsonraw.Doc
	want outcome
}

func readRecorded(t *testing.T, path string) []recorded {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var all []recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d := mongotest.Doc(lines.Text())
		r := recorded{expr: d.Get("expr"), doc: d.Get("doc").Doc(), want: outcome{value: d.Get("want")}}
		if code, ok := d.Get("code").AsInt64(); ok {
			r.want.code = errs.Code(code)
		}
		all = append(all, r)
	}
	require.NoError(t, lines.Err())
	return all
}

func writeRecorded(t *testing.T, path string, all []recorded) {
	var out bytes.Buffer
	for _, r := range all {
		b := bsonraw.NewBuilder(nil)
		b.Value("expr", r.expr)
		b.Doc("doc", r.doc)
		if r.want.code != 0 {
			b.Int32("code", int32(r.want.code))
		} else {
			b.Value("want", r.want.value)
		}
		text, err := bson.MarshalExtJSON(bson.Raw(b.Finish()), true, false)
		require.NoError(t, err)
		out.Write(text)
		out.WriteByte('\n')
	}
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
}

// TestRecorded compares with answers of mongod 6.0.5 that are recorded in
// testdata, so that it needs no server.
func TestRecorded(t *testing.T) {
	const path = "testdata/cases.jsonl"
	all := readRecorded(t, path)
	if *rewrite {
		db := mongotest.Database(t)
		for i := range all {
			all[i].want = theirsOne(t, db, all[i].expr, all[i].doc)
		}
		writeRecorded(t, path, all)
	}
	for _, r := range all {
		if got := ours(r.expr, r.doc); !got.same(r.want) {
			t.Errorf("%s on %s:\n  got  %v\n  want %v", mongotest.ValueJSON(r.expr), mongotest.JSON(r.doc), got, r.want)
		}
	}
}
