package attach

import (
	"context"
	"errors"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// Sizes of the batches of a stream: the first is small, since many streams are;
// the others are near batchBytes, large enough that the way costs little, and
// small enough that the host reads on while this process works on the last one.
const (
	firstBatch = 500
	batchBytes = 2 << 20
	ahead      = 2 // batches that wait
)

// OpenCursor runs a command that answers with a cursor.
func (s *Shared) OpenCursor(ctx context.Context, db string, cmd bsonraw.Doc) (engine.Cursor, error) {
	if st := s.seat.Load(); st != nil && st.local != nil {
		return st.local.disp.OpenCursor(ctx, st.local.sess, db, cmd)
	}
	if command.Numbered(cmd) {
		return s.openWrite(ctx, db, cmd)
	}
	a := &addressed{cmd: cmd, db: db}
	if err := a.check(); err != nil {
		return nil, err
	}
	a.cmd = inBatches(a.cmd)
	for range maxMoves {
		st, err := s.sit(ctx)
		if err != nil {
			return nil, err
		}
		if st.local != nil {
			return st.local.disp.OpenCursor(ctx, st.local.sess, db, cmd)
		}
		cur, err := st.link.stream(ctx, a)
		var b *broken
		if !errors.As(err, &b) {
			return cur, err
		}
		s.leave(st)
		if b.whole && !a.repeatable() {
			return nil, a.lost(b)
		}
	}
	return nil, tooManyMoves()
}

// openWrite runs a pipeline that writes, which goes under a number as any write does,
// and whose cursor is at its end with the first batch.
func (s *Shared) openWrite(ctx context.Context, db string, cmd bsonraw.Doc) (engine.Cursor, error) {
	reply, err := s.runAttached(ctx, db, cmd)
	if err != nil {
		return nil, err
	}
	cur := &stream{}
	return cur, cur.take(reply, "firstBatch")
}

// inBatches replaces what a command says about batches: a stream gives all
// documents, whatever it says.
func inBatches(cmd bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(cmd)+32))
	it := cmd.Iter()
	isFind := false
	for first := true; it.Next(); first = false {
		key := string(it.Key())
		isFind = isFind || first && key == "find"
		switch {
		case isFind && (key == "batchSize" || key == "singleBatch"):
			continue
		case key == "cursor" && it.Value().Type == bsonraw.Object:
			b.BeginDoc("cursor")
			b.Int32("batchSize", firstBatch)
			b.End()
			continue
		}
		b.ValueBytes(it.Key(), it.Value())
	}
	if isFind {
		b.Int32("batchSize", firstBatch)
	}
	return b.Finish()
}

// stream runs the command of a cursor on a connection that it keeps until the
// cursor's end.
func (l *link) stream(ctx context.Context, a *addressed) (engine.Cursor, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, l.unsent(ctx, err)
	}
	reply, err := l.ask(ctx, c, a)
	if err != nil {
		l.drop(c)
		return nil, err
	}
	reply, err = settle(ctx, reply.Clone())
	if err != nil {
		l.put(c)
		return nil, err
	}
	cur := &stream{link: l, conn: c, db: a.db, fields: sessionOf(a.cmd)}
	if err := cur.take(reply, "firstBatch"); err != nil {
		l.drop(c)
		return nil, err
	}
	return cur, nil
}

// sessionOf returns the fields that a getMore of the command's cursor has to
// repeat, as elements.
func sessionOf(cmd bsonraw.Doc) []bsonraw.Value {
	if cmd.Get("lsid").IsMissing() {
		return nil
	}
	return []bsonraw.Value{cmd.Get("lsid"), cmd.Get("txnNumber"), cmd.Get("autocommit")}
}

// stream is a cursor at the host, read ahead of its reader.
type stream struct {
	link   *link
	conn   *conn // nil once it is given back
	db     string
	coll   string
	fields []bsonraw.Value

	id    int64        // of the cursor at the host; 0 once it is at its end
	docs  bsonraw.Iter // what is left of the batch
	begun bool         // reading ahead has begun

	batches chan batch
	end     context.CancelFunc
	done    sync.WaitGroup
}

type batch struct {
	reply bsonraw.Doc
	err   error
}

// take begins with the documents of a reply.
func (s *stream) take(reply bsonraw.Doc, name string) error {
	cur := reply.Get("cursor").Doc()
	docs := cur.Get(name)
	if docs.Type != bsonraw.Array {
		return errs.New(errs.CommandNotSupported, "the command does not answer with a cursor")
	}
	s.docs = docs.Doc().Iter()
	s.id, _ = cur.Get("id").AsInt64()
	if s.coll == "" {
		_, s.coll, _ = cutNamespace(text(cur.Get("ns")))
	}
	return nil
}

// cutNamespace parts "db.collection". A database's name has no dot.
func cutNamespace(ns string) (db, coll string, ok bool) {
	for i := range len(ns) {
		if ns[i] == '.' {
			return ns[:i], ns[i+1:], true
		}
	}
	return ns, "", false
}

// Next returns the next document.
func (s *stream) Next(ctx context.Context) (engine.Doc, bool, error) {
	for {
		if s.docs.Next() {
			return s.docs.Value().Doc(), true, nil
		}
		if !s.begun {
			if s.id == 0 {
				s.giveBack()
				return nil, false, nil
			}
			s.readAhead(ctx)
		}
		select {
		case b, more := <-s.batches:
			if !more {
				return nil, false, nil
			}
			if b.err != nil {
				return nil, false, s.failed(b.err)
			}
			if err := s.take(b.reply, "nextBatch"); err != nil {
				return nil, false, err
			}
		case <-ctx.Done():
			return nil, false, stopped(ctx)
		}
	}
}

// failed is the error of a stream that broke.
func (s *stream) failed(err error) error {
	var b *broken
	if !errors.As(err, &b) {
		return err
	}
	e := errs.Wrap(b.cause, errs.HostLost, "the process that has the store open ended while documents were read").
		WithRemedy("run the query again")
	if s.fields != nil && !s.fields[2].IsMissing() {
		return e.WithLabel("TransientTransactionError").WithRemedy("run the whole transaction again")
	}
	return e
}

// readAhead gets the other batches while the reader works on the last ones. Its
// context ends with the stream and not with one call of Next.
func (s *stream) readAhead(ctx context.Context) {
	s.begun = true
	ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.batches = make(chan batch, ahead)
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		defer close(s.batches)
		for id := s.id; id != 0; {
			reply, err := s.more(ctx, id)
			select {
			case s.batches <- batch{reply, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			id, _ = reply.Get("cursor").Doc().Get("id").AsInt64()
		}
	}()
}

// more asks for a batch.
func (s *stream) more(ctx context.Context, id int64) (bsonraw.Doc, error) {
	b := bsonraw.NewBuilder(nil)
	b.Int64("getMore", id)
	b.String("collection", s.coll)
	for i, key := range []string{"lsid", "txnNumber", "autocommit"} {
		if i < len(s.fields) && !s.fields[i].IsMissing() {
			b.Value(key, s.fields[i])
		}
	}
	b.Int64("$argonBatchBytes", batchBytes)
	reply, err := s.link.ask(ctx, s.conn, &addressed{cmd: b.Finish(), db: s.db})
	if err != nil {
		return nil, err
	}
	return settle(ctx, reply.Clone())
}

// Close ends the stream, and the cursor at the host if it has one left.
func (s *stream) Close() error {
	if s.conn == nil {
		return nil
	}
	if s.begun {
		s.end()
		for range s.batches { //nolint:revive // what was read ahead is dropped
		}
		s.done.Wait()
	}
	s.giveBack()
	return nil
}

// giveBack lets go of the connection. A cursor that is not at its end is closed
// with a message of its own, whose answer nobody needs.
func (s *stream) giveBack() {
	c := s.conn
	if c == nil {
		return
	}
	s.conn = nil
	if s.id != 0 {
		b := bsonraw.NewBuilder(nil)
		b.String("killCursors", s.coll)
		b.BeginArray("cursors")
		b.Int64("0", s.id)
		b.End()
		b.String("$db", s.db)
		if _, broke := c.call(b.Finish()); broke != nil {
			s.link.drop(c)
			return
		}
	}
	s.link.put(c)
}

// OpenSource prepares a query for a reader that may need it twice. It is pinned
// to the commit that its branch is at now, wherever that can be.
func (s *Shared) OpenSource(ctx context.Context, db string, cmd bsonraw.Doc) (Source, error) {
	if st := s.seat.Load(); st != nil && st.local != nil {
		return st.local.disp.OpenSource(ctx, st.local.sess, db, cmd)
	}
	a := &addressed{cmd: cmd, db: db}
	if err := a.check(); err != nil {
		return nil, err
	}
	src := &source{shared: s, db: a.db, cmd: a.cmd.Clone()}
	if !pinnable(a.cmd) {
		return src, nil
	}
	pinned, err := s.pin(ctx, a.db)
	if err != nil || pinned == "" {
		return src, err
	}
	src.db, src.repeatable = pinned, !command.IsRandom(a.cmd)
	if _, given := a.cmd.Lookup("$db"); given {
		src.cmd = without(a.cmd, "$db")
	}
	return src, nil
}

// pinnable reports whether a command gives the same when its database is named
// at the commit that it is at.
func pinnable(cmd bsonraw.Doc) bool {
	it := cmd.Iter()
	if !it.Next() || !cmd.Get("autocommit").IsMissing() {
		return false
	}
	switch string(it.Key()) {
	case "find":
		return !cmd.Get("tailable").Truthy()
	case "aggregate":
		first := cmd.Get("pipeline").Doc().Get("0").Doc()
		return command.EffectOf(cmd) == command.Reads && first.Get("$changeStream").IsMissing()
	}
	return false
}

// pin returns the name of a database at the commit that it is at, or "" if it is
// not there, or holds nothing yet.
func (s *Shared) pin(ctx context.Context, db string) (string, error) {
	ref, err := refs.ParseDBName(db)
	if err != nil {
		return "", nil //nolint:nilerr // the command itself says what is wrong with it
	}
	b := bsonraw.NewBuilder(nil)
	b.String("argonResolve", refs.Ref{Branch: ref.Branch, Moment: ref.Moment}.String())
	reply, err := s.Run(ctx, ref.Project, b.Finish())
	switch {
	case errs.In(err, errs.NotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	lsn, _ := reply.Get("lsn").AsInt64()
	if lsn <= 0 {
		return "", nil
	}
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: mvcc.LSN(lsn)}
	return refs.FormatDBName(ref), nil
}

func without(cmd bsonraw.Doc, name string) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(cmd)))
	for it := cmd.Iter(); it.Next(); {
		if string(it.Key()) != name {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// source is a query that is run at the host each time it is opened.
type source struct {
	shared     *Shared
	db         string
	cmd        bsonraw.Doc
	repeatable bool
}

// Open runs the query.
func (s *source) Open(ctx context.Context) (engine.Cursor, error) {
	return s.shared.OpenCursor(ctx, s.db, s.cmd)
}

// Repeatable reports whether opening again gives the same documents.
func (s *source) Repeatable() bool { return s.repeatable }

// Parts returns none: the host reads ahead of this process as it is.
func (s *source) Parts(context.Context) ([]engine.OpenFunc, error) { return nil, nil }

// Close has nothing to give up: what is pinned is only a number.
func (s *source) Close() error { return nil }
