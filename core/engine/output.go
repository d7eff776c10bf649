package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// Aggregate runs a pipeline in the transaction. One that ends in $out or $merge
// writes its documents; the cursor is empty then.
func (t *Txn) Aggregate(ctx context.Context, coll string, spec *AggregateSpec) (Cursor, error) {
	run, err := t.compileAggregate(coll, spec)
	if err != nil {
		return nil, err
	}
	o := run.pipe.Output()
	if o == nil {
		return run.start(ctx)
	}
	if own := refs.FormatDBName(t.ref); o.Database != "" && o.Database != own {
		return nil, errs.New(errs.NotSupported, "a pipeline on %q cannot write to %q", own, o.Database).
			WithRemedy("write to a collection of its own branch, and merge the branches")
	}
	w := &outputWriter{t: t, o: o, view: t.newView()}
	defer w.view.Close()
	if err := w.prepare(spec); err != nil {
		return nil, err
	}
	// All documents are there before the first is written: the pipeline may read
	// the collection that it writes to.
	if err := w.collect(ctx, run); err != nil {
		return nil, err
	}
	if o.Merge {
		return emptyCursor{}, w.merge(ctx)
	}
	return emptyCursor{}, w.replace(ctx)
}

// outputWriter carries out a $out or a $merge.
type outputWriter struct {
	t    *Txn
	o    *pipeline.Output
	view *mvcc.View
	docs []Doc
	let  []letExpr // of $merge's pipeline
	vars *expr.Vars
}

type letExpr struct {
	name string
	expr expr.Expr
}

// prepare checks the target before the pipeline runs.
func (w *outputWriter) prepare(spec *AggregateSpec) error {
	t := w.t
	if err := validCollectionName(w.o.Collection); err != nil {
		return errs.New(errs.IllegalOperation, "error with target namespace: %s", errs.As(err).Message)
	}
	c, err := t.existingTarget(w.o.Collection)
	if err != nil {
		return err
	}
	if !w.o.Merge || slices.Equal(w.o.On, []string{"_id"}) {
		return w.compileLet(spec)
	}
	if c == nil || !hasUnique(c, w.o.On) {
		return errs.New(51183, "Cannot find index to verify that join fields will be unique")
	}
	return w.compileLet(spec)
}

// hasUnique reports whether a unique index covers exactly these fields.
func hasUnique(c *Collection, on []string) bool {
	for _, def := range c.Indexes {
		if !def.Unique || def.Sparse || def.Partial != nil || len(def.Keys) != len(on) {
			continue
		}
		all := true
		for _, part := range def.Keys {
			all = all && slices.Contains(on, part.Path)
		}
		if all {
			return true
		}
	}
	return false
}

// compileLet compiles the variables of $merge's pipeline.
func (w *outputWriter) compileLet(spec *AggregateSpec) error {
	if w.o.WhenMatched != "pipeline" {
		return nil
	}
	var err error
	if w.vars, _, err = letVars(spec.Let, w.t.now); err != nil {
		return err
	}
	it := w.o.Let.Iter()
	for it.Next() {
		e, err := expr.Compile(it.Value(), &expr.Options{Vars: w.vars})
		if err != nil {
			return err
		}
		w.let = append(w.let, letExpr{string(it.Key()), e})
	}
	return nil
}

// collect runs the pipeline and keeps its documents in memory.
func (w *outputWriter) collect(ctx context.Context, run *aggregation) error {
	cur, err := run.start(ctx)
	if err != nil {
		return err
	}
	defer cur.Close()
	size := 0
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if size += len(doc); size > maxTxnBytes {
			return errs.New(errs.TransactionTooLong, "the output of a pipeline may be %d MiB large", maxTxnBytes>>20).
				WithRemedy("write it in parts, with a $match before")
		}
		if err := bsonraw.ValidateStored(doc); err != nil {
			return err
		}
		if err := bsonraw.Validate(doc); err != nil { // a pipeline may nest deeper than a store may
			return err
		}
		w.docs = append(w.docs, w.t.keep(doc))
	}
}

// replace carries out $out: afterwards the collection has these documents and no
// others. Documents that stay the same are not written.
func (w *outputWriter) replace(ctx context.Context) error {
	t := w.t
	c, err := t.writable(w.o.Collection)
	if err != nil {
		return err
	}
	check, err := t.validator(c)
	if err != nil {
		return err
	}
	wanted := make(map[string]Doc, len(w.docs))
	for i, doc := range w.docs {
		doc = t.keep(t.withID(doc))
		w.docs[i] = doc
		key := string(bsonraw.AppendKey(nil, doc.Get("_id")))
		if wanted[key] != nil {
			return t.duplicateID(c, doc.Get("_id"))
		}
		if err := check.check(doc); err != nil {
			return err
		}
		wanted[key] = doc
	}
	if err := w.clear(ctx, c, wanted); err != nil {
		return err
	}
	for i, doc := range w.docs {
		if i%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		key := bsonraw.AppendKey(nil, doc.Get("_id"))
		if wanted[string(key)] == nil {
			continue // it is there already
		}
		if err := t.put(&write{coll: c, idKey: key, after: doc}); err != nil {
			return err
		}
	}
	return nil
}

// clear removes the documents that are not wanted as they are, and takes those
// that are from the wanted ones. All go before any comes, so that a unique index
// sees the new documents only.
func (w *outputWriter) clear(ctx context.Context, c *Collection, wanted map[string]Doc) error {
	t := w.t
	var gone []Doc
	cur := t.docs(w.view, c.ID, nil, nil, false)
	defer cur.Close()
	for n := 1; cur.Next(); n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		if key := string(cur.IDKey()); bytes.Equal(wanted[key], cur.Doc()) {
			delete(wanted, key)
		} else {
			gone = append(gone, t.keep(cur.Doc()))
		}
	}
	if err := cur.Err(); err != nil {
		return err
	}
	for _, doc := range gone {
		if err := t.remove(c, doc); err != nil {
			return err
		}
	}
	return nil
}

// merge carries out $merge, document by document.
func (w *outputWriter) merge(ctx context.Context) error {
	for i, doc := range w.docs {
		if i%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		if err := w.merge1(ctx, doc); err != nil {
			return err
		}
	}
	return nil
}

func (w *outputWriter) merge1(ctx context.Context, doc Doc) error {
	before, err := w.match(ctx, doc)
	if err != nil {
		return err
	}
	if before != nil {
		return w.matched(w.t.keep(before), doc)
	}
	switch w.o.WhenNotMatched {
	case "discard":
		return nil
	case "fail":
		return errs.New(errs.MergeStageNoMatch, "$merge could not find a matching document in the target collection for at least one document in the source collection")
	}
	res, err := w.t.Insert(ctx, w.o.Collection, []Doc{doc}, true)
	if err == nil && len(res.Errors) > 0 {
		err = res.Errors[0].Err
	}
	return err
}

// match finds the document of the target that has the same values in the "on"
// fields; nil if there is none.
func (w *outputWriter) match(ctx context.Context, doc Doc) (Doc, error) {
	t, c := w.t, w.t.catalog.byName[w.o.Collection]
	if slices.Equal(w.o.On, []string{"_id"}) {
		id := doc.Get("_id")
		if c == nil || id.IsMissing() {
			return nil, nil
		}
		return t.get(w.view, c.ID, bsonraw.AppendKey(nil, id))
	}
	filter := bsonraw.NewBuilder(nil)
	for _, path := range w.o.On {
		v := valueAt(doc, path)
		if v.IsNullish() || v.Type == bsonraw.Array {
			return nil, errs.New(51132, "$merge write error: 'on' field '%s' cannot be missing, null, undefined or an array", path)
		}
		filter.BeginDoc(path)
		filter.Value("$eq", v)
		filter.End()
	}
	cur, err := t.Find(ctx, w.o.Collection, &FindSpec{Filter: filter.Finish(), Limit: 1})
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	found, ok, err := cur.Next(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return found.Clone(), nil
}

// matched does what whenMatched says with a document that is there.
func (w *outputWriter) matched(before, doc Doc) error {
	var after Doc
	var changes []update.Change
	switch w.o.WhenMatched {
	case "keepExisting":
		return nil
	case "fail":
		return w.alreadyThere(before)
	case "replace":
		after = withField(doc, "_id", before.Get("_id"))
	case "merge":
		after = overlaid(before, doc)
	default:
		res, err := w.runUpdate(before, doc)
		if err != nil {
			return err
		}
		after, changes = res.Doc, res.Changes
	}
	return w.put(before, after, changes)
}

func (w *outputWriter) alreadyThere(before Doc) error {
	c := w.t.catalog.byName[w.o.Collection]
	err := errs.As(w.t.duplicateID(c, before.Get("_id")))
	return errs.New(err.Code, "$merge with whenMatched: fail found an existing document with the same values for the 'on' fields :: caused by :: %s", err.Message).
		WithDetails(err.Details)
}

// runUpdate applies $merge's pipeline to a document that is there.
func (w *outputWriter) runUpdate(before, doc Doc) (update.Result, error) {
	env := expr.NewEnv(w.t.now)
	vars := w.vars
	for _, l := range w.let {
		env.Reset(doc)
		v, err := l.expr.Eval(env)
		if err != nil {
			return update.Result{}, err
		}
		vars = vars.WithConstant(l.name, v.Clone())
	}
	stages := make([]Value, len(w.o.Update))
	for i, s := range w.o.Update {
		stages[i] = s.Value()
	}
	u, err := update.Compile(bsonraw.ArrayValue(stages...), &update.Options{Vars: vars, Now: w.t.now})
	if err != nil {
		return update.Result{}, err
	}
	return u.Apply(before, -1, nil)
}

// put writes what became of a document that is there.
func (w *outputWriter) put(before, after Doc, changes []update.Change) error {
	t, id := w.t, before.Get("_id")
	c := t.catalog.byName[w.o.Collection]
	if now := after.Get("_id"); !bsonraw.Identical(now, id) {
		return errs.New(errs.ImmutableField, "$merge failed to update the matching document, did you attempt to modify the _id or the shard key? :: caused by :: After applying the update, the (immutable) field '_id' was found to have been altered")
	}
	if bytes.Equal(before, after) {
		return nil
	}
	if len(after) > bsonraw.MaxDocSize {
		return errs.New(errs.BSONObjectTooLarge, "Resulting document after update is larger than %d", bsonraw.MaxDocSize)
	}
	check, err := t.validator(c)
	if err != nil {
		return err
	}
	if err := check.checkUpdate(before, after); err != nil {
		return err
	}
	if changes == nil {
		changes = update.DiffDocs(before, after)
	}
	tw := t.newWrite(c, id)
	tw.before, tw.after, tw.changes, tw.form = before, t.keep(after), changes, wal.ByDifference
	if w.o.WhenMatched == "replace" {
		tw.form = wal.ByReplacement
	}
	return t.put(tw)
}

// withField returns doc with a field put in front, unless it has it already.
func withField(doc Doc, name string, v Value) Doc {
	if _, ok := doc.Lookup(name); ok {
		return doc
	}
	b := bsonraw.NewBuilder(make([]byte, 0, len(doc)+len(v.Data)+16))
	b.Value(name, v)
	it := doc.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	return b.Finish()
}

// overlaid returns the fields of below, with the values of top where it has the
// same ones, and behind them the other fields of top.
func overlaid(below, top Doc) Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(below)+len(top)))
	it := below.Iter()
	for it.Next() {
		v := it.Value()
		if over, ok := top.Lookup(string(it.Key())); ok {
			v = over
		}
		b.ValueBytes(it.Key(), v)
	}
	it = top.Iter()
	for it.Next() {
		if _, ok := below.Lookup(string(it.Key())); !ok {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}
