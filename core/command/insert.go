package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

type insertArgs struct {
	coll    string
	docs    []bsonraw.Doc
	ordered bool
	bypass  bool
}

func insertCommand() *Command {
	return definition[insertArgs]{
		Command: Command{
			Name: "insert", Group: Writes, traits: writes | inTxn | retryable,
			Help:    "Inserts documents in one commit. A document without an _id gets an ObjectId. Ordered, the first that fails ends the batch; the ones before it stay.",
			Example: `{insert: "users", documents: [{_id: 1, name: "Ada"}, {_id: 2, name: "Grace"}]}`, DB: "shop",
		},
		access: needing("insert on the collection", func(n *needs, a *insertArgs) {
			n.collection(a.coll, auth.Insert)
			n.bypass(a.coll, a.bypass)
		}),
		defaults: insertArgs{ordered: true},
		fields: []field[insertArgs]{
			collection("insert", func(a *insertArgs) *string { return &a.coll }),
			objects("documents", "insert.documents", func(a *insertArgs) *[]bsonraw.Doc { return &a.docs }).need().about("The documents, 1 to 100,000."),
			flag("ordered", func(a *insertArgs) *bool { return &a.ordered }).about("Stop at the first failure; the default."),
			bypassValidation(func(a *insertArgs) *bool { return &a.bypass }),
		},
		run: runInsert,
	}.build()
}

// bypassValidation is the field that lets documents pass a validator.
func bypassValidation[A any](at func(*A) *bool) field[A] {
	return looseFlag("bypassDocumentValidation", at).about("Do not apply the collection's validator.")
}

func runInsert(ctx context.Context, c *call, a *insertArgs) (bsonraw.Doc, error) {
	if err := checkBatch(len(a.docs)); err != nil {
		return nil, err
	}
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	m, err := c.memo(len(a.docs))
	if err != nil {
		return nil, err
	}
	docs, index := a.docs, []int(nil)
	if m.any() {
		docs, index = undone(m, a.docs)
	}
	var failed writeErrors
	n := int64(len(a.docs) - len(docs))
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		if len(docs) == 0 {
			return nil // done before
		}
		if a.bypass {
			t.BypassValidation()
		}
		if c.txn == nil {
			t.Borrow() // the command outlives its own commit
		}
		res, err := t.Insert(ctx, a.coll, docs, a.ordered)
		if err != nil {
			return whole(&failed, err)
		}
		n += res.Inserted
		for _, we := range res.Errors {
			if !failed.add(at(index, we.Index), we.Err) {
				return we.Err
			}
		}
		m.keepInserted(docs, index, a.ordered, &failed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.failed = len(failed.list) > 0
	b := c.reply(64)
	b.Int32("n", int32(n))
	failed.append(b)
	m.appendRetried(b)
	c.appendLSN(b, lsn)
	return c.ok(), nil
}

// whole turns an error of all documents, such as an insert into a view, into
// that of the first statement, as mongod reports it.
func whole(failed *writeErrors, err error) error {
	if failed.add(0, err) {
		return nil
	}
	return err
}

// at maps a place among the documents that are to be inserted to one among all
// of the command's.
func at(index []int, i int) int {
	if index == nil {
		return i
	}
	return index[i]
}

// undone leaves out the documents of a retried insert that are there already.
func undone(m *memo, docs []bsonraw.Doc) (rest []bsonraw.Doc, index []int) {
	index = []int{}
	for i, doc := range docs {
		if _, ok := m.done(i); !ok {
			rest, index = append(rest, doc), append(index, i)
		}
	}
	return rest, index
}

// keepInserted remembers the documents that were inserted: all but those that
// failed and, ordered, those behind the first failure.
func (m *memo) keepInserted(docs []bsonraw.Doc, index []int, ordered bool, failed *writeErrors) {
	if m == nil {
		return
	}
	next := failed.list // ascending
	for i := range docs {
		if len(next) == 0 || next[0].index != at(index, i) {
			m.keep(at(index, i), statement{n: 1})
			continue
		}
		if next = next[1:]; ordered {
			return
		}
	}
}
