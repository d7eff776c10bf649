package command

import (
	"math"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// generic holds the fields that every command takes.
type generic struct {
	db              string // $db
	lsid            lsid
	owner           *[32]byte // whose sessions are meant, where the client has authenticated
	hasLsid         bool
	txnNumber       int64
	hasTxnNumber    bool
	autocommit      triState
	start           triState // startTransaction
	stmtID          int32
	hasStmtID       bool
	stmtIDs         bsonraw.Doc
	maxTime         time.Duration
	op              int64 // $argonOp: by which argonCancel knows the command
	batchBytes      int64 // $argonBatchBytes: of a getMore whose batch is to be smaller than the most
	actor           string
	message         string
	writeConcern    concern
	concern         readConcern
	hasConcern      bool // a read concern that says something was given
	hasWriteConcern bool // and a write concern
	api             bool // apiVersion was given
	apiOption       bool // apiStrict or apiDeprecationErrors was
	apiStrict       bool // only what belongs to version 1 of the API
	retryable       bool // the command is a retryable write, and has statement ids
	readOnly        bool // the command never writes
}

type triState uint8

const (
	unset triState = iota
	no
	yes
)

// concern is what a write concern asks for beyond what every write has.
type concern struct {
	w    int64
	mode string
}

// read takes one generic field; false if key is not one.
//
// Accepted without effect, with the reason: comment (for logs and profilers),
// $readPreference and $clusterTime (there is one node, and it is always up to
// date; only their form is checked), apiDeprecationErrors (nothing of version 1 is
// deprecated), $client (sent by drivers and proxies about themselves).
func (g *generic) read(key []byte, v bsonraw.Value) (bool, error) {
	switch string(key) {
	case "$db":
		if v.Type != bsonraw.String {
			return true, wrongGeneric("$db", v, " 'string'")
		}
		g.db = v.Str()
	case "lsid", "txnNumber", "autocommit", "startTransaction":
		if v.IsNullish() {
			return true, nil
		}
		return true, g.readSession(string(key), v)
	case "stmtId", "stmtIds":
		return g.readStatement(string(key), v)
	case "maxTimeMS":
		return true, g.readMaxTime(v)
	case "$argon":
		return true, g.readArgon(v)
	case "$argonOp", "$argonBatchBytes":
		if v.Type != bsonraw.Int64 {
			return true, wrongGeneric(string(key), v, " 'long'")
		}
		if len(key) == len("$argonOp") {
			g.op = v.Int64()
		} else {
			g.batchBytes = v.Int64()
		}
	case "writeConcern":
		return true, g.readWriteConcern(v)
	case "readConcern":
		return true, g.readReadConcern(v)
	case "apiVersion", "apiStrict", "apiDeprecationErrors":
		return true, g.readAPI(string(key), v)
	case "$readPreference":
		return true, readPreference(v)
	case "$clusterTime":
		return true, checkClusterTime(v)
	case "comment", "$client":
	default:
		return false, nil
	}
	return true, nil
}

// readLoose is read for commands that MongoDB lets have any field.
func (g *generic) readLoose(key []byte, v bsonraw.Value) (bool, error) {
	_, err := g.read(key, v)
	return true, err
}

func wrongGeneric(name string, v bsonraw.Value, want string) error {
	return errs.New(errs.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type%s", name, v.Type.Name(), want)
}

func wrongSession(name string, v bsonraw.Value, want string) error {
	return errs.New(errs.TypeMismatch, wrongType, "OperationSessionInfo", name, v.Type.Name(), " '"+want+"'")
}

// readSession reads the fields of a logical session. lsid is {id: UUID}; its
// field uid, a digest of the user that a router adds, takes part in the
// identity.
func (g *generic) readSession(key string, v bsonraw.Value) error {
	switch key {
	case "lsid":
		if v.Type != bsonraw.Object {
			return wrongSession(key, v, "object")
		}
		id, err := parseLsid(v.Doc(), "OperationSessionInfo.lsid")
		if g.owner != nil {
			id.uid = *g.owner
		}
		g.lsid, g.hasLsid = id, err == nil
		return err
	case "txnNumber":
		if v.Type != bsonraw.Int64 {
			return wrongSession(key, v, "long")
		}
		g.txnNumber, g.hasTxnNumber = v.Int64(), true
		return nil
	}
	if v.Type != bsonraw.Boolean {
		return wrongSession(key, v, "bool")
	}
	state := no
	if v.Bool() {
		state = yes
	}
	if key == "autocommit" {
		g.autocommit = state
	} else {
		g.start = state
	}
	return nil
}

// readStatement reads the numbers of a retryable write's statements. Other
// commands do not know stmtIds, and do not look at stmtId.
func (g *generic) readStatement(key string, v bsonraw.Value) (bool, error) {
	switch {
	case !g.retryable:
		return key == "stmtId", nil
	case v.IsNullish() && key == "stmtId":
		return true, nil
	case key == "stmtIds" && v.IsNullish():
		return true, errs.New(10065, "invalid parameter: expected an object (stmtIds)")
	case key == "stmtIds" && v.Type != bsonraw.Array:
		return true, wrongGeneric(key, v, " 'array'")
	case key == "stmtIds":
		g.stmtIDs = v.Doc()
		return true, nil
	}
	if v.Type != bsonraw.Int32 {
		return true, wrongGeneric(key, v, " 'int'")
	}
	g.stmtID, g.hasStmtID = v.Int32(), true
	return true, nil
}

func (g *generic) readMaxTime(v bsonraw.Value) error {
	if !v.IsNumber() {
		return errs.New(errs.BadValue, "maxTimeMS must be a number")
	}
	n, ok := v.AsInt64()
	if !ok {
		return errs.New(errs.BadValue, "maxTimeMS has non-integral value")
	}
	if n < 0 || n > math.MaxInt32 {
		return errs.New(errs.BadValue, "%d value for maxTimeMS is out of range", n)
	}
	g.maxTime = time.Duration(n) * time.Millisecond
	return nil
}

func (g *generic) readAPI(key string, v bsonraw.Value) error {
	want, name := bsonraw.Boolean, "bool"
	if key == "apiVersion" {
		want, name = bsonraw.String, "string"
	}
	switch {
	case v.IsNullish():
		return nil
	case v.Type != want:
		return errs.New(errs.TypeMismatch, wrongType, "APIParametersFromClient", key, v.Type.Name(), " '"+name+"'")
	case key != "apiVersion":
		g.apiOption = true
		g.apiStrict = g.apiStrict || key == "apiStrict" && v.Bool()
	case v.Str() != "1":
		return errs.New(errs.APIVersionError, "API version must be \"1\"")
	default:
		g.api = true
	}
	return nil
}

func readPreference(v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return errs.New(errs.TypeMismatch, "$readPreference has incorrect type: expected object but got %s", v.Type.Name())
	}
	if v.Doc().Get("mode").IsMissing() {
		return errs.New(errs.NoSuchKey, "Missing expected field \"mode\"")
	}
	return nil
}

// checkClusterTime checks the form of the time that drivers pass on.
func checkClusterTime(v bsonraw.Value) error {
	doc := v.Doc()
	if doc == nil {
		return errs.New(10065, "invalid parameter: expected an object ($clusterTime)")
	}
	for _, f := range []struct {
		name string
		want bsonraw.Type
	}{{"clusterTime", bsonraw.Timestamp}, {"signature", bsonraw.Object}} {
		switch v, there := doc.Lookup(f.name); {
		case !there:
			return errs.New(errs.NoSuchKey, "Missing expected field %q", f.name)
		case v.Type != f.want:
			return errs.New(errs.TypeMismatch, "%q had the wrong type. Expected %s, found %s", f.name, f.want.Name(), v.Type.Name())
		}
	}
	return nil
}

// argonFields is the table of $argon: who makes the change, and why.
var argonFields = newTable("$argon", []field[generic]{
	text("actor", func(g *generic) *string { return &g.actor }).about("Who makes the change; stands in the log and can be undone by."),
	text("message", func(g *generic) *string { return &g.message }).about("Why; stands in the log."),
})

func (g *generic) readArgon(v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return wrongGeneric("$argon", v, " 'object'")
	}
	return argonFields.read(g, v.Doc(), nil)
}

// readWriteConcern keeps what the reply must speak of. Every write is durable
// before it is acknowledged, so that j and wtimeout have nothing to add.
func (g *generic) readWriteConcern(v bsonraw.Value) error {
	if g.readOnly {
		return errs.New(errs.InvalidOptions, "Command does not support writeConcern")
	}
	if v.Type != bsonraw.Object {
		return errs.New(errs.TypeMismatch, `"writeConcern" had the wrong type. Expected object, found %s`, v.Type.Name())
	}
	it := v.Doc().Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "w", "j", "fsync", "wtimeout", "getLastError", "provenance":
		default:
			return errs.New(errs.UnknownField, "BSON field 'WriteConcernOptions.%s' is an unknown field.", it.Key())
		}
	}
	g.hasWriteConcern = !v.Doc().IsEmpty()
	switch w := v.Doc().Get("w"); {
	case w.IsNumber():
		g.writeConcern.w = truncated(w)
		if n := g.writeConcern.w; n < 0 || n > 50 {
			return errs.New(errs.FailedToParse, "w has to be a non-negative number and not greater than 50; found: %d", n)
		}
	case w.Type == bsonraw.String:
		g.writeConcern.mode = w.Str()
	case w.Type != bsonraw.Missing:
		return errs.New(errs.FailedToParse, "w has to be a number, string, or object; found: %s", w.Type.Name())
	}
	return nil
}

// transaction returns the number of the transaction that the command is part of,
// or -1.
func (g *generic) transaction() int64 {
	if g.autocommit == no && g.hasTxnNumber {
		return g.txnNumber
	}
	return -1
}

// check refuses combinations, in mongod's words. Argon's own clients number more than
// drivers do.
func (g *generic) check(cmd *Command, numbersAll bool) error {
	bad := func(text string) error { return errs.New(errs.InvalidOptions, "%s", text) }
	switch {
	case g.autocommit == yes:
		return bad("Specifying autocommit=true is not allowed.")
	case g.hasTxnNumber && !g.hasLsid:
		return bad("Transaction number requires a session ID to also be specified")
	case g.autocommit == no && !g.hasTxnNumber:
		return bad("'autocommit' field requires a transaction number to also be specified")
	case g.start != unset && g.autocommit == unset:
		return bad("'startTransaction' field requires 'autocommit' field to also be specified")
	case g.start == no:
		return bad("Specifying startTransaction=false is not allowed.")
	case g.apiOption && !g.api:
		return errs.New(4886600, "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion")
	case g.apiStrict && !inAPI[cmd.Name]:
		return errs.New(errs.APIStrictError, "Provided apiStrict:true, but the command %s is not in API Version 1. Information on supported commands and migrations in API Version 1 can be found at https://dochub.mongodb.org/core/manual-versioned-api", cmd.Name)
	case g.hasTxnNumber && g.txnNumber < 0:
		return bad("Transaction number cannot be negative")
	}
	if g.autocommit == no {
		if err := g.checkInTxn(cmd); err != nil {
			return err
		}
	}
	if g.autocommit == unset {
		if err := g.concern.supported(cmd); err != nil {
			return err
		}
	}
	if g.hasTxnNumber && g.autocommit == unset && !cmd.has(retryable) && !cmd.has(endsTxn) && !(numbersAll && cmd.has(numbered)) {
		return errs.New(errs.NotARetryableWriteCommand, "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not provided, and %s is not a retryable write command.", cmd.Name)
	}
	return nil
}

// checkInTxn refuses what a command of a transaction cannot be, or cannot say.
func (g *generic) checkInTxn(cmd *Command) error {
	bad := func(text string) error { return errs.New(errs.InvalidOptions, "%s", text) }
	switch {
	case !cmd.has(inTxn):
		return notInTxn(cmd.Name)
	case g.hasWriteConcern && !cmd.has(endsTxn):
		return bad("writeConcern is not allowed within a multi-statement transaction")
	case g.hasConcern && g.start != yes:
		return bad("Only the first command in a transaction may specify a readConcern")
	case g.concern.level == "linearizable", g.concern.level == "available":
		return bad("The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order to run in a transaction")
	}
	return nil
}

// inAPI are the commands of version 1 of MongoDB's API.
var inAPI = setOf(
	"abortTransaction", "aggregate", "authenticate", "collMod", "commitTransaction", "count", "create", "createIndexes",
	"delete", "drop", "dropDatabase", "dropIndexes", "endSessions", "explain", "find", "findAndModify", "getMore", "hello",
	"insert", "killCursors", "listCollections", "listDatabases", "listIndexes", "ping", "refreshSessions", "saslContinue",
	"saslStart", "update",
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// checkStages refuses stages that are not in version 1 of the API, where nothing
// else is wanted.
func (g *generic) checkStages(pipeline []bsonraw.Doc) error {
	if !g.apiStrict {
		return nil
	}
	for _, stage := range pipeline {
		it := stage.Iter()
		if !it.Next() {
			continue
		}
		switch name := string(it.Key()); name {
		case "$currentOp", "$indexStats", "$listLocalSessions", "$listSessions":
			return errs.New(errs.APIStrictError, "%s is not allowed with 'apiStrict: true' in API Version 1", name)
		case "$collStats":
			if spec := it.Value().Doc(); spec.Len() != 1 || spec.Get("count").IsMissing() {
				return errs.New(errs.APIStrictError, "only the 'count' option to $collStats is supported in API Version 1")
			}
		}
	}
	return nil
}

func notInTxn(name string) error {
	if name == "count" {
		return errs.New(errs.OperationNotSupportedInTxn, "Cannot run 'count' in a multi-document transaction. Please see http://dochub.mongodb.org/core/transaction-count for a recommended alternative.")
	}
	return errs.New(errs.OperationNotSupportedInTxn, "Cannot run '%s' in a multi-document transaction.", name)
}
