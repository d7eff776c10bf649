package mvcc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// Problem is something that a check found.
type Problem struct {
	Segment    SegmentID
	Collection CollectionID
	Index      IndexID
	LSN        LSN
	Key        []byte // of the key-value store
	Message    string
}

// String describes the problem for people.
func (p Problem) String() string {
	return fmt.Sprintf("%s (segment %d, collection %d, LSN %d, key %x)", p.Message, p.Segment, p.Collection, p.LSN, p.Key)
}

// CheckStats says what a check looked at.
type CheckStats struct {
	Keys         int64
	Documents    int64
	Deletions    int64
	IndexEntries int64
	LogRecords   int64
	Ops          int64
	Refs         int64
	Bytes        int64
	Problems     int64
}

// CheckOptions says what a check of the whole store needs to know.
type CheckOptions struct {
	// Report is called for each problem; false stops the check.
	Report func(Problem) bool
	// IDKey returns the idKey that a document of a collection must have; nil
	// means that of its _id.
	IDKey func(c CollectionID, doc bsonraw.Doc) []byte
	// Collected returns the LSN up to which versions of a segment may have been
	// removed, so that ops of the log need not have theirs; nil means none.
	Collected func(seg SegmentID) LSN
}

// Check reads every byte of the store and reports what does not fit: keys and
// values that do not parse, documents that are not valid or stand under
// another's key, LSNs and times out of order, ops of the log without the
// version they made, versions of a collection that their segment does not know
// of. Checksums are verified by reading. An error means that the check itself
// could not go on.
func (s *Store) Check(ctx context.Context, o CheckOptions) (CheckStats, error) {
	c := checker{store: s, o: o, last: s.LastLSN(), clock: s.LastTime(), ctx: ctx}
	if o.Collected == nil {
		c.o.Collected = func(SegmentID) LSN { return 0 }
	}
	if o.IDKey == nil {
		c.o.IDKey = func(_ CollectionID, doc bsonraw.Doc) []byte {
			c.idKey = bsonraw.AppendKey(c.idKey[:0], doc.Get("_id"))
			return c.idKey
		}
	}
	err := c.run()
	return c.stats, err
}

type checker struct {
	store *Store
	o     CheckOptions
	ctx   context.Context
	last  LSN
	clock int64
	stats CheckStats
	idKey []byte

	point kv.Iterator // for looking up versions

	record  wal.Record
	segment SegmentID // of the log records before
	time    int64     // of the log record before
	version []byte    // prefix of the versioned key before
	lsn     LSN       // and its LSN
	stopped bool
}

func (c *checker) run() (err error) {
	snapshot := c.store.kv.NewSnapshot()
	defer func() { err = firstError(err, snapshot.Close()) }()
	r, err := snapshot.NewIter(nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, r.Close()) }()
	if c.point, err = snapshot.NewIter(nil, nil); err != nil {
		return err
	}
	defer func() { err = firstError(err, c.point.Close()) }()
	for ok := r.First(); ok && !c.stopped; ok = r.Next() {
		c.stats.Keys++
		if err := c.goOn(c.stats.Keys); err != nil {
			return err
		}
		value, err := r.Value()
		if err != nil {
			return err
		}
		c.stats.Bytes += int64(len(r.Key()) + len(value))
		if err := c.key(r.Key(), value); err != nil {
			return err
		}
	}
	return r.Err()
}

// goOn is asked at each step, of keys or of what one log record names.
func (c *checker) goOn(step int64) error {
	if step%1024 == 0 && c.ctx.Err() != nil {
		return errs.Wrap(c.ctx.Err(), errs.Interrupted, "the check was stopped")
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *checker) report(p Problem) {
	c.stats.Problems++
	p.Key = bytes.Clone(p.Key)
	if c.o.Report != nil && !c.o.Report(p) {
		c.stopped = true
	}
}

func (c *checker) key(key, value []byte) error {
	switch kind := key[0]; {
	case kind == kindState:
		if _, err := decodeState(value); err != nil {
			c.report(Problem{Key: key, Message: err.Error()})
		}
	case kind >= refs.FirstKind && kind <= refs.LastKind:
		c.stats.Refs++
		if err := refs.CheckRecord(key, value); err != nil {
			c.report(Problem{Key: key, Message: err.Error()})
		}
	case kind == kindLog && len(key) == segmentLen+8:
		return c.logRecord(key, value)
	case kind == kindTouch && len(key) == headerLen && len(value) == 8:
	case kind == kindVersion:
		return c.versioned(key, value, headerLen, c.document)
	case kind == kindIndex:
		return c.versioned(key, value, indexLen, c.entry)
	default:
		c.report(Problem{Key: key, Message: "a key of no known kind"})
	}
	return nil
}

func (c *checker) logRecord(key, value []byte) error {
	c.stats.LogRecords++
	p := Problem{Key: key, Segment: segmentOf(key), LSN: LSN(binary.BigEndian.Uint64(key[segmentLen:]))}
	if err := c.record.Decode(value); err != nil {
		p.Message = err.Error()
		c.report(p)
		return nil
	}
	if p.Segment != c.segment {
		c.segment, c.time = p.Segment, 0
	}
	if c.record.Time < c.time {
		p.Message = fmt.Sprintf("a commit's time, %d, is before that of the commit before it, %d", c.record.Time, c.time)
		c.report(p)
	}
	c.time = c.record.Time
	if p.LSN <= c.o.Collected(p.Segment) {
		return nil
	}
	for i := range c.record.Ops {
		c.stats.Ops++
		if err := c.goOn(c.stats.Ops); err != nil {
			return err
		}
		if err := c.op(p, &c.record.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

// op looks for the version that an op made.
func (c *checker) op(p Problem, op *wal.Op) error {
	if op.KeptAway() {
		return nil
	}
	p.Collection = op.Collection
	idKey := bsonraw.AppendKey(nil, op.ID)
	p.Key = appendVersionKey(nil, p.Segment, op.Collection, idKey, p.LSN)
	if !c.point.SeekPrefixGE(p.Key) || !bytes.Equal(c.point.Key(), p.Key) {
		if err := c.point.Err(); err != nil {
			return err
		}
		p.Message = fmt.Sprintf("the log has an %s without the version it made", op.Kind)
		c.report(p)
		return nil
	}
	value, err := c.point.Value()
	if err != nil {
		return err
	}
	if deleted := len(value) == 1; deleted != (op.Kind == wal.Delete) {
		p.Message = fmt.Sprintf("the log has an %s whose version says otherwise", op.Kind)
		c.report(p)
	}
	return nil
}

// versioned checks what versions and index entries have in common.
func (c *checker) versioned(key, value []byte, header int, next func(p Problem, name, value []byte)) error {
	name, lsn, ok := cut(key, header)
	if !ok {
		c.report(Problem{Key: key, Message: "a versioned key that does not parse"})
		return nil
	}
	p := Problem{Key: key, Segment: segmentOf(key), Collection: collectionOf(key), LSN: lsn}
	if lsn == 0 || lsn > c.last {
		p.Message = fmt.Sprintf("an LSN that no commit has had: the last is %d", c.last)
		c.report(p)
	}
	prefix := key[:kv.Split(key)]
	if bytes.Equal(prefix, c.version) && lsn >= c.lsn {
		p.Message = fmt.Sprintf("a version stands behind a newer one, %d", c.lsn)
		c.report(p)
	}
	c.version, c.lsn = append(c.version[:0], prefix...), lsn
	known, err := c.store.touched.has(p.Segment, p.Collection)
	if err != nil {
		return err
	}
	if !known {
		p.Message = "the segment does not know that it touched the collection"
		c.report(p)
	}
	next(p, name, value)
	return nil
}

func (c *checker) document(p Problem, name, value []byte) {
	doc, err := openVersion(p.Key, value)
	if err == nil && doc == nil {
		c.stats.Deletions++
		return
	}
	c.stats.Documents++
	if err == nil {
		err = bsonraw.Validate(doc)
	}
	if err != nil {
		p.Message = err.Error()
		c.report(p)
		return
	}
	if !bytes.Equal(c.o.IDKey(p.Collection, doc), name) {
		p.Message = "a document stands under the key of another _id"
		c.report(p)
	}
}

func (c *checker) entry(p Problem, name, value []byte) {
	c.stats.IndexEntries++
	p.Index = IndexID(binary.BigEndian.Uint32(p.Key[headerLen:]))
	if _, _, err := openEntry(name, value); err != nil {
		p.Message = err.Error()
		c.report(p)
	}
}
