package update

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/query"
)

func TestMain(m *testing.M) { mongotest.Main(m) }

var (
	cases = flag.Int("update.cases", 3000, "random updates to compare with mongod")
	seed  = flag.Uint64("update.seed", 1, "seed of the random updates")
)

// trial is one update of one document, and what became of it here.
type trial struct {
	pre     bsonraw.Doc
	filter  bsonraw.Doc
	update  bsonraw.Value
	filters []bsonraw.Doc
	upsert  bool

	post     bsonraw.Doc
	matched  bool
	modified bool
	err      error
}

func (c *trial) String() string {
	return fmt.Sprintf("document %s\nfilter   %s\nupdate   %s\nfilters  %s", mongotest.JSON(c.pre), mongotest.JSON(c.filter),
		mongotest.ValueJSON(c.update), describe(nil, arrayOfDocs(c.filters)))
}

func arrayOfDocs(docs []bsonraw.Doc) bsonraw.Value {
	values := make([]bsonraw.Value, len(docs))
	for i, d := range docs {
		values[i] = d.Value()
	}
	return bsonraw.ArrayValue(values...)
}

var now = time.UnixMilli(1_700_000_000_000).UTC()

// run does here what the update command does.
func (c *trial) run(t require.TestingT) {
	c.post = c.pre
	filter, err := query.Compile(c.filter, nil)
	require.NoError(t, err, "%s", c)
	pos := -1
	c.matched, pos, err = filter.MatchPosition(c.pre)
	require.NoError(t, err, "%s", c)
	u, err := Compile(c.update, &Options{ArrayFilters: c.filters, Now: now})
	if err != nil || !c.matched {
		c.err = err
		return
	}
	r, err := u.Apply(c.pre, pos, nil)
	if err != nil {
		c.err = err
		return
	}
	c.post, c.modified = r.Doc, r.Modified
	checkChanges(t, c.pre, r, c)
}

// checkChanges checks what the package promises of changes: they lead from pre
// to post, also through the codec.
func checkChanges(t require.TestingT, pre bsonraw.Doc, r Result, what fmt.Stringer) {
	require.NoError(t, bsonraw.Validate(r.Doc), "%s\n%s", what, r.Doc)
	decoded, err := DecodeChanges(AppendChanges(nil, r.Changes))
	require.NoError(t, err, "%s", what)
	require.Equal(t, describeChanges(r.Changes), describeChanges(decoded), "%s", what)
	again, err := ApplyChanges(pre, decoded)
	require.NoError(t, err, "%s\nchanges %s", what, describeChanges(r.Changes))
	require.Equal(t, mongotest.JSON(r.Doc), mongotest.JSON(again), "%s\nchanges %s", what, describeChanges(r.Changes))
	require.Equal(t, r.Doc, again, "%s\nchanges %s", what, describeChanges(r.Changes))
}

func describeChanges(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %q %s\n", c.Kind, c.Path, mongotest.ValueJSON(c.Operand))
	}
	return b.String()
}

// statement returns the trial as a statement of the update command.
func (c *trial) statement() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Doc("q", c.filter)
	b.Value("u", c.update)
	b.Bool("upsert", c.upsert)
	if c.filters != nil {
		b.Value("arrayFilters", arrayOfDocs(c.filters))
	}
	return b.Finish()
}

// compare runs trials on mongod in one command and compares everything.
func compare(t *testing.T, coll *mongotest.Coll, trials []*trial) {
	coll.Clear()
	docs := make([]bsonraw.Doc, len(trials))
	statements := make([]bsonraw.Doc, len(trials))
	modified := int64(0)
	for i, c := range trials {
		docs[i], statements[i] = c.pre, c.statement()
		if c.modified {
			modified++
		}
	}
	coll.Insert(docs...)
	b := bsonraw.NewBuilder(nil)
	b.String("update", coll.Name())
	b.Value("updates", arrayOfDocs(statements))
	b.Bool("ordered", false)
	reply, _ := coll.Run(b.Finish())
	failed := make([]bsonraw.Doc, len(trials))
	for _, e := range reply.Get("writeErrors").Doc().Values() {
		i, _ := e.Doc().Get("index").AsInt64()
		failed[i] = e.Doc()
	}
	found, ferr := coll.Find(mongotest.Doc(`{}`), mongotest.Doc(`{"sort": {"_id": 1}}`))
	require.Nil(t, ferr)
	require.Len(t, found, len(trials), "%s", mongotest.JSON(reply))
	bad := false
	for i, c := range trials {
		bad = !c.same(t, failed[i], found[i]) || bad
	}
	n, _ := reply.Get("nModified").AsInt64()
	if n != modified && len(trials) > 1 && !bad {
		for _, c := range trials {
			compare(t, coll, []*trial{c})
		}
	} else if n != modified && len(trials) == 1 && !trials[0].reusesPlace(trials[0].pre) {
		t.Errorf("nModified %d, here %d\n%s", n, modified, trials[0])
	}
}

// same compares one trial with its write error and its document.
func (c *trial) same(t *testing.T, failed, found bsonraw.Doc) bool {
	if failed != nil {
		code, _ := failed.Get("code").AsInt64()
		message := failed.Get("errmsg").Str()
		if errs.CodeOf(c.err) != errs.Code(code) {
			t.Errorf("mongod: %d %s\nhere: %d %v, %s\n%s", code, message, errs.CodeOf(c.err), c.err, mongotest.JSON(c.post), c)
			return false
		}
		if os.Getenv("ARGON_SHOW_MESSAGES") != "" && errs.As(c.err).Message != message {
			t.Logf("mongod: %s\nhere:   %s", message, errs.As(c.err).Message)
		}
		return true
	}
	if c.err != nil {
		t.Errorf("mongod: %s\nhere: %d %v\n%s", mongotest.JSON(found), errs.CodeOf(c.err), c.err, c)
		return false
	}
	if string(found) != string(c.post) && !c.reusesPlace(found) {
		t.Errorf("mongod: %s\nhere:   %s\n%s", mongotest.JSON(found), mongotest.JSON(c.post), c)
		return false
	}
	return true
}

// reusesPlace reports whether documents differ by order only after a pipeline of
// several stages. In mongod a field that one stage removes and a later one adds
// again gets its old place back, as long as no stage has made a new document;
// here a new field is the last one, always.
func (c *trial) reusesPlace(other bsonraw.Doc) bool {
	return c.update.Type == bsonraw.Array && c.update.Doc().Len() > 1 && mongotest.ByName(other.Value()) == mongotest.ByName(c.post.Value())
}

func TestRandomOperatorsAsMongod(t *testing.T) {
	coll := mongotest.Collection(t)
	g := newGen(*seed)
	for done := 0; done < *cases && !t.Failed(); done += 250 {
		trials := make([]*trial, 250)
		for i := range trials {
			id := bsonraw.Int32Value(int32(i))
			if done/250%4 == 3 {
				id = mongotest.Docf(`{"x": %d, "a": {"b": 1}}`, i).Value()
			}
			c := &trial{pre: g.stored(id)}
			c.filter = g.selector(c.pre)
			u, filters := g.operators()
			c.update, c.filters = u.Value(), filters
			c.run(t)
			trials[i] = c
		}
		compare(t, coll, trials)
	}
}

func TestRandomReplacementsAsMongod(t *testing.T) {
	coll := mongotest.Collection(t)
	g := newGen(*seed)
	for done := 0; done < *cases/4 && !t.Failed(); done += 250 {
		trials := make([]*trial, 250)
		for i := range trials {
			c := &trial{pre: g.stored(bsonraw.Int32Value(int32(i)))}
			c.filter = g.selector(c.pre)
			c.update = g.replacement(c.pre).Value()
			c.run(t)
			trials[i] = c
		}
		compare(t, coll, trials)
	}
}

func TestRandomUpsertsAsMongod(t *testing.T) {
	coll := mongotest.Collection(t)
	g := newGen(*seed)
	for range *cases / 4 {
		c := &trial{filter: g.equalities(), upsert: true}
		if c.update = g.replacement(g.stored(g.scalar())).Value(); !g.chance(4) {
			u, filters := g.operators()
			c.update, c.filters = u.Value(), filters
		}
		upsertOnce(t, coll, c)
		if t.Failed() {
			return
		}
	}
}

// upsertOnce upserts into the empty collection and compares.
func upsertOnce(t *testing.T, coll *mongotest.Coll, c *trial) {
	coll.Clear()
	b := bsonraw.NewBuilder(nil)
	b.String("update", coll.Name())
	b.Value("updates", arrayOfDocs([]bsonraw.Doc{c.statement()}))
	_, failed := coll.Run(b.Finish())
	found, ferr := coll.Find(mongotest.Doc(`{}`), nil)
	require.Nil(t, ferr)
	filter, err := query.Compile(c.filter, nil)
	require.NoError(t, err, "%s", c)
	post, err := upsertHere(c, filter, func() bsonraw.Value {
		if len(found) == 0 {
			return bsonraw.NullValue
		}
		return found[0].Get("_id")
	})
	c.pre = bsonraw.EmptyDoc
	switch {
	case failed != nil && failed.Code == 54 && errs.Is(err, errs.InvalidIDField):
		// An array for _id by $push is 54 there, and 53 as by $set here.
	case failed == nil && errs.Is(err, errs.DollarPrefixedFieldName):
		// mongod lets {$set: {"_id.$x": 1}} through, although it would not insert
		// what that gives.
	case failed != nil:
		if errs.CodeOf(err) != errs.Code(failed.Code) {
			t.Errorf("mongod: %d %s\nhere: %d %v, %s\n%s", failed.Code, failed.Message, errs.CodeOf(err), err, mongotest.JSON(post), c)
		}
	case err != nil:
		t.Errorf("mongod: %s\nhere: %d %v\n%s", mongotest.JSON(found[0]), errs.CodeOf(err), err, c)
	case string(found[0]) != string(post):
		t.Errorf("mongod: %s\nhere:   %s\n%s", mongotest.JSON(found[0]), mongotest.JSON(post), c)
	}
}

func upsertHere(c *trial, filter *query.Filter, newID func() bsonraw.Value) (bsonraw.Doc, error) {
	u, err := Compile(c.update, &Options{ArrayFilters: c.filters, Now: now})
	if err != nil {
		return nil, err
	}
	return u.Upsert(filter, newID)
}

func TestRandomPipelinesAsMongod(t *testing.T) {
	coll := mongotest.Collection(t)
	g := newGen(*seed)
	for done := 0; done < *cases/4 && !t.Failed(); done += 250 {
		trials := make([]*trial, 250)
		for i := range trials {
			c := &trial{pre: g.stored(bsonraw.Int32Value(int32(i)))}
			c.filter = g.selector(c.pre)
			c.update = g.pipeline()
			c.run(t)
			trials[i] = c
		}
		compare(t, coll, trials)
	}
}
