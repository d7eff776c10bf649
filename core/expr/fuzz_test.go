package expr

import (
	"bufio"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// FuzzCompile takes any bytes for {e: expression, d: document}: nothing may
// panic, every error has a code, and a value is well-formed BSON.
func FuzzCompile(f *testing.F) {
	for i, line := range seeds(f) {
		if i%15 == 0 {
			d := mongotest.Doc(line)
			f.Add([]byte(docOf("ed", d.Get("expr"), d.Get("doc"))))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := bsonraw.Doc(data)
		x, err := Compile(d.Get("e"), nil)
		if err != nil {
			require.NotNil(t, errs.As(err), "%v", err)
			return
		}
		var deps Deps
		AddDeps(x, &deps)
		env := NewEnv(testNow)
		env.Reset(d.Get("d").Doc())
		v, err := x.Eval(env)
		if err != nil {
			require.NotNil(t, errs.As(err), "%v", err)
			return
		}
		if bsonraw.Validate(d) == nil {
			require.NoError(t, bsonraw.Validate(docOf("v", v)))
		}
		require.Len(t, env.stack, 0)
		require.Len(t, env.scratch, 0)
	})
}

func seeds(f *testing.F) (lines []string) {
	file, err := os.Open("testdata/cases.jsonl")
	require.NoError(f, err)
	defer file.Close()
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		lines = append(lines, scan.Text())
	}
	return lines
}

// FuzzDateText takes any text for a date, and any format.
func FuzzDateText(f *testing.F) {
	f.Add("2020-01-02T03:04:05.678+05:30", "%Y-%m-%dT%H:%M:%S.%L%z")
	f.Add("Thu, 02 Jan 2020 03:04 PM EST", "%G %V %u %Z %%")
	f.Fuzz(func(t *testing.T, text, format string) {
		if _, err := parseDateText(text, nil); err != nil {
			require.True(t, errs.Is(err, errs.CannotConvert), "%v", err)
		}
		if checkFormat(format, isParseDirective) == nil {
			if _, err := parseDateFormat(text, format, nil); err != nil {
				require.True(t, errs.Is(err, errs.CannotConvert), "%v", err)
			}
		}
		if _, err := loadZone(text); err != nil {
			require.EqualValues(t, 40485, errs.CodeOf(err))
		}
	})
}

// TestDeepNestingIsRefused: a command may nest as deep as its bytes allow.
func TestDeepNestingIsRefused(t *testing.T) {
	for _, wrap := range []func(bsonraw.Value) bsonraw.Value{
		func(v bsonraw.Value) bsonraw.Value { return bsonraw.ArrayValue(v) },
		func(v bsonraw.Value) bsonraw.Value { return namedDoc("$not", v) },
		func(v bsonraw.Value) bsonraw.Value { return namedDoc("a", v) },
		func(v bsonraw.Value) bsonraw.Value {
			return namedDoc("$let", docOfPairs("vars", bsonraw.EmptyDoc.Value(), "in", v).Value())
		},
	} {
		v := bsonraw.Int32Value(1)
		for range 1000 {
			v = wrap(v)
		}
		_, err := Compile(v, nil)
		require.True(t, errs.Is(err, errs.Overflow), "%v", err)
	}
}

func namedDoc(name string, v bsonraw.Value) bsonraw.Value { return docOfPairs(name, v).Value() }

func docOfPairs(pairs ...any) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for i := 0; i < len(pairs); i += 2 {
		b.Value(pairs[i].(string), pairs[i+1].(bsonraw.Value))
	}
	return b.Finish()
}
