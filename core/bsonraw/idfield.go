package bsonraw

import (
	"encoding/binary"
	"math/bits"
)

// IDField finds the _id of a document that has passed Validate: its element is
// from start to end. A document without one has 0, 0; again reports that there is a
// second. It is Iter for this one question, which every document that is inserted
// is asked, in half the time.
func IDField(d Doc) (start, end int, again bool) {
	for at := 4; at < len(d)-1; {
		n := elementSize(d[at:])
		if n <= 0 || n > len(d)-at {
			return start, end, true // not BSON: whoever looks closer will say so
		}
		if n >= 1+len("_id ") && binary.LittleEndian.Uint32(d[at+1:]) == idWord {
			if start != 0 {
				return start, end, true
			}
			start, end = at, at+n
		}
		at += n
	}
	return start, end, false
}

// idWord is "_id" and the zero behind it.
const idWord = '_' | 'i'<<8 | 'd'<<16

// elementSize returns the length of the element at the start of b, or something
// that is none.
func elementSize(b []byte) int {
	n := -1
	if len(b) >= 9 {
		w := binary.LittleEndian.Uint64(b[1:])
		if zeros := (w - lowBits) &^ w & highBits; zeros != 0 {
			n = bits.TrailingZeros64(zeros) >> 3
		}
	}
	if n < 0 {
		if n = nameEnd(b[1:]); n < 0 {
			return -1
		}
	}
	t, body := Type(b[0]), b[2+n:]
	size := int(fixedSizes[t])
	if size < 0 {
		if size = valueSize(t, body); size < 0 {
			return -1
		}
	}
	return 2 + n + size
}
