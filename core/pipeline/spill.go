package pipeline

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// spillFile is a temporary file of records: a key and a document each. A record
// is the key's length as a varint, the key, and the document, which begins with
// its own length. Only the process that wrote it reads it.
type spillFile struct {
	file TempFile
	w    *bufio.Writer
	size int64
}

// spillBuffer is what is read or written at once.
const spillBuffer = 64 << 10

// newSpill opens a temporary file.
func (r *run) newSpill() (*spillFile, error) {
	f, err := r.o.Spill()
	if err != nil {
		return nil, err
	}
	return &spillFile{file: f, w: bufio.NewWriterSize(f, spillBuffer)}, nil
}

// write appends a record.
func (s *spillFile) write(key []byte, doc bsonraw.Doc) error {
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(key)))
	s.size += int64(n + len(key) + len(doc))
	for _, part := range [][]byte{head[:n], key, doc} {
		if _, err := s.w.Write(part); err != nil {
			return spillError(err)
		}
	}
	return nil
}

func spillError(err error) error {
	if errs.As(err) != nil {
		return err
	}
	return errs.Wrap(err, errs.StoreIO, "a temporary file of an aggregation")
}

// reader reads the records between two offsets.
func (s *spillFile) reader(from, to int64) (*spillReader, error) {
	if err := s.w.Flush(); err != nil {
		return nil, spillError(err)
	}
	return &spillReader{r: bufio.NewReaderSize(io.NewSectionReader(s.file, from, to-from), spillBuffer)}, nil
}

func (s *spillFile) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	if err := f.Close(); err != nil {
		return spillError(err)
	}
	return nil
}

// spillReader reads records in order. key and doc are valid until the next.
type spillReader struct {
	r   *bufio.Reader
	key []byte
	doc bsonraw.Doc
}

// next reads one record, false at the end.
func (s *spillReader) next() (bool, error) {
	n, err := binary.ReadUvarint(s.r)
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, spillError(err)
	}
	s.key = grow(s.key, int(n))
	if _, err := io.ReadFull(s.r, s.key); err != nil {
		return false, spillError(err)
	}
	head, err := s.r.Peek(4)
	if err != nil {
		return false, spillError(err)
	}
	s.doc = grow(s.doc, int(binary.LittleEndian.Uint32(head)))
	if _, err := io.ReadFull(s.r, s.doc); err != nil {
		return false, spillError(err)
	}
	return true, nil
}

// grow returns n bytes, b's own where they suffice.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, n+n/4)
	}
	return b[:n]
}
