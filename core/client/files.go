package client

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// importCommand runs argonImport.
func importCommand(ctx context.Context, c *Client, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	o, err := c.sess.ParseImport(db, cmd)
	if err != nil {
		return nil, err
	}
	res, err := c.branchOf(db).ImportFrom(ctx, o)
	if err != nil {
		return nil, err
	}
	return reply(res)
}

// exportCommand runs argonExport.
func exportCommand(ctx context.Context, c *Client, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	o, err := c.sess.ParseExport(db, cmd)
	if err != nil {
		return nil, err
	}
	res, err := c.branchOf(db).ExportTo(ctx, o)
	if err != nil {
		return nil, err
	}
	return reply(res)
}

// reply makes a reply of a result.
func reply(result any) (bsonraw.Doc, error) {
	raw, err := bson.Marshal(result)
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "cannot write a reply")
	}
	b := bsonraw.NewBuilder(nil)
	it := bsonraw.Doc(raw).Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	b.Double("ok", 1)
	return b.Finish(), nil
}

// branchOf returns the branch, at its moment, that a database name stands for.
func (c *Client) branchOf(db string) *Branch {
	parts := strings.SplitN(db, "~", 3)
	b := c.Project(parts[0]).Branch("main")
	if len(parts) > 1 {
		b = c.Project(parts[0]).Branch(parts[1])
	}
	if len(parts) > 2 {
		b = b.At(parts[2])
	}
	return b
}

// ImportFrom imports what Options.Source names: a file, compressed with gzip if
// its name ends in .gz, or a MongoDB database.
func (b *Branch) ImportFrom(ctx context.Context, o *ImportOptions) (*ImportResult, error) {
	if IsMongoURI(o.Source) {
		return b.ImportMongo(ctx, o)
	}
	if err := needsCollection(o); err != nil {
		return nil, err
	}
	f, err := os.Open(o.Source)
	if err != nil {
		return nil, fileError(err, "read", o.Source)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileError(err, "read", o.Source)
	}
	if info.IsDir() {
		return nil, errs.New(errs.ImportFailed, "%s is a directory, not a file", o.Source)
	}
	if !strings.HasSuffix(o.Source, ".gz") {
		return b.Import(ctx, f, info.Size(), o)
	}
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, errs.Wrap(err, errs.ImportFailed, "%s is not compressed with gzip", o.Source)
	}
	return b.Import(ctx, z, 0, o)
}

// ExportTo exports to the file that Options.Path names, compressed with gzip if
// it ends in .gz. The file appears, or is replaced, once it is whole.
func (b *Branch) ExportTo(ctx context.Context, o *ExportOptions) (*ExportResult, error) {
	f, err := os.CreateTemp(filepath.Dir(o.Path), "."+filepath.Base(o.Path)+".*")
	if err != nil {
		return nil, fileError(err, "write", o.Path)
	}
	res, err := b.exportInto(ctx, f, o)
	if err == nil {
		err = interrupted(ctx)
	}
	if e := f.Close(); err == nil && e != nil {
		err = fileError(e, "write", o.Path)
	}
	if err == nil {
		// CreateTemp makes files that only their owner reads; an export is as
		// readable as any file the user makes.
		if err = os.Chmod(f.Name(), 0o644); err == nil {
			err = os.Rename(f.Name(), o.Path)
		}
		err = fileError(err, "write", o.Path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to report
		return nil, err
	}
	return res, nil
}

func (b *Branch) exportInto(ctx context.Context, w io.Writer, o *ExportOptions) (*ExportResult, error) {
	if !strings.HasSuffix(o.Path, ".gz") {
		return b.Export(ctx, w, o)
	}
	z := gzip.NewWriter(w)
	res, err := b.Export(ctx, z, o)
	if e := z.Close(); err == nil {
		err = fileError(e, "write", o.Path)
	}
	return res, err
}

// interrupted is the error of a context that is over.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return errs.New(errs.Interrupted, "operation was interrupted")
}

// fileError gives an error of the file system a code and the name that the user
// knows; nil stays nil.
func fileError(err error, what, path string) error {
	if err == nil {
		return nil
	}
	code := errs.StoreIO
	if errors.Is(err, fs.ErrNotExist) {
		code = errs.FileNotFound
	}
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return errs.Wrap(err, code, "cannot %s %s", what, path)
}
