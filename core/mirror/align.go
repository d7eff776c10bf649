package mirror

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

// What the source's catalogue says of a collection, brought about here: by a
// re-sync, and by polling where the stream does not tell.

// alignCollection makes a collection or view what the source lists.
func (l *lane) alignCollection(ctx context.Context, t *engine.Txn, c listed) error {
	mine, err := t.Collection(ctx, c.name)
	if err != nil {
		return err
	}
	take, why := held(c.options)
	if mine != nil && (mine.View != (c.kind == kindView) || mine.View && bsonraw.CompareDocs(mine.Options, take) != 0) {
		if _, err := t.DropCollection(ctx, c.name); err != nil {
			return err
		}
		mine = nil
	}
	if mine != nil {
		if err := l.notesIn(t, heldNote(c.name, why, c.options)); err != nil {
			return err
		}
		return alignOptions(ctx, t, mine, take)
	}
	notes, err := createIn(ctx, t, c.name, c.options)
	if err != nil {
		return err
	}
	if c.kind == kindSeries && l.phase() == phaseFollow {
		if err := l.setSeries(t, c.name, stampOf(l.position.Cluster)); err != nil {
			return err
		}
	}
	return l.notesIn(t, notes...)
}

// alignOptions brings a collection's validator and the like in line.
func alignOptions(ctx context.Context, t *engine.Txn, mine *engine.Collection, take bsonraw.Doc) error {
	b := bsonraw.NewBuilder(nil)
	n := 0
	for _, name := range []string{"validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages"} {
		now, was := take.Get(name), mine.Options.Get(name)
		if bsonraw.Identical(now, was) {
			continue
		}
		if now.IsMissing() {
			now = bsonraw.EmptyDoc.Value()
			if name == "validationLevel" || name == "validationAction" {
				continue // without a validator they mean nothing
			}
		}
		b.Value(name, now)
		n++
	}
	if n == 0 {
		return nil
	}
	return t.ModifyCollection(ctx, mine.Name, b.Finish().Clone())
}

// alignIndexes makes and drops indexes until they are those that the source has.
func (l *lane) alignIndexes(ctx context.Context, t *engine.Txn, coll string, specs []bsonraw.Doc) error {
	mine, err := t.Collection(ctx, coll)
	if err != nil || mine == nil {
		return err
	}
	wanted := map[string]bsonraw.Doc{}
	for _, spec := range specs {
		wanted[text(spec.Get("name"))] = spec
	}
	for _, have := range mine.Indexes {
		if spec, ok := wanted[have.Name]; ok && sameIndex(have, spec) {
			continue
		}
		if _, err := t.DropIndexes(ctx, coll, bsonraw.StringValue(have.Name)); err != nil {
			return err
		}
	}
	return l.makeIndexes(ctx, t, coll, specs)
}

// makeIndexes makes those indexes that are not there.
func (l *lane) makeIndexes(ctx context.Context, t *engine.Txn, coll string, specs []bsonraw.Doc) error {
	if c, err := t.Collection(ctx, coll); err != nil || c == nil {
		return err
	}
	for _, spec := range specs {
		note, err := indexIn(ctx, t, coll, spec)
		if errs.Is(err, errs.DuplicateKey) {
			continue // newer than what is here: its own event makes it
		}
		if err == nil {
			err = l.notesIn(t, note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sameIndex reports whether an index is what the source's definition makes here.
func sameIndex(have *index.Definition, spec bsonraw.Doc) bool {
	def, err := index.ParseDefinition(without(spec, "expireAfterSeconds"))
	if err != nil {
		return true // noted when it was met
	}
	same, _ := index.Same(have, def) // an error is a difference
	return same
}

// dropUnique drops the unique indexes of a collection.
func dropUnique(ctx context.Context, t *engine.Txn, coll string) error {
	c, err := t.Collection(ctx, coll)
	if err != nil || c == nil {
		return err
	}
	for _, have := range c.Indexes {
		if !have.Unique {
			continue
		}
		if _, err := t.DropIndexes(ctx, coll, bsonraw.StringValue(have.Name)); err != nil {
			return err
		}
	}
	return nil
}
