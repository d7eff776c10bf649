package transfer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

func loadCSV(t testing.TB, input string, o transfer.CSVOptions) (string, transfer.Result, error) {
	m, r, err := load(t, input, transfer.ImportOptions{Format: transfer.CSV, CSV: o})
	return m.text("c"), r, err
}

func TestCSVTypes(t *testing.T) {
	for _, c := range []struct {
		cells []string // of one column
		want  []string // its values; "" is left out
	}{
		{[]string{"1", "-2"}, []string{"1", "-2"}},
		{[]string{"1", "5000000000"}, []string{`{"$numberLong":"1"}`, "5000000000"}},
		{[]string{"1", "2.5"}, []string{"1.0", "2.5"}},
		{[]string{"1", "", "3"}, []string{"1", "", "3"}},
		{[]string{"007", "8"}, []string{`"007"`, `"8"`}},
		{[]string{"-0", "1"}, []string{`-0.0`, "1.0"}},
		{[]string{"0.10", "1e3"}, []string{"0.1", "1000.0"}},
		{[]string{"1e999"}, []string{`"1e999"`}},
		{[]string{"1e-999"}, []string{`"1e-999"`}},
		{[]string{"+1"}, []string{`"+1"`}},
		{[]string{"0x10"}, []string{`"0x10"`}},
		{[]string{"1_000"}, []string{`"1_000"`}},
		{[]string{"12345678901234567890"}, []string{`"12345678901234567890"`}},
		{[]string{"9007199254740993", "0.5"}, []string{`"9007199254740993"`, `"0.5"`}},
		{[]string{"3.14159265358979323846"}, []string{`"3.14159265358979323846"`}},
		{[]string{"NaN", "1.5"}, []string{`{"$numberDouble":"NaN"}`, "1.5"}},
		{[]string{"NaN"}, []string{`"NaN"`}},
		{[]string{"true", "False"}, []string{"true", "false"}},
		{[]string{"true", "1"}, []string{`"true"`, `"1"`}},
		{[]string{"2024-05-01", "2024-05-01T12:30:00Z", "2024-05-01 12:30:00.5"}, []string{`{"$date":"2024-05-01T00:00:00Z"}`, `{"$date":"2024-05-01T12:30:00Z"}`, `{"$date":"2024-05-01T12:30:00.500Z"}`}},
		{[]string{"2024-05-01T12:30:00.123456Z"}, []string{`"2024-05-01T12:30:00.123456Z"`}},
		{[]string{"2024-02-30"}, []string{`"2024-02-30"`}},
		{[]string{"57e193d7a9cc81b4027498b5"}, []string{`"57e193d7a9cc81b4027498b5"`}},
		{[]string{`""`, "x"}, []string{`""`, `"x"`}},
		{[]string{`"a,b"`, `"say ""hi"""`, "\"two\nlines\""}, []string{`"a,b"`, `"say \"hi\""`, `"two\nlines"`}},
		{[]string{" x "}, []string{`" x "`}},
		{[]string{"é"}, []string{`"é"`}},
	} {
		input := "k,v\n"
		var want []string
		for i, cell := range c.cells {
			input += fmt.Sprintf("%d,%s\n", i, cell)
			if c.want[i] == "" {
				want = append(want, fmt.Sprintf(`{"k":%d}`, i))
			} else {
				want = append(want, fmt.Sprintf(`{"k":%d,"v":%s}`, i, c.want[i]))
			}
		}
		got, _, err := loadCSV(t, input, transfer.CSVOptions{})
		require.NoError(t, err, input)
		require.Equal(t, strings.Join(want, "\n"), got, input)
	}
}

func TestCSVExplicitTypes(t *testing.T) {
	types := map[string]string{"a": "string", "b": "long", "c": "decimal", "d": "objectId", "e": "uuid", "f": "json", "g": "binData", "h": "date", "i": "double"}
	got, _, err := loadCSV(t, "a,b,c,d,e,f,g,h,i\n"+
		`1,2,1.50,57e193d7a9cc81b4027498b5,c8edabc3-f738-4ca3-b68d-ab92a91478a3,"[1,{""x"":null}]",AQID,2024-05-01T00:00:00.123456Z,5`+"\n"+
		",,,,,,,,\n", transfer.CSVOptions{Types: types})
	require.NoError(t, err)
	require.Equal(t, `{"a":"1","b":{"$numberLong":"2"},"c":{"$numberDecimal":"1.50"},"d":{"$oid":"57e193d7a9cc81b4027498b5"},`+
		`"e":{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}},"f":[1,{"x":null}],"g":{"$binary":{"base64":"AQID","subType":"00"}},`+
		`"h":{"$date":"2024-05-01T00:00:00.123Z"},"i":5.0}`+"\n{}", got)
	for typ, cell := range map[string]string{
		"int": "5000000000", "long": "1.5", "double": "x", "decimal": "1.2.3", "bool": "1", "date": "May 1",
		"objectId": "57e1", "uuid": "x", "json": "{", "binData": "*",
	} {
		_, _, err := loadCSV(t, "k,v\n1,\n2,"+cell+"\n", transfer.CSVOptions{Types: map[string]string{"v": typ}})
		require.ErrorContains(t, err, fmt.Sprintf(`line 3: column "v": %q is not of type %s: 2,`, cell, typ))
	}
	_, _, err = loadCSV(t, "a\n1\n", transfer.CSVOptions{Types: map[string]string{"b": "int"}})
	require.ErrorContains(t, err, `column "b", but the columns are a`)
	_, _, err = loadCSV(t, "a\n1\n", transfer.CSVOptions{Types: map[string]string{"a": "strange"}})
	require.ErrorContains(t, err, `unknown type "strange"`)
}

func TestCSVNested(t *testing.T) {
	got, _, err := loadCSV(t, "_id,address.city,n,address.geo.lat,address.zip\n1,Rome,5,41.9,\n2,,6,,\n", transfer.CSVOptions{})
	require.NoError(t, err)
	require.Equal(t, `{"_id":1,"address":{"city":"Rome","geo":{"lat":41.9}},"n":5}`+"\n"+`{"_id":2,"n":6}`, got)
	got, _, err = loadCSV(t, "a.b,a.c\n1,2\n", transfer.CSVOptions{Flat: true})
	require.NoError(t, err)
	require.Equal(t, `{"a.b":1,"a.c":2}`, got)
	got, _, err = loadCSV(t, "1,NA,\n", transfer.CSVOptions{Fields: []string{"x", "y", "z"}, Nulls: []string{"NA"}, WriteNulls: true})
	require.NoError(t, err)
	require.Equal(t, `{"x":1,"y":null,"z":null}`, got)
	for header, message := range map[string]string{
		"a,a": "another column", "a,a.b": "another column", "a.b,a": "another column",
		"a,": `name ""`, "a..b": "no field can have", ".a": "no field can have", "": "empty",
		"\xff": "no field can have", `"x`: "closing quote",
	} {
		_, _, err := loadCSV(t, header, transfer.CSVOptions{})
		require.ErrorContains(t, err, message, header)
		require.Equal(t, errs.ImportFailed, errs.CodeOf(err))
	}
}

func TestCSVErrors(t *testing.T) {
	input := "a,b\n1,2\n3\n4,5\n6,7,8\n9,x\"y\n10,\"z\"z\n11,\"open\n12,13\n14,15\n"
	_, r, err := loadCSV(t, input, transfer.CSVOptions{})
	require.ErrorContains(t, err, "line 3: 1 cells, and 2 columns: 3")
	require.EqualValues(t, 1, r.Docs)

	m, r, err := load(t, input, transfer.ImportOptions{Format: transfer.CSV, MaxErrors: -1})
	require.NoError(t, err)
	var lines []int64
	for _, e := range r.Errors {
		lines = append(lines, e.Line)
	}
	require.Equal(t, []int64{3, 5, 6, 7, 8}, lines)
	require.Equal(t, "{\"a\":1,\"b\":2}\n{\"a\":4,\"b\":5}\n{\"a\":12,\"b\":13}\n{\"a\":14,\"b\":15}", m.text("c"))
}

// TestCSVLateSurprise breaks the rule of a column far behind the block that it
// was made of.
func TestCSVLateSurprise(t *testing.T) {
	var b strings.Builder
	b.WriteString("n,t\n")
	const n = 200_000
	for i := range n {
		switch i {
		case 190_000:
			b.WriteString("n/a,2024-05-01\n")
		case 190_001:
			b.WriteString("5000000000,soon\n")
		case 190_002:
			b.WriteString("1.5,2024-05-01\n")
		default:
			fmt.Fprintf(&b, "%d,2024-05-01\n", i)
		}
	}
	m, r, err := load(t, b.String(), transfer.ImportOptions{Format: transfer.CSV})
	require.NoError(t, err)
	require.EqualValues(t, n, r.Docs)
	docs := m.get("c").docs
	require.Equal(t, "n/a", docs[190_000].Get("n").Str())
	require.EqualValues(t, 5_000_000_000, docs[190_001].Get("n").Int64())
	require.Equal(t, "soon", docs[190_001].Get("t").Str())
	require.Equal(t, 1.5, docs[190_002].Get("n").Double())
	require.Equal(t, []string{
		`column "n" looked like int, but 1 cells, the first in line 190002, are something else and were kept as text: give its type to have it otherwise`,
		`column "t" looked like date, but 1 cells, the first in line 190003, are something else and were kept as text: give its type to have it otherwise`,
	}, r.Notes)
}

func TestTSV(t *testing.T) {
	m, _, err := load(t, "a\tb\r\n1\tx,y\r\n\"2\"\t\"t\tt\"\r\n", transfer.ImportOptions{Format: transfer.TSV})
	require.NoError(t, err)
	require.Equal(t, `{"a":1,"b":"x,y"}`+"\n"+`{"a":2,"b":"t\tt"}`, m.text("c"))
}

// TestCSVLikeTheLibrary compares the cells with encoding/csv.
func TestCSVLikeTheLibrary(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		input := rapid.StringMatching(`(a|b|"|""|,|\n|1|é){0,40}`).Draw(r, "input")
		lib := csv.NewReader(strings.NewReader("x,y\n" + input))
		lib.FieldsPerRecord = 2
		want, err := lib.ReadAll()
		m, _, got := load(t, "x,y\n"+input, transfer.ImportOptions{Format: transfer.CSV, CSV: transfer.CSVOptions{
			Types: map[string]string{"x": "string", "y": "string"},
		}})
		if (err == nil) != (got == nil) {
			r.Fatalf("%q: %v, the library: %v", input, got, err)
		}
		if err != nil {
			return
		}
		for i, d := range m.get("c").docs {
			for k, name := range []string{"x", "y"} {
				cell := ""
				if v := d.Get(name); v.Type == bsonraw.String {
					cell = v.Str()
				}
				if cell != want[i+1][k] {
					r.Fatalf("%q: row %d: %q, the library %q", input, i, cell, want[i+1])
				}
			}
		}
	})
}

func TestExportCSV(t *testing.T) {
	docs := parse(t,
		`{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"name":"a \"b\", c","at":{"city":"Rome","geo":{"lat":41.5}},"tags":["x",1]}`,
		`{"_id":2,"n":{"$numberLong":"5"},"name":"","at":{"zip":"00100"},"d":{"$date":"2024-05-01T12:30:00Z"}}`,
		`{"_id":null,"u":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"},"p":{"$numberDecimal":"1.50"},"b":{"$binary":{"base64":"AQID","subType":"00"}},"t":true,"m":{"$minKey":1}}`,
		`{"at.city":"dotted","tags":5}`,
	)
	var out bytes.Buffer
	r, err := transfer.Export(t.Context(), opener(docs), &out, transfer.ExportOptions{Format: transfer.CSV})
	require.NoError(t, err)
	require.EqualValues(t, 4, r.Docs)
	require.Equal(t, `_id,name,at.city,at.geo.lat,at.zip,tags,n,d,u,p,b,t,m
57e193d7a9cc81b4027498b5,"a ""b"", c",Rome,41.5,,"[""x"",1]",,,,,,,
2,"",,,00100,,5,2024-05-01T12:30:00Z,,,,,
,,,,,,,,c8edabc3-f738-4ca3-b68d-ab92a91478a3,1.50,AQID,true,"{""$minKey"":1}"
,,dotted,,,5,,,,,,,
`, out.String())

	out.Reset()
	_, err = transfer.Export(t.Context(), opener(docs), &out, transfer.ExportOptions{Format: transfer.TSV, Fields: []string{"tags", "at", "nope", "at.city"}})
	require.NoError(t, err)
	require.Equal(t, "tags\tat\tnope\tat.city\n\"[\"\"x\"\",1]\"\t\"{\"\"city\"\":\"\"Rome\"\",\"\"geo\"\":{\"\"lat\"\":41.5}}\"\t\tRome\n"+
		"\t\"{\"\"zip\"\":\"\"00100\"\"}\"\t\t\n\t\t\t\n5\t\t\tdotted\n", out.String())
}

// TestCSVRoundTrip exports flat and nested documents and imports them again.
func TestCSVRoundTrip(t *testing.T) {
	docs := parse(t,
		`{"i":1,"s":"x","d":1.5,"b":true,"at":{"when":{"$date":"2024-05-01T12:30:00.250Z"},"note":"two\nlines, \"quoted\""}}`,
		`{"i":-7,"s":"","d":-0.25,"b":false,"at":{"when":{"$date":"1999-12-31T00:00:00Z"},"note":" "}}`)
	var out bytes.Buffer
	_, err := transfer.Export(t.Context(), opener(docs), &out, transfer.ExportOptions{Format: transfer.CSV})
	require.NoError(t, err)
	m := &memory{}
	_, err = transfer.Import(context.Background(), &out, m, transfer.ImportOptions{Collection: "c", Format: transfer.CSV})
	require.NoError(t, err)
	for i, d := range docs {
		require.Equal(t, []byte(d), []byte(m.get("c").docs[i]))
	}
}

func TestFormats(t *testing.T) {
	require.Equal(t, transfer.CSV, transfer.FormatOf("a/b.CSV"))
	require.Equal(t, transfer.TSV, transfer.FormatOf("b.tab"))
	require.Equal(t, transfer.JSON, transfer.FormatOf("b.jsonl"))
	for _, f := range []transfer.Format{transfer.JSON, transfer.CSV, transfer.TSV, transfer.BSON, transfer.Archive, transfer.Dump, transfer.Parquet, transfer.ArrowFile, transfer.ArrowStream} {
		got, ok := transfer.ParseFormat(f.String())
		require.True(t, ok)
		require.Equal(t, f, got)
	}
	_, ok := transfer.ParseFormat("xml")
	require.False(t, ok)
}
