package transfer

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// DumpOptions of ExportDump and ExportArchive.
type DumpOptions struct {
	Database string // the name that the dump has for the branch
	Gzip     bool   // of a directory: compress each file
	Progress func(Progress)
}

// CreateFunc makes a file of a dump; its name has slashes.
type CreateFunc func(name string) (io.WriteCloser, error)

// ExportDump writes mongodump's directory: <database>/<collection>.bson and
// .metadata.json. The documents are those of each collection's stream, so that
// the dump is of one moment where these are.
func ExportDump(ctx context.Context, create CreateFunc, colls []DumpCollection, o DumpOptions) (ExportResult, error) {
	d := &dumper{o: o, create: create, start: time.Now()}
	for i := range colls {
		d.total += colls[i].Docs
	}
	var err error
	for i := range colls {
		if err = d.collection(ctx, &colls[i]); err != nil {
			break
		}
	}
	d.result.Elapsed = time.Since(d.start)
	return d.result, asOutput(err)
}

// dumper is one dump.
type dumper struct {
	o      DumpOptions
	create CreateFunc
	start  time.Time
	total  int64
	result ExportResult
}

func (d *dumper) collection(ctx context.Context, c *DumpCollection) error {
	path := d.o.Database + "/" + dumpName(c.Name)
	if !c.View {
		err := d.file(path+bsonSuffix, func(w io.Writer) error { return d.documents(ctx, w, c) })
		if err != nil {
			return err
		}
	}
	return d.file(path+metadataSuffix, func(w io.Writer) error {
		_, err := w.Write(c.metadata(d.o.Database))
		return err
	})
}

// file writes one file of a dump.
func (d *dumper) file(name string, write func(io.Writer) error) (err error) {
	if d.o.Gzip {
		name += gzipSuffix
	}
	f, err := d.create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if !d.o.Gzip {
		return write(f)
	}
	z := gzip.NewWriter(f)
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

// documents writes the documents of a collection, as they are stored.
func (d *dumper) documents(ctx context.Context, w io.Writer, c *DumpCollection) error {
	before := d.result
	x := &exporter{
		o:     ExportOptions{Collection: c.Name, TotalDocs: d.total, Progress: d.o.Progress},
		start: d.start, out: bufio.NewWriterSize(w, exportBuffer), result: before,
	}
	err := x.each(ctx, c.Open, func(doc bsonraw.Doc) { x.line = append(x.line, doc...) })
	if err == nil {
		err = x.out.Flush()
	}
	d.result = x.result
	return err
}
