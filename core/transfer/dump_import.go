package transfer

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
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

// databaseDir finds the directory of the database to read.
func (m *dumpImport) databaseDir(fsys fs.FS) (string, error) {
	if isDatabaseDir(fsys, ".") {
		return ".", nil // the caller named the database's own directory
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && isDatabaseDir(fsys, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return m.choose(names)
}

// choose picks the database to read out of those of a dump.
func (m *dumpImport) choose(names []string) (string, error) {
	if m.o.Database != "" {
		if slices.Contains(names, m.o.Database) {
			return m.o.Database, nil
		}
		return "", errs.New(errs.NamespaceNotFound, "the dump has no database %q", m.o.Database).WithRemedy("it has %v", names)
	}
	own := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == "admin" || name == "config" || name == "local" || name == ""
	})
	switch len(own) {
	case 0:
		return "", errs.New(errs.ImportFailed, "there is no database of a dump here").
			WithRemedy("name the directory that mongodump wrote, with a directory for each database")
	case 1:
		return own[0], nil
	}
	return "", errs.New(errs.BadValue, "the dump has several databases: %v", own).WithRemedy("name the one to import, with --database")
}

// isDatabaseDir reports whether a directory has files of a dump.
func isDatabaseDir(fsys fs.FS, dir string) bool {
	entries, err := fs.ReadDir(fsys, dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		name := strings.TrimSuffix(e.Name(), gzipSuffix)
		// oplog.bson stands beside the databases.
		return !e.IsDir() && (strings.HasSuffix(name, bsonSuffix) && name != "oplog"+bsonSuffix || strings.HasSuffix(name, metadataSuffix))
	})
}

// list finds the collections of a database, by name.
func (m *dumpImport) list(fsys fs.FS, dir string) (map[string]*dumped, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	files := map[string]*dumped{} // by the name of the files
	at := func(name string) *dumped {
		if files[name] == nil {
			files[name] = &dumped{}
		}
		return files[name]
	}
	for _, e := range entries {
		file := path.Join(dir, e.Name())
		plain := strings.TrimSuffix(e.Name(), gzipSuffix)
		if name, ok := strings.CutSuffix(plain, bsonSuffix); ok && !e.IsDir() {
			at(name).documents = file
		} else if name, ok := strings.CutSuffix(plain, metadataSuffix); ok && !e.IsDir() {
			meta, err := readMetadata(fsys, file)
			if err != nil {
				return nil, errs.Wrap(err, errs.ImportFailed, "%s", file)
			}
			at(name).metadata = *meta
		}
	}
	found := map[string]*dumped{}
	for name, c := range files {
		if c.Collection == "" {
			c.Collection = collectionOf(name)
		}
		if c.documents == "" && c.Kind != "view" {
			m.note("%s is there without its documents: only the collection is made", c.Collection)
		}
		found[c.Collection] = c
	}
	return found, nil
}

// maxMetadata bounds a .metadata.json file.
const maxMetadata = 64 << 20

func readMetadata(fsys fs.FS, name string) (*metadata, error) {
	r, err := openDumped(fsys, name, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxMetadata+1))
	if err == nil && len(text) > maxMetadata {
		err = errs.New(errs.ImportFailed, "more than %d MiB of metadata", maxMetadata>>20)
	}
	if err != nil {
		return nil, err
	}
	return parseMetadata(text)
}

// openDumped opens a file of a dump, decompressed. read counts what is read of
// the file itself; may be nil.
func openDumped(fsys fs.FS, name string, read *int64) (io.ReadCloser, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	r := &dumpedFile{Reader: &countingReader{f, read}, f: f}
	if strings.HasSuffix(name, gzipSuffix) {
		if r.Reader, err = gzip.NewReader(bufio.NewReaderSize(r.Reader, firstBytes)); err != nil {
			f.Close()
			return nil, errs.Wrap(err, errs.ImportFailed, "%s is not compressed with gzip", name)
		}
	}
	return r, nil
}

type dumpedFile struct {
	io.Reader
	f fs.File
}

func (d *dumpedFile) Close() error { return d.f.Close() }

// countingReader counts what is read; n may be nil.
type countingReader struct {
	r io.Reader
	n *int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n != nil {
		*c.n += int64(n)
	}
	return n, err
}

// wanted picks the collections to read, and notes what is left out.
func (m *dumpImport) wanted(names []string, db string) (list []string, err error) {
	for _, name := range m.o.Collections {
		if !slices.Contains(names, name) {
			return nil, errs.New(errs.NamespaceNotFound, "the dump of %s has no collection %q", db, name).WithRemedy("it has %v", names)
		}
	}
	for _, name := range names {
		if len(m.o.Collections) > 0 {
			if slices.Contains(m.o.Collections, name) {
				list = append(list, name)
			}
		} else if why, skip := isSkipped(name); skip {
			m.note("%s was left out: it %s", name, why)
		} else {
			list = append(list, name)
		}
	}
	return list, nil
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
	in.failed, in.unit = &m.failed, "document"
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

// archive reads an archive.
func (m *dumpImport) archive(ctx context.Context, r io.Reader) error {
	a, err := openArchive(r)
	if err != nil {
		return err
	}
	r2 := &archiveImport{dumpImport: m, reader: a, open: map[string]*openCollection{}}
	if err := r2.prepare(ctx); err != nil {
		return err
	}
	return r2.run(ctx)
}

// archiveImport is the import of an archive.
type archiveImport struct {
	*dumpImport
	reader *archiveReader
	db     string
	open   map[string]*openCollection
	views  []*metadata
}

// openCollection is a collection whose documents are being read.
type openCollection struct {
	meta *metadata
	in   *importer
	done CollectionResult
}

// prepare makes the collections of the prelude.
func (m *archiveImport) prepare(ctx context.Context) (err error) {
	var dbs, names []string
	metas := map[string]*metadata{}
	for _, c := range m.reader.prelude {
		if !slices.Contains(dbs, c.db) {
			dbs = append(dbs, c.db)
		}
	}
	if m.db, err = m.choose(dbs); err != nil {
		return err
	}
	for _, c := range m.reader.prelude {
		if c.db != m.db {
			continue
		}
		meta, err := parseMetadata([]byte(c.metadata))
		if err != nil {
			return errs.Wrap(err, errs.ImportFailed, "%s", c.name)
		}
		meta.Collection = c.name
		if c.kind != "" {
			meta.Kind = c.kind
		}
		metas[c.name], names = meta, append(names, c.name)
	}
	slices.Sort(names)
	if names, err = m.wanted(names, m.db); err != nil {
		return err
	}
	for _, name := range names {
		meta := metas[name]
		switch meta.Kind {
		case "view":
			m.views = append(m.views, meta)
			continue
		case "timeseries":
			m.note("%s was left out: it is a time series, whose documents a dump has in the server's own form", name)
			continue
		}
		if err := m.collection(ctx, name, meta.Options); err != nil {
			return err
		}
		m.open[name] = &openCollection{meta: meta, done: CollectionResult{Name: name}}
	}
	return nil
}

// checked is a piece whose documents were checked.
type checked struct {
	*piece
	parsed *parsed
}

// run reads the documents; one goroutine reads ahead and others check.
func (m *archiveImport) run(ctx context.Context) error {
	pieces := ordered.Start(ctx, ordered.Plan[*piece, checked]{
		Workers: max(m.o.Workers, 1),
		Read:    func(context.Context) (*piece, bool, error) { return m.reader.next() },
		Work: func() func(*piece) (checked, error) {
			return func(p *piece) (checked, error) {
				out := checked{p, &parsed{size: p.size}}
				for i, d := range p.docs {
					out.parsed.check(d, p.first+int64(i), "document")
				}
				return out, nil
			}
		},
	})
	defer pieces.Stop()
	for {
		p, ok, err := pieces.Next()
		if !ok {
			return m.settle(ctx, err)
		}
		if err := m.take(ctx, p); err != nil {
			return m.settle(ctx, err)
		}
	}
}

// take stores the documents of a piece.
func (m *archiveImport) take(ctx context.Context, p checked) error {
	c := m.open[p.coll]
	if p.db != m.db || c == nil {
		m.result.Bytes += int64(p.size)
		return nil // not asked for
	}
	if c.in == nil {
		var err error
		if c.in, err = m.importer(ctx, p.coll); err != nil {
			return err
		}
	}
	if p.end {
		return m.end(ctx, c)
	}
	p.parsed.end = Point{Records: p.first - 1 + int64(len(p.docs))}
	p.parsed.skip(c.in.o.From.Records)
	err := c.in.take(ctx, p.parsed)
	m.account(c)
	return err
}

// skip leaves out the documents that an earlier run has stored.
func (p *parsed) skip(records int64) {
	for len(p.docs) > 0 && p.source[0].line <= records {
		p.docs, p.source = p.docs[1:], p.source[1:]
	}
	for len(p.failed) > 0 && p.failed[0].Line <= records {
		p.failed = p.failed[1:]
	}
}

// account moves what the import of a collection has done so far to the result,
// since the segments of several may alternate.
func (m *archiveImport) account(c *openCollection) {
	m.add(&c.done, c.in.result)
	c.in.result = Result{}
}

// end stores what is left of a collection and makes its indexes.
func (m *archiveImport) end(ctx context.Context, c *openCollection) error {
	delete(m.open, c.done.Name)
	err := c.in.flush(ctx, Point{})
	m.account(c)
	if err == nil {
		err = m.indexes(ctx, c.meta.Indexes, &c.done)
	}
	m.result.Collections = append(m.result.Collections, c.done)
	return err
}

// settle ends the import: with the views, or with what an error left behind.
func (m *archiveImport) settle(ctx context.Context, err error) error {
	for _, name := range slices.Sorted(maps.Keys(m.open)) {
		c := m.open[name]
		if c.in == nil {
			continue
		}
		if flushed := c.in.flush(ctx, Point{}); flushed != nil && err == nil {
			err = flushed
		}
		m.account(c)
		m.result.Collections = append(m.result.Collections, c.done)
	}
	for _, v := range m.views {
		if err == nil {
			err = m.restoreView(ctx, v)
		}
	}
	return err
}
