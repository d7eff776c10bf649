package wal

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Record is what the log keeps of one commit.
type Record struct {
	// LSN and Time are assigned when the commit is applied. Times never
	// decrease with the LSN, whatever the clock does.
	LSN  LSN
	Time int64 // milliseconds since 1970
	Kind Kind
	// Actor is who made the commit, Message why; either may be empty.
	Actor   string
	Message string
	// Session identifies the driver's session and statement that a retryable
	// write came from; nil if none.
	Session []byte
	// Parent is the other parent of a merge; zero if there is none.
	Parent Position
	// Source says when and how the commit was made where it comes from, if it is
	// a copy of another database's; nil if it is our own.
	Source *Source
	Ops    []Op
}

// Source is what a mirrored commit was at its source.
type Source struct {
	ClusterTime uint64 // seconds in the upper half, increment in the lower
	Wall        int64  // milliseconds since 1970; 0 if not told
	Txn         int64  // the number of the transaction in its session; valid with Session
	Session     []byte // the session's id as BSON; nil outside transactions
}

// Position is a point in the history of a segment.
type Position struct {
	Segment SegmentID
	LSN     LSN
}

// Op is what a commit did to one document.
type Op struct {
	Collection CollectionID
	Kind       OpKind
	ID         bsonraw.Value
	// Changes is the encoded list of changes by operator or field; nil if the
	// whole document was set.
	Changes []byte
	// Form says how an update came about, for who retells it.
	Form Form
}

// KeptAway reports whether the op only says that a merge decided that the document,
// which is not there, stays away: it is a delete by difference, and made no version.
func (op *Op) KeptAway() bool { return op.Kind == Delete && op.Form == ByDifference }

// Form is how an update was made. Numbers are frozen.
type Form uint8

// The forms of an update.
const (
	ByOperators   Form = 0 // each change names what an operator touched
	ByReplacement Form = 1 // the whole document was given
	ByDifference  Form = 2 // the changes are the difference of two states; see KeptAway
)

// Kind says what sort of commit a record is of. Numbers are frozen.
type Kind uint8

// The kinds of commit.
const (
	KindWrite   Kind = 1 // a write command or transaction
	KindMerge   Kind = 2
	KindRestore Kind = 3
	KindUndo    Kind = 4
	KindImport  Kind = 5
	KindCatalog Kind = 6 // collections, indexes, options
	KindBranch  Kind = 7 // branches and tags made or removed
	KindMirror  Kind = 8
	KindSystem  Kind = 9 // Argon's own upkeep
	// KindDropDatabase is a commit that removed every collection at once.
	KindDropDatabase Kind = 10
)

var kindNames = [...]string{
	KindWrite: "write", KindMerge: "merge", KindRestore: "restore", KindUndo: "undo",
	KindImport: "import", KindCatalog: "catalog", KindBranch: "branch",
	KindMirror: "mirror", KindSystem: "system", KindDropDatabase: "dropDatabase",
}

// String returns the kind's name, as it stands in replies.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// OpKind says what happened to a document. Numbers are frozen.
type OpKind uint8

// The kinds of op.
const (
	Insert OpKind = 1
	Update OpKind = 2
	Delete OpKind = 3
)

var opNames = [...]string{Insert: "insert", Update: "update", Delete: "delete"}

// String returns the op's name, as it stands in replies.
func (k OpKind) String() string {
	if int(k) < len(opNames) && opNames[k] != "" {
		return opNames[k]
	}
	return "unknown"
}

// At returns the record's time.
func (r *Record) At() time.Time { return time.UnixMilli(r.Time).UTC() }
