package mirror

import (
	"os"
	"path/filepath"
	"regexp"
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

// TestRights names what a user lacks, and mirrors with the role that Role prints
// from a server that asks who one is.
func TestRights(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("c29tZXRoaW5nIHNlY3JldA=="), 0o600))
	set := mongotest.NewSet(t, 1, "--keyFile", key)
	admin := mongotest.Admin(t, set)
	db := admin.Database("shop")
	_, err := db.Collection("users").InsertOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	user := func(name, role string, privileges any) string {
		for _, cmd := range []bson.D{
			{{Key: "createRole", Value: role}, {Key: "privileges", Value: privileges}, {Key: "roles", Value: bson.A{}}},
			{{Key: "createUser", Value: name}, {Key: "pwd", Value: "s3cret"}, {Key: "roles", Value: bson.A{role}}},
		} {
			require.NoError(t, admin.Database("admin").RunCommand(t.Context(), cmd).Err())
		}
		return "mongodb://" + name + ":s3cret@" + set.Hosts[0] + "/?directConnection=true&authSource=admin"
	}
	half := user("half", "half", bson.A{bson.D{
		{Key: "resource", Value: bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: ""}}},
		{Key: "actions", Value: bson.A{"find", "listCollections"}},
	}})
	w := &world{t: t, dir: t.TempDir(), db: db}
	w.open()
	t.Cleanup(w.close)
	add := func(uri string) error {
		w.uri = uri
		_, err := w.m.Add(t.Context(), &command.MirrorSpec{Name: "live", Source: uri, Databases: []command.MirrorDatabase{{Database: "shop"}}}, engine.CommitMeta{})
		return err
	}
	err = add(half)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	require.Contains(t, err.Error(), `may not changeStream, listIndexes on database "shop"`)
	require.Contains(t, errs.As(err).Remedy, "argon mirror role")
	require.NotContains(t, err.Error(), "s3cret")
	for uri, secret := range map[string]string{strings.Replace(half, "s3cret", "wr0ng", 1): "wr0ng", "mongodb://" + set.Hosts[0] + "/?directConnection=true": "s3cret"} {
		err = add(uri)
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
		require.NotContains(t, err.Error(), secret)
	}

	reply, err := w.m.Role(t.Context(), "", []string{"shop"})
	require.NoError(t, err)
	role, privileges := parseRole(t, text(reply.Get("role")))
	require.NoError(t, add(user("least", role, privileges)))
	w.start()
	w.sync()
	_, err = db.Collection("users").InsertOne(t.Context(), bson.M{"_id": 2})
	require.NoError(t, err)
	w.sync()
	w.verify()
	w.resync()
	w.sync()
	w.eventually("the oplog window", func() bool { return w.status().Databases[0].WindowSec != nil })

	// A right is taken away while the mirror runs.
	require.NoError(t, admin.Database("admin").RunCommand(t.Context(), bson.D{{Key: "updateRole", Value: role}, {Key: "privileges", Value: bson.A{}}}).Err())
	w.eventually("a failure", func() bool { return w.status().State == stageFailed })
	require.Equal(t, errs.Unauthorized.Name(), w.status().Databases[0].Error.CodeName)
	require.Contains(t, w.status().Databases[0].Error.Remedy, "argon mirror role")
}

// parseRole reads the createRole command for mongosh, as mongosh would.
func parseRole(t *testing.T, script string) (name string, privileges bson.A) {
	_, script, ok := strings.Cut(script, `db.getSiblingDB("admin").createRole(`)
	require.True(t, ok)
	script = strings.TrimSuffix(strings.TrimSpace(script), ")")
	script = regexp.MustCompile(`(?m)^ *//.*$`).ReplaceAllString(script, "")
	script = regexp.MustCompile(`([{ ])([a-z]+):`).ReplaceAllString(script, `$1"$2":`)
	script = regexp.MustCompile(`,(\s*[\]}])`).ReplaceAllString(script, "$1")
	var role struct {
		Role       string
		Privileges bson.A
	}
	require.NoError(t, bson.UnmarshalExtJSON([]byte(script), false, &role), script)
	return role.Role, role.Privileges
}

// TestStandalone says what to do with a server that has no change streams.
func TestStandalone(t *testing.T) {
	uri, _ := mongotest.Standalone(t)
	w := newWorld(t)
	_, err := w.m.Add(w.ctx(), &command.MirrorSpec{Name: "live", Source: uri, Databases: []command.MirrorDatabase{{Database: "shop"}}}, engine.CommitMeta{})
	require.Equal(t, errs.NotSupported, errs.CodeOf(err), "%v", err)
	require.Contains(t, err.Error(), "standalone")
	require.Contains(t, errs.As(err).Remedy, "rs.initiate()")
	require.Contains(t, errs.As(err).Remedy, "argon import")
}

func TestVersions(t *testing.T) {
	old := &source{version: [3]int{4, 0, 28}, text: "4.0.28", name: "mongodb://h"}
	err := old.supported("rs0", "")
	require.Equal(t, errs.NotSupported, errs.CodeOf(err))
	require.Contains(t, err.Error(), "MongoDB 4.0.28; mirrors need 4.2 or newer")
	require.Contains(t, errs.As(err).Remedy, "argon import mongodb://h")
	s := &source{version: [3]int{4, 2, 0}}
	require.NoError(t, s.supported("rs0", ""))
	require.NoError(t, s.supported("", "isdbgrid"))
	require.ErrorContains(t, s.supported("", ""), "standalone")
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
