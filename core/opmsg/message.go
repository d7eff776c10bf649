package opmsg

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/argon-lab/argon/core/bsonraw"
)

// castagnoli is the polynomial of OP_MSG's checksum.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parse reads the body of a message whose header is read, b being the whole
// message. It keeps the memory of m's slices.
func (m *Message) parse(b []byte) error {
	m.Flags, m.Body, m.Sequences = 0, nil, m.Sequences[:0]
	m.Query, m.Reply = Query{}, ReplyHeader{}
	switch m.Op {
	case OpMsg:
		return m.parseMsg(b)
	case OpQuery:
		return m.parseQuery(b[HeaderSize:])
	case OpReply:
		return m.parseReply(b[HeaderSize:])
	}
	return nil // of the others only the header matters: they are refused by name
}

func (m *Message) parseMsg(b []byte) error {
	rest := b[HeaderSize:]
	if len(rest) < 4 {
		return malformed("OP_MSG ends in its flags")
	}
	m.Flags = Flags(binary.LittleEndian.Uint32(rest))
	rest = rest[4:]
	if unknown := m.Flags & 0xFFFF &^ knownFlags; unknown != 0 {
		return malformed("OP_MSG has the unknown required flags %#x", uint32(unknown))
	}
	if m.Flags&ChecksumPresent != 0 {
		if len(rest) < 4 {
			return malformed("OP_MSG ends before its checksum")
		}
		end := len(b) - 4
		want, got := binary.LittleEndian.Uint32(b[end:]), crc32.Checksum(b[:end], castagnoli)
		if want != got {
			return malformed("OP_MSG does not match its checksum: it says %#x, its bytes have %#x", want, got)
		}
		rest = rest[:len(rest)-4]
	}
	for len(rest) > 0 {
		kind := rest[0]
		var err error
		switch kind {
		case 0:
			rest, err = m.parseBody(rest[1:])
		case 1:
			rest, err = m.parseSequence(rest[1:])
		default:
			err = malformed("OP_MSG has a section of the unknown kind %d", kind)
		}
		if err != nil {
			return err
		}
	}
	if m.Body == nil {
		return malformed("OP_MSG has no body")
	}
	return nil
}

func (m *Message) parseBody(b []byte) ([]byte, error) {
	if m.Body != nil {
		return nil, malformed("OP_MSG has two bodies")
	}
	doc, rest, ok := cutDoc(b)
	if !ok {
		return nil, malformed("OP_MSG's body does not fit into it")
	}
	m.Body = doc
	return rest, nil
}

func (m *Message) parseSequence(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, malformed("OP_MSG ends in the size of a document sequence")
	}
	size := int32(binary.LittleEndian.Uint32(b))
	if size < 5 || int(size) > len(b) {
		return nil, malformed("OP_MSG has a document sequence of %d bytes, %d are left", size, len(b))
	}
	section, rest := b[4:size], b[size:]
	end := bytes.IndexByte(section, 0)
	if end < 0 {
		return nil, malformed("OP_MSG has a document sequence whose name does not end")
	}
	s := Sequence{Name: section[:end], Docs: section[end+1:]}
	for docs := s.Docs; len(docs) > 0; s.N++ {
		var ok bool
		if _, docs, ok = cutDoc(docs); !ok {
			return nil, malformed("OP_MSG's sequence %q has a document, number %d, that does not fit into it", s.Name, s.N)
		}
	}
	for _, other := range m.Sequences {
		if bytes.Equal(other.Name, s.Name) {
			return nil, malformed("OP_MSG has the document sequence %q twice", s.Name)
		}
	}
	if len(m.Sequences) == maxSequences {
		return nil, malformed("OP_MSG has more than %d document sequences", maxSequences)
	}
	m.Sequences = append(m.Sequences, s)
	return rest, nil
}

// maxSequences is more than any command has arrays.
const maxSequences = 8

func (m *Message) parseQuery(b []byte) error {
	if len(b) < 4 {
		return malformed("OP_QUERY ends in its flags")
	}
	m.Query.Flags = binary.LittleEndian.Uint32(b)
	b = b[4:]
	end := bytes.IndexByte(b, 0)
	if end < 0 || len(b) < end+1+8 {
		return malformed("OP_QUERY ends in the name of its collection")
	}
	m.Query.Collection = b[:end]
	b = b[end+1:]
	m.Query.Skip = int32(binary.LittleEndian.Uint32(b))
	m.Query.Return = int32(binary.LittleEndian.Uint32(b[4:]))
	doc, _, ok := cutDoc(b[8:]) // a second document, a selector of fields, may follow
	if !ok {
		return malformed("OP_QUERY's document does not fit into it")
	}
	m.Body = doc
	return nil
}

func (m *Message) parseReply(b []byte) error {
	if len(b) < 20 {
		return malformed("OP_REPLY ends in its header")
	}
	m.Reply = ReplyHeader{
		Flags:    binary.LittleEndian.Uint32(b),
		CursorID: int64(binary.LittleEndian.Uint64(b[4:])),
		From:     int32(binary.LittleEndian.Uint32(b[12:])),
		N:        int32(binary.LittleEndian.Uint32(b[16:])),
	}
	if m.Reply.N > 0 {
		var ok bool
		if m.Body, _, ok = cutDoc(b[20:]); !ok {
			return malformed("OP_REPLY's document does not fit into it")
		}
	}
	return nil
}

// cutDoc cuts a document off the start of b, by its length and its last byte.
func cutDoc(b []byte) (doc bsonraw.Doc, rest []byte, ok bool) {
	if len(b) < 5 {
		return nil, nil, false
	}
	n := int(int32(binary.LittleEndian.Uint32(b)))
	if n < 5 || n > len(b) || b[n-1] != 0 {
		return nil, nil, false
	}
	return bsonraw.Doc(b[:n:n]), b[n:], true
}
