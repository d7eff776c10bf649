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
	"github.com/argon-lab/argon/core/transfer"
)

// importCommand runs argonImport.
func importCommand(ctx context.Context, c *Client, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	o, err := c.backend.Parser().ParseImport(ctx, db, cmd)
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
	o, err := c.backend.Parser().ParseExport(ctx, db, cmd)
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

// ImportFrom imports what Options.Source names: a file, decompressed if it is
// compressed with gzip, mongodump's directory, or a MongoDB database. The
// format is Options.Format, or else what the file's beginning or its name says,
// and the collection is Options.Collection, or else named by the file.
func (b *Branch) ImportFrom(ctx context.Context, o *ImportOptions) (*ImportResult, error) {
	if IsMongoURI(o.Source) {
		return b.ImportMongo(ctx, o)
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
		if o.Format != "" && o.Format != transfer.Dump.String() {
			return nil, errs.New(errs.ImportFailed, "%s is a directory, not a file", o.Source)
		}
		return b.importDump(ctx, o.Source, o)
	}
	size := int64(0) // a pipe has none
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	id, err := identify(o.Source, f, info)
	if err != nil {
		return nil, err
	}
	return b.importFile(ctx, f, size, id, o)
}

// importFile imports an open file.
func (b *Branch) importFile(ctx context.Context, f *os.File, size int64, id bson.D, o *ImportOptions) (*ImportResult, error) {
	in := bufio.NewReaderSize(f, readBuffer)
	head, _ := in.Peek(3)
	var r io.Reader = in
	if strings.HasSuffix(o.Source, ".gz") || isGzip(head) && o.Format != transfer.BSON.String() {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, errs.Wrap(err, errs.ImportFailed, "%s is not compressed with gzip", o.Source)
		}
		in, size = bufio.NewReaderSize(z, readBuffer), 0
		r = in
	}
	named := *o
	if named.Format == "" {
		head, _ := in.Peek(8)
		if format, ok := transfer.Sniff(head); ok {
			named.Format = format.String()
		}
	}
	format, err := formatOf(named.Format, o.Source)
	if err != nil {
		return nil, err
	}
	if named.Collection == "" && format != transfer.Archive {
		named.Collection = CollectionOf(o.Source)
	}
	if format.NeedsFile() && size > 0 {
		r = f // it reads where it likes
	}
	if format == transfer.Archive {
		return b.importArchive(ctx, r, size, id, &named)
	}
	whole := size
	if format.Columnar() {
		whole = 4 * size // these are compressed
	}
	return b.importing(ctx, &named, id, whole, false, func(ctx context.Context, j *job) (*ImportResult, error) {
		return j.stream(ctx, r, size, format)
	})
}

// spool puts a stream into a temporary file, for a format that is read from its
// end. The file has no name any more where the system can do that.
func spool(ctx context.Context, r io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "argon-import-*")
	if err != nil {
		return nil, fileError(err, "write", os.TempDir())
	}
	removed := os.Remove(f.Name()) == nil
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err = io.Copy(f, newInterruptible(ctx, r))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		if !removed { // Windows: it goes with the next cleaning of the folder
			os.Remove(f.Name()) //nolint:errcheck
		}
		return f, nil
	}
	f.Close()
	if !removed {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to report
	}
	if stopped := interrupted(ctx); stopped != nil {
		return nil, stopped
	}
	return nil, fileError(err, "write", f.Name())
}

const readBuffer = 256 << 10

// isGzip reports whether a file begins as one of gzip does.
func isGzip(head []byte) bool {
	return len(head) >= 3 && head[0] == 0x1F && head[1] == 0x8B && head[2] == 8
}

// CollectionOf returns the collection that a file is named after.
func CollectionOf(path string) string {
	name := filepath.Base(strings.TrimSuffix(path, ".gz"))
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// ExportTo exports to the file that Options.Path names, compressed with gzip if
// it ends in .gz. The file appears, or is replaced, once it is whole.
func (b *Branch) ExportTo(ctx context.Context, o *ExportOptions) (*ExportResult, error) {
	if o.Format == transfer.Dump.String() {
		return b.exportDump(ctx, o)
	}
	f, err := os.CreateTemp(filepath.Dir(o.Path), "."+filepath.Base(o.Path)+".*")
	if err != nil {
		return nil, fileError(err, "write", o.Path)
	}
	res, err := b.ExportStream(ctx, f, o)
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

// ExportStream is Export with the compression that the options ask for.
func (b *Branch) ExportStream(ctx context.Context, w io.Writer, o *ExportOptions) (*ExportResult, error) {
	if !o.Gzip && !strings.HasSuffix(o.Path, ".gz") {
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
