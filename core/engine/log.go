package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// defaultOpsLimit is how many operations of a commit the log lists.
const defaultOpsLimit = 10

// Log returns a branch's commits, newest first: {lsn, time, actor, message, kind,
// branch, counts: {insert, update, delete}, ops: [{collection, op, _id, paths}],
// merge: {branch, lsn}, source: {clusterTime, wallTime, lsid, txnNumber}}.
func (s *Store) Log(ctx context.Context, ref refs.Ref, spec *LogSpec) (Cursor, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return nil, err
	}
	if spec == nil {
		spec = &LogSpec{}
	}
	adopted, err := s.adoptions(ref.Project)
	if err != nil {
		return nil, err
	}
	c := &logCursor{s: s, head: head, spec: *spec, skip: spec.Skip, adopted: adopted}
	if c.spec.OpsLimit == 0 {
		c.spec.OpsLimit = defaultOpsLimit
	}
	if spec.Collection != "" {
		coll := head.catalog.byName[spec.Collection]
		if coll == nil {
			return emptyCursor{}, nil
		}
		c.only = coll.ID
	}
	return c, nil
}

// logCursor walks the logs of a lineage, leaf first. The batches of a load that was
// adopted (stage.go) are shown as the one commit that made them visible.
type logCursor struct {
	s       *Store
	head    *headState
	spec    LogSpec
	only    mvcc.CollectionID
	adopted loads
	at      int // index of the span being read
	cur     *mvcc.LogCursor
	skip    int64
	done    int64
	buf     bsonraw.Builder
}

// Next returns the next commit.
func (c *logCursor) Next(ctx context.Context) (Doc, bool, error) {
	for n := 1; c.spec.Limit <= 0 || c.done < c.spec.Limit; n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return nil, false, err
			}
		}
		rec, span, err := c.record()
		if rec == nil || err != nil {
			return nil, false, err
		}
		if !c.spec.Since.IsZero() && rec.At().Before(c.spec.Since) {
			return nil, false, nil // times only get older from here
		}
		load := c.adopted[span.Segment] == rec.LSN
		if wanted, err := c.wanted(rec, span, load); !wanted || err != nil || c.skip > 0 {
			if load {
				c.leave()
			}
			if err != nil {
				return nil, false, err
			}
			if wanted {
				c.skip--
			}
			continue
		}
		c.done++
		doc := c.describe(rec, span, load)
		if load {
			err = c.cur.Err()
			c.leave()
		}
		return doc, err == nil, err
	}
	return nil, false, nil
}

// leave goes on to the next segment.
func (c *logCursor) leave() {
	c.cur.Close()
	c.cur = nil
	c.at++
}

// record returns the next record and the span that it is in; nil at the end.
func (c *logCursor) record() (*wal.Record, mvcc.Span, error) {
	for c.at < len(c.head.lineage) {
		span := c.head.lineage[c.at]
		if c.cur == nil {
			c.cur = c.s.mv.ReadLog(span.Segment, 0, span.Max, true)
		}
		if c.cur.Next() {
			return c.cur.Record(), span, nil
		}
		err := c.cur.Err()
		c.cur.Close()
		c.cur = nil
		if err != nil {
			return nil, span, err
		}
		c.at++
	}
	return nil, mvcc.Span{}, nil
}

// wanted applies the filters of the spec.
func (c *logCursor) wanted(rec *wal.Record, span mvcc.Span, load bool) (bool, error) {
	if c.spec.Actor != "" && rec.Actor != c.spec.Actor || !c.spec.Until.IsZero() && rec.At().After(c.spec.Until) {
		return false, nil
	}
	if c.only == 0 || c.touches(rec) {
		return true, nil
	}
	if !load {
		return false, nil
	}
	batches := c.s.mv.ReadLog(span.Segment, 0, rec.LSN-1, true)
	for batches.Next() {
		if batch := batches.Record(); batch != nil && c.touches(batch) {
			return true, batches.Close()
		}
	}
	return false, batches.Close()
}

// touches reports whether a commit is of the collection that is asked for.
func (c *logCursor) touches(rec *wal.Record) bool {
	for i := range rec.Ops {
		if rec.Ops[i].Collection == c.only {
			return true
		}
	}
	return false
}

// describe makes the commit's document.
func (c *logCursor) describe(rec *wal.Record, span mvcc.Span, load bool) Doc {
	b := &c.buf
	b.Reset()
	b.Int64("lsn", int64(rec.LSN))
	b.Time("time", rec.At())
	b.String("actor", rec.Actor)
	b.String("message", rec.Message)
	b.String("kind", rec.Kind.String())
	b.String("branch", c.s.branchOfSegment(span.Segment))
	if rec.Parent.Segment != 0 {
		b.BeginDoc("merge")
		b.String("branch", c.s.branchOfSegment(rec.Parent.Segment))
		b.Int64("lsn", int64(rec.Parent.LSN))
		b.End()
	}
	if rec.Source != nil {
		appendSource(b, rec.Source)
	}
	c.appendOps(b, rec, load)
	return b.Finish()
}

// appendSource says what a mirrored commit was at its source.
func appendSource(b *bsonraw.Builder, s *wal.Source) {
	b.BeginDoc("source")
	b.Value("clusterTime", bsonraw.TimestampValue(uint32(s.ClusterTime>>32), uint32(s.ClusterTime)))
	if s.Wall != 0 {
		b.Time("wallTime", time.UnixMilli(s.Wall))
	}
	if doc := Doc(s.Session); len(doc) > 0 && bsonraw.Validate(doc) == nil {
		b.Doc("lsid", doc)
		b.Int64("txnNumber", s.Txn)
	}
	b.End()
}

// appendOps lists operations and counts them: those of a commit, or, of a load,
// those of all of its batches.
func (c *logCursor) appendOps(b *bsonraw.Builder, rec *wal.Record, load bool) {
	var counts [4]int64
	listed := 0
	b.BeginArray("ops")
	for rec != nil {
		for i := range rec.Ops {
			op := &rec.Ops[i]
			if op.KeptAway() {
				continue
			}
			if op.Collection >= firstUserID {
				counts[op.Kind]++
			}
			if listed < c.spec.OpsLimit && (c.only == 0 || op.Collection == c.only) {
				b.BeginDoc(bsonraw.Index(listed))
				c.appendOp(b, rec, op)
				b.End()
				listed++
			}
		}
		if rec = nil; load && c.cur.Next() {
			rec = c.cur.Record()
		}
	}
	b.End()
	b.BeginDoc("counts")
	for _, kind := range []wal.OpKind{wal.Insert, wal.Update, wal.Delete} {
		b.Int64(kind.String(), counts[kind])
	}
	b.End()
}

// appendOp describes one operation; those on the catalog name its collections
// system.collections and system.indexes.
func (c *logCursor) appendOp(b *bsonraw.Builder, rec *wal.Record, op *wal.Op) {
	b.String("collection", c.collectionName(op.Collection))
	b.String("op", op.Kind.String())
	b.Value("_id", op.ID)
	if op.Kind != wal.Update || len(op.Changes) == 0 {
		return
	}
	changes, _, err := opChanges(rec, op)
	if err != nil {
		return // fsck reports it; a log that can be listed is worth more
	}
	b.BeginArray("paths")
	for i, ch := range changes {
		b.String(bsonraw.Index(i), ch.Path)
	}
	b.End()
}

func (c *logCursor) collectionName(cid mvcc.CollectionID) string {
	switch cid {
	case sysCollections:
		return "system.collections"
	case sysIndexes:
		return "system.indexes"
	}
	if coll := c.head.catalog.byID[cid]; coll != nil {
		return coll.Name
	}
	return "(dropped)"
}

// Close releases the cursor.
func (c *logCursor) Close() error {
	if c.cur != nil {
		c.cur.Close()
		c.cur = nil
	}
	c.at = len(c.head.lineage)
	return nil
}
