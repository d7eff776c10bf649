package pebblekv

import (
	"encoding/binary"
	"hash/crc32"
)

// The file JOURNAL is a sequence of groups, each written at once. FROZEN;
// integers big-endian.
//
//	group   [crc32c 4][length 4][generation 8][durable 8][first 8][last 8] batch ...
//	batch   [ordinal 8][length 4][Pebble's representation of a batch]
//
// The checksum is of everything behind it, length counts the whole group.
// durable is the ordinal up to which everything was durable before the group was
// written: it vouches for the groups before it.
const (
	groupHeader = 40
	batchHeader = 12

	keptGroup = 256 << 10
)

// group collects batches for one write.
type group struct {
	bytes       []byte // with room for the header, once there is a batch
	first, last uint64
}

func (g *group) empty() bool { return len(g.bytes) == 0 }
func (g *group) size() int64 { return int64(len(g.bytes)) }

func (g *group) add(ordinal uint64, repr []byte) {
	if g.empty() {
		g.bytes = append(g.bytes, make([]byte, groupHeader)...)
		g.first = ordinal
	}
	g.last = ordinal
	g.bytes = binary.BigEndian.AppendUint64(g.bytes, ordinal)
	g.bytes = binary.BigEndian.AppendUint32(g.bytes, uint32(len(repr)))
	g.bytes = append(g.bytes, repr...)
}

// reset empties the group and keeps its memory, unless a burst has made it
// large.
func (g *group) reset() {
	g.bytes = g.bytes[:0]
	if cap(g.bytes) > keptGroup {
		g.bytes = nil
	}
}

// seal fills the header in and returns the bytes to write.
func (g *group) seal(generation, durable uint64) []byte {
	b := g.bytes
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)))
	binary.BigEndian.PutUint64(b[8:], generation)
	binary.BigEndian.PutUint64(b[16:], durable)
	binary.BigEndian.PutUint64(b[24:], g.first)
	binary.BigEndian.PutUint64(b[32:], g.last)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// readGroup reads the group at the beginning of b, if there is a whole one of
// this generation.
func readGroup(b []byte, generation uint64) (g group, durable uint64, ok bool) {
	if len(b) < groupHeader || binary.BigEndian.Uint64(b[8:]) != generation {
		return g, 0, false
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n < groupHeader || uint64(n) > uint64(len(b)) || crc32.Checksum(b[4:n], castagnoli) != binary.BigEndian.Uint32(b) {
		return g, 0, false
	}
	g = group{bytes: b[:n], first: binary.BigEndian.Uint64(b[24:]), last: binary.BigEndian.Uint64(b[32:])}
	return g, binary.BigEndian.Uint64(b[16:]), true
}

// each calls fn with the batches of a group. It reports false if the group is
// not made of batches.
func (g *group) each(fn func(ordinal uint64, repr []byte) error) (ok bool, err error) {
	b := g.bytes[groupHeader:]
	for len(b) > 0 {
		if len(b) < batchHeader {
			return false, nil
		}
		n := uint64(binary.BigEndian.Uint32(b[8:]))
		if uint64(len(b)) < batchHeader+n {
			return false, nil
		}
		if err := fn(binary.BigEndian.Uint64(b), b[batchHeader:batchHeader+n]); err != nil {
			return true, err
		}
		b = b[batchHeader+n:]
	}
	return true, nil
}
