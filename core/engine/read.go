package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/refs"
)

// reader is what Snapshot and Txn have in common: a view, the catalog that
// belongs to it, and, in a transaction, the writes laid over it.
type reader struct {
	store   *Store
	ref     refs.Ref
	lineage mvcc.Lineage
	lsn     mvcc.LSN
	catalog *catalog
	over    *overlay // nil in a Snapshot
	now     time.Time
}

// Ref names what was asked for.
func (r *reader) Ref() refs.Ref { return r.ref }

// LSN is the newest commit that the reader can see.
func (r *reader) LSN() mvcc.LSN { return r.lsn }

// Collections lists collections and views by name.
func (r *reader) Collections(context.Context) ([]*Collection, error) {
	return r.catalog.sorted(), nil
}

// Collection returns a collection or view, or nil.
func (r *reader) Collection(_ context.Context, name string) (*Collection, error) {
	return r.catalog.byName[name], nil
}

// namespace returns the name that MongoDB's messages use: database.collection.
func (r *reader) namespace(coll string) string {
	return refs.FormatDBName(r.ref) + "." + coll
}

// queryOptions returns the surroundings of a compiled query.
func (r *reader) queryOptions(let Doc) (*query.Options, error) {
	vars, _, err := letVars(let, r.now)
	return &query.Options{Vars: vars, Now: r.now}, err
}

// letVars makes the variables of a command's let, whose values are constant
// expressions, and the document of those values.
func letVars(let Doc, now time.Time) (*expr.Vars, Doc, error) {
	if let.IsEmpty() {
		return nil, nil, nil
	}
	var vars *expr.Vars
	values := bsonraw.NewBuilder(nil)
	env := expr.NewEnv(now)
	it := let.Iter()
	for it.Next() {
		name := string(it.Key())
		if err := expr.ValidateVarName(name); err != nil {
			return nil, nil, err
		}
		e, err := expr.Compile(it.Value(), &expr.Options{Vars: vars})
		if err != nil {
			return nil, nil, err
		}
		env.Reset(bsonraw.EmptyDoc)
		v, err := e.Eval(env)
		if err != nil {
			return nil, nil, err
		}
		vars = vars.WithConstant(name, v)
		values.Value(name, v)
	}
	return vars, values.Finish(), nil
}

// checkCollation accepts the binary order only, which is the one that keys have.
func checkCollation(spec Doc) error {
	if spec.IsEmpty() {
		return nil
	}
	locale := spec.Get("locale")
	if locale.Type == bsonraw.String && locale.Str() == "simple" {
		return nil
	}
	if locale.Type != bsonraw.String {
		return errs.New(errs.MissingRequiredField, "BSON field 'collation.locale' is missing but a required field")
	}
	return errs.New(errs.BadValue, "collation locale %q is not supported yet", locale.Str()).
		WithRemedy(`use {locale: "simple"}, or compare a lower-cased field`)
}

// Snapshot is a read-only view of a branch at one LSN. Its methods may be called
// from many goroutines.
type Snapshot struct {
	reader
}

// Close ends the use of the snapshot. Cursors made from it stay usable.
func (s *Snapshot) Close() {}

// newView opens a view of what the reader sees. It is for one goroutine.
func (r *reader) newView() *mvcc.View { return r.store.mv.NewView(r.lineage) }

// Time returns the time that $$NOW stands for.
func (r *reader) Time() time.Time { return r.now }
