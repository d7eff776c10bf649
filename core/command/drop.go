package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type dropArgs struct {
	coll string
}

func dropCommand() *Command {
	return definition[dropArgs]{
		Command: Command{
			Name: "drop", Group: Catalog, traits: writes | numbered,
			Help:    "Drops a collection or a view. At an earlier moment it is still there.",
			Example: `{drop: "users"}`, DB: "shop~experiment-1",
		},
		access: onCollection(func(a *dropArgs) string { return a.coll }, auth.DropCollection),
		fields: []field[dropArgs]{collection("drop", func(a *dropArgs) *string { return &a.coll })},
		run:    runDrop,
	}.build()
}

func runDrop(ctx context.Context, c *call, a *dropArgs) (bsonraw.Doc, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	if err := c.mustExist(ctx, "ns not found"); err != nil {
		return nil, err
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		coll, err := t.Collection(ctx, a.coll)
		if err != nil || coll == nil {
			return missing(err, "ns not found")
		}
		c.answers(func(b *bsonraw.Builder) {
			if !coll.View {
				b.Int32("nIndexesWas", int32(len(coll.Indexes)+1))
			}
			b.String("ns", c.db+"."+a.coll)
		})
		_, err = t.DropCollection(ctx, a.coll)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}

// missing is the error of a collection that is not there, unless looking for it
// failed.
func missing(err error, message string) error {
	if err != nil {
		return err
	}
	return errs.New(errs.NamespaceNotFound, "%s", message)
}

// mustExist keeps a command that only removes from making a project: to what is
// not there, message is the answer.
func (c *call) mustExist(ctx context.Context, message string) error {
	if c.txn != nil {
		return nil
	}
	_, err := c.d.store.Branch(ctx, c.ref.Project, c.ref.Branch)
	if err != nil && isUnborn(err, c.ref) {
		return errs.New(errs.NamespaceNotFound, "%s", message)
	}
	return err
}

func dropDatabaseCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "dropDatabase", Group: Catalog, traits: writes | numbered,
			Help:    "Drops every collection and view of a branch, in one commit. The project, its branches and its history stay; argonProjectDelete removes those.",
			Example: `{dropDatabase: 1}`, DB: "shop~experiment-1",
		},
		access: onDatabase[args](auth.DropDatabase),
		fields: []field[args]{one[args]("dropDatabase", 5255100, "Have to pass 1 as 'drop' parameter")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			if err := c.mustExist(ctx, "no such project"); errs.Is(err, errs.NamespaceNotFound) {
				return c.answered(0), nil
			} else if err != nil {
				return nil, err
			}
			c.answers(func(b *bsonraw.Builder) { b.String("dropped", c.db) })
			lsn, err := c.write(ctx, func(t *engine.Txn) error { return t.DropDatabase(ctx) })
			if err != nil {
				return nil, err
			}
			if lsn == 0 {
				c.answer = nil // nothing was there
			}
			return c.answered(lsn), nil
		},
	}.build()
}

// one is the first field of a command that needs no argument: 1 by convention.
func one[A any](name string, code errs.Code, message string) field[A] {
	return kind(name, "1", nil, func(_ *A, v bsonraw.Value) error {
		if n, ok := v.AsInt64(); code != 0 && (!ok || n != 1) {
			return errs.New(code, "%s", message)
		}
		return nil
	}).need()
}
