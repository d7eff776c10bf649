package mvcc

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
)

// Keys. FROZEN; integers big-endian. Kinds 0x10 to 0x1F are core/refs's.
//
//	[01]                                                       state
//	[20][segment 8][LSN 8]                                     log record
//	[21][segment 8][collection 4]                              first touch
//	[80][segment 8][collection 4][idKey][00] @LSN              version
//	[81][segment 8][collection 4][index 4][key][idKey][00] @LSN   index entry
//
// @LSN is the suffix of a versioned key (core/kv): newest first. The first
// touch says that a segment wrote to a collection at all; a view skips the
// segments that did not.
//
// Values:
//
//	version       [00] deleted | [01][BSON]
//	index entry   [00][n] removed | [01][n] there; n, a uvarint, is the length
//	              of the idKey at the end of the key
//	first touch   [LSN 8]
const (
	kindState   = 0x01
	kindLog     = 0x20
	kindTouch   = 0x21
	kindVersion = 0x80
	kindIndex   = 0x81

	flagDeleted = 0x00
	flagPresent = 0x01

	segmentLen = 1 + 8
	headerLen  = segmentLen + 4 // of a version
	indexLen   = headerLen + 4  // of an index entry
)

var stateKey = []byte{kindState}

func appendSegment(dst []byte, kind byte, seg SegmentID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), uint64(seg))
}

func appendHeader(dst []byte, kind byte, seg SegmentID, c CollectionID) []byte {
	return binary.BigEndian.AppendUint32(appendSegment(dst, kind, seg), uint32(c))
}

func appendIndexHeader(dst []byte, seg SegmentID, c CollectionID, ix IndexID) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(dst, kindIndex, seg, c), uint32(ix))
}

func appendVersionKey(dst []byte, seg SegmentID, c CollectionID, idKey []byte, lsn LSN) []byte {
	dst = append(appendHeader(dst, kindVersion, seg, c), idKey...)
	return kv.AppendVersion(dst, uint64(lsn))
}

func appendLogKey(dst []byte, seg SegmentID, lsn LSN) []byte {
	return binary.BigEndian.AppendUint64(appendSegment(dst, kindLog, seg), uint64(lsn))
}

func touchKey(seg SegmentID, c CollectionID) []byte { return appendHeader(nil, kindTouch, seg, c) }

// TableEnd returns the rule by which the store parts its tables on disk
// (pebblekv.Options): the collections below the first of a user, some of which
// every commit writes to, are not in one table with those above. Such a table
// would span all documents of its segment, so that tables of ascending ids would
// be rewritten at each level and not moved: half of all the processor's time of a
// bulk insert. A bound at every collection was rejected: thousands of small
// branches would make as many tables.
func TableEnd(firstUser CollectionID) func(start []byte) []byte {
	return func(start []byte) []byte {
		if len(start) < headerLen || start[0] != kindVersion && start[0] != kindIndex || collectionOf(start) >= firstUser {
			return nil
		}
		return appendHeader(nil, start[0], segmentOf(start), firstUser)
	}
}

// successor returns the lowest key above every key that begins with prefix.
func successor(prefix []byte) []byte {
	next := append([]byte(nil), prefix...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

func segmentOf(key []byte) SegmentID { return SegmentID(binary.BigEndian.Uint64(key[1:])) }

func collectionOf(key []byte) CollectionID {
	return CollectionID(binary.BigEndian.Uint32(key[segmentLen:]))
}

func indexOf(key []byte) IndexID {
	return IndexID(binary.BigEndian.Uint32(key[headerLen:]))
}

// cut splits a versioned key behind its header into name and LSN.
func cut(key []byte, header int) (name []byte, lsn LSN, ok bool) {
	n := kv.Split(key)
	if n == len(key) || n < header+2 || key[n-1] != 0 {
		return nil, 0, false
	}
	return key[header : n-1], LSN(kv.Version(key)), true
}

func corruptKey(key []byte) error {
	return errs.New(errs.StoreCorrupt, "a stored key does not parse: %x", key)
}

// openVersion splits a version's value. Deleted documents have a nil doc.
func openVersion(key, value []byte) (doc []byte, err error) {
	if len(value) > 5 && value[0] == flagPresent {
		return value[1:], nil
	}
	if len(value) == 1 && value[0] == flagDeleted {
		return nil, nil
	}
	return nil, errs.New(errs.StoreCorrupt, "the version with key %x has %d bytes that are neither a document nor a deletion", key, len(value))
}

// openEntry splits an index entry's value.
func openEntry(name, value []byte) (idLen int, present bool, err error) {
	if len(value) >= 2 && value[0] <= flagPresent {
		n, size := binary.Uvarint(value[1:])
		if size > 0 && size+1 == len(value) && n > 0 && n < uint64(len(name)) {
			return int(n), value[0] == flagPresent, nil
		}
	}
	return 0, false, errs.New(errs.StoreCorrupt, "the index entry %x has the value %x", name, value)
}

func uvarintLen(n uint64) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
