package opmsg

import (
	"encoding/binary"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// OpCode is the kind of a message.
type OpCode int32

// The kinds that are spoken here, and those of old that drivers no longer send.
const (
	OpReply       OpCode = 1
	OpUpdate      OpCode = 2001
	OpInsert      OpCode = 2002
	OpQuery       OpCode = 2004
	OpGetMore     OpCode = 2005
	OpDelete      OpCode = 2006
	OpKillCursors OpCode = 2007
	OpCompressed  OpCode = 2012
	OpMsg         OpCode = 2013
)

var opNames = map[OpCode]string{
	OpReply: "OP_REPLY", OpUpdate: "OP_UPDATE", OpInsert: "OP_INSERT", OpQuery: "OP_QUERY",
	OpGetMore: "OP_GET_MORE", OpDelete: "OP_DELETE", OpKillCursors: "OP_KILL_CURSORS",
	OpCompressed: "OP_COMPRESSED", OpMsg: "OP_MSG",
}

// String returns MongoDB's name of the kind, or its number.
func (o OpCode) String() string {
	if name, ok := opNames[o]; ok {
		return name
	}
	return "opcode " + strconv.Itoa(int(o))
}

// Sizes.
const (
	HeaderSize     = 16
	MaxMessageSize = 48_000_000 // what a server announces as maxMessageSizeBytes
	// MaxOwnMessageSize is the limit between Argon's own processes: what a
	// transaction may hold.
	MaxOwnMessageSize = 1 << 30
)

// Header begins every message.
type Header struct {
	Length     int32 // of the whole message, this header included
	RequestID  int32
	ResponseTo int32
	Op         OpCode
}

// ParseHeader reads the first HeaderSize bytes of b, which must be there.
func ParseHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Length:     int32(binary.LittleEndian.Uint32(b)),
		RequestID:  int32(binary.LittleEndian.Uint32(b[4:])),
		ResponseTo: int32(binary.LittleEndian.Uint32(b[8:])),
		Op:         OpCode(binary.LittleEndian.Uint32(b[12:])),
	}
}

// appendTo appends the header.
func (h Header) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Length))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.RequestID))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.ResponseTo))
	return binary.LittleEndian.AppendUint32(dst, uint32(h.Op))
}

// check refuses a length that no message has.
func (h Header) check(limit int) error {
	switch {
	case h.Length < HeaderSize:
		return malformed("a message says that it has %d bytes, its header alone has %d", h.Length, HeaderSize)
	case int64(h.Length) > int64(limit):
		return malformed("a message says that it has %d bytes, at most %d are allowed", h.Length, limit)
	case opNames[h.Op] == "":
		return malformed("a message has the unknown %s", h.Op) // and what comes may be of another protocol
	}
	return nil
}

func malformed(format string, args ...any) error {
	return errs.New(errs.ProtocolError, format, args...)
}

// Flags are the flag bits of OP_MSG. A reader refuses those of the lower half
// that it does not know; the upper half is optional.
type Flags uint32

// The flags.
const (
	ChecksumPresent Flags = 1 << 0
	MoreToCome      Flags = 1 << 1
	ExhaustAllowed  Flags = 1 << 16

	knownFlags = ChecksumPresent | MoreToCome
)

// Sequence is a section of kind 1: documents that belong into an array of the
// command.
type Sequence struct {
	Name []byte
	Docs []byte // whole documents, one behind the other
	N    int    // how many
}

// Message is one message.
type Message struct {
	Header
	Flags     Flags
	Body      bsonraw.Doc
	Sequences []Sequence

	Query Query       // of OP_QUERY
	Reply ReplyHeader // of OP_REPLY; Body is its first document

	// Compressor is what the message came compressed with; none is 0. The header
	// is that of the message inside.
	Compressor Compressor
}

// Query is what OP_QUERY has beside its document.
type Query struct {
	Flags      uint32
	Collection []byte // "admin.$cmd"
	Skip       int32
	Return     int32
}

// ReplyHeader is what OP_REPLY has beside its documents.
type ReplyHeader struct {
	Flags    uint32
	CursorID int64
	From, N  int32
}
