package mirror

import (
	"context"
	"fmt"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// Sources before 6.0 show in their streams what becomes of documents, and drops and
// renames of collections. What else becomes of the catalogue is found by reading
// it from time to time: collections and views made, their options, indexes made
// and dropped, views dropped.
//
// What was read is of some time between two cluster times. It is compared with the
// branch once the stream is past the later of them, so that the drops and renames
// in it are here; and not for collections that the stream has dropped or renamed
// since the earlier of them, whose turn comes with the next reading. Collections
// are never dropped for not being read: the stream tells that.

const (
	// pollEvery is how often the catalogue is read.
	pollEvery = 10 * time.Second
	// pollShare bounds the time that reading takes, of databases with thousands
	// of collections: it rests for this many times as long.
	pollShare = 20
)

// catalogue is that of the source as it was read.
type catalogue struct {
	from, to stamp
	colls    []listed
	indexes  map[string][]bsonraw.Doc
}

// pollCatalog reads the source's catalogue until ctx ends. What fails is tried
// again; a source that is lost is the stream's to notice.
func (l *lane) pollCatalog(ctx context.Context) {
	for {
		began := time.Now()
		r, err := l.readCatalog(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.Warn("the source's catalogue could not be read", "error", err)
		}
		if err == nil {
			l.mu.Lock()
			l.polled = r
			l.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(l.tuning.pollEvery, pollShare*time.Since(began))):
		}
	}
}

func (l *lane) readCatalog(ctx context.Context) (*catalogue, error) {
	from, err := l.src.now(ctx)
	if err != nil {
		return nil, err
	}
	r := &catalogue{from: stampOf(from), indexes: map[string][]bsonraw.Doc{}}
	if r.colls, err = l.list(ctx); err != nil {
		return nil, err
	}
	for _, c := range r.colls {
		if c.kind != kindCollection {
			continue
		}
		if r.indexes[c.name], err = l.indexes(ctx, c.name); err != nil {
			return nil, err
		}
	}
	to, err := l.src.now(ctx)
	r.to = stampOf(to)
	return r, err
}

// applyReading brings the branch in line with what was read, if it is time.
func (l *lane) applyReading(ctx context.Context) error {
	l.mu.Lock()
	r, here := l.polled, stampOf(l.position.Cluster)
	due := r != nil && here >= r.to && len(l.copies) == 0
	if due {
		l.polled = nil
	}
	l.mu.Unlock()
	if !due {
		return nil
	}
	for name, at := range l.moved {
		if at < r.from {
			delete(l.moved, name)
		}
	}
	if _, all := l.moved[""]; all {
		return nil
	}
	for _, c := range r.colls {
		if _, ok := l.moved[c.name]; ok {
			continue
		}
		err := l.define(ctx, here, c.name, func(t *engine.Txn) error {
			if err := l.alignCollection(ctx, t, c); err != nil || c.kind != kindCollection {
				return err
			}
			return l.alignIndexes(ctx, t, c.name, r.indexes[c.name])
		})
		if err != nil {
			return err
		}
	}
	return l.dropViews(ctx, here, r)
}

// dropViews drops the views that the source has no more.
func (l *lane) dropViews(ctx context.Context, here stamp, r *catalogue) error {
	there := map[string]bool{}
	for _, c := range r.colls {
		there[c.name] = true
	}
	return l.define(ctx, here, "views", func(t *engine.Txn) error {
		ours, err := t.Collections(ctx)
		if err != nil {
			return err
		}
		for _, c := range ours {
			if !c.View || there[c.Name] {
				continue
			}
			if _, err := t.DropCollection(ctx, c.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// define makes a commit of what was read of the catalogue, if there is anything to
// commit. It is of the time that the stream is at: when it happened between two
// readings nobody knows.
func (l *lane) define(ctx context.Context, here stamp, name string, fn func(*engine.Txn) error) error {
	meta := l.metaAt(here, fmt.Sprintf("the definition of %s, found by polling", name))
	_, err := l.store.Write(ctx, l.ref(), meta, fn)
	return err
}

// noteMoved keeps what the stream says of collections that a reading under way may
// show as they were.
func (l *lane) noteMoved(e *event) {
	switch e.op {
	case "drop":
		l.moved[e.coll] = e.at
	case "rename":
		l.moved[e.coll], l.moved[e.to] = e.at, e.at
	case "dropDatabase":
		l.moved[""] = e.at
	}
}
