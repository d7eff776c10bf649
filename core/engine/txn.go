package engine

import (
	"context"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// maxTxnBytes bounds what a transaction may hold in memory before it commits.
const maxTxnBytes = 1 << 30

// Txn is a transaction on one branch: a snapshot with writes laid over it. It
// is for one goroutine at a time. A Txn handed out by Begin ends with Commit or
// Abort; one in Write ends with its function.
type Txn struct {
	reader
	branch *branch
	base   *headState
	view   *mvcc.View // for point reads; streams open their own
	meta   CommitMeta

	interactive bool
	bypass      bool       // documents need not pass validators
	unsynced    bool       // the commit is one of a run that syncs at its end
	mu          sync.Mutex // guards done against Abort from another goroutine
	done        bool
	intents     []string // keys claimed in branch.intents
	refs        []mvcc.RefWrite
	along       []func(lsn mvcc.LSN) mvcc.RefWrite // see Remember
	result      Doc                                // for CommitMeta.Memory, or nil
	bulk        *Bulk                              // inserts beside the overlay
	merge       wal.Position                       // the other parent of a merge
	ddl         bool                               // the catalog changed
	built       []mvcc.IndexID                     // indexes made here
	arena       []byte                             // copies of documents written
	borrow      bool                               // documents to insert need no copy; see Borrow
	keyBuf      []byte
}

// newTxn opens a transaction on a branch's head. The branch's lock is held by
// Write, and not held by Begin.
func (s *Store) newTxn(b *branch, meta CommitMeta) *Txn {
	base := b.head.Load()
	return &Txn{
		reader: reader{
			store: s, ref: b.ref(), lineage: base.lineage, lsn: base.lsn,
			catalog: base.catalog, over: newOverlay(), now: s.clock(),
		},
		branch: b, base: base, meta: s.meta(meta), view: s.mv.NewView(base.lineage), bypass: meta.Replica, unsynced: meta.Unsynced,
	}
}

// Borrow says that the documents that are given to Insert stay as they are until
// the transaction has ended, so that they need not be copied.
func (t *Txn) Borrow() { t.borrow = true }

// keep copies a document into the transaction's memory.
func (t *Txn) keep(doc Doc) Doc {
	if cap(t.arena)-len(t.arena) < len(doc) {
		t.arena = make([]byte, 0, max(len(doc), min(2*cap(t.arena), 1<<20), 4<<10))
	}
	at := len(t.arena)
	t.arena = append(t.arena, doc...)
	return Doc(t.arena[at:len(t.arena):len(t.arena)])
}

// write is one change of one document.
type write struct {
	coll    *Collection
	idKey   []byte
	name    string      // idKey as a string, if there is one already
	room    *pendingDoc // memory for the document's state, if there is some already
	before  Doc         // nil: an insert
	after   Doc         // nil: a delete; kept by the transaction
	changes []update.Change
	decided []update.Change // in a merge, what its resolutions wrote
	form    wal.Form
}

// put applies a change to the overlay, its indexes and its counts. Everything
// that a transaction does to documents comes through here.
func (t *Txn) put(w *write) error {
	if t.over.bytes += len(w.after); t.over.bytes > maxTxnBytes {
		return errs.New(errs.TransactionTooLong, "a transaction may hold %d MiB of writes", maxTxnBytes>>20).
			WithRemedy("commit in smaller pieces")
	}
	if err := t.claim(w); err != nil {
		return err
	}
	if err := t.putEntries(w); err != nil {
		return err
	}
	co := t.over.coll(w.coll.ID)
	if w.name == "" {
		w.name = string(w.idKey)
	}
	p := co.get(w.name)
	isNew := p == nil
	if isNew {
		p = w.pending()
		co.docs.Load(w.name, p) // as Set, and quicker behind the last
	}
	p.replaced = p.replaced || p.existed && w.before == nil
	switch {
	case p.replaced || w.form == wal.ByReplacement:
		p.form = wal.ByReplacement
	case isNew:
		p.form = w.form
	case p.form == wal.ByOperators:
		p.form = wal.ByDifference // of several writes together
	}
	p.doc = w.after
	p.changes = append(p.changes, w.changes...)
	p.decided = append(p.decided, w.decided...)
	co.countChange(w)
	return nil
}

// pending is the state of a document that the transaction has not written yet.
func (w *write) pending() *pendingDoc {
	p := w.room
	if p == nil {
		p = &pendingDoc{}
	}
	if p.existed = w.before != nil; p.existed {
		p.id = w.before.Get("_id").Clone()
	} else {
		p.id = w.after.Get("_id") // the transaction keeps the document
	}
	return p
}

func (co *collOverlay) countChange(w *write) {
	switch {
	case w.before == nil && w.after != nil:
		co.count++
	case w.before != nil && w.after == nil:
		co.count--
	}
}

// claim makes an interactive transaction fail at once where another one, or a
// commit since its snapshot, has written the document.
func (t *Txn) claim(w *write) error {
	if !t.interactive {
		return nil
	}
	key := intentKey(w.coll.ID, w.idKey)
	mine, err := t.branch.claim(t, key)
	if err != nil || !mine {
		return err
	}
	t.intents = append(t.intents, key)
	head := t.branch.head.Load()
	if head == t.base {
		return nil
	}
	return t.checkUnchanged(head, w.coll.ID, w.idKey)
}

// checkUnchanged fails if a document has a version newer than the snapshot.
func (t *Txn) checkUnchanged(head *headState, c mvcc.CollectionID, idKey []byte) error {
	v := t.store.mv.NewView(head.lineage)
	defer v.Close()
	lsn, ok, err := v.Latest(c, idKey)
	if err != nil {
		return err
	}
	if ok && lsn > t.base.lsn || head.lineage[0].Segment != t.base.lineage[0].Segment {
		return writeConflict("a document was changed at LSN %d, after this transaction began at LSN %d", lsn, t.base.lsn)
	}
	return nil
}

// writeConflict is MongoDB's error of a transaction that lost.
func writeConflict(format string, args ...any) error {
	return errs.New(errs.WriteConflict, "Write conflict: "+format, args...).WithLabel("TransientTransactionError")
}

// putEntries moves a document's index entries from its old keys to its new ones.
func (t *Txn) putEntries(w *write) error {
	for _, def := range w.coll.Indexes {
		if err := t.putIndex(w, def); err != nil {
			return err
		}
	}
	return nil
}

func (t *Txn) putIndex(w *write, def *index.Definition) error {
	before, _, err := keySet(def, w.before)
	if err != nil {
		return err
	}
	after, multikey, err := keySet(def, w.after)
	if err != nil {
		return err
	}
	added, removed := difference(after, before), difference(before, after)
	if def.Unique {
		for _, key := range added {
			if err := t.checkUnique(w, def, key); err != nil {
				return err
			}
		}
	}
	co, ix := t.over.coll(w.coll.ID), mvcc.IndexID(def.ID)
	for _, key := range removed {
		co.putEntry(ix, []byte(key), w.idKey, true)
	}
	for _, key := range added {
		co.putEntry(ix, []byte(key), w.idKey, false)
	}
	t.noteMultikey(w.coll.ID, ix, multikey)
	return nil
}

// noteMultikey records parts of an index that are multikey from now on.
func (t *Txn) noteMultikey(c mvcc.CollectionID, ix mvcc.IndexID, parts index.Multikey) {
	fresh := parts &^ t.catalog.multikey[ix]
	if fresh == 0 {
		return
	}
	t.changeCatalog().multikey[ix] |= fresh
	for i := range 32 {
		if fresh.Has(i) {
			t.over.coll(c).putEntry(ix|multikeyBit, []byte{byte(i)}, multikeyMark, false)
		}
	}
}

// changeCatalog returns the transaction's own copy of the catalog.
func (t *Txn) changeCatalog() *catalog {
	if !t.ddl {
		t.ddl = true
		t.catalog = t.catalog.clone()
	}
	return t.catalog
}

// keySet returns the sorted keys that a document has in an index.
func keySet(def *index.Definition, doc Doc) ([]string, index.Multikey, error) {
	if doc == nil {
		return nil, 0, nil
	}
	var keys []string
	multikey, err := def.KeysOf(doc, func(key []byte) { keys = append(keys, string(key)) })
	return keys, multikey, err
}

// difference returns what sorted a has and sorted b has not.
func difference(a, b []string) []string {
	var out []string
	for _, k := range a {
		for len(b) > 0 && b[0] < k {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != k {
			out = append(out, k)
		}
	}
	return out
}

// checkUnique fails if another live document has this key in a unique index.
func (t *Txn) checkUnique(w *write, def *index.Definition, key string) error {
	other, err := findOther(&t.reader, t.view, w.coll.ID, mvcc.IndexID(def.ID), key, w.idKey)
	if err != nil || !other {
		return err
	}
	return t.duplicateKey(w.coll, def, def.KeyValue(w.after, []byte(key)))
}

// findOther reports whether an index has this key for another document.
func findOther(r *reader, v *mvcc.View, c mvcc.CollectionID, ix mvcc.IndexID, key string, idKey []byte) (bool, error) {
	hi := append([]byte(key), 0xFF, 0xFF) // above every encoded _id
	cur := r.entries(v, c, ix, []byte(key), hi, false)
	defer cur.Close()
	for cur.Next() {
		if len(cur.Key()) == len(key)+len(cur.IDKey()) && string(cur.IDKey()) != string(idKey) {
			return true, nil
		}
	}
	return false, cur.Err()
}

// newWrite returns a write with the document's encoded _id in memory of its own.
func (t *Txn) newWrite(coll *Collection, id Value) *write {
	t.keyBuf = bsonraw.AppendKey(t.keyBuf[:0], id)
	return &write{coll: coll, idKey: t.keyBuf}
}

// Commit ends an interactive transaction. It returns when the commit is durable.
func (t *Txn) Commit(ctx context.Context) (mvcc.LSN, error) {
	if err := t.finish(); err != nil {
		return 0, err
	}
	defer t.release()
	t.branch.mu.Lock()
	lsn, wait, err := t.commitLocked(ctx)
	t.branch.mu.Unlock()
	if err != nil || lsn == 0 {
		return lsn, err
	}
	return lsn, wait()
}

// Abort ends an interactive transaction and drops its writes. It may be called
// after Commit, and then does nothing.
func (t *Txn) Abort() {
	if t.finish() == nil {
		t.release()
	}
}

// finish lets exactly one of Commit and Abort end the transaction.
func (t *Txn) finish() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return errs.New(errs.NoSuchTransaction, "the transaction is over already")
	}
	t.done = true
	return nil
}

// release gives up the view and the claims.
func (t *Txn) release() {
	if t.intents != nil {
		t.branch.unclaim(t, t.intents)
	}
	t.store.builds.end(t.built)
	t.view.Close()
}
