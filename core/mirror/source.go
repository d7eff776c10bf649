package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/argon-lab/argon/core/errs"
)

// source is a connection to the server that a mirror follows, and what that
// server can do.
type source struct {
	client  *mongo.Client
	uri     string
	name    string // redacted
	version [3]int
	text    string // the version as the server words it
	router  bool   // of a sharded cluster
	plain   bool   // pretend that streams do not show definitions; for tests
}

// selectionTimeout is how long a server may take to answer at all.
const selectionTimeout = 10 * time.Second

// connect reaches the server and finds out what it is.
func connect(ctx context.Context, uri, app string) (*source, error) {
	parsed, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	o := options.Client().ApplyURI(uri).SetAppName("argon mirror " + app).SetReadConcern(readconcern.Majority())
	if !parsed.ServerSelectionTimeoutSet {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	s := &source{uri: uri, name: Redact(uri)}
	if s.client, err = mongo.Connect(o); err != nil {
		return nil, errs.New(errs.BadValue, "the connection string %s: %s", s.name, scrub(err.Error(), uri))
	}
	if err := s.ask(ctx); err != nil {
		s.close(ctx)
		return nil, s.wrap(ctx, err)
	}
	return s, nil
}

// close ends the connection, at once.
func (s *source) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.client.Disconnect(ctx)
}

func (s *source) ask(ctx context.Context) error {
	admin := s.client.Database("admin")
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
	}
	if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	var build struct {
		Version string `bson:"version"`
		Numbers []int  `bson:"versionArray"`
	}
	if err := admin.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err != nil {
		return err
	}
	s.text = build.Version
	copy(s.version[:], build.Numbers)
	s.router = hello.Msg == routerMsg
	return s.supported(hello.SetName, hello.Msg)
}

// routerMsg is how the router of a sharded cluster introduces itself.
const routerMsg = "isdbgrid"

// supported fails for servers that have no change streams of databases.
func (s *source) supported(setName, msg string) error {
	if !s.atLeast(4, 2, 0) {
		return errs.New(errs.NotSupported, "the source runs MongoDB %s; mirrors need 4.2 or newer", s.text).
			WithRemedy("read it once instead: argon import %s -p PROJECT", s.name)
	}
	if setName == "" && msg != routerMsg {
		return errs.New(errs.NotSupported, "the source is a standalone server, which has no change streams").
			WithRemedy("make it a replica set of one: start mongod with --replSet rs0 and run rs.initiate() once; or read it once: argon import %s -p PROJECT", s.name)
	}
	return nil
}

func (s *source) atLeast(major, minor, patch int) bool {
	return slices.Compare(s.version[:], []int{major, minor, patch}) >= 0
}

// expanded reports whether streams show the making of collections and indexes.
func (s *source) expanded() bool { return s.atLeast(6, 0, 0) && !s.plain }

// splits reports whether streams can cut events that are too large.
func (s *source) splits() bool { return s.atLeast(7, 0, 0) || s.version[0] == 6 && s.atLeast(6, 0, 9) }

// snapshots reports whether reads can be at a chosen cluster time.
func (s *source) snapshots() bool { return s.atLeast(5, 0, 0) }

// process returns what tells the process that answers from any other, or "" where
// reads cannot go on where they were: before 4.4, and through a router.
func (s *source) process(ctx context.Context) (string, error) {
	if !s.atLeast(4, 4, 0) || s.router {
		return "", nil
	}
	var hello struct {
		Topology struct {
			Process bson.ObjectID `bson:"processId"`
		} `bson:"topologyVersion"`
	}
	err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	return hello.Topology.Process.Hex(), s.wrap(ctx, err)
}

// now returns the server's cluster time.
func (s *source) now(ctx context.Context) (bson.Timestamp, error) {
	raw, err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Raw()
	if err != nil {
		return bson.Timestamp{}, s.wrap(ctx, err)
	}
	t, i, ok := raw.Lookup("operationTime").TimestampOK()
	if !ok {
		return bson.Timestamp{}, errs.New(errs.NotSupported, "the source tells no operation time, so it is no replica set")
	}
	return bson.Timestamp{T: t, I: i}, nil
}

// snapshot returns a context whose reads see the data at a cluster time, and a
// function to end it.
func (s *source) snapshot(ctx context.Context, at bson.Timestamp) (context.Context, func(), error) {
	session, err := s.client.StartSession(options.Session().SetSnapshot(true).SetSnapshotTime(at))
	if err != nil {
		return nil, nil, s.wrap(ctx, err)
	}
	return mongo.NewSessionContext(ctx, session), func() { session.EndSession(context.WithoutCancel(ctx)) }, nil
}

// behind returns a context whose reads see all that was at a cluster time, and a
// function to end it.
func (s *source) behind(ctx context.Context, at bson.Timestamp) (context.Context, func(), error) {
	session, err := s.client.StartSession()
	if err == nil {
		err = session.AdvanceOperationTime(&at)
	}
	if err != nil {
		return nil, nil, s.wrap(ctx, err)
	}
	return mongo.NewSessionContext(ctx, session), func() { session.EndSession(context.WithoutCancel(ctx)) }, nil
}

// MongoDB's codes that mean something here.
const (
	codeUnauthorized   = 13
	codeAuthFailed     = 18
	codeNoNamespace    = 26
	codeCappedLost     = 136
	codeKeyNotFound    = 211
	codeSnapshotTooOld = 239
	codeSnapshotNone   = 246
	codeBadToken       = 260
	codeStreamFatal    = 280
	codeHistoryLost    = 286
	codeTooLarge       = 10334
)

func serverCode(err error) int {
	var server mongo.CommandError
	if errors.As(err, &server) {
		return int(server.Code)
	}
	return 0
}

// isLost reports whether an error means that the stream cannot go on from where
// we are.
func isLost(err error) bool {
	switch serverCode(err) {
	case codeHistoryLost, codeBadToken, codeCappedLost:
		return true
	case codeStreamFatal:
		return true
	}
	return false
}

// isSnapshotGone reports whether a moment can no longer be read.
func isSnapshotGone(err error) bool {
	code := serverCode(err)
	return code == codeSnapshotTooOld || code == codeSnapshotNone
}

// wrap gives an error of the driver a code, without the password.
func (s *source) wrap(ctx context.Context, err error) error {
	switch {
	case err == nil, errs.As(err) != nil:
		return err
	case ctx.Err() != nil:
		return errs.Wrap(context.Cause(ctx), errs.Interrupted, "the mirror was stopped")
	}
	message := scrub(err.Error(), s.uri)
	code := errs.SourceUnavailable
	switch c := serverCode(err); {
	case c == codeUnauthorized || c == codeAuthFailed || strings.Contains(message, "auth error"):
		code = errs.Unauthorized
	case isLost(err):
		code = errs.MirrorGap
	}
	e := errs.New(code, "the source %s: %s", s.name, message)
	if code == errs.Unauthorized {
		return e.WithRemedy("argon mirror role prints the role that a mirror needs")
	}
	return e
}

// actions are the rights that a mirror needs on each database, with the reason.
var actions = []string{"changeStream", "collStats", "find", "listCollections", "listIndexes"}

// checkRights names the rights that the user lacks on a database. A server
// without users has none to lack.
func (s *source) checkRights(ctx context.Context, database string) error {
	var status struct {
		AuthInfo struct {
			Users []struct {
				User string `bson:"user"`
			} `bson:"authenticatedUsers"`
			Privileges []struct {
				Resource struct {
					DB         *string `bson:"db"`
					Collection *string `bson:"collection"`
					Any        bool    `bson:"anyResource"`
				} `bson:"resource"`
				Actions []string `bson:"actions"`
			} `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	cmd := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	if err := s.client.Database("admin").RunCommand(ctx, cmd).Decode(&status); err != nil {
		return s.wrap(ctx, err)
	}
	if len(status.AuthInfo.Users) == 0 {
		_, err := s.client.Database(database).ListCollectionNames(ctx, bson.D{})
		return s.wrap(ctx, err)
	}
	missing := slices.Clone(actions)
	for _, p := range status.AuthInfo.Privileges {
		whole := p.Resource.Collection != nil && *p.Resource.Collection == ""
		here := p.Resource.DB != nil && (*p.Resource.DB == "" || *p.Resource.DB == database)
		if p.Resource.Any || whole && here {
			missing = slices.DeleteFunc(missing, func(a string) bool { return slices.Contains(p.Actions, a) })
		}
	}
	missing = slices.DeleteFunc(missing, func(a string) bool { return a == "collStats" }) // for the progress alone
	if len(missing) == 0 {
		return nil
	}
	return errs.New(errs.Unauthorized, "user %q of %s may not %s on database %q",
		status.AuthInfo.Users[0].User, s.name, strings.Join(missing, ", "), database).
		WithRemedy("grant the built-in role read on it, or the one that argon mirror role prints")
}

// Role returns the command that makes the least privileged role that a mirror of
// these databases needs.
func Role(databases []string) string {
	var b strings.Builder
	b.WriteString("db.getSiblingDB(\"admin\").createRole({\n  role: \"argonMirror\",\n  privileges: [\n")
	for _, name := range databases {
		fmt.Fprintf(&b, "    { resource: { db: %q, collection: \"\" }, actions: [", name)
		for i, a := range actions {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", a)
		}
		b.WriteString("] },\n")
	}
	b.WriteString("    // to warn before the oplog window closes; a mirror works without these two\n")
	b.WriteString("    { resource: { db: \"local\", collection: \"oplog.rs\" }, actions: [\"find\", \"collStats\"] },\n")
	b.WriteString("  ],\n  roles: [],\n})")
	return b.String()
}
