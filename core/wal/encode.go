package wal

import (
	"bytes"
	"encoding/binary"
)

// The encoding of a record. FROZEN; uv is an unsigned LEB128 integer. The LSN
// stands in the key.
//
//	[01]                     version of the encoding
//	[kind 1]
//	[time 8]                 little-endian, milliseconds since 1970
//	[uv][actor] [uv][message] [uv][session]
//	[uv parent segment] and, unless it is 0, [uv parent LSN]
//	[source]                 in version 02 only, which records of a mirror are
//	[uv number of changes] ([uv][changes]) ...      each distinct list once
//	[uv number of ops] op ...
//
//	op: [flags 1]            bits 0-1 kind, and
//	                         0x04 same collection as the op before
//	                         0x08 _id of the same type as the op before
//	                         0x10 has changes
//	                         0x60 form, from bit 5
//	    [uv collection]      unless 0x04
//	    [type 1]             unless 0x08
//	    [BSON value of _id]
//	    [uv place in the list of changes]   if 0x10
//
//	source: [cluster time 8] [wall 8]    little-endian
//	        [uv][session] and, unless it is empty, [uv transaction]
//
// An update of many documents has one list of changes, and an op of it takes
// the bytes of its _id and two more.
const (
	recordVersion = 0x01
	sourceVersion = 0x02 // with a source

	opKindMask       = 0x03
	opSameCollection = 0x04
	opSameType       = 0x08
	opHasChanges     = 0x10
	opFormMask       = 0x60
	opFormShift      = 5

	timeOffset = 2
	fixedLen   = 10
)

// Append appends the encoded record to dst.
func (r *Record) Append(dst []byte) []byte {
	version := byte(recordVersion)
	if r.Source != nil {
		version = sourceVersion
	}
	dst = append(dst, version, byte(r.Kind))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst = appendText(dst, r.Actor)
	dst = appendText(dst, r.Message)
	dst = appendBytes(dst, r.Session)
	dst = binary.AppendUvarint(dst, uint64(r.Parent.Segment))
	if r.Parent.Segment != 0 {
		dst = binary.AppendUvarint(dst, uint64(r.Parent.LSN))
	}
	if r.Source != nil {
		dst = r.Source.append(dst)
	}
	table, places := distinctChanges(r.Ops)
	dst = binary.AppendUvarint(dst, uint64(len(table)))
	for _, changes := range table {
		dst = appendBytes(dst, changes)
	}
	return appendOps(dst, r.Ops, places)
}

func (s *Source) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, s.ClusterTime)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Wall))
	dst = appendBytes(dst, s.Session)
	if len(s.Session) > 0 {
		dst = binary.AppendUvarint(dst, uint64(s.Txn))
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// distinctChanges returns the distinct lists of changes in the order in which
// they come first, and each op's place among them. An op without changes has
// none to look up.
func distinctChanges(ops []Op) (table [][]byte, places []int) {
	var seen map[string]int
	for i := range ops {
		changes := ops[i].Changes
		if len(changes) == 0 {
			continue
		}
		if places == nil {
			places = make([]int, len(ops))
			seen = map[string]int{}
		}
		if i > 0 && bytes.Equal(changes, ops[i-1].Changes) {
			places[i] = places[i-1]
			continue
		}
		at, ok := seen[string(changes)]
		if !ok {
			at = len(table)
			table = append(table, changes)
			seen[string(changes)] = at
		}
		places[i] = at
	}
	return table, places
}

func appendOps(dst []byte, ops []Op, places []int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ops)))
	var before *Op
	for i := range ops {
		op := &ops[i]
		flags := byte(op.Kind)&opKindMask | byte(op.Form)<<opFormShift&opFormMask
		if before != nil && op.Collection == before.Collection {
			flags |= opSameCollection
		}
		if before != nil && op.ID.Type == before.ID.Type {
			flags |= opSameType
		}
		if len(op.Changes) > 0 {
			flags |= opHasChanges
		}
		dst = append(dst, flags)
		if flags&opSameCollection == 0 {
			dst = binary.AppendUvarint(dst, uint64(op.Collection))
		}
		if flags&opSameType == 0 {
			dst = append(dst, byte(op.ID.Type))
		}
		dst = append(dst, op.ID.Data...)
		if flags&opHasChanges != 0 {
			dst = binary.AppendUvarint(dst, uint64(places[i]))
		}
		before = op
	}
	return dst
}
