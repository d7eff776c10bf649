package columnar

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"os"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// SpoolMemory is how many bytes of documents a spool keeps in memory before it
// goes on in a temporary file.
const SpoolMemory = 64 << 20

// spool makes a stream that can be read once readable again: the documents that
// the first reading took are kept, and a later one gets them from here and then
// goes on with the stream. One reading is open at a time.
//
// The temporary file holds documents one behind the other. It has no name from
// the start, where the system allows that, so nothing stays behind a crash.
type spool struct {
	source OpenFunc
	rest   Iter // what nobody has read yet; nil before the first open
	ended  bool
	memory []byte
	file   *os.File
	writer *bufio.Writer
	size   int64 // bytes in the file
}

func newSpool(source OpenFunc) *spool { return &spool{source: source} }

// open starts a reading from the first document.
func (s *spool) open(ctx context.Context) (Iter, error) {
	if s.rest == nil {
		it, err := s.source(ctx)
		if err != nil {
			return nil, err
		}
		s.rest = it
	}
	r := &spoolReader{spool: s, memory: s.memory}
	if s.file != nil {
		if err := s.writer.Flush(); err != nil {
			return nil, spoolError(err)
		}
		r.file = bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 1<<20)
	}
	return r, nil
}

func (s *spool) close() {
	if s.rest != nil {
		s.rest.Close()
	}
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
	s.memory, s.file = nil, nil
}

// keep stores a document behind the others.
func (s *spool) keep(d bsonraw.Doc) error {
	if s.file == nil && len(s.memory)+len(d) <= SpoolMemory {
		s.memory = append(s.memory, d...)
		return nil
	}
	if s.file == nil {
		file, err := os.CreateTemp("", "argon-spool-*")
		if err != nil {
			return spoolError(err)
		}
		s.file, s.writer = file, bufio.NewWriterSize(file, 1<<20)
	}
	s.size += int64(len(d))
	if _, err := s.writer.Write(d); err != nil {
		return spoolError(err)
	}
	return nil
}

func spoolError(err error) error {
	return errs.Wrap(err, errs.StoreIO, "the temporary file for the documents of a result").
		WithRemedy("make room in %s, or set TMPDIR to a directory that has some", os.TempDir())
}

// spoolReader is one reading of a spool.
type spoolReader struct {
	spool  *spool
	memory []byte
	file   *bufio.Reader
	doc    []byte
}

// Next returns the next document: from memory, from the file, from the stream.
func (r *spoolReader) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if len(r.memory) > 0 {
		n := binary.LittleEndian.Uint32(r.memory)
		doc := bsonraw.Doc(r.memory[:n:n])
		r.memory = r.memory[n:]
		return doc, true, nil
	}
	if r.file != nil {
		doc, err := r.fromFile()
		if err != nil || doc != nil {
			return doc, doc != nil, err
		}
		r.file = nil
	}
	if r.spool.ended {
		return nil, false, nil
	}
	doc, ok, err := r.spool.rest.Next(ctx)
	if err != nil || !ok {
		r.spool.ended = err == nil
		return nil, false, err
	}
	return doc, true, r.spool.keep(doc)
}

// fromFile returns nil at the end of the file.
func (r *spoolReader) fromFile() (bsonraw.Doc, error) {
	head, err := r.file.Peek(4)
	if err == io.EOF && len(head) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, spoolError(err)
	}
	n := int(binary.LittleEndian.Uint32(head))
	if cap(r.doc) < n {
		r.doc = make([]byte, n)
	}
	r.doc = r.doc[:n]
	if _, err := io.ReadFull(r.file, r.doc); err != nil {
		return nil, spoolError(err)
	}
	return r.doc, nil
}

// Close ends the reading and leaves the spool as it is.
func (r *spoolReader) Close() error { return nil }
