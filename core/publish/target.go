package publish

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Limits of the conversation with a target.
const (
	selectionTimeout = 10 * time.Second // for a server to answer at all
	operationTimeout = 65 * time.Second // for one command; a transaction lives for 60
	oldestWire       = 13               // MongoDB 5.0: $setField, $getField
)

// target is the live MongoDB that is written to.
type target struct {
	client *mongo.Client
	db     *mongo.Database
	name   string // the connection string without user and password
	auth   bool   // it had a user
	hello  hello
	txn    atomic.Int64 // number of the transaction that was last begun
}

type hello struct {
	SetName  string   `bson:"setName"`
	Msg      string   `bson:"msg"`
	Wire     int      `bson:"maxWireVersion"`
	Writable bool     `bson:"isWritablePrimary"`
	ReadOnly bool     `bson:"readOnly"`
	Hosts    []string `bson:"hosts"`
	Me       string   `bson:"me"`
	Primary  string   `bson:"primary"`
}

// transactions reports whether the target has them.
func (t *target) transactions() bool { return t.hello.SetName != "" || t.hello.Msg == "isdbgrid" }

func (t *target) transport() string {
	if t.transactions() {
		return "transactions"
	}
	return "ordered"
}

// connect reaches a target and looks whether it can be written to.
func connect(ctx context.Context, uri, database string) (*target, error) {
	if !strings.HasPrefix(uri, "mongodb://") && !strings.HasPrefix(uri, "mongodb+srv://") {
		return nil, errs.New(errs.BadValue, "%q is no connection string of a MongoDB", redact(uri)).
			WithRemedy("write mongodb://host/database")
	}
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, errs.New(errs.BadValue, "the connection string %s: %s", redact(uri), strings.ReplaceAll(err.Error(), uri, redact(uri)))
	}
	if database == "" {
		database = parsed.Database
	}
	if database == "" {
		return nil, errs.New(errs.BadValue, "the connection string %s names no database", redact(uri)).
			WithRemedy("write mongodb://host/database, or name the database")
	}
	t := &target{name: redact(uri), auth: parsed.Username != ""}
	if t.client, err = mongo.Connect(t.options(uri, parsed)); err != nil {
		return nil, errs.Wrap(err, errs.TargetUnavailable, "connecting to %s", t.name)
	}
	t.db = t.client.Database(database)
	if err := t.greet(ctx, parsed.Hosts); err != nil {
		t.close(ctx)
		return nil, err
	}
	return t, nil
}

// options are those of the connection string, except that writes are always
// acknowledged by a majority and reads always go to the primary.
func (t *target) options(uri string, parsed *connstring.ConnString) *options.ClientOptions {
	o := options.Client().ApplyURI(uri).SetAppName("argon publish").
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary()).
		SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
			command := bsonraw.Doc(e.Command)
			if command.Get("startTransaction").Truthy() {
				n, _ := command.Get("txnNumber").AsInt64()
				t.txn.Store(n)
			}
		}})
	if !parsed.ServerSelectionTimeoutSet {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	return o
}

// greet asks the server what it is.
func (t *target) greet(ctx context.Context, hosts []string) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	err := t.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&t.hello)
	switch {
	case err != nil && errs.As(t.failed(ctx, err)).Code == errs.TargetUnavailable:
		return errs.Wrap(err, errs.TargetUnavailable, "connecting to %v", hosts).
			WithRemedy("a publish needs the primary of a replica set, a mongos or a standalone server: look at the host names, and whether it runs")
	case err != nil:
		return t.failed(ctx, err)
	case t.hello.Wire < oldestWire:
		return errs.New(errs.NotSupported, "%s is older than MongoDB 5.0, whose operators the guards need", t.name)
	case t.hello.ReadOnly || !t.hello.Writable:
		e := errs.New(errs.TargetUnavailable, "%s cannot be written to: it is no primary", t.name)
		if t.hello.Primary != "" {
			e = e.WithRemedy("the primary is %s; leave out directConnection, or name it", t.hello.Primary)
		}
		return e
	}
	return nil
}

func (t *target) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = t.client.Disconnect(ctx) // closes its connections, which is all that is left
}

// session begins a session whose transactions see one moment and are
// acknowledged by a majority.
func (t *target) session() (*mongo.Session, error) {
	o := options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())
	s, err := t.client.StartSession(options.Session().SetDefaultTransactionOptions(o).SetCausalConsistency(false))
	if err != nil {
		return nil, errs.Wrap(err, errs.TargetUnavailable, "a session on %s", t.name)
	}
	return s, nil
}

// run runs a command on the database.
func (t *target) run(ctx context.Context, command bsonraw.Doc) (bsonraw.Doc, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	raw, err := t.db.RunCommand(ctx, bson.Raw(command)).Raw()
	return bsonraw.Doc(raw), err
}

// read returns the live documents of some _ids by the keys of these.
func (t *target) read(ctx context.Context, coll string, ids []bsonraw.Value) (map[string]bsonraw.Doc, error) {
	b := bsonraw.NewBuilder(nil)
	b.String("find", coll)
	b.BeginDoc("filter")
	b.BeginDoc("_id")
	b.Array("$in", bsonraw.ArrayOf(ids...))
	b.End()
	b.End()
	b.Doc("collation", simple)
	b.Int32("batchSize", 10000)
	docs := make(map[string]bsonraw.Doc, len(ids))
	err := t.each(ctx, b.Finish(), func(d bsonraw.Doc) error {
		docs[keyOf(d.Get("_id"))] = d.Clone()
		return nil
	})
	return docs, err
}

// each runs a command that answers with a cursor.
func (t *target) each(ctx context.Context, command bsonraw.Doc, do func(bsonraw.Doc) error) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	cur, err := t.db.RunCommandCursor(ctx, bson.Raw(command))
	if err != nil {
		return err
	}
	defer cur.Close(context.WithoutCancel(ctx))
	for cur.Next(ctx) {
		if err := do(bsonraw.Doc(cur.Current)); err != nil {
			return err
		}
	}
	return cur.Err()
}

// keyOf is equal for _ids that MongoDB holds to be equal.
func keyOf(id bsonraw.Value) string { return string(bsonraw.AppendKey(nil, id)) }

// failed gives an error of the driver a code and says what to do.
func (t *target) failed(ctx context.Context, err error) error {
	var server mongo.CommandError
	switch {
	case err == nil, errs.As(err) != nil:
		return err
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return errs.New(errs.Interrupted, "operation was interrupted")
	case errors.As(err, &server) && errs.Code(server.Code) == errs.Unauthorized:
		return errs.New(errs.Unauthorized, "%s: %s", t.name, server.Message).
			WithRemedy("the user needs find, insert, update and remove on the collections, and for a change of collections or indexes the role dbAdmin")
	case errors.As(err, &server) && server.Code == authenticationFailed:
		return errs.New(errs.Unauthorized, "%s: %s", t.name, server.Message).WithRemedy("look at the user, the password and authSource")
	case strings.Contains(err.Error(), "auth error"):
		return errs.Wrap(err, errs.Unauthorized, "%s", t.name).WithRemedy("look at the user, the password and authSource")
	case errors.As(err, &server) && !server.HasErrorLabel("NetworkError") && !notPrimary[server.Code]:
		return errs.New(errs.Code(server.Code), "%s: %s", t.name, server.Message)
	}
	return errs.Wrap(err, errs.TargetUnavailable, "%s", t.name)
}

const authenticationFailed = 18

// notPrimary are the codes of servers that are no primary, or stop being one.
var notPrimary = map[int32]bool{
	91: true, 189: true, 11600: true, 11602: true, 10107: true, 13435: true, 13436: true,
}

// redact leaves out user and password of a connection string.
func redact(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		hosts = hosts[i+1:]
	} else if i := strings.LastIndexByte(rest, '@'); i >= 0 { // a password with a slash that should have been escaped
		hosts, path, _ = strings.Cut(rest[i+1:], "/")
	}
	if path != "" || strings.HasSuffix(rest, "/") {
		hosts += "/"
	}
	return scheme + "://" + hosts + path
}
