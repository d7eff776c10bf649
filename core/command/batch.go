package command

import (
	"context"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// Limits of a reply, as in MongoDB.
const (
	firstBatch    = 101      // documents of a first batch, where none is asked for
	maxBatchBytes = 16 << 20 // bytes of the documents of one batch, if it has more than one
)

// stream is a query that a command has prepared. Its functions keep what they
// need of the command, but not the call.
type stream struct {
	ns        string
	open      func(ctx context.Context) (engine.Cursor, error)     // starts the query, again if need be
	parts     func(ctx context.Context) ([]engine.OpenFunc, error) // the query in parts that may be read side by side; may be nil
	done      func()                                               // gives up the snapshot; may be nil
	batchSize *int64
	single    bool // everything that does not fit into the first batch is dropped
	noTimeout bool
	random    bool                 // opening again may give other documents
	lsn       mvcc.LSN             // of the commit that opening made: $out and $merge
	live      *engine.ChangeStream // a change stream, which waits for more
	reply     bsonraw.Doc          // instead of a cursor: an aggregate that explains
}

func (s *stream) close() {
	if s.done != nil {
		s.done()
		s.done = nil
	}
}

// runCursor answers a command that streams: the first batch, and a cursor in
// the registry if there is more.
func (c *call) runCursor(ctx context.Context) (bsonraw.Doc, error) {
	s, err := c.cmd.open(ctx, c)
	if err != nil {
		return nil, err
	}
	if s.reply != nil {
		return s.reply, nil
	}
	cur := &cursor{
		ns: s.ns, stream: s, owner: c.sess, user: c.sess.user(), needs: c.needs,
		lsid: c.g.lsid, hasLsid: c.g.hasLsid, txn: c.txn, noTimeout: s.noTimeout,
	}
	if s.live == nil {
		cur.left = c.g.maxTime
	}
	size := int64(firstBatch)
	if s.batchSize != nil {
		size = *s.batchSize
	}
	b := c.reply(512)
	b.BeginDoc("cursor")
	var more bool
	if s.live != nil {
		more, err = cur.appendEvents(ctx, b, "firstBatch", size, 0)
	} else {
		more, err = cur.appendBatch(ctx, b, "firstBatch", size)
	}
	if err != nil {
		cur.close()
		return nil, err
	}
	if more && !s.single {
		cur.spend(c.d.now().Sub(c.op.started))
		err = c.d.cursors.add(cur, c.d.now())
	} else {
		more = false
	}
	if err != nil || !more {
		cur.close()
	}
	if err != nil {
		return nil, err
	}
	cur.appendRest(b)
	c.appendSnapshotTime(b)
	b.End()
	c.appendLSN(b, s.lsn)
	return c.ok(), nil
}

// runFirst answers a command that streams with dst and the first document. The
// cursor ends with it.
func (c *call) runFirst(ctx context.Context) (bsonraw.Doc, error) {
	if c.cmd.open == nil {
		return nil, noFirst(c.cmd.Name)
	}
	s, err := c.cmd.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if s.reply != nil || s.live != nil {
		return nil, noFirst(c.cmd.Name)
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer docs.Close()
	doc, _, err := docs.Next(ctx)
	return append(c.dst, doc...), err
}

func noFirst(name string) error {
	return errs.New(errs.CommandNotSupported, "the command '%s' does not answer with a cursor that has a first document", name)
}

// FirstOf is the document that AppendFirst gives, out of the reply to a command.
func FirstOf(cmd, reply bsonraw.Doc) (bsonraw.Doc, error) {
	batch := reply.Get("cursor").Doc().Get("firstBatch")
	if batch.Type != bsonraw.Array {
		it := cmd.Iter()
		it.Next()
		return nil, noFirst(string(it.Key()))
	}
	if it := batch.Doc().Iter(); it.Next() {
		return it.Value().Doc(), nil
	}
	return nil, nil
}

// appendRest ends the reply's "cursor". An id of 0 says that there is no more.
func (c *cursor) appendRest(b *bsonraw.Builder) {
	b.Int64("id", c.id)
	b.String("ns", c.ns)
}

// appendBatch appends an array of at most size documents (negative: as many as
// fit) and reports whether there are more. It looks one document ahead, so that
// a client does not come back for an empty batch; a size of 0 does not even
// start the query.
func (c *cursor) appendBatch(ctx context.Context, b *bsonraw.Builder, name string, size int64) (bool, error) {
	b.BeginArray(name)
	defer b.End()
	if size == 0 {
		return true, nil
	}
	if c.docs == nil {
		var err error
		if c.docs, err = c.stream.open(ctx); err != nil {
			return false, err
		}
	}
	var key [20]byte
	begin, most := b.Size(), maxBatchBytes
	if c.batchBytes > 0 {
		most = min(most, c.batchBytes)
	}
	for n := int64(0); ; n++ {
		doc := c.pending
		c.pending = nil
		if doc == nil {
			var ok bool
			var err error
			if doc, ok, err = c.docs.Next(ctx); err != nil || !ok {
				return false, err
			}
		}
		if n == size || n > 0 && b.Size()-begin+len(doc) > most {
			c.pending = doc
			return true, nil
		}
		b.ValueBytes(strconv.AppendInt(key[:0], n, 10), doc.Value())
	}
}

// docsCursor is a cursor over documents in memory.
type docsCursor struct {
	docs []bsonraw.Doc
}

func (d *docsCursor) Next(context.Context) (bsonraw.Doc, bool, error) {
	if len(d.docs) == 0 {
		return nil, false, nil
	}
	doc := d.docs[0]
	d.docs = d.docs[1:]
	return doc, true, nil
}

func (d *docsCursor) Close() error { return nil }

// inMemory is a stream of documents that a command has made itself.
func inMemory(ns string, docs []bsonraw.Doc, batchSize *int64) *stream {
	return &stream{ns: ns, batchSize: batchSize, open: func(context.Context) (engine.Cursor, error) {
		return &docsCursor{docs: docs}, nil
	}}
}
