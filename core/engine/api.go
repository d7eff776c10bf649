package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// Doc and Value are BSON bytes; see bsonraw.
type (
	Doc   = bsonraw.Doc
	Value = bsonraw.Value
)

// Cursor hands out documents one by one. Next returns false at the end. The
// document is valid until the next Next or Close. Close twice is allowed. The
// shape is that of pipeline.Iter.
type Cursor interface {
	Next(ctx context.Context) (Doc, bool, error)
	Close() error
}

// CommitMeta says who commits and why.
type CommitMeta struct {
	Actor   string   // who; "" becomes the store's default actor
	Message string   // why; may be empty
	Session []byte   // the logical session's id, or nil
	Kind    wal.Kind // zero is an ordinary write
	// Time is when the commit was made where it comes from; zero is now.
	Time time.Time
	// Source is what the commit was where it comes from, or nil.
	Source *wal.Source
	// Replica says that the writes copy another database's: protected branches
	// take them, and validators, which let them pass there, do not look at them.
	Replica bool
	// Unsynced lets Write return before the commit is durable; it is with the next
	// one that is.
	Unsynced bool
	// Memory, if not nil, is asked for a setting that is part of the commit: what the
	// caller has to know again of it. It is told the LSN, and the operation's result
	// where that is a document. It must be quick, and must not call the store.
	Memory func(lsn mvcc.LSN, result Doc) SettingWrite

	merging bool // the commit is a merge, which some protected branches take
}

// Reader answers queries on one branch at one moment. Collection names are
// without the database. A collection that is not there is an empty one.
type Reader interface {
	// Ref names the project, the branch and the moment that were asked for.
	Ref() refs.Ref
	// LSN is the newest commit that the reader can see.
	LSN() mvcc.LSN
	Find(ctx context.Context, coll string, spec *FindSpec) (Cursor, error)
	// Aggregate runs a pipeline; coll is "" for one that begins with
	// $documents. A pipeline that ends in $out or $merge runs in a Txn only.
	Aggregate(ctx context.Context, coll string, spec *AggregateSpec) (Cursor, error)
	Count(ctx context.Context, coll string, spec *CountSpec) (int64, error)
	// Distinct returns the distinct values as an array document.
	Distinct(ctx context.Context, coll string, spec *DistinctSpec) (Doc, error)
	// Explain returns the body of MongoDB's explain reply.
	Explain(ctx context.Context, coll string, spec *ExplainSpec) (Doc, error)
	// Collections lists collections and views by name.
	Collections(ctx context.Context) ([]*Collection, error)
	// Collection returns one of them, or nil if there is none of this name.
	Collection(ctx context.Context, name string) (*Collection, error)
}

// FindSpec is a find. Zero fields mean none.
type FindSpec struct {
	Filter, Projection, Sort, Let Doc
	Hint                          Value // an index's name (string) or its key pattern (object); {$natural: ±1} scans
	Min, Max                      Doc
	Skip, Limit                   int64 // Limit 0 is none
	ReturnKey                     bool
	Collation                     Doc
	AllowDiskUse                  *bool
}

// AggregateSpec is an aggregation.
type AggregateSpec struct {
	Pipeline     []Doc
	Let          Doc
	Hint         Value
	Collation    Doc
	AllowDiskUse *bool
}

// CountSpec is a count.
type CountSpec struct {
	Filter      Doc
	Skip, Limit int64
	Hint        Value
	Collation   Doc
}

// DistinctSpec is a distinct.
type DistinctSpec struct {
	Key       string
	Filter    Doc
	Collation Doc
}

// ExplainSpec says what to explain: exactly one of the pointers is set.
type ExplainSpec struct {
	Find      *FindSpec
	Aggregate *AggregateSpec
	Count     *CountSpec
	Distinct  *DistinctSpec
	Update    *UpdateSpec
	Delete    *DeleteSpec
	Verbosity string // "queryPlanner", "executionStats" or "allPlansExecution"
}

// Collection is a collection or a view as the catalog has it at a moment.
type Collection struct {
	ID      mvcc.CollectionID
	Name    string
	View    bool
	Options Doc // as given to create: validator, viewOn, pipeline, capped …
	Indexes []*index.Definition
}

// UpdateSpec is one statement of an update command.
type UpdateSpec struct {
	Filter, Let  Doc
	Update       Value // an operator or replacement document, or a pipeline
	Multi        bool
	Upsert       bool
	ArrayFilters []Doc
	Constants    Doc // "c": literal variables of a pipeline
	Hint         Value
	Collation    Doc
	Sort         Doc // of updateOne in MongoDB 8.0; used by findAndModify
}

// UpdateResult is what one update did.
type UpdateResult struct {
	Matched, Modified int64
	Upserted          Value // the _id, or missing
}

// DeleteSpec is one statement of a delete command.
type DeleteSpec struct {
	Filter, Let Doc
	Multi       bool
	Hint        Value
	Collation   Doc
}

// FindAndModifySpec is a findAndModify: Remove, or Update.
type FindAndModifySpec struct {
	UpdateSpec
	Remove     bool
	New        bool // return the document after the update
	Projection Doc
}

// FindAndModifyResult is what it did.
type FindAndModifyResult struct {
	Value    Value // the document (before or after), or missing
	Found    bool  // "updatedExisting"
	Upserted Value
	N        int64
}

// WriteError is the failure of one document or statement of a batch.
type WriteError struct {
	Index int // in the batch
	Err   error
}

// InsertResult is what an insert did.
type InsertResult struct {
	Inserted int64
	Errors   []WriteError
}

// Project is a project as listed.
type Project struct {
	Name     string
	Created  time.Time
	Branches int
	LSN      mvcc.LSN // newest commit on any branch
}

// Branch is a branch as listed.
type Branch struct {
	Project, Name string
	Parent        string   // the branch it was created from, "" for main
	ForkLSN       mvcc.LSN // what it saw when created (or last restored)
	HeadLSN       mvcc.LSN // its newest commit
	Created       time.Time
	Actor         string
	Protected     bool   // takes no direct writes
	Takes         string // "writes"; of a protected branch "merges" or "mirror"
}

// Move is one entry of the ref log: what happened to a branch.
type Move struct {
	Branch   string
	Op       string   // "create", "restore", "delete", "protect", "unprotect"
	LSN      mvcc.LSN // of the commit that did it
	Time     time.Time
	Actor    string
	From, To mvcc.LSN // the head that was left, and the one it has then; 0 is none
}

// Tag is an immutable name for a branch at an LSN.
type Tag struct {
	Project, Name, Branch string
	LSN                   mvcc.LSN
	Time                  time.Time // of the commit
	Created               time.Time
	Actor                 string
}

// Moment is a resolved ref.
type Moment struct {
	Ref      refs.Ref
	LSN      mvcc.LSN  // newest commit visible
	Time     time.Time // of that commit
	FirstLSN mvcc.LSN  // oldest commit of the lineage
	HeadLSN  mvcc.LSN  // newest commit of the branch
}

// LogSpec chooses commits of a branch's log.
type LogSpec struct {
	Actor        string
	Collection   string
	Since, Until time.Time // zero is open
	Skip, Limit  int64
	OpsLimit     int // operations listed per commit; 0 means 10, negative none
}

// MergeSpec is a merge of From into Into, both branches of one project.
type MergeSpec struct {
	Project    string
	From, Into refs.Ref
	Resolve    Resolve
	Meta       CommitMeta
}

// Resolve says what to do about conflicts and stale plans.
type Resolve struct {
	Strategy     string // "", "ours" or "theirs"
	Resolutions  []Resolution
	ExpectOurs   mvcc.LSN // 0: any
	ExpectTheirs mvcc.LSN
}

// Resolution settles one conflict: by its number N in the plan (from 1), or by
// collection, _id and path.
type Resolution struct {
	N          int
	Collection string
	ID         Value
	Path       string // "" is the whole document
	Take       string // "ours", "theirs" or "base"; or else Value
	Value      Value  // missing with Take "" removes the field
}

// UndoSpec chooses the commits to undo on a branch: an LSN range, or an actor,
// or both.
type UndoSpec struct {
	Ref          refs.Ref
	From, To     mvcc.LSN // inclusive; 0 is open
	Actor        string
	Since, Until time.Time
	Resolve      Resolve
	Meta         CommitMeta
}

// GCSpec is a garbage collection.
type GCSpec struct {
	DryRun bool
	Keep   time.Duration // overrides each project's retention when positive
}
