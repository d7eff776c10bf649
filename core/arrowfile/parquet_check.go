package arrowfile

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/argon-lab/argon/core/errs"
)

// What a Parquet file says of lengths is checked before the library believes it
// and asks for memory accordingly.
const (
	parquetMagic   = "PAR1"
	maxThriftDepth = 64
	maxPageHeader  = 64 << 20 // one has a smallest and a largest value
	maxPageValues  = 64 << 20
)

func errParquet(what string) error {
	return errs.New(errs.ImportFailed, "the Parquet file is broken: %s", what)
}

// readFooter returns the metadata of a file, which stand at its end:
//
//	| thrift | length of it, uint32 | PAR1 |
func readFooter(f io.ReaderAt, size int64) (*format.FileMetaData, error) {
	var tail [8]byte
	if size < 12 {
		return nil, errParquet("it is too short for one")
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != parquetMagic || length > size-12 {
		return nil, errParquet("it does not end as one does")
	}
	data := make([]byte, length)
	if _, err := f.ReadAt(data, size-8-length); err != nil {
		return nil, err
	}
	if n, ok := thriftLength(data); !ok || n > len(data) {
		return nil, errParquet("its metadata are")
	}
	m := &format.FileMetaData{}
	return m, decodeThrift(data, m)
}

func decodeThrift(data []byte, v any) error {
	protocol := &thrift.CompactProtocol{}
	return thrift.NewDecoder(protocol.NewReader(bytes.NewReader(data))).Decode(v)
}

// compact goes through a structure of thrift's compact protocol: what it says of
// lengths must lie within it.
type compact struct {
	data []byte
	at   int
	bad  bool
}

// thriftLength returns how long the structure is that data begins with. It is
// not ok if it is broken; if it is longer than data, it is returned as such.
func thriftLength(data []byte) (n int, ok bool) {
	c := &compact{data: data}
	c.structure(maxThriftDepth)
	return c.at, !c.bad
}

func (c *compact) short() bool { return c.bad || c.at > len(c.data) }

func (c *compact) byte() byte {
	if c.at++; c.short() {
		return 0
	}
	return c.data[c.at-1]
}

func (c *compact) varint() uint64 {
	for n, shift := uint64(0), 0; ; shift += 7 {
		b := c.byte()
		if n |= uint64(b&0x7F) << shift; b < 0x80 {
			return n
		}
		if shift > 63 {
			c.bad = true
			return 0
		}
	}
}

// length is that of something of at least so many bytes each.
func (c *compact) length(n uint64) int {
	if n > maxPageHeader {
		c.bad = true
		return 0
	}
	return int(n)
}

func (c *compact) structure(depth int) {
	for !c.short() {
		head := c.byte()
		if head == 0 {
			return
		}
		if head>>4 == 0 {
			c.varint() // the number of the field
		}
		if kind := head & 0xF; kind > 2 { // else a boolean, which has no bytes
			c.value(kind, depth-1)
		}
	}
}

func (c *compact) value(kind byte, depth int) {
	c.bad = c.bad || depth < 0
	if c.short() {
		return
	}
	switch kind {
	case 1, 2, 3: // a boolean in a list, a byte
		c.byte()
	case 4, 5, 6: // integers
		c.varint()
	case 7: // a double
		c.at += 8
	case 8: // bytes
		c.at += c.length(c.varint())
	case 9, 10: // a list, a set
		head := c.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = c.varint()
		}
		for range c.length(n) {
			if c.value(head&0xF, depth-1); c.short() {
				return
			}
		}
	case 12:
		c.structure(depth)
	default: // there is no map in the metadata of Parquet
		c.bad = true
	}
}

// deltaCount goes through what a delta encoding packs and returns how many
// integers it says that it is, and what is behind it.
//
//	| size of a block | mini blocks in it | count | first |
//	| smallest difference | widths of the mini blocks | mini blocks |   repeated
func deltaCount(data []byte) (count int, rest []byte, ok bool) {
	c := &compact{data: data}
	block, minis, n := c.varint(), c.varint(), c.varint()
	c.varint()
	if c.short() || minis == 0 || block > 1<<16 || block%minis != 0 || n > maxPageValues {
		return 0, nil, false
	}
	each := int(block / minis)
	for left := int(n) - 1; left > 0 && !c.short(); {
		c.varint()
		widths := data[min(c.at, len(data)):min(c.at+int(minis), len(data))]
		c.at += int(minis)
		for _, width := range widths {
			if left > 0 {
				c.at += each * int(width) / 8
				left -= each
			}
		}
	}
	return int(n), data[min(c.at, len(data)):], !c.bad
}

// runCount is how many integers of a width of bits the runs of a hybrid encoding
// say that they are.
func runCount(data []byte, width int) (count int) {
	c := &compact{data: data}
	for c.at < len(data) && count <= maxPageValues {
		switch head := c.varint(); {
		case c.bad || head > maxPageValues:
			return maxPageValues + 1
		case head&1 == 0: // one, so many times
			count += int(head >> 1)
			c.at += (width + 7) / 8
		default: // groups of eight
			count += int(head>>1) * 8
			c.at += int(head>>1) * width
		}
	}
	return count
}
