package transfer

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

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
