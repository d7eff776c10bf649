package command

import (
	"math"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// generic holds the fields that every command takes.
type generic struct {
	db           string // $db
	lsid         lsid
	hasLsid      bool
	txnNumber    int64
	hasTxnNumber bool
	autocommit   triState
	start        bool // startTransaction
	stmtID       int64
	hasStmtID    bool
	stmtIDs      bsonraw.Doc
	maxTime      time.Duration
	actor        string
	message      string
	writeConcern concern
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
// date), apiVersion, apiStrict and apiDeprecationErrors (version 1 is what
// there is), client ($client, sent by drivers and proxies about themselves).
func (g *generic) read(key []byte, v bsonraw.Value) (bool, error) {
	switch string(key) {
	case "$db":
		if v.Type != bsonraw.String {
			return true, wrongGeneric("$db", v, " 'string'")
		}
		g.db = v.Str()
	case "lsid":
		return true, g.readLsid(v)
	case "txnNumber":
		if v.Type != bsonraw.Int64 {
			return true, wrongSession("txnNumber", v, "long")
		}
		g.txnNumber, g.hasTxnNumber = v.Int64(), true
	case "autocommit":
		return true, g.readAutocommit(v)
	case "startTransaction":
		return true, g.readStart(v)
	case "stmtId":
		return true, g.readStmtID(v)
	case "stmtIds":
		if v.Type != bsonraw.Array {
			return true, wrongGeneric("stmtIds", v, " 'array'")
		}
		g.stmtIDs = v.Doc()
	case "maxTimeMS":
		return true, g.readMaxTime(v)
	case "$argon":
		return true, g.readArgon(v)
	case "writeConcern":
		return true, g.readWriteConcern(v)
	case "readConcern":
		return true, readReadConcern(v)
	case "apiVersion":
		return true, readAPIVersion(v)
	case "comment", "$readPreference", "$clusterTime", "apiStrict", "apiDeprecationErrors", "$client":
	default:
		return false, nil
	}
	return true, nil
}

func wrongGeneric(name string, v bsonraw.Value, want string) error {
	return errs.New(errs.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type%s", name, v.Type.Name(), want)
}

func wrongSession(name string, v bsonraw.Value, want string) error {
	return errs.New(errs.TypeMismatch, wrongType, "OperationSessionInfo", name, v.Type.Name(), " '"+want+"'")
}

// readLsid reads {id: UUID}. The field uid, a digest of the user that a driver
// never sends, is accepted as mongod does and takes part in the identity.
func (g *generic) readLsid(v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return wrongSession("lsid", v, "object")
	}
	id, err := parseLsid(v.Doc(), "OperationSessionInfo.lsid")
	g.lsid, g.hasLsid = id, err == nil
	return err
}

func (g *generic) readAutocommit(v bsonraw.Value) error {
	if v.Type != bsonraw.Boolean {
		return wrongSession("autocommit", v, "bool")
	}
	if v.Bool() {
		g.autocommit = yes
	} else {
		g.autocommit = no
	}
	return nil
}

func (g *generic) readStart(v bsonraw.Value) error {
	if v.Type != bsonraw.Boolean {
		return wrongSession("startTransaction", v, "bool")
	}
	g.start = v.Bool()
	return nil
}

func (g *generic) readStmtID(v bsonraw.Value) error {
	n, ok := v.AsInt64()
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return wrongGeneric("stmtId", v, " 'int'")
	}
	g.stmtID, g.hasStmtID = n, true
	return nil
}

func (g *generic) readMaxTime(v bsonraw.Value) error {
	if !v.IsNumber() {
		return errs.New(errs.BadValue, "maxTimeMS must be a number")
	}
	n := truncated(v)
	if n < 0 || n > math.MaxInt32 {
		return errs.New(errs.BadValue, "%d value for maxTimeMS is out of range", n)
	}
	g.maxTime = time.Duration(n) * time.Millisecond
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
	if v.Type != bsonraw.Object {
		return errs.New(errs.TypeMismatch, `"writeConcern" had the wrong type. Expected object, found %s`, v.Type.Name())
	}
	switch w := v.Doc().Get("w"); {
	case w.IsNumber():
		g.writeConcern.w = truncated(w)
	case w.Type == bsonraw.String:
		g.writeConcern.mode = w.Str()
	case w.Type != bsonraw.Missing:
		return errs.New(errs.FailedToParse, "w has to be a number, string, or object; found: %s", w.Type.Name())
	}
	return nil
}

// readReadConcern checks a read concern. There is one node whose reads see
// every acknowledged write, so that all levels are the same, and a cursor or a
// transaction reads one snapshot in any case. A moment of the past is named in
// the database's name.
func readReadConcern(v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return errs.New(errs.FailedToParse, "readConcern field should be an object")
	}
	if at := v.Doc().Get("atClusterTime"); !at.IsMissing() {
		return errs.New(errs.NotSupported, "readConcern.atClusterTime is not supported").
			WithRemedy("name the moment in the database's name: project~branch~<LSN, time, tag or -n>")
	}
	level := v.Doc().Get("level")
	if level.IsMissing() {
		return nil
	}
	if level.Type != bsonraw.String {
		return errs.New(errs.TypeMismatch, `"level" had the wrong type. Expected string, found %s`, level.Type.Name())
	}
	switch string(level.StringBytes()) {
	case "local", "majority", "linearizable", "available", "snapshot":
		return nil
	}
	return errs.New(errs.FailedToParse, "readConcern.level must be either 'local', 'majority', 'linearizable', 'available', or 'snapshot'")
}

func readAPIVersion(v bsonraw.Value) error {
	if v.Type != bsonraw.String || v.Str() != "1" {
		return errs.New(errs.APIVersionError, "API version must be \"1\"")
	}
	return nil
}

// check refuses combinations, in mongod's words.
func (g *generic) check(cmd *Command) error {
	bad := func(text string) error { return errs.New(errs.InvalidOptions, "%s", text) }
	switch {
	case g.autocommit == yes:
		return bad("Specifying autocommit=true is not allowed.")
	case g.hasTxnNumber && !g.hasLsid:
		return bad("Transaction number requires a session ID to also be specified")
	case g.autocommit == no && !g.hasTxnNumber:
		return bad("'autocommit' field requires a transaction number to also be specified")
	case g.start && g.autocommit == unset:
		return bad("'startTransaction' field requires 'autocommit' field to also be specified")
	case g.hasTxnNumber && g.txnNumber < 0:
		return bad("Transaction number cannot be negative")
	}
	if g.autocommit == no && !cmd.has(inTxn) {
		return notInTxn(cmd.Name)
	}
	if g.hasTxnNumber && g.autocommit == unset && !cmd.has(retryable) && !cmd.has(endsTxn) {
		return errs.New(errs.NotARetryableWriteCommand, "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not provided, and %s is not a retryable write command.", cmd.Name)
	}
	return nil
}

func notInTxn(name string) error {
	if name == "count" {
		return errs.New(errs.OperationNotSupportedInTxn, "Cannot run 'count' in a multi-document transaction. Please see http://dochub.mongodb.org/core/transaction-count for a recommended alternative.")
	}
	return errs.New(errs.OperationNotSupportedInTxn, "Cannot run '%s' in a multi-document transaction.", name)
}
