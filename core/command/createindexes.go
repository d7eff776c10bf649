package command

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

type createIndexesArgs struct {
	coll          string
	specs         []bsonraw.Doc
	ignoreUnknown bool
}

func createIndexesCommand() *Command {
	type args = createIndexesArgs
	return definition[args]{
		Command: Command{
			Name: "createIndexes", Group: Catalog, traits: writes | inTxn | pinnable | numbered,
			Help:    "Makes indexes: single, compound, on arrays, unique, sparse, partial. A query uses them on every branch and at every moment that has them.",
			Example: `{createIndexes: "users", indexes: [{key: {age: 1, name: 1}, name: "age_1_name_1"}]}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.CreateIndex),
		fields: []field[args]{
			collection("createIndexes", func(a *args) *string { return &a.coll }),
			objects("indexes", "createIndexes.indexes", func(a *args) *[]bsonraw.Doc { return &a.specs }).need().
				about("The indexes: {key, name, unique, sparse, partialFilterExpression, hidden}."),
			looseFlag("ignoreUnknownIndexOptions", func(a *args) *bool { return &a.ignoreUnknown }).about("Leave out options that are not known."),
			kind("commitQuorum", "number or string", append(append([]bsonraw.Type{}, numeric...), bsonraw.String), checkQuorum[args]).
				about("How many nodes have to build the index; there is one."),
		},
		run: runCreateIndexes,
	}.build()
}

// checkQuorum refuses what one node cannot give.
func checkQuorum[A any](_ *A, v bsonraw.Value) error {
	if v.Type == bsonraw.String {
		switch mode := v.Str(); mode {
		case "majority", "votingMembers":
			return nil
		case "":
			return errs.New(errs.FailedToParse, "commitQuorum can't be an empty string")
		default:
			return errs.New(79, "No write concern mode named '%s' found in replica set configuration", mode)
		}
	}
	switch n := truncated(v); {
	case n < 0:
		return errs.New(errs.FailedToParse, "commitQuorum has to be a non-negative number and not greater than 50")
	case n > 1:
		return errs.New(278, "Not enough data-bearing nodes to satisfy commit quorum")
	}
	return nil
}

// indexOptions are the fields of an index's specification. They are listed here
// for ignoreUnknownIndexOptions; package index says what each may be.
var indexOptions = map[string]bool{
	"key": true, "name": true, "v": true, "unique": true, "sparse": true, "hidden": true, "background": true,
	"partialFilterExpression": true, "expireAfterSeconds": true, "collation": true, "weights": true,
	"default_language": true, "language_override": true, "textIndexVersion": true, "2dsphereIndexVersion": true,
	"bits": true, "min": true, "max": true, "bucketSize": true, "wildcardProjection": true, "storageEngine": true,
	"dropDups": true, "clustered": true, "ns": true, "prepareUnique": true,
}

func (a *createIndexesArgs) check() error {
	if len(a.specs) == 0 {
		return errs.New(errs.BadValue, "Must specify at least one index to create")
	}
	for i, spec := range a.specs {
		for _, name := range []string{"key", "name"} {
			if spec.Get(name).IsMissing() {
				return errs.New(errs.FailedToParse, "Error in specification %s :: caused by :: The '%s' field is a required property of an index specification",
					index.Text(spec.Value()), name)
			}
		}
		if a.ignoreUnknown {
			a.specs[i] = knownOptions(spec)
		}
	}
	return nil
}

func knownOptions(spec bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := spec.Iter()
	for it.Next() {
		if indexOptions[string(it.Key())] {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

func runCreateIndexes(ctx context.Context, c *call, a *createIndexesArgs) (bsonraw.Doc, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	if !c.ref.Moment.IsHead() {
		return c.indexesThere(ctx, a)
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		coll, err := t.Collection(ctx, a.coll)
		if err != nil {
			return err
		}
		before, after, err := t.CreateIndexes(ctx, a.coll, a.specs)
		c.answers(func(b *bsonraw.Builder) {
			b.Int32("numIndexesBefore", int32(before))
			b.Int32("numIndexesAfter", int32(after))
			if before == after {
				b.String("note", "all indexes already exist")
			} else {
				b.Bool("createdCollectionAutomatically", coll == nil)
				b.String("commitQuorum", "votingMembers")
			}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}

// indexesThere answers at a moment of the past, where object mappers make sure of
// their indexes as they do anywhere: what is there already needs no write.
func (c *call) indexesThere(ctx context.Context, a *createIndexesArgs) (bsonraw.Doc, error) {
	n, missing := 0, false
	err := c.read(ctx, func(r engine.Reader) error {
		coll, err := r.Collection(ctx, a.coll)
		if err != nil || coll == nil {
			missing = true
			return err
		}
		there := coll.AllIndexes()
		n = len(there)
		for _, spec := range a.specs {
			missing = missing || !slices.ContainsFunc(there, func(ix bsonraw.Doc) bool {
				return bsonraw.Compare(ix.Get("key"), spec.Get("key")) == 0
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if missing {
		return nil, pinned(c.ref)
	}
	b := c.reply(96)
	b.Int32("numIndexesBefore", int32(n))
	b.Int32("numIndexesAfter", int32(n))
	b.String("note", "all indexes already exist")
	return c.ok(), nil
}
