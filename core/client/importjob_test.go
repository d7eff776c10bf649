package client

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// killedImport names, in the environment of a child process of the tests below,
// the import to run until it is killed: store, file, flags.
const killedImport = "ARGON_TEST_KILLED_IMPORT"

// importUntilKilled prints a line for each batch that is stored.
func importUntilKilled(spec []string) error {
	ctx := WithProgress(context.Background(), func(p Progress) { fmt.Println(p.Done) })
	c, err := Open(ctx, spec[0], nil)
	if err != nil {
		return err
	}
	defer c.Close()
	o := optionsOf(spec)
	_, err = c.Project("p").Branch("main").ImportFrom(ctx, o)
	return err
}

func optionsOf(spec []string) *ImportOptions {
	return &ImportOptions{
		Source: spec[1], Resume: strings.Contains(spec[2], "resume"), Atomic: strings.Contains(spec[2], "atomic"),
		MaxErrors: -1, Rejects: spec[3],
	}
}

// killAfter runs an import in a process of its own and kills it once it has
// stored some batches. It returns false if the import was over before.
func killAfter(t *testing.T, spec []string, batches int) bool {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedImport+"="+strings.Join(spec, "\n"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	n := 0
	for n < batches && lines.Scan() {
		n++
	}
	killed := n == batches
	if killed {
		require.NoError(t, cmd.Process.Kill())
	}
	err = cmd.Wait()
	if !killed {
		require.NoError(t, err, stderr.String())
	}
	return killed
}

// bigFile writes documents in order, some lines of which are broken, and some
// documents twice.
func bigFile(t *testing.T, format string) (path string, good, bad int) {
	path = filepath.Join(t.TempDir(), "docs."+format)
	var b bytes.Buffer
	if format == "csv" {
		b.WriteString("_id,text,more\n")
	}
	for i := range 60_000 {
		switch {
		case i%9973 == 5000 && format == "csv":
			fmt.Fprintf(&b, "%d,x\n", i)
			bad++
		case i%9973 == 5000:
			fmt.Fprintf(&b, `{"_id": %d, "text": }`+"\n", i)
			bad++
		case i%9973 == 6000 && format == "csv":
			fmt.Fprintf(&b, "%d,again,\n", i-1)
			bad++
		case i%9973 == 6000:
			fmt.Fprintf(&b, `{"_id": %d, "text": "again"}`+"\n", i-1)
			bad++
		case format == "csv":
			fmt.Fprintf(&b, "%d,\"line\n%d\",%s\n", i, i, strings.Repeat("x", 60))
			good++
		default:
			fmt.Fprintf(&b, `{"_id": %d, "text": "line %d", "more": "%s"}`+"\n", i, i, strings.Repeat("x", 60))
			good++
		}
	}
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path, good, bad
}

// TestKilledImports kills imports that can be resumed, again and again, and
// expects every document exactly once and every rejected line exactly once.
func TestKilledImports(t *testing.T) {
	if attachedMode {
		t.Skip("it has stores of its own")
	}
	for flags, format := range map[string]string{"resume": "jsonl", "resume atomic": "csv"} {
		{
			t.Run(flags+" "+format, func(t *testing.T) {
				path, good, bad := bigFile(t, format)
				dir, rejects := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "rejects")
				spec := []string{dir, path, flags, rejects}
				kills := 0
				for kills < 20 && killAfter(t, spec, 2) {
					kills++
				}
				require.Greater(t, kills, 1)
				c, err := Open(t.Context(), dir, nil)
				require.NoError(t, err)
				defer c.Close()
				main := c.Project("p").Branch("main")
				res, err := main.ImportFrom(t.Context(), optionsOf(spec))
				require.NoError(t, err)
				require.EqualValues(t, 0, res.Imported, "everything is there")
				require.EqualValues(t, good, res.Resumed)
				n, err := main.Collection("docs").Count(t.Context(), nil)
				require.NoError(t, err)
				require.EqualValues(t, good, n)
				text, err := os.ReadFile(rejects)
				require.NoError(t, err)
				lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
				if format == "csv" {
					require.Equal(t, "_id,text,more", lines[0])
					lines = lines[1:]
				}
				require.Len(t, lines, bad)
				checkLeft(t, c)
			})
		}
	}
}

// checkLeft checks a store after imports: no stage is left, and it is sound.
func checkLeft(t *testing.T, c *Client) {
	list, err := c.Project("p").Branches().List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	reply, err := c.Fsck(t.Context())
	require.NoError(t, err)
	require.NoError(t, CheckFsck(reply))
}

// TestKilledAtomicImport: nothing of it is there after the crash.
func TestKilledAtomicImport(t *testing.T) {
	if attachedMode {
		t.Skip("it has stores of its own")
	}
	path, good, _ := bigFile(t, "jsonl")
	dir := filepath.Join(t.TempDir(), "store")
	c, err := Open(t.Context(), dir, nil)
	require.NoError(t, err)
	_, err = c.Project("p").Branch("main").Collection("other").InsertOne(t.Context(), d("_id", 1))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	// With a stage of its own, as a larger file has.
	require.True(t, killAfter(t, []string{dir, path, "atomic resume", ""}, 3))
	c, err = Open(t.Context(), dir, nil)
	require.NoError(t, err)
	defer c.Close()
	names, err := c.Project("p").Branch("main").Collections(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, names)
	checkLeft(t, c)
	res, err := c.Project("p").Branch("main").ImportFrom(t.Context(), &ImportOptions{Source: path, Atomic: true, MaxErrors: -1})
	require.NoError(t, err)
	require.EqualValues(t, good, res.Imported)
	require.NotZero(t, res.LSN)
	// All of it is one commit.
	n, err := c.Project("p").Branch("main").At("-1").Collection("docs").Count(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

// TestAtomicImport takes both ways, a transaction and a stage, to the end and
// to a failure.
func TestAtomicImport(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	main := c.Project("p").Branch("main")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	_, err := main.Collection("c").InsertOne(ctx, d("_id", 2, "old", true))
	require.NoError(t, err)
	two := write("two.jsonl", "{\"_id\": 1}\n{\"_id\": 2}\n{\"_id\": 3}\n")
	count := func(b *Branch, coll string) int64 {
		n, err := b.Collection(coll).Count(ctx, nil)
		require.NoError(t, err)
		return n
	}
	for _, staged := range []bool{false, true} {
		load := func(o ImportOptions) (*ImportResult, error) {
			o.Source, o.Collection, o.Atomic, o.Format = two, "c", true, "json"
			if staged {
				f, err := os.Open(two)
				require.NoError(t, err)
				defer f.Close()
				return main.Import(ctx, bufio.NewReader(f), 0, &o)
			}
			return main.ImportFrom(ctx, &o)
		}
		res, err := load(ImportOptions{})
		require.Equal(t, errs.ImportFailed, errs.CodeOf(err), err)
		require.ErrorContains(t, err, "nothing was imported")
		require.Zero(t, res.Imported)
		require.EqualValues(t, 1, count(main, "c"))

		res, err = load(ImportOptions{MaxErrors: 1})
		require.NoError(t, err)
		require.EqualValues(t, 2, res.Imported)
		require.EqualValues(t, 1, res.Failed)
		require.EqualValues(t, 3, count(main, "c"))
		require.EqualValues(t, 1, count(main.At(strconv.FormatInt(res.LSN-1, 10)), "c"))

		res, err = load(ImportOptions{Mode: "replace"})
		require.NoError(t, err)
		require.EqualValues(t, 3, res.Imported)
		require.EqualValues(t, 3, count(main, "c"))
		_, err = load(ImportOptions{Mode: "upsert"})
		require.NoError(t, err)
		_, err = main.Collection("c").DeleteMany(ctx, d("_id", d("$ne", 2)))
		require.NoError(t, err)
	}
	checkLeft(t, c)
}

// TestLargeAtomicImport: what does not fit into one transaction is one commit.
func TestLargeAtomicImport(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	main := c.Project("p").Branch("main")
	_, err := main.Collection("c").InsertOne(ctx, d("_id", "before"))
	require.NoError(t, err)
	text := strings.Repeat("x", 100<<10)
	var lines strings.Builder
	const n = smallImport/(100<<10) + 20
	for i := range n {
		fmt.Fprintf(&lines, "{\"_id\": %d, \"text\": %q}\n", i, text)
	}
	path := filepath.Join(t.TempDir(), "large.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(lines.String()), 0o600))
	res, err := main.ImportFrom(ctx, &ImportOptions{Source: path, Collection: "c", Atomic: true})
	require.NoError(t, err)
	require.EqualValues(t, n, res.Imported)

	reply, err := main.Run(ctx, d("argonLog", 1, "limit", 2))
	require.NoError(t, err)
	batch := reply.Lookup("cursor", "firstBatch").Array()
	require.EqualValues(t, res.LSN, batch.Index(0).Document().Lookup("lsn").Int64())
	require.EqualValues(t, n, batch.Index(0).Document().Lookup("counts", "insert").Int64())
	require.Contains(t, batch.Index(1).Document().String(), "before")
	for _, id := range []int{0, n - 1} {
		reply, err := main.Run(ctx, d("argonHistory", "c", "id", id))
		require.NoError(t, err)
		require.EqualValues(t, res.LSN, reply.Lookup("cursor", "firstBatch").Array().Index(0).Document().Lookup("lsn").Int64())
	}
	before, err := main.At("-1").Collection("c").Count(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, before)
}

func TestResumeRefuses(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	main := c.Project("p").Branch("main")
	path := filepath.Join(t.TempDir(), "x.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"_id\":1}\n"), 0o600))
	_, err := main.Import(ctx, strings.NewReader("{}"), 2, &ImportOptions{Format: "json", Collection: "c", Resume: true})
	require.ErrorContains(t, err, "only the import of a file")
	res, err := main.ImportFrom(ctx, &ImportOptions{Source: path, Resume: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Imported)
	res, err = main.ImportFrom(ctx, &ImportOptions{Source: path, Resume: true})
	require.NoError(t, err)
	require.Zero(t, res.Imported)
	require.Contains(t, res.Notes[0], "imported already")
	require.NoError(t, os.WriteFile(path, []byte("{\"_id\":1}\n{\"_id\":2}\n"), 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
	_, err = main.ImportFrom(ctx, &ImportOptions{Source: path, Resume: true})
	require.ErrorContains(t, err, "has changed since")
	_, err = main.ImportFrom(ctx, &ImportOptions{Source: path, Resume: true, Mode: "upsert"})
	require.ErrorContains(t, err, "or how it is to be imported")
}

// TestResumeParts goes on in the middle of a dump, an archive and a Parquet
// file.
func TestResumeParts(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	src := c.Project("src").Branch("main")
	for _, coll := range []string{"a", "b"} {
		docs := make([]any, 30_000)
		for i := range docs {
			docs[i] = d("_id", i, "text", strings.Repeat("x", 50))
		}
		_, err := src.Collection(coll).InsertMany(ctx, docs, true)
		require.NoError(t, err)
	}
	dir := t.TempDir()
	for i, o := range []*ExportOptions{
		{Path: filepath.Join(dir, "dump"), Format: "dump"},
		{Path: filepath.Join(dir, "all.archive"), Format: "archive"},
		{Path: filepath.Join(dir, "a.parquet"), Collection: "a"},
	} {
		_, err := src.ExportTo(ctx, o)
		require.NoError(t, err)
		project := fmt.Sprint("p", i)
		into := c.Project(project).Branch("main")
		for stops := 0; ; stops++ {
			limited, cancel := context.WithCancel(ctx)
			batches := 0
			res, err := into.ImportFrom(WithProgress(limited, func(Progress) {
				if batches++; batches == 2 {
					cancel()
				}
			}), &ImportOptions{Source: o.Path, Resume: true})
			cancel()
			if err == nil {
				require.Greater(t, stops, 1, o.Path)
				require.Greater(t, res.Imported+res.Resumed, int64(29_999))
				break
			}
			require.Equal(t, errs.Interrupted, errs.CodeOf(err), err)
			require.Less(t, stops, 50)
		}
		names, err := into.Collections(ctx)
		require.NoError(t, err)
		for _, name := range names {
			n, err := into.Collection(name).Count(ctx, nil)
			require.NoError(t, err)
			require.EqualValues(t, 30_000, n, "%s %s", o.Path, name)
		}
	}
}

func TestHistoryExport(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	main := c.Project("p").Branch("main")
	users := main.As("ada", "").Collection("users")
	_, err := users.InsertMany(ctx, []any{d("_id", 1, "n", 1), d("_id", 2, "n", 1)}, true)
	require.NoError(t, err)
	_, err = c.Project("p").Branches().Create(ctx, "exp", "main")
	require.NoError(t, err)
	exp := c.Project("p").Branch("exp").As("bob", "")
	_, err = exp.Run(ctx, d("update", "users", "updates", bson.A{d("q", d("_id", 1), "u", d("$set", d("n", 2)))}, "$argon", d("actor", "bob")))
	require.NoError(t, err)
	_, err = exp.Collection("users").DeleteMany(ctx, d("_id", 2))
	require.NoError(t, err)
	_, err = exp.Collection("users").InsertOne(ctx, d("_id", 2, "n", 9))
	require.NoError(t, err)
	var out bytes.Buffer
	res, err := exp.Export(ctx, &out, &ExportOptions{Collection: "users", Format: "csv", Fields: []string{"_id", "_op", "_actor", "n"}, History: true})
	require.NoError(t, err)
	require.EqualValues(t, 5, res.Exported)
	require.Equal(t, "_id,_op,_actor,n\n1,update,bob,2\n1,insert,ada,1\n2,insert,bob,9\n2,delete,bob,\n2,insert,ada,1\n", out.String())
	out.Reset()
	_, err = main.Export(ctx, &out, &ExportOptions{Collection: "users", Format: "json", History: true})
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out.String(), `"_op":"insert"`))
	require.Regexp(t, `^\{"_id":1,"_lsn":\d+,"_time":\{"\$date":"[^"]+"\},"_op":"insert","_actor":"ada","n":1\}`, out.String())
	_, err = main.Export(ctx, &out, &ExportOptions{Collection: "users", Format: "json", History: true, Limit: 1})
	require.ErrorContains(t, err, "a history is whole")
}
