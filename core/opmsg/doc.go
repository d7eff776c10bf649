// Package opmsg reads and writes the messages of MongoDB's wire protocol. It
// knows io.Reader and byte slices, and no network.
//
// It owns the formats of the messages (header.go, message.go, write.go), reading
// them from a stream with buffers that are reused (reader.go), compression
// (compress.go), and the command of a message (command.go).
//
//	every message    [length:4][request id:4][response to:4][opcode:4] …, little-endian
//	OP_MSG      2013 [flags:4] sections [crc32c:4]?
//	                 section 0: [0][document]         section 1: [1][size:4][name\0] documents
//	OP_QUERY    2004 [flags:4][collection\0][skip:4][return:4][document]    handshakes only
//	OP_REPLY       1 [flags:4][cursor:8][from:4][n:4] documents             answers OP_QUERY
//	OP_COMPRESSED 2012 [opcode:4][size:4][compressor:1] compressed rest of a message
//
// Promises:
//
//  1. No bytes make anything here panic, read past its input, or allocate more
//     than the reader's limit. A length is checked before memory is taken for
//     it, and a large message gets its memory only when its first part has come.
//  2. What is returned points into the reader's buffer and is valid until its
//     next call of Next or Release.
//  3. Documents are framed here, not validated: their lengths fit the message.
//     The command dispatcher validates what is in them.
//  4. An error of a Reader is an *errs.Error with the code ProtocolError, or what
//     the stream returned, io.EOF between two messages included.
//
// Read header.go, message.go, reader.go.
package opmsg
