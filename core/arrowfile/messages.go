package arrowfile

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/argon-lab/argon/core/errs"
)

// messages reads an Arrow stream message by message and gives out the same
// bytes, each message checked: the library believes the lengths in it, and asks
// for memory accordingly.
//
//	+----------+---------------+------------------------+------+
//	| FFFFFFFF | length, int32 | metadata: flatbuffer   | body |   repeated
//	+----------+---------------+------------------------+------+
//	| FFFFFFFF | 00000000      |                                 the end
//	+----------+---------------+
//
// Before 2019 the first four bytes were not there.
type messages struct {
	r     io.Reader
	head  bytes.Reader // of the current message, still to be given out
	buf   []byte
	body  int64 // of it
	ended bool  // the end mark was there
}

const continuation = 0xFFFFFFFF

// Read gives out the stream; io.EOF comes behind its end mark only.
func (m *messages) Read(p []byte) (int, error) {
	for {
		if m.head.Len() > 0 {
			return m.head.Read(p)
		}
		if m.body > 0 {
			n, err := m.r.Read(p[:min(int64(len(p)), m.body)])
			m.body -= int64(n)
			if err == io.EOF && m.body > 0 {
				err = errStreamCutOff()
			} else if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if m.ended {
			return 0, io.EOF
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

func errStreamCutOff() error {
	return errs.New(errs.ImportFailed, "the Arrow data ends without its end mark: it is cut off")
}

// next reads the metadata of a message and checks it.
func (m *messages) next() error {
	m.buf = m.buf[:0]
	length, err := m.int32()
	if err == nil && uint32(length) == continuation {
		length, err = m.int32()
	}
	if err != nil {
		return err
	}
	if length < 0 || length > maxIPCMetadata {
		return errs.New(errs.ImportFailed, "a message of the Arrow data has %d bytes of metadata", length)
	}
	if m.ended = length == 0; !m.ended {
		at := len(m.buf)
		m.buf = append(m.buf, make([]byte, length)...)
		if _, err := io.ReadFull(m.r, m.buf[at:]); err != nil {
			return orStreamCutOff(err)
		}
		if m.body, err = checkMessage(m.buf[at:]); err != nil {
			return err
		}
	}
	m.head.Reset(m.buf)
	return nil
}

func (m *messages) int32() (int32, error) {
	at := len(m.buf)
	m.buf = append(m.buf, 0, 0, 0, 0)
	if _, err := io.ReadFull(m.r, m.buf[at:]); err != nil {
		return 0, orStreamCutOff(err)
	}
	return int32(binary.LittleEndian.Uint32(m.buf[at:])), nil
}

func orStreamCutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errStreamCutOff()
	}
	return err
}

// flat is a flatbuffer being checked: every table, string and vector that the
// library will look at must lie within it.
type flat struct {
	data   []byte
	visits int
}

// Limits of the metadata of one message.
const (
	maxFlatVisits = 1 << 20
	maxFlatDepth  = 64
)

func errFlat() error { return errs.New(errs.ImportFailed, "the metadata of the Arrow data is broken") }

// checkMessage checks the metadata of a message and returns the length of its
// body.
func checkMessage(data []byte) (body int64, err error) {
	f := &flat{data: data}
	root, ok := f.offset(0)
	if !ok {
		return 0, errFlat()
	}
	msg, ok := f.table(root)
	if !ok {
		return 0, errFlat()
	}
	if at := msg.field(3); at != 0 {
		if at+8 > len(data) {
			return 0, errFlat()
		}
		body = int64(binary.LittleEndian.Uint64(data[at:]))
	}
	if body < 0 || body > maxIPCBody {
		return 0, errs.New(errs.ImportFailed, "a message of the Arrow data has a body of %d bytes", body)
	}
	kind := 0
	if at := msg.field(1); at != 0 && at < len(data) {
		kind = int(data[at])
	}
	ok = f.vector(msg, 4, 0, f.keyValue)
	if at := msg.field(2); ok && at != 0 {
		ok = f.header(kind, at)
	}
	if !ok {
		return 0, errFlat()
	}
	return body, nil
}

// header checks what a message is about: 1 a schema, 2 a dictionary, 3 a batch.
func (f *flat) header(kind, at int) bool {
	t, ok := f.child(at)
	if !ok {
		return false
	}
	switch kind {
	case 1:
		return f.vector(t, 1, 0, func(at int) bool { return f.fieldTable(at, maxFlatDepth) }) && f.vector(t, 2, 0, f.keyValue) &&
			f.vector(t, 3, 8, nil)
	case 2:
		data := t.field(1)
		return data != 0 && f.header(3, data)
	case 3:
		return f.rows(t) && f.vector(t, 1, 16, nil) && f.vector(t, 2, 16, nil) && f.optional(t, 3) && f.vector(t, 4, 8, nil)
	}
	return true
}

// maxRows bounds the rows of a batch, which may be of no bytes at all.
const maxRows = 1 << 31

func (f *flat) rows(t table) bool {
	at := t.field(0)
	if at == 0 {
		return true
	}
	return at+8 <= len(f.data) && binary.LittleEndian.Uint64(f.data[at:]) <= maxRows
}

// fieldTable checks a column: its name, its type, its children.
func (f *flat) fieldTable(at, depth int) bool {
	t, ok := f.child(at)
	return ok && depth > 0 && f.str(t, 0) && f.optional(t, 3) && f.optional(t, 4) &&
		f.vector(t, 5, 0, func(at int) bool { return f.fieldTable(at, depth-1) }) && f.vector(t, 6, 0, f.keyValue)
}

func (f *flat) keyValue(at int) bool {
	t, ok := f.child(at)
	return ok && f.str(t, 0) && f.str(t, 1)
}

// table is a table whose own bytes and whose list of fields lie within.
type table struct {
	at   int
	list []byte
}

// field returns where a field is, 0 if it is not there.
func (t table) field(i int) int {
	if 2*i+2 > len(t.list) {
		return 0
	}
	if n := int(binary.LittleEndian.Uint16(t.list[2*i:])); n != 0 {
		return t.at + n
	}
	return 0
}

// offset follows an offset to where it points.
func (f *flat) offset(at int) (int, bool) {
	if at < 0 || at+4 > len(f.data) {
		return 0, false
	}
	to := at + int(binary.LittleEndian.Uint32(f.data[at:]))
	return to, to >= 0 && to+4 <= len(f.data)
}

func (f *flat) table(at int) (table, bool) {
	if f.visits++; f.visits > maxFlatVisits || at < 0 || at+4 > len(f.data) {
		return table{}, false
	}
	list := at - int(int32(binary.LittleEndian.Uint32(f.data[at:])))
	if list < 0 || list+4 > len(f.data) {
		return table{}, false
	}
	size, own := int(binary.LittleEndian.Uint16(f.data[list:])), int(binary.LittleEndian.Uint16(f.data[list+2:]))
	if size < 4 || list+size > len(f.data) || at+own > len(f.data) {
		return table{}, false
	}
	return table{at, f.data[list+4 : list+size]}, true
}

// child is the table that an offset points to.
func (f *flat) child(at int) (table, bool) {
	to, ok := f.offset(at)
	if !ok {
		return table{}, false
	}
	return f.table(to)
}

func (f *flat) optional(t table, i int) bool {
	at := t.field(i)
	if at == 0 {
		return true
	}
	_, ok := f.child(at)
	return ok
}

func (f *flat) str(t table, i int) bool { return f.vector(t, i, 1, nil) }

// vector checks a vector of values of a size, or, with a function, of offsets.
func (f *flat) vector(t table, i, size int, each func(at int) bool) bool {
	at := t.field(i)
	if at == 0 {
		return true
	}
	at, ok := f.offset(at)
	if !ok {
		return false
	}
	if each != nil {
		size = 4
	}
	n := int(binary.LittleEndian.Uint32(f.data[at:]))
	if n > (len(f.data)-at-4)/size {
		return false
	}
	for k := 0; each != nil && k < n; k++ {
		if !each(at + 4 + 4*k) {
			return false
		}
	}
	return true
}
