package mirror

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestBadDefinitions(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.M{"_id": 1})
	name := w.db.Name()
	add := func(change func(*command.MirrorSpec)) error {
		spec := &command.MirrorSpec{Name: "live", Source: w.uri, Databases: []command.MirrorDatabase{{Database: name, Project: "shop"}}}
		change(spec)
		_, err := w.m.Add(w.ctx(), spec, engine.CommitMeta{})
		return err
	}
	for _, c := range []struct {
		code    errs.Code
		message string
		change  func(*command.MirrorSpec)
	}{
		{errs.BadValue, "no connection string", func(s *command.MirrorSpec) { s.Source = "localhost" }},
		{errs.BadValue, "the connection string", func(s *command.MirrorSpec) { s.Source = "mongodb://u:s3cret@h:99999999/db" }},
		{errs.SourceUnavailable, "u:***@127.0.0.1:1", func(s *command.MirrorSpec) {
			s.Source = "mongodb://u:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=100"
		}},
		{errs.InvalidName, "cannot be the name", func(s *command.MirrorSpec) { s.Name = "a~b" }},
		{errs.MissingRequiredField, "at least one database", func(s *command.MirrorSpec) { s.Databases = nil }},
		{errs.InvalidNamespace, "cannot be mirrored", func(s *command.MirrorSpec) { s.Databases[0].Database = "admin" }},
		{errs.MirrorExists, "mapped twice", func(s *command.MirrorSpec) {
			s.Databases = append(s.Databases, command.MirrorDatabase{Database: name, Project: "other"})
		}},
		{errs.MirrorExists, "two databases are mapped", func(s *command.MirrorSpec) {
			s.Databases = append(s.Databases, command.MirrorDatabase{Database: "other", Project: "shop"})
		}},
		{errs.BadValue, "no pattern", func(s *command.MirrorSpec) { s.Include = []string{"[a"} }},
		{errs.BadValue, "onGap", func(s *command.MirrorSpec) { s.OnGap = "panic" }},
	} {
		err := add(c.change)
		require.Equal(t, c.code, errs.CodeOf(err), "%v", err)
		require.Contains(t, err.Error(), c.message)
		require.NotContains(t, err.Error()+errs.As(err).Remedy, "s3cret")
	}
	require.NoError(t, add(func(*command.MirrorSpec) {}))
	err := add(func(*command.MirrorSpec) {})
	require.Equal(t, errs.MirrorExists, errs.CodeOf(err))
	err = add(func(s *command.MirrorSpec) { s.Name = "second" })
	require.Equal(t, errs.MirrorExists, errs.CodeOf(err))
	_, err = w.m.Status(w.ctx(), "lvie", false)
	require.Equal(t, errs.MirrorNotFound, errs.CodeOf(err))
	require.Contains(t, errs.As(err).Remedy, "live")
}

// TestRights names what a user lacks, and works with the role that Role prints.
func TestRights(t *testing.T) {
	set := mongotest.NewSet(t, 1, "--setParameter", "enableTestCommands=1")
	db := set.Client.Database("shop")
	_, err := db.Collection("users").InsertOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	admin := set.Client.Database("admin")
	privilege := func(actions ...string) bson.A {
		return bson.A{bson.D{{Key: "resource", Value: bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: ""}}}, {Key: "actions", Value: actions}}}
	}
	for role, p := range map[string]bson.A{"full": privilege(actions...), "half": privilege("find", "listCollections")} {
		require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: role}, {Key: "privileges", Value: p}, {Key: "roles", Value: bson.A{}}}).Err())
		require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: role}, {Key: "pwd", Value: "s3cret"}, {Key: "roles", Value: bson.A{role}}}).Err())
	}
	as := func(user string) *source {
		src, err := connect(t.Context(), "mongodb://"+user+":s3cret@"+set.Hosts[0]+"/?directConnection=true&authSource=admin", "test")
		require.NoError(t, err)
		t.Cleanup(func() { src.close(t.Context()) })
		return src
	}
	require.NoError(t, as("full").checkRights(t.Context(), "shop"))
	err = as("half").checkRights(t.Context(), "shop")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	require.Contains(t, err.Error(), `may not changeStream, listIndexes on database "shop"`)
	require.NotContains(t, err.Error(), "s3cret")
	_, err = connect(t.Context(), "mongodb://full:wrong@"+set.Hosts[0]+"/?directConnection=true&authSource=admin", "test")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	require.NotContains(t, err.Error(), "wrong")
	require.Contains(t, Role([]string{"shop"}), `"changeStream"`)
}

func TestStandaloneAndOldSources(t *testing.T) {
	s := &source{version: [3]int{4, 0, 28}, text: "4.0.28"}
	require.False(t, s.atLeast(4, 2, 0))
	for _, c := range []struct {
		version                     [3]int
		snapshots, expanded, splits bool
	}{
		{[3]int{4, 4, 0}, false, false, false},
		{[3]int{5, 0, 3}, true, false, false},
		{[3]int{6, 0, 5}, true, true, false},
		{[3]int{6, 0, 9}, true, true, true},
		{[3]int{6, 3, 0}, true, true, true},
		{[3]int{8, 0, 0}, true, true, true},
	} {
		s.version = c.version
		require.Equal(t, []bool{c.snapshots, c.expanded, c.splits}, []bool{s.snapshots(), s.expanded(), s.splits()}, "%v", c.version)
	}
}

func TestRedact(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h/db":                                   "mongodb://h/db",
		"mongodb://u@h/db":                                 "mongodb://u:***@h/db",
		"mongodb://u:p%40@a,b:1/db?w=1":                    "mongodb://u:***@a,b:1/db?w=1",
		"mongodb+srv://u:p/@h/db":                          "mongodb+srv://u:***@h/db",
		"mongodb://h/?tlsCertificateKeyFilePassword=x&w=1": "mongodb://h/?w=1",
		"nonsense u:p":                                     "(not a URI)",
	} {
		require.Equal(t, want, Redact(uri))
	}
	require.Equal(t, "bad *** and ***", scrub("bad p%40q and p@q", "mongodb://u:p%40q@h/"))
}

// TestWhatCannotBeHeld has the source take documents that Argon does not.
func TestWhatCannotBeHeld(t *testing.T) {
	w := newWorld(t)
	deep := bson.D{{Key: "x", Value: 1}}
	for range 150 {
		deep = bson.D{{Key: "x", Value: deep}}
	}
	w.insert("docs", bson.M{"_id": 1, "n": 1}, bson.M{"_id": 2, "n": 2})
	w.add()
	w.sync()
	_, err := w.db.Collection("docs").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.M{"$set": bson.M{"deep": deep}})
	require.NoError(t, err)
	s := w.sync()
	if s.Databases[0].Refusals == 0 {
		w.verify() // Argon holds what MongoDB does
		return
	}
	require.Equal(t, "docs", s.Databases[0].Refused[0].Collection)
	require.Equal(t, []string{`{"_id":2,"n":2}`}, w.find("", "docs"))
}

// TestLargeEvents has updates whose events are larger than the source can send.
func TestLargeEvents(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("p", 200)
	// The source's log has a change of many fields of one object, which is small
	// beside the object; the event repeats the object's name for each of them.
	inner := bson.D{{Key: "filler", Value: strings.Repeat("x", 8<<20)}}
	for range 90_000 {
		inner = append(inner, bson.E{Key: bson.NewObjectID().Hex(), Value: 1})
	}
	w.insert("docs", bson.D{{Key: "_id", Value: 1}, {Key: long, Value: inner}})
	w.add()
	w.sync()
	field := bson.D{{Key: "k", Value: "$$this.k"}, {Key: "v", Value: bson.D{{Key: "$cond", Value: bson.A{bson.D{{Key: "$isNumber", Value: "$$this.v"}}, 2, "$$this.v"}}}}}
	fields := bson.D{{Key: "$map", Value: bson.D{{Key: "input", Value: bson.D{{Key: "$objectToArray", Value: "$" + long}}}, {Key: "in", Value: field}}}}
	_, err := w.db.Collection("docs").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: long, Value: bson.D{{Key: "$arrayToObject", Value: fields}}}}}}})
	require.NoError(t, err)
	w.insert("docs", bson.M{"_id": 2})
	w.sync()
	w.verify()
	require.Len(t, w.find("", "docs"), 2)
	require.Contains(t, strings.Join(w.log()[:3], "\n"), "too large for the source to send")
}

// TestPatterns follows what is asked for, also through renames.
func TestPatterns(t *testing.T) {
	w := newWorld(t)
	w.insert("orders", bson.M{"_id": 1})
	w.insert("tmp_a", bson.M{"_id": 1})
	_, err := w.db.Collection("tmp_a").Indexes().CreateOne(w.ctx(), mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}, Options: options.Index()})
	require.NoError(t, err)
	w.add(func(s *command.MirrorSpec) { s.Exclude = []string{"tmp_*"} })
	w.sync()
	require.Nil(t, w.collection("tmp_a"))
	rename := func(from, to string) {
		cmd := bson.D{{Key: "renameCollection", Value: w.db.Name() + "." + from}, {Key: "to", Value: w.db.Name() + "." + to}}
		require.NoError(t, w.db.Client().Database("admin").RunCommand(w.ctx(), cmd).Err())
	}
	rename("tmp_a", "arrived")
	w.insert("arrived", bson.M{"_id": 2})
	rename("orders", "tmp_orders")
	w.insert("tmp_orders", bson.M{"_id": 2})
	w.sync()
	require.Equal(t, []string{`{"_id":1}`, `{"_id":2}`}, w.find("", "arrived"))
	require.Equal(t, "k_1", w.indexes("arrived"))
	require.Nil(t, w.collection("orders"))
	w.verify()
}
