package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

type sampleArgs struct {
	name  string
	on    bool
	loose bool
	tri   *bool
	n     int64
	size  *int64
	any   bsonraw.Value
	docs  []bsonraw.Doc
	spec  bsonraw.Doc
}

var sampleTable = newTable("sample", []field[sampleArgs]{
	text("sample", func(a *sampleArgs) *string { return &a.name }).need(),
	flag("on", func(a *sampleArgs) *bool { return &a.on }),
	looseFlag("loose", func(a *sampleArgs) *bool { return &a.loose }),
	triFlag("tri", func(a *sampleArgs) **bool { return &a.tri }),
	natural("n", func(a *sampleArgs) *int64 { return &a.n }),
	optionalNatural("size", func(a *sampleArgs) **int64 { return &a.size }),
	anything("any", func(a *sampleArgs) *bsonraw.Value { return &a.any }),
	objects("docs", "sample.docs", func(a *sampleArgs) *[]bsonraw.Doc { return &a.docs }),
	object("spec", func(a *sampleArgs) *bsonraw.Doc { return &a.spec }),
	ignored[sampleArgs]("old", "", bsonraw.Boolean),
	refused[sampleArgs]("later", "wait"),
})

func TestTableReads(t *testing.T) {
	var a sampleArgs
	err := sampleTable.read(&a, doc(t, `{"sample": "x", "on": true, "loose": 1, "tri": false, "n": 2.9,
		"size": {"$numberLong": "7"}, "any": null, "docs": [{}, {"a": 1}], "spec": {"b": 1}, "old": true, "later": false}`), nil)
	require.NoError(t, err)
	require.Equal(t, "x", a.name)
	require.True(t, a.on)
	require.True(t, a.loose)
	require.False(t, *a.tri)
	require.EqualValues(t, 2, a.n)
	require.EqualValues(t, 7, *a.size)
	require.Equal(t, bsonraw.Null, a.any.Type)
	require.Len(t, a.docs, 2)
	require.Equal(t, `{"b":1}`, jsonOf(a.spec))
}

func TestTableRefuses(t *testing.T) {
	for _, c := range []struct {
		text    string
		code    errs.Code
		message string
	}{
		{`{"on": true}`, errs.MissingRequiredField, "BSON field 'sample.sample' is missing but a required field"},
		{`{"sample": 1}`, errs.TypeMismatch, "BSON field 'sample.sample' is the wrong type 'int', expected type 'string'"},
		{`{"sample": null}`, errs.MissingRequiredField, "BSON field 'sample.sample' is missing but a required field"},
		{`{"sample": "x", "docs": null}`, 10065, "invalid parameter: expected an object (docs)"},
		{`{"sample": "x", "onn": true}`, errs.UnknownField, "BSON field 'sample.onn' is an unknown field."},
		{`{"sample": "x", "on": 1}`, errs.TypeMismatch, "BSON field 'sample.on' is the wrong type 'int', expected type 'bool'"},
		{`{"sample": "x", "loose": "y"}`, errs.TypeMismatch, "BSON field 'sample.loose' is the wrong type 'string', expected types '[bool, long, int, decimal, double']"},
		{`{"sample": "x", "n": -1}`, outOfRange, "BSON field 'n' value must be >= 0, actual value '-1'"},
		{`{"sample": "x", "on": true, "on": true}`, duplicateField, "BSON field 'sample.on' is a duplicate field"},
		{`{"sample": "x", "docs": [{}, 1]}`, errs.TypeMismatch, "BSON field 'sample.docs.1' is the wrong type 'int', expected type 'object'"},
		{`{"sample": "x", "old": 1}`, errs.TypeMismatch, "BSON field 'sample.old' is the wrong type 'int', expected type 'bool'"},
		{`{"sample": "x", "later": true}`, errs.NotSupported, "the field 'later' is not supported"},
	} {
		var a sampleArgs
		err := errs.As(sampleTable.read(&a, doc(t, c.text), nil))
		require.NotNil(t, err, c.text)
		require.Equal(t, c.code, err.Code, c.text)
		require.Equal(t, c.message, err.Message, c.text)
	}
	var a sampleArgs
	err := errs.As(sampleTable.read(&a, doc(t, `{"sample": "x", "onn": true}`), nil))
	require.Contains(t, err.RemedyText(), "did you mean on")
	require.NoError(t, sampleTable.read(&a, doc(t, `{"sample": "x", "on": null, "n": null, "spec": null}`), nil))
}

// Every field is documented, and no table outgrows the bits of its bookkeeping.
func TestRegistryIsDocumented(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Commands() {
		require.NotEmpty(t, c.Help, c.Name)
		require.NotEmpty(t, c.Example, c.Name)
		require.NotEmpty(t, c.DB, c.Name)
		require.LessOrEqual(t, len(c.Fields), 64, c.Name)
		require.True(t, c.run != nil || c.open != nil, c.Name)
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			require.False(t, names[name], name)
			names[name] = true
		}
		for _, f := range c.Fields[1:] {
			require.NotEmpty(t, f.Help, "%s.%s", c.Name, f.Name)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "90s": 90 * time.Second,
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "30", "d", "-1d", "1y", "0d", "999999w", "1d ", "1..5d"} {
		_, err := ParseDuration(text)
		require.Equal(t, errs.BadValue, errs.CodeOf(err), text)
	}
	require.Equal(t, "2w", FormatDuration(14*24*time.Hour))
	require.Equal(t, "36h", FormatDuration(36*time.Hour))
	require.Equal(t, "90s", FormatDuration(90*time.Second))
}
