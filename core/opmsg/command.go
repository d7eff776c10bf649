package opmsg

import (
	"encoding/binary"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Command returns the message's command as one document: the body, with each
// document sequence as the array of its name behind the body's own fields. A
// message without sequences is its body, and nothing is copied; otherwise the
// bytes are appended to dst once.
func (m *Message) Command(dst []byte) (bsonraw.Doc, error) {
	if len(m.Sequences) == 0 {
		return m.Body, nil
	}
	for _, s := range m.Sequences {
		if _, there := m.Body.Lookup(string(s.Name)); there {
			return nil, malformed("the field %q is in the command and in a document sequence", s.Name)
		}
	}
	begin := len(dst)
	dst = append(dst, m.Body[:len(m.Body)-1]...)
	for _, s := range m.Sequences {
		dst = appendArray(dst, s)
	}
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[begin:], uint32(len(dst)-begin))
	return bsonraw.Doc(dst[begin:]), nil
}

// CommandSize is how many bytes Command appends, or a little less than it.
func (m *Message) CommandSize() int {
	if len(m.Sequences) == 0 {
		return 0
	}
	n := len(m.Body)
	for _, s := range m.Sequences {
		n += len(s.Docs) + len(s.Name) + 8*s.N + 8
	}
	return n
}

// appendArray appends a sequence as a field of type array.
func appendArray(dst []byte, s Sequence) []byte {
	dst = append(dst, byte(bsonraw.Array))
	dst = append(dst, s.Name...)
	dst = append(dst, 0)
	begin := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	rest := s.Docs
	for i := 0; len(rest) > 0; i++ {
		n := binary.LittleEndian.Uint32(rest)
		dst = append(dst, byte(bsonraw.Object))
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, 0)
		dst = append(dst, rest[:n]...)
		rest = rest[n:]
	}
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[begin:], uint32(len(dst)-begin))
	return dst
}
