package opmsg

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/argon-lab/argon/core/bsonraw"
)

// BeginMsg appends the beginning of an OP_MSG up to where its body stands. The
// caller appends the body's document, and sequences with AppendSequence, and
// ends with FinishMsg. The message must begin at the start of dst.
func BeginMsg(dst []byte, requestID, responseTo int32, flags Flags) []byte {
	dst = Header{RequestID: requestID, ResponseTo: responseTo, Op: OpMsg}.appendTo(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(flags))
	return append(dst, 0)
}

// AppendSequence appends documents to a message as a section of their own.
func AppendSequence(dst []byte, name string, docs ...bsonraw.Doc) []byte {
	dst = append(dst, 1)
	begin := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, name...)
	dst = append(dst, 0)
	for _, doc := range docs {
		dst = append(dst, doc...)
	}
	binary.LittleEndian.PutUint32(dst[begin:], uint32(len(dst)-begin))
	return dst
}

// SetFlags changes the flags of a message that BeginMsg began, before FinishMsg.
func SetFlags(msg []byte, flags Flags) {
	binary.LittleEndian.PutUint32(msg[HeaderSize:], uint32(flags))
}

// FinishMsg ends a message that BeginMsg began: it sets its length and, if the
// flags say so, appends the checksum.
func FinishMsg(msg []byte) []byte {
	if Flags(binary.LittleEndian.Uint32(msg[HeaderSize:]))&ChecksumPresent == 0 {
		binary.LittleEndian.PutUint32(msg, uint32(len(msg)))
		return msg
	}
	binary.LittleEndian.PutUint32(msg, uint32(len(msg)+4))
	return binary.LittleEndian.AppendUint32(msg, crc32.Checksum(msg, castagnoli))
}

// AppendMsg appends a whole OP_MSG with one body to dst, which must be empty.
func AppendMsg(dst []byte, requestID, responseTo int32, flags Flags, body bsonraw.Doc) []byte {
	return FinishMsg(append(BeginMsg(dst, requestID, responseTo, flags), body...))
}

// AppendQuery appends an OP_QUERY, as a client's handshake, to dst, which must be
// empty.
func AppendQuery(dst []byte, requestID int32, collection string, body bsonraw.Doc) []byte {
	dst = Header{RequestID: requestID, Op: OpQuery}.appendTo(dst)
	dst = binary.LittleEndian.AppendUint32(dst, 4) // may run on any member
	dst = append(dst, collection...)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, 0xFFFF_FFFF) // one document
	dst = append(dst, body...)
	binary.LittleEndian.PutUint32(dst, uint32(len(dst)))
	return dst
}

// AppendReply appends an OP_REPLY of one document, the answer to OP_QUERY, to
// dst, which must be empty.
func AppendReply(dst []byte, requestID, responseTo int32, body bsonraw.Doc) []byte {
	dst = Header{RequestID: requestID, ResponseTo: responseTo, Op: OpReply}.appendTo(dst)
	dst = binary.LittleEndian.AppendUint32(dst, 8) // can await
	dst = binary.LittleEndian.AppendUint64(dst, 0) // no cursor
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, 1)
	dst = append(dst, body...)
	binary.LittleEndian.PutUint32(dst, uint32(len(dst)))
	return dst
}
