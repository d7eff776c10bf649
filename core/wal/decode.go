package wal

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Decode reads an encoded record into r, whose Ops are reused. Everything but
// the texts points into value.
func (r *Record) Decode(value []byte) error {
	d := decoder{rest: value}
	*r = Record{Ops: r.Ops[:0], LSN: r.LSN}
	if !isRecord(value) {
		return d.corrupt(value)
	}
	r.Kind = Kind(value[1])
	r.Time = int64(binary.LittleEndian.Uint64(value[timeOffset:]))
	d.rest = value[fixedLen:]
	r.Actor, r.Message = string(d.bytes()), string(d.bytes())
	r.Session = d.bytes()
	if len(r.Session) == 0 {
		r.Session = nil
	}
	if r.Parent.Segment = SegmentID(d.uvarint()); r.Parent.Segment != 0 {
		r.Parent.LSN = LSN(d.uvarint())
	}
	if value[0] == sourceVersion {
		r.Source = d.source()
	}
	d.table()
	d.ops(r)
	if d.bad || len(d.rest) != 0 {
		return d.corrupt(value)
	}
	return nil
}

// isRecord reports whether bytes begin as a record of a version that we know.
func isRecord(value []byte) bool {
	return len(value) >= fixedLen && (value[0] == recordVersion || value[0] == sourceVersion)
}

// TimeOf returns the time of an encoded record without decoding the rest.
func TimeOf(value []byte) (ms int64, err error) {
	if !isRecord(value) {
		return 0, (&decoder{}).corrupt(value)
	}
	return int64(binary.LittleEndian.Uint64(value[timeOffset:])), nil
}

// Clone returns a record with bytes of its own.
func (r *Record) Clone() *Record {
	c := *r
	c.Session = append([]byte(nil), r.Session...)
	if r.Source != nil {
		source := *r.Source
		source.Session = append([]byte(nil), source.Session...)
		c.Source = &source
	}
	c.Ops = make([]Op, len(r.Ops))
	shared := map[*byte][]byte{} // a list of changes is often that of many ops
	for i, op := range r.Ops {
		op.ID = op.ID.Clone()
		if len(op.Changes) > 0 {
			copied, ok := shared[&op.Changes[0]]
			if !ok {
				copied = append([]byte(nil), op.Changes...)
				shared[&op.Changes[0]] = copied
			}
			op.Changes = copied
		}
		c.Ops[i] = op
	}
	return &c
}

// decoder reads from rest until something does not fit.
type decoder struct {
	rest    []byte
	changes [][]byte
	bad     bool
}

func (d *decoder) corrupt(value []byte) error {
	if len(value) > 32 {
		value = value[:32]
	}
	return errs.New(errs.StoreCorrupt, "a log record does not decode; it begins %x", value)
}

// uvarint reads an integer in its shortest form, the only one written.
func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || size > 1 && d.rest[size-1] == 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// fixed reads a little-endian integer of eight bytes.
func (d *decoder) fixed() uint64 {
	if len(d.rest) < 8 {
		d.bad, d.rest = true, nil
		return 0
	}
	n := binary.LittleEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return n
}

func (d *decoder) source() *Source {
	s := &Source{ClusterTime: d.fixed(), Wall: int64(d.fixed())}
	if s.Session = d.bytes(); len(s.Session) > 0 {
		s.Txn = int64(d.uvarint())
	} else {
		s.Session = nil
	}
	return s
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) table() {
	n := d.uvarint()
	if n > uint64(len(d.rest)) { // each takes at least one byte
		d.bad = true
		return
	}
	if n > 0 {
		d.changes = make([][]byte, 0, n)
	}
	for range n {
		d.changes = append(d.changes, d.bytes())
	}
}

func (d *decoder) ops(r *Record) {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return
	}
	var before Op
	for i := uint64(0); i < n && !d.bad; i++ {
		before = d.op(before, i > 0)
		r.Ops = append(r.Ops, before)
	}
}

// op reads one op. A flag that refers to the op before needs there to be one.
func (d *decoder) op(before Op, hasBefore bool) Op {
	flags := d.byte()
	op := Op{Kind: OpKind(flags & opKindMask), Form: Form(flags & opFormMask >> opFormShift), Collection: before.Collection}
	if flags&^(opKindMask|opSameCollection|opSameType|opHasChanges|opFormMask) != 0 || op.Kind == 0 || op.Form > ByDifference ||
		!hasBefore && flags&(opSameCollection|opSameType) != 0 {
		d.bad = true
		return op
	}
	if flags&opSameCollection == 0 {
		op.Collection = CollectionID(d.uvarint())
	}
	t := before.ID.Type
	if flags&opSameType == 0 {
		t = bsonraw.Type(d.byte())
	}
	var ok bool
	if op.ID, d.rest, ok = bsonraw.ReadValue(t, d.rest); !ok {
		d.bad = true
		return op
	}
	if flags&opHasChanges != 0 {
		at := d.uvarint()
		if at >= uint64(len(d.changes)) {
			d.bad = true
			return op
		}
		op.Changes = d.changes[at]
	}
	return op
}
