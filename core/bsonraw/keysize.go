package bsonraw

import (
	"bytes"
	"encoding/binary"
)

// KeySize returns how many bytes the encoded value at the start of b takes.
// It is false for bytes that AppendKey cannot have made.
func KeySize(b []byte) (n int, ok bool) { return keySizer{b: b}.size() }

// KeySizeDesc is KeySize for AppendKeyDesc.
func KeySizeDesc(b []byte) (n int, ok bool) { return keySizer{b: b, mask: 0xFF}.size() }

// keySizer walks one encoded value. mask is what each byte was inverted with.
type keySizer struct {
	b    []byte
	mask byte
}

func (k keySizer) size() (int, bool) {
	if len(k.b) == 0 {
		return 0, false
	}
	n := k.payload(k.b[0]^k.mask, 1, 0)
	return max(n, 0), n > 0
}

// payload returns the offset behind the payload at offset at, or -1. Depth is
// bounded since the bytes may be anything.
func (k keySizer) payload(rank byte, at, depth int) int {
	switch rank {
	case keyMinKey, keyEmpty, keyNull, keyMaxKey:
		return at
	case keyNumber:
		return k.number(at)
	case keyString, keyCode:
		return k.text(at)
	case keyObject:
		return k.fields(at, depth+1)
	case keyArray:
		return k.elements(at, depth+1)
	case keyBinary:
		return k.counted(at, 5)
	case keyDBPointer:
		return k.counted(at, 4)
	case keyObjectID:
		return k.fixed(at, 12)
	case keyBoolean:
		return k.fixed(at, 1)
	case keyDate, keyTimestamp:
		return k.fixed(at, 8)
	case keyRegex:
		if at = k.behindZero(at); at < 0 {
			return -1
		}
		return k.behindZero(at)
	case keyCodeScope:
		if at = k.text(at); at < 0 {
			return -1
		}
		return k.fields(at, depth+1)
	}
	return -1
}

func (k keySizer) fixed(at, n int) int {
	if len(k.b)-at < n {
		return -1
	}
	return at + n
}

func (k keySizer) number(at int) int {
	if k.fixed(at, 9) < 0 {
		return -1
	}
	switch k.b[at+8] ^ k.mask {
	case keyExact:
		return at + 9
	case keyBetween:
		return k.fixed(at+9, betweenLen)
	}
	return -1
}

// counted skips a length, that many bytes, and what else belongs to the head.
func (k keySizer) counted(at, head int) int {
	if k.fixed(at, head) < 0 {
		return -1
	}
	n := binary.BigEndian.Uint32(k.b[at:])
	if k.mask != 0 {
		n = ^n
	}
	if uint64(n) > uint64(len(k.b)-at-head) {
		return -1
	}
	return at + head + int(n)
}

func (k keySizer) behindZero(at int) int {
	i := bytes.IndexByte(k.b[at:], k.mask)
	if i < 0 {
		return -1
	}
	return at + i + 1
}

func (k keySizer) text(at int) int {
	for {
		if at = k.behindZero(at); at < 0 || at == len(k.b) {
			return -1
		}
		mark := k.b[at] ^ k.mask
		at++
		if mark == keyStop {
			return at
		}
		if mark != keyEscape {
			return -1
		}
	}
}

// maxKeyDepth is more than any document that passes Validate can nest.
const maxKeyDepth = 2 * MaxDepth

func (k keySizer) elements(at, depth int) int {
	for depth <= maxKeyDepth && at >= 0 && at < len(k.b) {
		rank := k.b[at] ^ k.mask
		if rank == keyEnd {
			return at + 1
		}
		at = k.payload(rank, at+1, depth)
	}
	return -1
}

func (k keySizer) fields(at, depth int) int {
	for depth <= maxKeyDepth && at >= 0 && at < len(k.b) {
		rank := k.b[at] ^ k.mask
		if rank == keyEnd {
			return at + 1
		}
		if at = k.behindZero(at + 1); at < 0 {
			return -1
		}
		at = k.payload(rank, at, depth)
	}
	return -1
}
