package transfer

import (
	"bufio"
	"compress/gzip"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

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
