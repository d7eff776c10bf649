package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// What a session has done survives the process. Each commit of a retryable
// write or of a transaction carries a setting of the kind "session", named by
// the bytes of the session's id: one atomic batch has the write and the memory of
// it, so that the next process on the store knows of a statement exactly if it
// is there. FROZEN:
//
//	{txn: <number>, committed: <bool, a transaction>, lsn: <long>, at: <date>,
//	 done: [{s: <first statement>, c: <how many>, n, m: <matched, modified>,
//	         u: <upserted _id>?, r: <whole reply>?}]}
const sessionKind = "session"

// forgetAfter is how long what a session has done is kept, and how often what is
// older is looked for. It is more than a client waits before it tries again.
const forgetAfter = time.Hour

// name is the setting's name.
func (l lsid) name() string {
	if l.uid == [32]byte{} {
		return string(l.id[:])
	}
	return string(l.id[:]) + string(l.uid[:])
}

// encode is the setting of a session after a commit.
func (s *logicalSession) encode(lsn mvcc.LSN, now time.Time, committed bool, lists ...[]result) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, 160))
	b.Int64("txn", s.txnNumber)
	b.Bool("committed", committed)
	b.Int64("lsn", int64(lsn))
	b.Time("at", now)
	b.BeginArray("done")
	i := 0
	for _, list := range lists {
		for _, r := range list {
			b.BeginDoc(bsonraw.Index(i))
			b.Int32("s", r.from)
			b.Int32("c", r.count)
			b.Int64("n", r.n)
			b.Int64("m", r.modified)
			if !r.upserted.IsMissing() {
				b.Value("u", r.upserted)
			}
			if r.reply != nil {
				b.Doc("r", r.reply)
			}
			b.End()
			i++
		}
	}
	b.End()
	return b.Finish()
}

// recall reads what an earlier process on the store remembered of the session.
// The session is checked out.
func (s *logicalSession) recall(ctx context.Context, d *Dispatcher) error {
	if s.recalled {
		return nil
	}
	doc, ok, err := d.store.Setting(ctx, sessionKind, s.id.name())
	if err != nil {
		return err
	}
	s.recalled = true
	if !ok {
		return nil
	}
	s.txnNumber, _ = doc.Get("txn").AsInt64()
	lsn, _ := doc.Get("lsn").AsInt64()
	s.lsn, s.state = mvcc.LSN(lsn), retrying
	if doc.Get("committed").Truthy() {
		s.state = committed
	}
	for _, v := range doc.Get("done").Doc().Values() {
		r, e := result{}, v.Doc()
		from, _ := e.Get("s").AsInt64()
		count, _ := e.Get("c").AsInt64()
		r.from, r.count = int32(from), int32(count)
		r.n, _ = e.Get("n").AsInt64()
		r.modified, _ = e.Get("m").AsInt64()
		if u := e.Get("u"); !u.IsMissing() {
			r.upserted = u.Clone()
		}
		if reply := e.Get("r").Doc(); reply != nil {
			r.reply = reply.Clone()
		}
		s.done.append(r)
	}
	return nil
}

// forget removes what no client comes back for. Nothing waits for it: what
// cannot be removed now is removed another time.
func (d *Dispatcher) forget(ctx context.Context, now time.Time) error {
	list, err := d.store.Settings(ctx, sessionKind)
	if err != nil {
		return err
	}
	var old []string
	for _, s := range list {
		if at := s.Doc.Get("at"); at.Type != bsonraw.DateTime || now.Sub(at.Time()) > forgetAfter {
			old = append(old, s.Name)
		}
	}
	if len(old) == 0 {
		return nil
	}
	err = d.store.RemoveSettings(ctx, sessionKind, old)
	if errs.Is(err, errs.StoreReadOnly) {
		return nil
	}
	return err
}
