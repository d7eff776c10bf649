package client

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// importDump reads mongodump's directory into the branch.
func (b *Branch) importDump(ctx context.Context, dir string, o *ImportOptions) (*ImportResult, error) {
	id, err := identifyDir(dir)
	if err != nil {
		return nil, err
	}
	return b.importing(ctx, o, id, 0, true, func(ctx context.Context, j *job) (*ImportResult, error) {
		res, err := transfer.ImportDump(ctx, os.DirFS(dir), j.sink, j.restoreOptions(ctx))
		return databaseResult(&res, j.sink), fileErrorOf(err, "read", dir)
	})
}

// importArchive reads mongodump's archive into the branch. size is that of the
// input where it is known.
func (b *Branch) importArchive(ctx context.Context, r io.Reader, size int64, id bson.D, o *ImportOptions) (*ImportResult, error) {
	return b.importing(ctx, o, id, size, true, func(ctx context.Context, j *job) (*ImportResult, error) {
		ro := j.restoreOptions(ctx)
		ro.TotalBytes = size
		res, err := transfer.ImportArchive(ctx, r, j.sink, ro)
		return databaseResult(&res, j.sink), err
	})
}

func (j *job) restoreOptions(ctx context.Context) transfer.RestoreOptions {
	o := j.o
	colls := o.Collections
	if o.Collection != "" {
		colls = append(slices.Clone(colls), o.Collection)
	}
	return transfer.RestoreOptions{
		Database: o.Database, Collections: colls, MaxErrors: o.MaxErrors, BatchDocs: int(o.BatchDocs), Progress: observer(ctx),
		OnError: j.onError, Checkpoints: o.Resume, Atomic: o.Atomic, From: j.from,
	}
}

// databaseResult makes the result of the import of several collections.
func databaseResult(res *transfer.DatabaseResult, sink *sink) *ImportResult {
	out := &ImportResult{
		Imported: res.Docs, Failed: res.Failed, LSN: sink.lsn.Load(), Bytes: res.Bytes,
		ElapsedMS: res.Elapsed.Milliseconds(), Notes: res.Notes, Consistent: res.Consistent,
	}
	for _, e := range res.Errors {
		out.Errors = append(out.Errors, importError(e))
	}
	for _, c := range res.Collections {
		out.Collections = append(out.Collections, ImportedCollection{c.Name, c.View, c.Docs, c.Indexes})
	}
	return out
}

// dumped lists the collections of the branch that a dump takes, each with its
// documents at one and the same commit.
func (b *Branch) dumped(ctx context.Context, o *ExportOptions) (*Branch, []transfer.DumpCollection, error) {
	if o.Filter != nil || o.Projection != nil || o.Sort != nil || o.Limit != 0 {
		return nil, nil, errs.New(errs.BadValue, "a dump has whole collections: it takes no filter, projection, sort or limit")
	}
	at, err := b.Resolve(ctx)
	if err != nil {
		return nil, nil, err
	}
	pinned := b
	if b.moment == "" {
		pinned = b.At(strconv.FormatInt(at.LSN, 10))
	}
	cur, err := pinned.cursor(ctx, newFields("listCollections", 1))
	if err != nil {
		return nil, nil, err
	}
	var list []listedCollection
	if err := cur.All(ctx, &list); err != nil {
		return nil, nil, err
	}
	names := o.Collections
	if o.Collection != "" {
		names = append(slices.Clone(names), o.Collection)
	}
	for _, name := range names {
		if !slices.ContainsFunc(list, func(c listedCollection) bool { return c.Name == name }) {
			return nil, nil, errs.New(errs.NamespaceNotFound, "%s has no collection %q", b.Ref(), name)
		}
	}
	var colls []transfer.DumpCollection
	for _, c := range list {
		if len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		d, err := pinned.dumpCollection(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		colls = append(colls, d)
	}
	return pinned, colls, nil
}

type listedCollection struct {
	Name    string
	Type    string
	Options bson.Raw
}

func (b *Branch) dumpCollection(ctx context.Context, c listedCollection) (transfer.DumpCollection, error) {
	d := transfer.DumpCollection{Name: c.Name, View: c.Type == "view", Options: bsonraw.Doc(c.Options)}
	if d.View {
		return d, nil
	}
	var err error
	if d.Docs, err = b.Collection(c.Name).Count(ctx, nil); err != nil {
		return d, err
	}
	cur, err := b.cursor(ctx, newFields("listIndexes", c.Name))
	if err != nil {
		return d, err
	}
	var specs []bson.Raw
	if err := cur.All(ctx, &specs); err != nil {
		return d, err
	}
	for _, s := range specs {
		d.Indexes = append(d.Indexes, bsonraw.Doc(s))
	}
	d.Open = func(ctx context.Context) (transfer.Iter, error) {
		raw, err := marshal(newFields("find", c.Name).doc)
		if err != nil {
			return nil, err
		}
		return b.project.c.OpenCursor(ctx, b.Database(), raw)
	}
	return d, nil
}

func (b *Branch) dumpOptions(ctx context.Context, o *ExportOptions) transfer.DumpOptions {
	d := transfer.DumpOptions{Database: o.Database, Gzip: o.Gzip, Progress: observer(ctx)}
	if d.Database == "" {
		d.Database = b.project.name
	}
	return d
}

// exportArchive writes the branch as mongodump's archive.
func (b *Branch) exportArchive(ctx context.Context, w io.Writer, o *ExportOptions) (*ExportResult, error) {
	_, colls, err := b.dumped(ctx, o)
	if err != nil {
		return nil, err
	}
	res, err := transfer.ExportArchive(ctx, w, colls, b.dumpOptions(ctx, o))
	return &ExportResult{Exported: res.Docs, Bytes: res.Bytes, ElapsedMS: res.Elapsed.Milliseconds(), Collections: int64(len(colls))}, err
}

// exportDump writes the branch as mongodump's directory. The directory of the
// database appears, or is replaced, once it is whole.
func (b *Branch) exportDump(ctx context.Context, o *ExportOptions) (*ExportResult, error) {
	_, colls, err := b.dumped(ctx, o)
	if err != nil {
		return nil, err
	}
	options := b.dumpOptions(ctx, o)
	if strings.ContainsAny(options.Database, "/\\\x00") || strings.Trim(options.Database, ".") == "" {
		return nil, errs.New(errs.InvalidNamespace, "a dump's database cannot be named %q", options.Database)
	}
	target := filepath.Join(o.Path, options.Database)
	if err := checkReplaceable(target); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Path, 0o755); err != nil {
		return nil, fileError(err, "write", o.Path)
	}
	temp, err := os.MkdirTemp(o.Path, "."+options.Database+".*")
	if err != nil {
		return nil, fileError(err, "write", o.Path)
	}
	defer os.RemoveAll(temp)
	res, err := transfer.ExportDump(ctx, func(name string) (io.WriteCloser, error) {
		f, err := os.Create(filepath.Join(temp, filepath.Base(name)))
		return f, fileError(err, "write", filepath.Join(o.Path, name))
	}, colls, options)
	if err == nil {
		err = interrupted(ctx)
	}
	if err == nil {
		err = fileError(replaceDir(temp, target), "write", target)
	}
	if err != nil {
		return nil, err
	}
	return &ExportResult{Exported: res.Docs, Bytes: res.Bytes, ElapsedMS: res.Elapsed.Milliseconds(), Collections: int64(len(colls))}, nil
}

// checkReplaceable refuses to replace a directory that holds anything but a
// dump.
func checkReplaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fileError(err, "write", dir)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".gz")
		if e.IsDir() || !strings.HasSuffix(name, ".bson") && !strings.HasSuffix(name, ".metadata.json") {
			return errs.New(errs.BadValue, "%s is not replaced by a dump: it holds %s, which is no part of one", dir, e.Name()).
				WithRemedy("choose another directory, or remove it")
		}
	}
	return nil
}

// replaceDir puts a directory in the place of another.
func replaceDir(temp, target string) error {
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	old := temp + ".old"
	err := os.Rename(target, old)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(temp, target); err != nil {
		os.Rename(old, target) //nolint:errcheck // the first error is the one to report
		return err
	}
	return os.RemoveAll(old)
}

// fileErrorOf is fileError for errors that may have a code already.
func fileErrorOf(err error, what, path string) error {
	if _, ok := err.(*fs.PathError); ok {
		return fileError(err, what, path)
	}
	return err
}
