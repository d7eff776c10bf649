package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash"
	"hash/crc64"
	"io"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// The archive of mongodump --archive, FROZEN by MongoDB's tools. All of it may
// be compressed with gzip.
//
//	+-------------+--------+----------------------+------------+---------------
//	| 6D E2 99 81 | header | a document for each  | FFFFFFFF   | segments …
//	| magic       |        | collection           |            |
//	+-------------+--------+----------------------+------------+---------------
//
//	header      {concurrent_collections: int, version: "0.1", server_version, tool_version}
//	collection  {db, collection, metadata: text of the .metadata.json, size: int, type}
//	segment     {db, collection, EOF: false, CRC: long 0}, documents, FFFFFFFF
//	last one    {db, collection, EOF: true, CRC: long}, FFFFFFFF
//
// The segments of several collections may alternate. The CRC is CRC-64/ECMA, as
// Go has it, over all documents of the collection. A view has one segment
// without documents: mongorestore makes it when that comes.
var archiveMagic = []byte{0x6D, 0xE2, 0x99, 0x81}

const (
	archiveVersion    = "0.1"
	archiveTool       = "argon"
	archiveTerminator = 0xFFFFFFFF
	// archiveServer is the version of the server that the dump is like, for
	// tools that restore some collections in the way of their version.
	archiveServer = "6.0.0"
	// maxPrelude bounds what stands before the first segment.
	maxPrelude = 256 << 20
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// ExportArchive writes mongodump's archive, one collection behind the other.
func ExportArchive(ctx context.Context, w io.Writer, colls []DumpCollection, o DumpOptions) (ExportResult, error) {
	a := &archiver{o: o, start: time.Now(), out: bufio.NewWriterSize(w, exportBuffer)}
	err := a.run(ctx, colls)
	if err == nil {
		err = a.out.Flush()
	}
	a.result.Elapsed = time.Since(a.start)
	return a.result, asOutput(err)
}

// archiver is one archive being written.
type archiver struct {
	o      DumpOptions
	start  time.Time
	out    *bufio.Writer
	total  int64
	result ExportResult
}

func (a *archiver) run(ctx context.Context, colls []DumpCollection) error {
	b := bsonraw.NewBuilder(nil)
	b.Int32("concurrent_collections", 1)
	b.String("version", archiveVersion)
	b.String("server_version", archiveServer)
	b.String("tool_version", archiveTool)
	if err := a.write(archiveMagic, b.Finish()); err != nil {
		return err
	}
	for i := range colls {
		c := &colls[i]
		a.total += c.Docs
		b := bsonraw.NewBuilder(nil)
		b.String("db", a.o.Database)
		b.String("collection", c.Name)
		b.String("metadata", string(c.metadata(a.o.Database)))
		b.Int32("size", 0)
		b.String("type", c.kind())
		if err := a.write(b.Finish()); err != nil {
			return err
		}
	}
	if err := a.write(terminator()); err != nil {
		return err
	}
	for i := range colls {
		if err := a.collection(ctx, &colls[i]); err != nil {
			return err
		}
	}
	return nil
}

func terminator() []byte { return binary.LittleEndian.AppendUint32(nil, archiveTerminator) }

func (a *archiver) write(parts ...[]byte) error {
	for _, p := range parts {
		n, err := a.out.Write(p)
		a.result.Bytes += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *archiver) collection(ctx context.Context, c *DumpCollection) error {
	if err := a.write(a.header(c, false, 0)); err != nil {
		return err
	}
	sum := crc64.New(crcTable)
	if !c.View {
		x := &exporter{
			o:     ExportOptions{Collection: c.Name, TotalDocs: a.total, Progress: a.o.Progress},
			start: a.start, out: a.out, result: a.result,
		}
		err := x.each(ctx, c.Open, func(doc bsonraw.Doc) {
			sum.Write(doc) //nolint:errcheck // a hash never fails
			x.line = append(x.line, doc...)
		})
		a.result = x.result
		if err != nil {
			return err
		}
	}
	return a.write(terminator(), a.header(c, true, int64(sum.Sum64())), terminator())
}

func (a *archiver) header(c *DumpCollection, end bool, crc int64) []byte {
	b := bsonraw.NewBuilder(nil)
	b.String("db", a.o.Database)
	b.String("collection", c.Name)
	b.Bool("EOF", end)
	b.Int64("CRC", crc)
	return b.Finish()
}

// archiveReader reads an archive: its prelude, then piece after piece.
type archiveReader struct {
	in      *bufio.Reader
	prelude []archiveCollection
	sums    map[string]hash.Hash64 // of the collections that are open, by namespace
	ended   map[string]bool
	current string // namespace of the segment that is being read
	db      string
	coll    string
	counts  map[string]int64
}

// archiveCollection is a collection as the prelude has it.
type archiveCollection struct {
	db, name, kind string
	metadata       string
}

// piece is a run of documents of one collection.
type piece struct {
	db, coll string
	docs     []bsonraw.Doc
	first    int64 // number of the first one in its collection
	size     int
	end      bool // the collection ends here
}

func openArchive(r io.Reader) (*archiveReader, error) {
	a := &archiveReader{
		in: bufio.NewReaderSize(r, exportBuffer), sums: map[string]hash.Hash64{},
		ended: map[string]bool{}, counts: map[string]int64{},
	}
	magic := make([]byte, len(archiveMagic))
	if _, err := io.ReadFull(a.in, magic); err != nil || !bytes.Equal(magic, archiveMagic) {
		if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errs.New(errs.ImportFailed, "this is no archive of mongodump: it begins with % x", magic)
		}
		return nil, err
	}
	header, err := a.document()
	if err != nil || header == nil {
		return nil, orCutOff(err)
	}
	if v := stringOf(header.Get("version")); v != archiveVersion {
		return nil, errs.New(errs.NotSupported, "an archive of version %q, where %q is known", v, archiveVersion)
	}
	for size := 0; ; {
		d, err := a.document()
		if err != nil {
			return nil, orCutOff(err)
		}
		if d == nil {
			return a, nil
		}
		if size += len(d); size > maxPrelude {
			return nil, errs.New(errs.ImportFailed, "the list of the archive's collections has more than %d MiB", maxPrelude>>20)
		}
		a.prelude = append(a.prelude, archiveCollection{
			stringOf(d.Get("db")), stringOf(d.Get("collection")), stringOf(d.Get("type")), stringOf(d.Get("metadata")),
		})
	}
}

func orCutOff(err error) error {
	if err == nil || err == io.EOF {
		return errCutOff()
	}
	return err
}

// document reads a document that must be well-formed; nil is a terminator.
func (a *archiveReader) document() (bsonraw.Doc, error) {
	d, err := a.raw()
	if d != nil && err == nil {
		err = bsonraw.Validate(d)
	}
	return d, err
}

// raw reads a document or a terminator; io.EOF where the archive ends.
func (a *archiveReader) raw() (bsonraw.Doc, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(a.in, head); err != nil {
		return nil, cutOff(err)
	}
	if binary.LittleEndian.Uint32(head) == archiveTerminator {
		return nil, nil
	}
	return readDocument(a.in, head)
}

// next returns the next piece; false at the end, where every collection must
// have ended.
func (a *archiveReader) next() (*piece, bool, error) {
	for a.current == "" {
		header, err := a.document()
		if err == io.EOF {
			return nil, false, a.checkEnd()
		}
		if err != nil {
			return nil, false, err
		}
		p, err := a.segment(header)
		if p != nil || err != nil {
			return p, p != nil, err
		}
	}
	p := &piece{db: a.db, coll: a.coll, first: a.counts[a.current] + 1}
	for p.size < blockBytes && len(p.docs) < 1<<16 {
		d, err := a.raw()
		if err != nil {
			return nil, false, orCutOff(err)
		}
		if d == nil {
			a.current = ""
			break
		}
		a.sums[p.db+"."+p.coll].Write(d) //nolint:errcheck // a hash never fails
		p.docs = append(p.docs, d)
		p.size += len(d)
	}
	a.counts[p.db+"."+p.coll] += int64(len(p.docs))
	return p, true, nil
}

// segment reads the header of a segment. The last one of a collection is a
// piece of its own.
func (a *archiveReader) segment(header bsonraw.Doc) (*piece, error) {
	if header == nil {
		return nil, errs.New(errs.ImportFailed, "the archive has the end of a segment where one must begin")
	}
	db, coll := stringOf(header.Get("db")), stringOf(header.Get("collection"))
	ns := db + "." + coll
	if a.ended[ns] {
		return nil, errs.New(errs.ImportFailed, "the archive has documents of %s behind its end", ns)
	}
	if a.sums[ns] == nil {
		a.sums[ns] = crc64.New(crcTable)
	}
	if v := header.Get("EOF"); v.Type != bsonraw.Boolean || !v.Bool() {
		a.current, a.db, a.coll = ns, db, coll
		return nil, nil
	}
	want, _ := header.Get("CRC").AsInt64()
	if got := int64(a.sums[ns].Sum64()); got != want {
		return nil, errs.New(errs.ImportFailed, "the documents of %s have the checksum %016x, where the archive says %016x", ns, uint64(got), uint64(want)).
			WithRemedy("the archive is damaged: copy it again")
	}
	if d, err := a.document(); err != nil || d != nil {
		return nil, orCutOff(err)
	}
	a.ended[ns] = true
	delete(a.sums, ns)
	return &piece{db: db, coll: coll, end: true}, nil
}

// checkEnd reports a collection that the archive's end cuts off.
func (a *archiveReader) checkEnd() error {
	for ns := range a.sums {
		return errs.New(errs.ImportFailed, "the archive ends before the documents of %s do", ns)
	}
	for _, c := range a.prelude {
		if ns := c.db + "." + c.name; !a.ended[ns] && c.kind != "timeseries" && c.kind != "view" {
			return errs.New(errs.ImportFailed, "the archive ends before the documents of %s do", ns)
		}
	}
	return nil
}
