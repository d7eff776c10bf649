package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func openTest(t *testing.T) *Client {
	dir := filepath.Join(t.TempDir(), "store")
	if attachedMode {
		host, err := Open(t.Context(), dir, nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, host.Close()) })
	}
	c, err := Open(t.Context(), dir, &Options{Actor: "ada"})
	require.NoError(t, err)
	place, err := c.Place(t.Context())
	require.NoError(t, err)
	require.Equal(t, !attachedMode, place.Hosting)
	t.Cleanup(func() {
		reply, err := c.Fsck(context.WithoutCancel(t.Context()))
		require.NoError(t, err)
		require.NoError(t, CheckFsck(reply))
		require.NoError(t, c.Close())
	})
	return c
}

func d(pairs ...any) bson.D {
	out := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return out
}

func texts(t *testing.T, cur *Documents, err error) []string {
	t.Helper()
	require.NoError(t, err)
	var docs []Document
	require.NoError(t, cur.All(t.Context(), &docs))
	out := []string{}
	for _, doc := range docs {
		out = append(out, doc.String())
	}
	return out
}

// The whole public surface once, as a person uses it.
func TestBranchEditMerge(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	p, err := c.Projects().Create(ctx, "shop")
	require.NoError(t, err)
	require.Equal(t, "shop", p.Name)
	shop := c.Project("shop")
	users := shop.Branch("main").Collection("users")
	ins, err := users.InsertMany(ctx, []any{d("_id", 1, "n", 1, "a", "x"), d("_id", 2, "n", 1)}, true)
	require.NoError(t, err)
	require.EqualValues(t, 2, ins.Inserted)

	info, err := shop.Branches().Create(ctx, "exp", "main")
	require.NoError(t, err)
	require.Equal(t, "main", info.Parent)
	require.Equal(t, ins.LSN, info.ForkLSN)
	exp := shop.Branch("exp").As("etl", "nightly")
	upd, err := exp.Collection("users").UpdateMany(ctx, d(), d("$inc", d("n", 10)), nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, upd.Modified)
	_, err = users.UpdateOne(ctx, d("_id", 1), d("$inc", d("n", 100), "$set", d("a", "ours")), nil)
	require.NoError(t, err)
	_, err = exp.Collection("users").UpdateOne(ctx, d("_id", 1), d("$set", d("a", "theirs")), nil)
	require.NoError(t, err)

	cur, err := exp.Diff(ctx, "main", "users", 0)
	require.NoError(t, err)
	var diff []Difference
	require.NoError(t, cur.All(ctx, &diff))
	require.Len(t, diff, 2)
	require.Equal(t, "update", diff[0].Op)

	plan, err := exp.MergePlan(ctx, "main", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, plan.Counts.Unresolved)
	_, err = exp.Merge(ctx, "main", nil)
	require.Equal(t, errs.MergeConflict, errs.CodeOf(err))
	require.Len(t, Conflicts(err), 1)
	require.Equal(t, "a", Conflicts(err)[0].Path)
	require.Nil(t, Conflicts(errors.New("other")))
	res, err := exp.Merge(ctx, "main", &MergeOptions{Message: "both", Resolve: Resolve{
		Resolutions: []Resolution{{N: 1, Value: "both"}}, ExpectOurs: plan.OursLSN, ExpectTheirs: plan.TheirsLSN,
	}})
	require.NoError(t, err)
	require.True(t, res.Merged)
	doc, err := users.FindOne(ctx, d("_id", 1), nil)
	require.NoError(t, err)
	require.Equal(t, `{"_id": {"$numberInt":"1"},"n": {"$numberInt":"111"},"a": "both"}`, doc.String())

	states, err := shop.Branch("main").History(ctx, "users", 1)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(states), 3)
	fields, err := shop.Branch("main").Blame(ctx, "users", 1)
	require.NoError(t, err)
	require.Len(t, fields, 3)
	cur, err = shop.Branch("main").Log(ctx, &LogOptions{Limit: 1})
	require.NoError(t, err)
	var commits []Commit
	require.NoError(t, cur.All(ctx, &commits))
	require.Equal(t, "both", commits[0].Message)
	require.Equal(t, "exp", commits[0].Merge.Branch)

	undone, err := shop.Branch("main").Undo(ctx, &UndoOptions{LSN: res.LSN, By: "bob", Resolve: Resolve{Strategy: "theirs"}})
	require.NoError(t, err)
	require.True(t, undone.Undone)
	old, err := shop.Branch("main").At("-1").Collection("users").FindOne(ctx, d("_id", 1), nil)
	require.NoError(t, err)
	require.Equal(t, doc, old)
	back, err := shop.Branch("main").Restore(ctx, "-1")
	require.NoError(t, err)
	require.Equal(t, undone.LSN, back.From)
	tag, err := shop.Tags().Create(ctx, "v1", "main", "")
	require.NoError(t, err)
	require.Equal(t, back.To, tag.LSN)
	require.NoError(t, shop.Tags().Delete(ctx, "v1"))
	require.NoError(t, shop.Branches().Delete(ctx, "exp"))
	require.NoError(t, c.Projects().Delete(ctx, "shop"))
}

func TestCollection(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	users := c.Project("p").Branch("main").Collection("users")
	none, err := users.FindOne(ctx, nil, nil)
	require.NoError(t, err)
	require.Nil(t, none)
	for i := range 5 {
		_, err := users.InsertOne(ctx, d("_id", i, "tag", []string{"a", "b"}[i%2], "s", d("x", i)))
		require.NoError(t, err)
	}
	_, err = users.InsertOne(ctx, d("_id", 1))
	require.Equal(t, errs.DuplicateKey, errs.CodeOf(err))
	name, err := users.CreateIndex(ctx, d("tag", 1, "s.x", -1), d("sparse", true))
	require.NoError(t, err)
	require.Equal(t, "tag_1_s.x_-1", name)
	indexes, err := users.Indexes(ctx)
	require.NoError(t, err)
	require.Len(t, indexes, 2)

	cur, err := users.Find(ctx, d("tag", "a"), &FindOptions{Sort: d("_id", -1), Limit: 2, Projection: d("_id", 1), Hint: name})
	require.Equal(t, []string{`{"_id": {"$numberInt":"4"}}`, `{"_id": {"$numberInt":"2"}}`}, texts(t, cur, err))
	cur, err = users.Aggregate(ctx, bson.A{d("$group", d("_id", "$tag", "n", d("$sum", 1))), d("$sort", d("_id", 1))})
	require.Equal(t, []string{`{"_id": "a","n": {"$numberInt":"3"}}`, `{"_id": "b","n": {"$numberInt":"2"}}`}, texts(t, cur, err))
	n, err := users.Count(ctx, d("tag", "b"))
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	values, err := users.Distinct(ctx, "tag", nil)
	require.NoError(t, err)
	require.Len(t, values, 2)
	up, err := users.UpdateOne(ctx, d("_id", 99), d("$set", d("x", 1)), &UpdateOptions{Upsert: true})
	require.NoError(t, err)
	require.EqualValues(t, 0, up.Matched)
	require.Equal(t, bsonraw.Int32, up.UpsertedID.Raw().Type)
	_, err = users.UpdateOne(ctx, d(), d("$bad", 1), nil)
	require.Equal(t, errs.FailedToParse, errs.CodeOf(err))
	deleted, err := users.DeleteMany(ctx, d("tag", "a"))
	require.NoError(t, err)
	require.EqualValues(t, 3, deleted)
	deleted, err = users.DeleteOne(ctx, d())
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted)
	require.NoError(t, users.DropIndex(ctx, name))
	require.NoError(t, users.Drop(ctx))
	names, err := c.Project("p").Branch("main").Collections(ctx)
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = users.Find(ctx, make(chan int), nil)
	require.Equal(t, errs.BadValue, errs.CodeOf(err))
}

func TestTransaction(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	main := c.Project("p").Branch("main")
	lsn, err := main.Transaction(ctx, func(ctx context.Context, b *Branch) error {
		if _, err := b.Collection("c").InsertOne(ctx, d("_id", 1)); err != nil {
			return err
		}
		n, err := b.Collection("c").Find(ctx, nil, nil)
		require.Len(t, texts(t, n, err), 1)
		outside, err := main.Collection("c").Find(ctx, nil, nil)
		require.Empty(t, texts(t, outside, err))
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, lsn)
	boom := errors.New("boom")
	_, err = main.Transaction(ctx, func(ctx context.Context, b *Branch) error {
		_, err := b.Collection("c").InsertOne(ctx, d("_id", 2))
		require.NoError(t, err)
		return boom
	})
	require.Equal(t, boom, err)
	n, err := main.Collection("c").Count(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	// Of two that change one document the second has to begin again.
	_, err = main.Transaction(ctx, func(ctx context.Context, b *Branch) error {
		_, err := b.Collection("c").UpdateOne(ctx, d("_id", 1), d("$set", d("a", 1)), nil)
		require.NoError(t, err)
		_, err = main.Transaction(ctx, func(ctx context.Context, b *Branch) error {
			_, err := b.Collection("c").UpdateOne(ctx, d("_id", 1), d("$set", d("a", 2)), nil)
			return err
		})
		require.Equal(t, errs.WriteConflict, errs.CodeOf(err))
		return nil
	})
	require.NoError(t, err)
	lsn, err = main.Transaction(ctx, func(context.Context, *Branch) error { return nil })
	require.NoError(t, err)
	require.Zero(t, lsn)
}

func TestDirectory(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("ARGON_URI", "")
	for uri, want := range map[string]string{
		"a/b": "a/b", "file:///x/y": "/x/y", "file://rel": "rel", "~/s": "/home/ada/s", "~": "/home/ada", `C:\x`: `C:\x`,
	} {
		got, err := Directory(uri)
		require.NoError(t, err, uri)
		require.Equal(t, filepath.Clean(want), filepath.Clean(got), uri)
	}
	for uri, code := range map[string]errs.Code{
		"argon://": errs.BadValue, "argon://u:p@host": errs.BadValue, "argon://host/?colour=blue": errs.BadValue, "mongodb://u:secret@host/db": errs.BadValue,
		"mongodb+srv://host/db": errs.BadValue, "http://host": errs.BadValue, "file://": errs.BadValue,
	} {
		_, err := Directory(uri)
		require.Equal(t, code, errs.CodeOf(err), uri)
		require.NotContains(t, err.Error(), "secret")
	}
	t.Setenv("ARGON_URI", "/from/env")
	got, err := Directory("")
	require.NoError(t, err)
	require.Equal(t, "/from/env", got)
}

func TestClosedClient(t *testing.T) {
	c, err := Open(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	cur, err := c.Project("p").Branch("main").Collection("c").Find(t.Context(), nil, nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	require.False(t, cur.Next(t.Context()))
	require.NoError(t, cur.Close())
	_, err = c.Projects().List(t.Context())
	require.Equal(t, errs.StoreClosed, errs.CodeOf(err))
}

// A second client attaches to the first, and takes its place when it closes.
func TestSecondClientAttaches(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	first, err := Open(ctx, dir, nil)
	require.NoError(t, err)
	second, err := Open(ctx, dir, &Options{Actor: "bob"})
	require.NoError(t, err)
	users := second.Project("shop").Branch("main").Collection("users")
	_, err = users.InsertOne(ctx, d("_id", 1))
	require.NoError(t, err)
	n, err := first.Project("shop").Branch("main").Collection("users").Count(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	status, err := first.Status(ctx)
	require.NoError(t, err)
	require.Len(t, status.Clients, 1)
	require.EqualValues(t, os.Getpid(), status.Clients[0].PID)
	require.Contains(t, status.Host.Command, os.Args[0])
	place, err := second.Place(ctx)
	require.NoError(t, err)
	require.Equal(t, Place{Dir: dir, Address: filepath.Join(dir, "argon.sock"), PID: os.Getpid(), Command: place.Command, Since: place.Since}, place)
	require.Nil(t, second.Server())

	require.NoError(t, first.Close())
	n, err = users.Count(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	place, err = second.Place(ctx)
	require.NoError(t, err)
	require.True(t, place.Hosting)
	require.NotNil(t, second.Server())
	require.NoError(t, second.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotContains(t, names, filepath.Join(dir, "argon.sock"))
	require.NotContains(t, names, filepath.Join(dir, "HOST.argon"))
}

// runText runs a command written as JSON with single quotes.
func runText(t *testing.T, c *Client, ctx context.Context, db, text string) (bsonraw.Doc, error) {
	t.Helper()
	var cmd bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(strings.ReplaceAll(text, "'", `"`)), false, &cmd))
	raw, err := bson.Marshal(cmd)
	require.NoError(t, err)
	return c.RunCommand(ctx, db, raw)
}

func TestImportAndExportCommands(t *testing.T) {
	c, dir := openTest(t), t.TempDir()
	in, out := filepath.ToSlash(filepath.Join(dir, "in.jsonl")), filepath.ToSlash(filepath.Join(dir, "out.jsonl.gz"))
	var lines strings.Builder
	for i := range 5000 {
		lines.WriteString(bson.Raw(mustRaw(t, d("_id", i, "s", "some text"))).String() + "\n")
	}
	require.NoError(t, os.WriteFile(in, []byte(lines.String()), 0o600))
	var seen []Progress
	ctx := WithProgress(t.Context(), func(p Progress) { seen = append(seen, p) })
	reply, err := runText(t, c, ctx, "p", `{'argonImport': '`+in+`', 'collection': 'c', '$argon': {'actor': 'etl'}}`)
	require.NoError(t, err)
	require.EqualValues(t, 5000, reply.Get("imported").Int64())
	require.NotZero(t, reply.Get("argonLSN").Int64())
	require.NotEmpty(t, seen)
	last := seen[len(seen)-1]
	require.Equal(t, "bytes", last.Unit)
	require.LessOrEqual(t, last.Done, last.Total)
	require.Equal(t, "bytes", bsonraw.Doc(last.Document()).Get("unit").Str())

	reply, err = runText(t, c, t.Context(), "p~main~-1", `{'argonExport': '`+out+`', 'collection': 'c', 'sort': {'_id': -1}}`)
	require.NoError(t, err)
	require.NotZero(t, reply.Get("exported").Int64())
	reply, err = runText(t, c, t.Context(), "copy", `{'argonImport': '`+out+`', 'collection': 'c'}`)
	require.NoError(t, err)
	n, err := c.Project("copy").Branch("main").Collection("c").Count(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, reply.Get("imported").Int64(), n)

	for text, code := range map[string]errs.Code{
		`{'argonImport': 'x'}`:                                                errs.FileNotFound,
		`{'argonExport': 'x'}`:                                                errs.MissingRequiredField,
		`{'argonImport': '` + in + `', 'collection': 'c'}`:                    errs.ImportFailed,
		`{'argonImport': '` + dir + `', 'collection': 'c'}`:                   errs.ImportFailed,
		`{'argonImport': 'not/there', 'collection': 'c'}`:                     errs.FileNotFound,
		`{'argonImport': '` + in + `', 'collection': 'c', 'format': 'xml'}`:   errs.BadValue,
		`{'argonImport': '` + in + `', 'collection': 'c', 'mode': 'merge'}`:   errs.BadValue,
		`{'argonImport': '` + in + `', 'collection': 'c', 'bad': 1}`:          errs.UnknownField,
		`{'argonImport': '` + in + `', 'collection': 'c', 'delimiter': ';;'}`: errs.BadValue,
		`{'argonExport': 'x', 'collection': 5}`:                               errs.TypeMismatch,
		`{'argonExport': 'not/there', 'collection': 'c'}`:                     errs.FileNotFound,
	} {
		_, err := runText(t, c, t.Context(), "p", text)
		require.Equal(t, code, errs.CodeOf(err), "%s: %v", text, err)
	}
	_, err = runText(t, c, t.Context(), "p~main~1", `{'argonImport': '`+in+`', 'collection': 'c'}`)
	require.Equal(t, errs.PinnedMoment, errs.CodeOf(err))
}

func mustRaw(t *testing.T, v any) []byte {
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return raw
}

func TestImportModes(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	b := c.Project("p").Branch("main")
	load := func(text string, o ImportOptions) (*ImportResult, error) {
		o.Collection = "c"
		return b.Import(ctx, strings.NewReader(text), 0, &o)
	}
	_, err := load(`{"_id": 1, "a": 1} {"_id": 2, "a": 1}`, ImportOptions{})
	require.NoError(t, err)
	res, err := load("{\"_id\": 2}\n{\"_id\": 3}\nnope\n", ImportOptions{MaxErrors: -1})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Imported)
	require.EqualValues(t, 2, res.Failed)
	require.Len(t, res.Errors, 2)
	res, err = load("{\"_id\": 2, \"b\": 2}\n{\"b\": 3}\n", ImportOptions{Mode: "upsert"})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Imported)
	doc, err := b.Collection("c").FindOne(ctx, d("_id", 2), nil)
	require.NoError(t, err)
	require.Equal(t, `{"_id": {"$numberInt":"2"},"b": {"$numberInt":"2"}}`, doc.String())
	res, err = load("_id,zip\n1,007\n", ImportOptions{Mode: "replace", Format: "csv", Types: map[string]string{"_id": "int"}})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Imported)
	var out bytes.Buffer
	_, err = b.Export(ctx, &out, &ExportOptions{Collection: "c", Format: "csv"})
	require.NoError(t, err)
	require.Equal(t, "_id,zip\n1,007\n", strings.ReplaceAll(out.String(), "\r\n", "\n"))
}

// blocked is a reader like a terminal where nobody types.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, io.EOF
}

func TestImportLetsGoOfABlockedReader(t *testing.T) {
	c := openTest(t)
	in := make(blocked)
	defer close(in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Project("p").Branch("main").Import(ctx, in, 0, &ImportOptions{Collection: "c"})
	require.Equal(t, errs.Interrupted, errs.CodeOf(err), "%v", err)
}

// Values in results read as Extended JSON.
func TestValueJSON(t *testing.T) {
	v, err := ValueOf(bson.ObjectID{1})
	require.NoError(t, err)
	text, err := json.Marshal(struct{ V, Missing Value }{V: v})
	require.NoError(t, err)
	require.Equal(t, `{"V":{"$oid":"010000000000000000000000"},"Missing":null}`, string(text))
}
