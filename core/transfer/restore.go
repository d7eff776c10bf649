package transfer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// DatabaseResult says what the import of a database did, also one that ended in
// an error.
type DatabaseResult struct {
	Docs        int64
	Bytes       int64
	Failed      int64
	Errors      []LineError        // the first hundred documents of a dump that failed
	Collections []CollectionResult // in the order of their names
	Notes       []string           // what was left out, and what a person should know
	// Consistent says that all collections were read at one moment, Time.
	Consistent bool
	Time       time.Time
	Elapsed    time.Duration
}

// CollectionResult is what was read of one collection or view.
type CollectionResult struct {
	Name    string
	View    bool
	Docs    int64
	Bytes   int64
	Indexes int // made, beside that of _id
}

// restorer makes collections, indexes and views in a sink, and notes what the
// sink does not take.
type restorer struct {
	sink Sink

	mu    sync.Mutex
	notes []string
}

func (r *restorer) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// collection makes a collection, without the options that the sink does not
// take.
func (r *restorer) collection(ctx context.Context, name string, options bsonraw.Doc) error {
	err := r.sink.CreateCollection(ctx, name, options)
	if errs.Is(err, errs.NamespaceExists) {
		r.note("%s was there already with other options, which it keeps", name)
		return nil
	}
	if err == nil || options.IsEmpty() || !IsRefusal(err) {
		return err
	}
	r.note("%s was made without its options %s: %s", name, ejson.Append(nil, options, ejson.Relaxed), message(err))
	return r.sink.CreateCollection(ctx, name, bsonraw.EmptyDoc)
}

// IsRefusal reports whether a sink cannot take a definition at all, as opposed
// to having failed at it.
func IsRefusal(err error) bool { return errs.In(err, errs.Unsupported) || errs.In(err, errs.Invalid) }

func message(err error) string {
	if e := errs.As(err); e != nil {
		return e.Message
	}
	return err.Error()
}

// index makes one index: one that the sink does not have stops no other. It
// reports whether there was one to make.
func (r *restorer) index(ctx context.Context, coll string, spec bsonraw.Doc) (bool, error) {
	spec = CleanIndex(spec)
	name := stringOf(spec.Get("name"))
	if name == "_id_" {
		return false, nil
	}
	err := r.sink.CreateIndexes(ctx, coll, []bsonraw.Doc{spec})
	if err != nil && !IsRefusal(err) {
		return false, err
	}
	if err != nil {
		r.note("index %s of %s was left out: %s", name, coll, message(err))
	}
	return err == nil, nil
}

// CleanIndex leaves out of a specification what only the server that has the
// index knows.
func CleanIndex(spec bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := spec.Iter()
	for it.Next() {
		if !slices.Contains([]string{"v", "ns", "background"}, string(it.Key())) {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// view makes a view and reports whether the sink took it.
func (r *restorer) view(ctx context.Context, name string, options bsonraw.Doc) (bool, error) {
	err := r.sink.CreateCollection(ctx, name, options)
	if err != nil && !IsRefusal(err) && !errs.Is(err, errs.NamespaceExists) {
		return false, err
	}
	if err != nil {
		r.note("view %s was left out: %s", name, message(err))
	}
	return err == nil, nil
}
