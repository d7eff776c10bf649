package transfer

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// RestoreOptions of ImportDump and ImportArchive.
type RestoreOptions struct {
	// Database is which of the dump's databases to read; empty, the only one
	// that is no server's own.
	Database string
	// Collections are those to read; empty, all of them.
	Collections []string
	MaxErrors   int64 // as of ImportOptions, for all collections together
	OnError     func(LineError)
	BatchDocs   int
	Workers     int
	Progress    func(Progress)
	// TotalBytes is the size of an archive, for Progress.
	TotalBytes int64
	// Checkpoints and Atomic are as in ImportOptions. From says for a
	// collection where to go on; may be nil.
	Checkpoints, Atomic bool
	From                func(ctx context.Context, coll string) (Point, error)
}

// dumpImport is one import of a dump or an archive.
type dumpImport struct {
	restorer
	o      RestoreOptions
	start  time.Time
	total  int64
	failed int64 // of all collections
	result DatabaseResult
}

// ImportDump reads mongodump's directory, or the one of a single database in
// it: its collections with their options and indexes, then its views.
func ImportDump(ctx context.Context, fsys fs.FS, sink Sink, o RestoreOptions) (DatabaseResult, error) {
	m := &dumpImport{restorer: restorer{sink: sink}, o: o, start: time.Now()}
	return m.finish(ctx, m.directory(ctx, fsys))
}

// ImportArchive reads mongodump's archive.
func ImportArchive(ctx context.Context, r io.Reader, sink Sink, o RestoreOptions) (DatabaseResult, error) {
	m := &dumpImport{restorer: restorer{sink: sink}, o: o, start: time.Now(), total: o.TotalBytes}
	return m.finish(ctx, m.archive(ctx, r))
}

func (m *dumpImport) finish(ctx context.Context, err error) (DatabaseResult, error) {
	m.result.Elapsed = time.Since(m.start)
	m.result.Notes = m.notes
	slices.SortStableFunc(m.result.Collections, func(a, b CollectionResult) int { return strings.Compare(a.Name, b.Name) })
	return m.result, asImport(ctx, err)
}

// dumped is a collection as a dump has it.
type dumped struct {
	metadata
	documents string // the file; "" for a view
}

// directory reads a dump from a file system.
func (m *dumpImport) directory(ctx context.Context, fsys fs.FS) error {
	dir, err := m.databaseDir(fsys)
	if err != nil {
		return err
	}
	found, err := m.list(fsys, dir)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(found))
	if names, err = m.wanted(names, dir); err != nil {
		return err
	}
	for _, name := range names {
		if c := found[name]; c.documents != "" {
			if info, err := fs.Stat(fsys, c.documents); err == nil {
				m.total += info.Size()
			}
		}
	}
	for _, views := range []bool{false, true} { // views behind the collections that they show
		for _, name := range names {
			if c := found[name]; (c.Kind == "view") == views {
				if err := m.restore(ctx, fsys, c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// restore reads one collection or view.
func (m *dumpImport) restore(ctx context.Context, fsys fs.FS, c *dumped) error {
	if c.Kind == "view" {
		return m.restoreView(ctx, &c.metadata)
	}
	if c.Kind == "timeseries" {
		m.note("%s was left out: it is a time series, whose documents a dump has in the server's own form", c.Collection)
		return nil
	}
	if err := m.collection(ctx, c.Collection, c.Options); err != nil {
		return err
	}
	done := CollectionResult{Name: c.Collection}
	if c.documents != "" {
		if err := m.restoreFile(ctx, fsys, c, &done); err != nil {
			m.result.Collections = append(m.result.Collections, done)
			return err
		}
	}
	err := m.indexes(ctx, c.Indexes, &done)
	m.result.Collections = append(m.result.Collections, done)
	return err
}

func (m *dumpImport) indexes(ctx context.Context, specs []bsonraw.Doc, done *CollectionResult) error {
	for _, spec := range specs {
		made, err := m.index(ctx, done.Name, spec)
		if err != nil {
			return err
		}
		if made {
			done.Indexes++
		}
	}
	return nil
}

func (m *dumpImport) restoreView(ctx context.Context, c *metadata) error {
	ok, err := m.view(ctx, c.Collection, c.Options)
	if ok {
		m.result.Collections = append(m.result.Collections, CollectionResult{Name: c.Collection, View: true})
	}
	return err
}

// restoreFile reads the documents of a collection.
func (m *dumpImport) restoreFile(ctx context.Context, fsys fs.FS, c *dumped, done *CollectionResult) error {
	before := m.result.Bytes
	read := int64(0)
	r, err := openDumped(fsys, c.documents, &read)
	if err != nil {
		return err
	}
	defer r.Close()
	in, err := m.importer(ctx, c.Collection)
	if err != nil {
		return err
	}
	err = in.run(ctx, r)
	m.add(done, in.result)
	if info, e := fs.Stat(fsys, c.documents); e == nil && err == nil {
		m.result.Bytes = before + info.Size()
	}
	return err
}

// importer makes the import of one collection.
func (m *dumpImport) importer(ctx context.Context, coll string) (*importer, error) {
	from := Point{}
	if m.o.From != nil {
		var err error
		if from, err = m.o.From(ctx, coll); err != nil {
			return nil, err
		}
	}
	in := newImporter(m.sink, ImportOptions{
		Collection: coll, Format: BSON, MaxErrors: m.o.MaxErrors, BatchDocs: m.o.BatchDocs, Workers: m.o.Workers, OnError: m.o.OnError,
		Checkpoints: m.o.Checkpoints, Atomic: m.o.Atomic, From: from,
	})
	in.failed, in.others, in.unit = &m.failed, &m.result.Docs, "document"
	if m.o.Progress != nil {
		in.o.Progress = func(p Progress) {
			p.Docs += m.result.Docs
			p.Bytes += m.result.Bytes
			p.TotalBytes, p.Elapsed = max(m.total, p.Bytes), time.Since(m.start)
			m.o.Progress(p)
		}
	}
	return in, nil
}

// add counts what the import of one collection did.
func (m *dumpImport) add(done *CollectionResult, res Result) {
	done.Docs += res.Docs
	done.Bytes += res.Bytes
	m.result.Docs += res.Docs
	m.result.Bytes += res.Bytes
	m.result.Failed += res.Failed
	m.result.Errors = append(m.result.Errors, res.Errors[:min(len(res.Errors), keptErrors-len(m.result.Errors))]...)
}
