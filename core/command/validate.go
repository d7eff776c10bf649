package command

import (
	"context"
	"crypto/md5" //nolint:gosec // dbHash is defined with it
	"encoding/hex"
	"fmt"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type validateArgs struct{ coll string }

func validateCommand() *Command {
	type args = validateArgs
	return definition[args]{
		Command: Command{
			Name: "validate", Group: Catalog, traits: reads | loose,
			Help:    "Checks a collection as the branch shows it: that its documents can be read, its count holds, and its indexes have the entries of its documents and no others. argonFsck checks the whole store.",
			Example: `{validate: "users"}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.Validate),
		fields: []field[args]{
			readCollection("validate", func(a *args) *string { return &a.coll }),
			ignored[args]("full", "Everything is checked in any case."),
			ignored[args]("repair", "Nothing is changed; damage is reported."),
			ignored[args]("metadata", "Everything is checked in any case."),
			ignored[args]("checkBSONConformance", "Documents are checked when they are written."),
			ignored[args]("background", "Nobody is kept waiting."),
		},
		run: runValidate,
	}.build()
}

func runValidate(ctx context.Context, c *call, a *validateArgs) (bsonraw.Doc, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	absent := fmt.Sprintf("Collection '%s.%s' does not exist to validate.", c.db, a.coll)
	if c.ref.Project == "" {
		return nil, errs.New(errs.NamespaceNotFound, "%s", absent)
	}
	if err := c.mustExist(ctx, absent); err != nil {
		return nil, err
	}
	v, err := c.d.store.Validate(ctx, c.ref, a.coll)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errs.New(errs.NamespaceNotFound, "%s", absent)
	}
	b := c.reply(512)
	b.String("ns", c.db+"."+a.coll)
	b.Int32("nInvalidDocuments", 0)
	b.Int64("nrecords", v.Documents)
	b.Int32("nIndexes", int32(len(v.Indexes)))
	b.BeginDoc("keysPerIndex")
	for _, ix := range v.Indexes {
		b.Int64(ix.Name, ix.Entries)
	}
	b.End()
	b.BeginDoc("indexDetails")
	for _, ix := range v.Indexes {
		b.BeginDoc(ix.Name)
		b.Bool("valid", ix.Valid)
		b.End()
	}
	b.End()
	b.Bool("valid", len(v.Problems) == 0)
	b.Bool("repaired", false)
	for _, name := range []string{"warnings", "extraIndexEntries", "missingIndexEntries", "corruptRecords"} {
		b.BeginArray(name)
		b.End()
	}
	b.BeginArray("errors")
	for i, text := range v.Problems {
		b.String(bsonraw.Index(i), text)
	}
	b.End()
	return c.ok(), nil
}

type dbHashArgs struct{ only map[string]bool }

func dbHashCommand() *Command {
	type args = dbHashArgs
	return definition[args]{
		Command: Command{
			Name: "dbHash", Aliases: []string{"dbhash"}, Group: Catalog, traits: reads,
			Help:    "Sums up each collection of a branch by a hash of its documents in the order of their _id, so that branches can be compared.",
			Example: `{dbHash: 1}`, DB: "shop",
		},
		access: onDatabase[args](auth.Find),
		fields: []field[args]{
			one[args]("dbHash", 0, ""),
			kind("collections", "array", []bsonraw.Type{bsonraw.Array}, func(a *args, v bsonraw.Value) error {
				a.only = map[string]bool{}
				for _, name := range v.Doc().Values() {
					a.only[str(name, "")] = true
				}
				return nil
			}).about("Only these."),
		},
		run: runDBHash,
	}.build()
}

func runDBHash(ctx context.Context, c *call, a *dbHashArgs) (bsonraw.Doc, error) {
	begin := c.d.now()
	b := c.reply(512)
	b.String("host", hostname())
	total := md5.New() //nolint:gosec // dbHash is defined with it
	err := c.read(ctx, func(r engine.Reader) error {
		list, err := r.Collections(ctx)
		if err != nil {
			return err
		}
		b.BeginDoc("collections")
		for _, coll := range list {
			if coll.View || len(a.only) > 0 && !a.only[coll.Name] {
				continue
			}
			sum, err := hashCollection(ctx, r, coll.Name)
			if err != nil {
				return err
			}
			b.String(coll.Name, sum)
			total.Write([]byte(sum))
		}
		b.End()
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.String("md5", hex.EncodeToString(total.Sum(nil)))
	b.Int64("timeMillis", c.d.now().Sub(begin).Milliseconds())
	return c.ok(), nil
}

func hashCollection(ctx context.Context, r engine.Reader, name string) (string, error) {
	cur, err := r.Find(ctx, name, &engine.FindSpec{})
	if err != nil {
		return "", err
	}
	defer cur.Close()
	sum := md5.New() //nolint:gosec // dbHash is defined with it
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil {
			return "", err
		}
		if !ok {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		sum.Write(doc)
	}
}
