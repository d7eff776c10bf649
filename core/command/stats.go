package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// Sizes. Branches share the bytes that they have in common, so that no branch or
// collection has a size on disk of its own: what is given as one is the size of
// the documents, exact for collections of up to sampled documents and an
// estimate from that many of them beyond. Of indexes there is none.

const sampled = 2000

// size is what is known of a collection's documents.
type size struct {
	count, bytes int64
}

func (s size) average() int64 {
	if s.count == 0 {
		return 0
	}
	return s.bytes / s.count
}

// sizeOf counts a collection and measures its documents, from both ends.
func sizeOf(ctx context.Context, r engine.Reader, name string) (size, error) {
	n, err := r.Count(ctx, name, &engine.CountSpec{})
	if err != nil || n == 0 {
		return size{}, err
	}
	limit := n
	if n > sampled {
		limit = sampled / 2
	}
	seen, bytes, err := measure(ctx, r, name, 1, limit)
	if err != nil {
		return size{}, err
	}
	if n > sampled {
		more, extra, err := measure(ctx, r, name, -1, limit)
		if err != nil {
			return size{}, err
		}
		seen, bytes = seen+more, bytes+extra
	}
	if seen > 0 && seen < n {
		bytes = int64(float64(bytes) / float64(seen) * float64(n))
	}
	return size{n, bytes}, nil
}

// measure adds up documents from one end of a collection.
func measure(ctx context.Context, r engine.Reader, name string, direction int32, limit int64) (n, bytes int64, err error) {
	sort := bsonraw.NewBuilder(nil)
	sort.Int32("_id", direction)
	cur, err := r.Find(ctx, name, &engine.FindSpec{Sort: sort.Finish(), Limit: limit})
	if err != nil {
		return 0, 0, err
	}
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return n, bytes, err
		}
		n, bytes = n+1, bytes+int64(len(doc))
	}
}

type statsArgs struct {
	coll  string
	scale int64
}

// scaleField divides sizes.
func scaleField() field[statsArgs] {
	f := integer("scale", func(a *statsArgs) *int64 { return &a.scale }).about("Sizes are divided by it.")
	read := f.read
	f.read = func(a *statsArgs, v bsonraw.Value) error {
		if err := read(a, v); err != nil {
			return err
		}
		if a.scale < 1 {
			return errs.New(51024, "BSON field 'scale' value must be >= 1, actual value '%d'", a.scale)
		}
		return nil
	}
	return f
}

func dbStatsCommand() *Command {
	return definition[statsArgs]{
		Command: Command{
			Name: "dbStats", Aliases: []string{"dbstats"}, Group: Catalog, traits: reads,
			Help:    "Counts the collections, documents and indexes of a branch, and measures its documents. Branches share what they have in common: there is no size on disk of one.",
			Example: `{dbStats: 1}`, DB: "shop",
		},
		access:   onDatabase[statsArgs](auth.DBStats),
		defaults: statsArgs{scale: 1},
		fields: []field[statsArgs]{
			one[statsArgs]("dbStats", 0, ""), scaleField(),
			ignored[statsArgs]("freeStorage", "Free space within files is not counted."),
		},
		run: runDBStats,
	}.build()
}

func runDBStats(ctx context.Context, c *call, a *statsArgs) (bsonraw.Doc, error) {
	var collections, views, indexes int32
	var total size
	err := c.read(ctx, func(r engine.Reader) error {
		list, err := r.Collections(ctx)
		if err != nil {
			return err
		}
		for _, coll := range list {
			if coll.View {
				views++
				continue
			}
			s, err := sizeOf(ctx, r, coll.Name)
			if err != nil {
				return err
			}
			collections, indexes = collections+1, indexes+int32(len(coll.Indexes))+1
			total.count, total.bytes = total.count+s.count, total.bytes+s.bytes
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b := c.reply(512)
	b.String("db", c.db)
	b.Int32("collections", collections)
	b.Int32("views", views)
	b.Int64("objects", total.count)
	b.Double("avgObjSize", float64(total.average()))
	b.Double("dataSize", float64(total.bytes/a.scale))
	b.Double("storageSize", float64(total.bytes/a.scale))
	b.Int32("indexes", indexes)
	b.Double("indexSize", 0)
	b.Double("totalSize", float64(total.bytes/a.scale))
	b.Double("scaleFactor", float64(a.scale))
	return c.ok(), nil
}

func collStatsCommand() *Command {
	return definition[statsArgs]{
		Command: Command{
			Name: "collStats", Aliases: []string{"collstats"}, Group: Catalog, traits: reads,
			Help:    "Counts the documents and indexes of a collection, and measures its documents: exactly up to 2,000 of them, else by a sample.",
			Example: `{collStats: "users"}`, DB: "shop",
		},
		access:   onCollection(func(a *statsArgs) string { return a.coll }, auth.CollStats),
		defaults: statsArgs{scale: 1},
		fields: []field[statsArgs]{
			readCollection("collStats", func(a *statsArgs) *string { return &a.coll }), scaleField(),
			ignored[statsArgs]("verbose", "The report has one form."),
		},
		run: runCollStats,
	}.build()
}

func runCollStats(ctx context.Context, c *call, a *statsArgs) (bsonraw.Doc, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	b := c.reply(1024)
	err := c.read(ctx, func(r engine.Reader) error {
		coll, err := r.Collection(ctx, a.coll)
		if err != nil {
			return err
		}
		if coll != nil && coll.View {
			return errs.New(errs.CommandNotSupportedOnView, "Namespace %s.%s is a view, not a collection", c.db, a.coll)
		}
		b.String("ns", c.db+"."+a.coll)
		return appendCollStats(ctx, b, r, coll, a.coll, a.scale)
	})
	if err != nil {
		return nil, err
	}
	return c.ok(), nil
}

// appendCollStats appends what collStats and $collStats tell of storage.
func appendCollStats(ctx context.Context, b *bsonraw.Builder, r engine.Reader, coll *engine.Collection, name string, scale int64) error {
	s, err := sizeOf(ctx, r, name)
	if err != nil {
		return err
	}
	b.Double("size", float64(s.bytes/scale))
	b.Int64("count", s.count)
	if s.count > 0 {
		b.Int64("avgObjSize", s.average())
	}
	b.Int32("numOrphanDocs", 0)
	b.Double("storageSize", float64(s.bytes/scale))
	b.Double("freeStorageSize", 0)
	b.Bool("capped", coll != nil && coll.Options.Get("capped").Truthy())
	var specs []bsonraw.Doc
	if coll != nil {
		specs = coll.AllIndexes()
	}
	b.Int32("nindexes", int32(len(specs)))
	b.Double("totalIndexSize", 0)
	b.Double("totalSize", float64(s.bytes/scale))
	b.BeginDoc("indexSizes")
	for _, spec := range specs {
		b.Double(str(spec.Get("name"), ""), 0)
	}
	b.End()
	b.BeginDoc("indexDetails")
	b.End()
	b.Double("scaleFactor", float64(scale))
	return nil
}
