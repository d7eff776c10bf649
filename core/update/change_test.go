package update

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestPathsGoThereAndBack(t *testing.T) {
	for _, c := range []struct {
		names []string
		path  string
	}{
		{nil, ""},
		{[]string{"a"}, "a"},
		{[]string{"a", "b", "0"}, "a.b.0"},
		{[]string{""}, `\`},
		{[]string{"", ""}, "."},
		{[]string{"a", ""}, "a."},
		{[]string{"a.b", "c"}, `a\.b.c`},
		{[]string{`a\`, `\.`}, `a\\.\\\.`},
		{[]string{`\`}, `\\`},
	} {
		require.Equal(t, c.path, JoinPath(c.names...))
		require.Equal(t, c.names, SplitPath(c.path))
	}
}

// TestCodecGolden pins the bytes that stores hold.
func TestCodecGolden(t *testing.T) {
	changes := []Change{
		{"a.n", Inc, bsonraw.Int32Value(2)},
		{"b", Unset, bsonraw.Value{}},
		{"c", Set, bsonraw.StringValue("x")},
		{"d", Push, bsonraw.ArrayValue(bsonraw.NullValue, bsonraw.BoolValue(true))},
		{"", Set, mongotest.Doc(`{"_id": 1}`).Value()},
		{`e\.f`, Mul, bsonraw.DoubleValue(1.5)},
		{"g", Min, bsonraw.DateValue(1)},
		{"h", Max, mongotest.Value(`{"$numberDecimal": "1.50"}`)},
		{"i", AddToSet, bsonraw.ArrayValue()},
		{"j", BitAnd, bsonraw.Int64Value(-1)},
		{"k", BitOr, bsonraw.Int32Value(1)},
		{"l", BitXor, bsonraw.Int32Value(1)},
	}
	golden := strings.Join([]string{
		"03" + "03" + "612e6e" + "10" + "02000000",
		"02" + "01" + "62",
		"01" + "01" + "63" + "02" + "020000007800",
		"08" + "01" + "64" + "04" + "0c000000" + "0a3000" + "08310001" + "00",
		"01" + "00" + "03" + "0e000000" + "105f696400" + "01000000" + "00",
		"04" + "04" + "655c2e66" + "01" + "000000000000f83f",
		"05" + "01" + "67" + "09" + "0100000000000000",
		"06" + "01" + "68" + "13" + "96000000000000000000000000003c30",
		"07" + "01" + "69" + "04" + "0500000000",
		"09" + "01" + "6a" + "12" + "ffffffffffffffff",
		"0a" + "01" + "6b" + "10" + "01000000",
		"0b" + "01" + "6c" + "10" + "01000000",
	}, "")
	encoded := AppendChanges(nil, changes)
	require.Equal(t, golden, hex.EncodeToString(encoded))
	decoded, err := DecodeChanges(encoded)
	require.NoError(t, err)
	require.Equal(t, describeChanges(changes), describeChanges(decoded))
}

func TestCodecRefusesWhatItDidNotWrite(t *testing.T) {
	for name, b := range map[string]string{
		"kind 0":                 "00" + "01" + "61",
		"kind of the future":     "0c" + "01" + "61" + "10" + "01000000",
		"no path":                "01",
		"path cut off":           "02" + "05" + "61",
		"length of many bytes":   "02" + "8100" + "61",
		"path of another form":   "02" + "02" + "615c",
		"path with a zero":       "02" + "01" + "00",
		"path that is no UTF-8":  "02" + "01" + "ff",
		"no operand":             "01" + "01" + "61",
		"missing operand":        "01" + "01" + "61" + "00",
		"operand cut off":        "01" + "01" + "61" + "10" + "0100",
		"operand of no type":     "01" + "01" + "61" + "42" + "0100",
		"operand broken inside":  "01" + "01" + "61" + "03" + "0600000001" + "00",
		"boolean neither":        "01" + "01" + "61" + "08" + "02",
		"string without its end": "01" + "01" + "61" + "02" + "0100000041",
	} {
		raw, err := hex.DecodeString(b)
		require.NoError(t, err, name)
		_, err = DecodeChanges(raw)
		require.True(t, errs.Is(err, errs.StoreCorrupt), "%s: %v", name, err)
	}
}

func FuzzDecodeChanges(f *testing.F) {
	f.Add(AppendChanges(nil, []Change{{"a", Inc, bsonraw.Int32Value(1)}, {"a.b", Unset, bsonraw.Value{}}}))
	f.Add([]byte{1, 0, 3, 5, 0, 0, 0, 0})
	doc := mongotest.Doc(`{"_id": 1, "a": [1, {"b": 2}], "b": {"c": 1}, "n": 1}`)
	f.Fuzz(func(t *testing.T, b []byte) {
		changes, err := DecodeChanges(b)
		if err != nil {
			return
		}
		require.Equal(t, b, AppendChanges(nil, changes)[:len(b)])
		if after, err := ApplyChanges(doc, changes); err == nil && after != nil {
			require.NoError(t, bsonraw.Validate(after))
		}
	})
}

func TestDiffDocs(t *testing.T) {
	for _, c := range []struct {
		name, pre, post string
		want            []string
	}{
		{"nothing", `{"_id": 1}`, `{"_id": 1}`, nil},
		{"insert", ``, `{"_id": 1}`, []string{`$set "" {"_id":{"$numberInt":"1"}}`}},
		{"delete", `{"_id": 1}`, ``, []string{`$unset "" missing`}},
		{"changed, removed, new", `{"a": 1, "b": 2}`, `{"a": 3, "c": 4}`, []string{
			`$set "a" {"$numberInt":"3"}`, `$unset "b" missing`, `$set "c" {"$numberInt":"4"}`,
		}},
		{"type only", `{"a": 1}`, `{"a": 1.0}`, []string{`$set "a" {"$numberDouble":"1.0"}`}},
		{"inside of objects", `{"a": {"b": 1, "c": {"d": 1}}}`, `{"a": {"b": 1, "c": {"d": 2}, "e": 3}}`, []string{
			`$set "a.c.d" {"$numberInt":"2"}`, `$set "a.e" {"$numberInt":"3"}`,
		}},
		{"arrays whole", `{"a": [1, 2]}`, `{"a": [1, 3]}`, []string{`$set "a" [{"$numberInt":"1"},{"$numberInt":"3"}]`}},
		{"emptied object", `{"a": {"b": 1}}`, `{"a": {}}`, []string{`$unset "a.b" missing`}},
		{"object in another order", `{"a": {"b": 1, "c": 1}}`, `{"a": {"c": 1, "b": 1}}`, []string{
			`$set "a" {"c":{"$numberInt":"1"},"b":{"$numberInt":"1"}}`,
		}},
		{"new field in front", `{"_id": 1, "a": 1}`, `{"_id": 1, "b": 1, "a": 1}`, []string{
			`$unset "a" missing`, `$set "b" {"$numberInt":"1"}`, `$set "a" {"$numberInt":"1"}`,
		}},
		{"names with dots", `{"a.b": {"c": 1}, "a": {"b": 1}}`, `{"a.b": {"c": 2}, "a": {"b": 1}}`, []string{
			`$set "a\\.b.c" {"$numberInt":"2"}`,
		}},
		{"the empty name", `{"": 1, "a": {"": 1}}`, `{"": 2, "a": {"": 2}}`, []string{
			`$set "\\" {"$numberInt":"2"}`, `$set "a." {"$numberInt":"2"}`,
		}},
		{"inside of the empty name", `{"": {"a": 1}}`, `{"": {"a": 2}}`, []string{`$set ".a" {"$numberInt":"2"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pre, post bsonraw.Doc
			if c.pre != "" {
				pre = mongotest.Doc(c.pre)
			}
			if c.post != "" {
				post = mongotest.Doc(c.post)
			}
			changes := DiffDocs(pre, post)
			require.Equal(t, strings.Join(append(c.want, ""), "\n"), describeChanges(changes))
			got, err := ApplyChanges(pre, changes)
			require.NoError(t, err)
			require.Equal(t, post, got)
		})
	}
}

func TestDiffDocsOfDoubleNames(t *testing.T) {
	double := bsonraw.NewBuilder(nil)
	double.Int32("a", 1)
	double.Int32("a", 2)
	pre, post := mongotest.Doc(`{"a": 1}`), double.Finish()
	for _, pair := range [][2]bsonraw.Doc{{pre, post}, {post, pre}} {
		changes := DiffDocs(pair[0], pair[1])
		require.Len(t, changes, 1)
		require.Equal(t, "", changes[0].Path)
		got, err := ApplyChanges(pair[0], changes)
		require.NoError(t, err)
		require.Equal(t, pair[1], got)
	}
}

// TestDiffDocsLeadsThere compares random documents, near and far ones.
func TestDiffDocsLeadsThere(t *testing.T) {
	g := newGen(3)
	for range 5000 {
		pre := g.stored(bsonraw.Int32Value(1))
		post := g.replacement(pre)
		if g.chance(4) {
			post = g.stored(bsonraw.Int32Value(1))
		}
		changes := DiffDocs(pre, post)
		for _, c := range changes {
			require.Contains(t, []Kind{Set, Unset}, c.Kind)
		}
		got, err := ApplyChanges(pre, changes)
		require.NoError(t, err)
		require.Equal(t, post, got, "%s\n%s\n%s", mongotest.JSON(pre), mongotest.JSON(post), describeChanges(changes))
	}
}

func TestApplyChangesInOrder(t *testing.T) {
	one, two := bsonraw.Int32Value(1), bsonraw.Int32Value(2)
	for _, c := range []struct {
		name, pre string
		changes   []Change
		want      string
	}{
		{"same path twice", `{"n": 1}`, []Change{{"n", Inc, one}, {"n", Mul, two}}, `{"n": 4}`},
		{"object, then a field of it", `{}`, []Change{{"a", Set, mongotest.Value(`{"b": 1}`)}, {"a.b", Inc, one}}, `{"a": {"b": 2}}`},
		{"field, then the object", `{}`, []Change{{"a.b", Set, one}, {"a", Unset, bsonraw.Value{}}}, `{}`},
		{"out and in again moves to the end", `{"a": 1, "b": 1}`, []Change{{"a", Unset, bsonraw.Value{}}, {"a", Set, two}}, `{"b": 1, "a": 2}`},
		{"elements behind the end, backwards", `{"a": []}`, []Change{{"a.2", Set, one}, {"a.0", Set, two}}, `{"a": [2, null, 1]}`},
		{"one element by two names", `{"a": [0, 0]}`, []Change{{"a.01", Set, one}, {"a.1", Inc, two}}, `{"a": [0, 3]}`},
		{"the whole document", `{"a": 1}`, []Change{{"a", Inc, one}, {"", Set, mongotest.Value(`{"b": 1}`)}, {"b", Inc, one}}, `{"b": 2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ApplyChanges(mongotest.Doc(c.pre), c.changes)
			require.NoError(t, err)
			require.Equal(t, mongotest.JSON(mongotest.Doc(c.want)), mongotest.JSON(got))
		})
	}
	gone, err := ApplyChanges(mongotest.Doc(`{}`), []Change{{"", Unset, bsonraw.Value{}}})
	require.NoError(t, err)
	require.Nil(t, gone)
	_, err = ApplyChanges(nil, []Change{{"a", Set, one}})
	require.Error(t, err)
	_, err = ApplyChanges(mongotest.Doc(`{"a": "x"}`), []Change{{"a", Inc, one}})
	require.True(t, errs.Is(err, errs.TypeMismatch))
}
