package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

func TestJSONLayouts(t *testing.T) {
	want := "{\"a\":1}\n{\"b\":{\"c\":[\"}{\\\"\"]}}\n{\"d\":1.5}"
	for name, input := range map[string]string{
		"lines":           "{\"a\":1}\n{\"b\":{\"c\":[\"}{\\\"\"]}}\n{\"d\":1.5}\n",
		"no last newline": "{\"a\":1}\n{\"b\":{\"c\":[\"}{\\\"\"]}}\n{\"d\":1.5}",
		"CRLF and blanks": "\r\n{\"a\":1}\r\n\r\n{\"b\":{\"c\":[\"}{\\\"\"]}}\r\n  {\"d\":1.5}  \r\n",
		"BOM":             "\xEF\xBB\xBF{\"a\":1}\n{\"b\":{\"c\":[\"}{\\\"\"]}}\n{\"d\":1.5}\n",
		"one line":        "{\"a\":1} {\"b\":{\"c\":[\"}{\\\"\"]}}{\"d\":1.5}",
		"several lines":   "{\n  \"a\": 1\n}\n{\n \"b\": {\"c\": [\n\"}{\\\"\"\n]}}\n{\"d\":\n1.5}",
		"array":           "[{\"a\":1},{\"b\":{\"c\":[\"}{\\\"\"]}},{\"d\":1.5}]",
		"array of lines":  " [\n{\"a\":1},\n{\"b\":{\"c\":[\"}{\\\"\"]}}\n,\n{\"d\":1.5}\n]\n",
	} {
		m, r, err := load(t, input, transfer.ImportOptions{})
		require.NoError(t, err, name)
		require.Equal(t, want, m.text("c"), name)
		require.EqualValues(t, 3, r.Docs)
		require.Zero(t, r.Failed)
	}
	for _, input := range []string{"", "\n\n", "[]", " [ ] "} {
		_, r, err := load(t, input, transfer.ImportOptions{})
		require.NoError(t, err, input)
		require.Zero(t, r.Docs)
	}
}

func TestJSONErrors(t *testing.T) {
	for _, c := range []struct {
		input    string
		line     int
		contains []string
		before   int
	}{
		{"{\"a\":1}\n{\"a\":}\n{\"a\":3}\n", 2, []string{"is no value", `{"a":}`}, 1},
		{"{\"a\":1\n{\"a\":2}\n", 1, []string{`{"a":1`}, 0},
		{"{\"a\":1}\n{\"a\":2", 2, []string{`{"a":2`}, 1},
		{"{\"a\":{\"$oid\":\"x\"}}\n", 1, []string{"$oid"}, 0},
		{"{\"a\":1}\n[1]\n", 2, []string{"[1]"}, 1},
		{"{\"a\":1}\n{\"a\":\"\xff\"}\n", 2, []string{"UTF-8", "\uFFFD"}, 1},
		{"hello\n", 1, []string{"hello"}, 0},
		{"[{\"a\":1},{\"a\":2}", 1, []string{"does not end"}, 2},
		{"[{\"a\":1}\n{\"a\":2}]", 2, []string{"comma"}, 1},
		{"[{\"a\":1},\n\n{\"a\":}]", 3, []string{"is no value"}, 1},
		{"[{\"a\":1}] x", 1, []string{"behind the end"}, 1},
		{"[1]", 1, []string{"document must begin", "1]"}, 0},
		{"{\n\"a\":1\n}\n{\n\"a\":2\n", 4, []string{"does not end"}, 1},
		{"{\"a\":\"" + strings.Repeat("x", 500) + "\",}\n", 1, []string{"..."}, 0},
		{"\xFF\xFE{\x00}\x00", 0, []string{"UTF-16"}, 0},
	} {
		m, _, err := load(t, c.input, transfer.ImportOptions{})
		require.Error(t, err, c.input)
		require.Equal(t, errs.ImportFailed, errs.CodeOf(err))
		if c.line > 0 {
			require.ErrorContains(t, err, fmt.Sprintf("line %d: ", c.line), c.input)
		}
		for _, s := range c.contains {
			require.ErrorContains(t, err, s)
		}
		require.Len(t, m.get("c").docs, c.before, c.input)
	}
}

func TestMaxErrors(t *testing.T) {
	var lines []string
	for i := range 20 {
		if i%4 == 1 {
			lines = append(lines, fmt.Sprintf(`{"i":%d,}`, i))
		} else {
			lines = append(lines, fmt.Sprintf(`{"i":%d}`, i))
		}
	}
	input := strings.Join(lines, "\n")
	var told []int64
	m, r, err := load(t, input, transfer.ImportOptions{MaxErrors: 5, OnError: func(e transfer.LineError) { told = append(told, e.Line) }})
	require.NoError(t, err)
	require.EqualValues(t, 15, r.Docs)
	require.EqualValues(t, 5, r.Failed)
	require.Equal(t, []int64{2, 6, 10, 14, 18}, told)
	require.Equal(t, `{"i":1,}`, r.Errors[0].Excerpt)
	require.NotContains(t, m.text("c"), `"i":1}`)

	_, r, err = load(t, input, transfer.ImportOptions{MaxErrors: 2})
	require.ErrorContains(t, err, "line 10: ")
	require.EqualValues(t, 3, r.Failed)
	require.EqualValues(t, 7, r.Docs)
	require.Contains(t, errs.As(err).Remedy, "7 documents were imported and stay")

	_, r, err = load(t, input, transfer.ImportOptions{MaxErrors: -1})
	require.NoError(t, err)
	require.EqualValues(t, 5, r.Failed)
}

// TestRefusedDocuments checks that what the sink refuses is reported by line.
func TestRefusedDocuments(t *testing.T) {
	input := "{\"_id\":1}\n{\"_id\":2}\n\n{\"_id\":1}\n{\"_id\":3}\n"
	m := &memory{refuse: duplicate("_id")}
	_, err := transfer.Import(t.Context(), strings.NewReader(input), m, transfer.ImportOptions{Collection: "c"})
	require.ErrorContains(t, err, `line 4: E11000 duplicate key 1: {"_id":1}`)
	require.Contains(t, errs.As(err).Remedy, "3 documents were imported and stay", "the one behind it, too")

	m = &memory{refuse: duplicate("_id")}
	r, err := transfer.Import(t.Context(), strings.NewReader(input), m, transfer.ImportOptions{Collection: "c", MaxErrors: 1, BatchDocs: 1})
	require.NoError(t, err)
	require.EqualValues(t, 3, r.Docs)
	require.EqualValues(t, 1, r.Failed)
	require.Equal(t, "{\"_id\":1}\n{\"_id\":2}\n{\"_id\":3}", m.text("c"))
}

// TestLargeInput crosses many blocks, with readers that give little at a time,
// and checks the order, the line numbers and the progress.
func TestLargeInput(t *testing.T) {
	var b bytes.Buffer
	const n = 30_000
	for i := range n {
		if i == 25_000 {
			b.WriteString("{oops}\n")
			continue
		}
		fmt.Fprintf(&b, "{\"i\":%d,\"text\":%q}\n", i, strings.Repeat("é\"\n", i%60))
	}
	for name, r := range map[string]io.Reader{
		"plain": bytes.NewReader(b.Bytes()),
		"half":  iotest.HalfReader(bytes.NewReader(b.Bytes())),
	} {
		var last transfer.Progress
		m := &memory{}
		result, err := transfer.Import(t.Context(), r, m, transfer.ImportOptions{
			Collection: "c", MaxErrors: 1, Workers: 3, TotalBytes: int64(b.Len()),
			Progress: func(p transfer.Progress) {
				require.GreaterOrEqual(t, p.Docs, last.Docs)
				last = p
			},
		})
		require.NoError(t, err, name)
		require.EqualValues(t, n-1, result.Docs)
		require.EqualValues(t, 25_001, result.Errors[0].Line)
		require.Equal(t, int64(b.Len()), last.TotalBytes)
		require.EqualValues(t, n-1, last.Docs)
		at := int32(0)
		for _, d := range m.get("c").docs {
			if at == 25_000 {
				at++
			}
			require.Equal(t, at, d.Get("i").Int32())
			at++
		}
	}
}

func TestLongLine(t *testing.T) {
	r := io.MultiReader(strings.NewReader("{\"a\":1}\n{\"a\":\""), io.LimitReader(endless{}, 150<<20))
	m := &memory{}
	_, err := transfer.Import(t.Context(), r, m, transfer.ImportOptions{Collection: "c"})
	require.ErrorContains(t, err, "line 2: a line of more than 144 MiB")
	require.Len(t, m.get("c").docs, 1)
}

// TestLongestLines: the largest documents may take many times their size as
// text, wherever they begin in what is read at once.
func TestLongestLines(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	for range 15 << 19 {
		b.Value("", bsonraw.Value{Type: bsonraw.MinKey}) // two bytes
	}
	line := append(ejson.Append(nil, b.Finish(), ejson.Canonical), '\n')
	require.Greater(t, len(line), 120<<20)
	r := io.MultiReader(strings.NewReader("{\"a\":1}\n"), bytes.NewReader(line), bytes.NewReader(line))
	refused := errors.New("seen")
	_, err := transfer.Import(t.Context(), r, &memory{refuse: func(d bsonraw.Doc) error {
		if len(d) > 15<<20 {
			return refused
		}
		return nil
	}}, transfer.ImportOptions{Collection: "c", MaxErrors: 1})
	require.ErrorContains(t, err, "line 3: seen")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestBrokenReader(t *testing.T) {
	r := io.MultiReader(strings.NewReader("{\"a\":1}\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := transfer.Import(t.Context(), r, &memory{}, transfer.ImportOptions{Collection: "c"})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, errs.ImportFailed, errs.CodeOf(err))
}

func TestImportCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &memory{refuse: func(bsonraw.Doc) error { cancel(); return nil }}
	_, err := transfer.Import(ctx, io.MultiReader(strings.NewReader("{}\n"), &numbers{}), m, transfer.ImportOptions{Collection: "c"})
	require.Equal(t, errs.Interrupted, errs.CodeOf(err), err)
}

// numbers is an endless input of documents.
type numbers struct{}

func (*numbers) Read(p []byte) (int, error) {
	n := copy(p, "{\"a\":1}\n")
	for n+8 <= len(p) && n%8 == 0 {
		n += copy(p[n:], "{\"a\":1}\n")
	}
	return n, nil
}

// TestJSONRoundTrip exports random documents and imports them again, and lets
// the driver read what was exported.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.SliceOfN(rapid.Custom(genText), 0, 8).Draw(r, "docs")
		docs := parse(t, texts...)
		for _, o := range []transfer.ExportOptions{{Canonical: true}, {Canonical: true, Array: true}} {
			var out bytes.Buffer
			result, err := transfer.Export(context.Background(), opener(docs), &out, o)
			require.NoError(t, err)
			require.EqualValues(t, len(docs), result.Docs)
			require.EqualValues(t, out.Len(), result.Bytes)
			m := &memory{}
			_, err = transfer.Import(context.Background(), &out, m, transfer.ImportOptions{Collection: "c"})
			require.NoError(t, err)
			require.Equal(t, len(docs), len(m.get("c").docs))
			for i, d := range docs {
				require.Equal(t, []byte(d), []byte(m.get("c").docs[i]))
			}
		}
		var out bytes.Buffer
		_, err := transfer.Export(context.Background(), opener(docs), &out, transfer.ExportOptions{})
		require.NoError(t, err)
		for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			if len(docs) == 0 {
				break
			}
			var raw bson.Raw
			require.NoError(t, bson.UnmarshalExtJSON([]byte(line), false, &raw))
			require.Equal(t, string(ejson.Append(nil, docs[i], ejson.Relaxed)), line)
		}
	})
}

// genText makes a document as Extended JSON.
func genText(t *rapid.T) string {
	value := rapid.OneOf(
		rapid.Just("null"), rapid.Just("true"), rapid.Just(`{"$oid":"57e193d7a9cc81b4027498b5"}`), rapid.Just(`{"$date":{"$numberLong":"5"}}`),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
		rapid.Map(rapid.String(), func(s string) string { return string(ejson.AppendString(nil, []byte(s))) }),
		rapid.Just(`[1,{"x":[]}]`), rapid.Just(`{"y":{"z":1.5}}`),
	)
	var fields []string
	for _, v := range rapid.SliceOfN(value, 0, 6).Draw(t, "values") {
		fields = append(fields, fmt.Sprintf("%q:%s", rapid.StringMatching("[a-z.]{0,5}").Draw(t, "name"), v))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestExportErrors(t *testing.T) {
	_, err := transfer.Export(t.Context(), opener(parse(t, `{}`)), failing{}, transfer.ExportOptions{})
	require.Equal(t, errs.StoreIO, errs.CodeOf(err))
	closed := 0
	open := func(context.Context) (transfer.Iter, error) {
		return &sliceIter{docs: parse(t, `{}`), err: errs.New(errs.StoreCorrupt, "bad"), closed: &closed}, nil
	}
	_, err = transfer.Export(t.Context(), open, io.Discard, transfer.ExportOptions{})
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(err))
	require.Equal(t, 1, closed)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzImport takes any bytes in every format: no panic, and what comes out is
// BSON.
func FuzzImport(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{\"b\":"), 0)
	f.Add([]byte("[{\"a\":1},\n{}]"), 0)
	f.Add([]byte("a,b.c\n1,\"x\"\"y\"\n"), 1)
	f.Add([]byte("\x05\x00\x00\x00\x00\xff\xff\xff\x7f"), 3)
	f.Fuzz(func(t *testing.T, input []byte, format int) {
		m := &memory{}
		_, _ = transfer.Import(context.Background(), bytes.NewReader(input), m, transfer.ImportOptions{
			Collection: "c", Format: transfer.Format(uint(format) % 4), MaxErrors: -1, Workers: 1,
		})
		for _, d := range m.get("c").docs {
			require.NoError(t, bsonraw.Validate(d))
		}
	})
}
