package mirror

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// Behind a copy or a re-sync the stream begins at a moment that parts of it are
// newer than. Until it is past the newest of them, events may be of what is here
// already.

// prepareCatchUp makes what tells which events the copy holds already.
func (l *lane) prepareCatchUp() {
	l.known = nil
	if len(l.copies) == 0 {
		return
	}
	l.known = map[string]string{}
	l.copyEnd = stampOf(l.state.Listed)
	for name, c := range l.copies {
		if c.UUID != "" {
			l.known[c.UUID] = name
		}
		l.copyEnd = max(l.copyEnd, stampOf(c.Time))
	}
}

// isUnique reports whether a definition is of a unique index. Where the parts of a
// collection are of several moments a key may be there twice until the stream is
// past them, so unique indexes are made then.
func isUnique(spec bsonraw.Doc) bool { return spec.Get("unique").Truthy() }

// endCatchUp makes the indexes that had to wait, and forgets the copy.
func (l *lane) endCatchUp(ctx context.Context) error {
	for name, c := range l.copies {
		if !c.Mixed || c.Kind != kindCollection {
			continue
		}
		specs, err := l.indexes(ctx, name)
		if err != nil {
			return err
		}
		_, err = l.store.Write(ctx, l.ref(), l.metaAt(stampOf(l.position.Cluster), "the unique indexes of "+name), func(t *engine.Txn) error {
			return l.makeIndexes(ctx, t, name, specs)
		})
		if err != nil {
			return err
		}
	}
	l.known = nil
	return l.forgetCopies(ctx)
}
