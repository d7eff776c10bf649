package publish

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// Report is a publish as it is shown: what it would do, does, or did.
type Report struct {
	ID        string     `bson:"id,omitempty"` // none of a plan
	Kind      string     `bson:"kind"`         // publish or restore
	State     string     `bson:"state"`
	Target    string     `bson:"target"`
	Database  string     `bson:"database"`
	Project   string     `bson:"project"`
	Branch    string     `bson:"branch"`
	Base      string     `bson:"base"`
	BaseLSN   int64      `bson:"baseLSN"`
	LSN       int64      `bson:"lsn"` // of the branch, or the moment that is restored
	Guard     Guard      `bson:"guard"`
	Transport string     `bson:"transport"` // transactions or ordered
	Counts    Counts     `bson:"counts"`
	Catalog   []*Action  `bson:"catalog"`
	Changes   []Entry    `bson:"changes,omitempty"` // of a plan: the first ones
	Conflicts []Conflict `bson:"conflicts"`         // the first ones
	Truncated bool       `bson:"truncated"`         // there are more changes or conflicts than are listed
	Notes     []string   `bson:"notes"`
	Actor     string     `bson:"actor,omitempty"`
	Message   string     `bson:"message,omitempty"`
	Created   time.Time  `bson:"created"`
	Finished  time.Time  `bson:"finished,omitempty"`
}

// The states of a publish.
const (
	statePlan       = "plan"        // of a dry run
	statePlanning   = "planning"    // its journal is being written; nothing else is
	statePlanned    = "planned"     // its journal is whole
	stateApplying   = "applying"    // cut off, if it does not run
	stateDone       = "done"        // everything that could be was written
	stateStopped    = "stopped"     // by a conflict
	stateRolling    = "rollingBack" // cut off, if it does not run
	stateRolledBack = "rolledBack"
)

// Counts says how much a publish writes.
type Counts struct {
	Inserted   int64 `bson:"inserted"`
	Updated    int64 `bson:"updated"`
	Deleted    int64 `bson:"deleted"`
	Catalog    int64 `bson:"catalog"`
	Already    int64 `bson:"already"` // the target has it so already
	Conflicts  int64 `bson:"conflicts"`
	Written    int64 `bson:"written"` // documents, so far
	RolledBack int64 `bson:"rolledBack"`
}

func (c *Counts) documents() int64 { return c.Inserted + c.Updated + c.Deleted }

// Entry is one document of a plan.
type Entry struct {
	Collection string        `bson:"collection"`
	ID         bson.RawValue `bson:"_id"`
	Op         string        `bson:"op"`
	Status     string        `bson:"status"` // apply, already or conflict
	Changes    []PathChange  `bson:"changes"`
	Before     bson.Raw      `bson:"before,omitempty"`
	After      bson.Raw      `bson:"after,omitempty"`
}

// PathChange is what a step does at one path. A value that is not there is left
// out.
type PathChange struct {
	Path   string         `bson:"path"`
	Before *bson.RawValue `bson:"before,omitempty"`
	After  *bson.RawValue `bson:"after,omitempty"`
}

// Conflict is what keeps a document or a change of the catalog from being
// written.
type Conflict struct {
	N          int            `bson:"n"`
	Collection string         `bson:"collection"`
	ID         *bson.RawValue `bson:"_id,omitempty"`
	Op         string         `bson:"op"`
	Kind       string         `bson:"kind"`
	Path       string         `bson:"path"` // "" is the whole document
	Expected   *bson.RawValue `bson:"expected,omitempty"`
	Found      *bson.RawValue `bson:"found,omitempty"`
	Wanted     *bson.RawValue `bson:"wanted,omitempty"`
	Message    string         `bson:"message"`
	ErrInfo    bson.Raw       `bson:"errInfo,omitempty"`
}

// text names a conflict in a message.
func (c *Conflict) text() string {
	where := c.Collection
	if c.ID != nil {
		where += " " + string(ejson.AppendValue(nil, valueOf(*c.ID), ejson.Relaxed))
	}
	return where + ": " + c.Message
}

// The kinds of conflict.
const (
	kindChanged    = "changed"      // the live document is not what the base was
	kindMissing    = "missing"      // it is gone
	kindExists     = "exists"       // it is there and should not be
	kindRefused    = "refused"      // the server does not take it: a validator, a size
	kindDuplicate  = "duplicateKey" // of a unique index
	kindUnknown    = "unknown"      // cut off, and whether it was written cannot be told
	kindCollection = "collection"   // the collection cannot take guarded writes
	kindCatalog    = "catalog"      // collections or indexes have moved on
)

// Progress says how far a publish is.
type Progress struct {
	ID         string `bson:"id,omitempty"`
	Phase      string `bson:"phase"` // plan, catalog, documents or rollback
	Collection string `bson:"collection,omitempty"`
	Done       int64  `bson:"done"`
	Total      int64  `bson:"total,omitempty"` // 0 if unknown
	Unit       string `bson:"unit"`
}

// rawValue is a value as the driver has it; nil if it is missing.
func rawValue(v bsonraw.Value) *bson.RawValue {
	if v.IsMissing() {
		return nil
	}
	return &bson.RawValue{Type: bson.Type(v.Type), Value: append([]byte(nil), v.Data...)}
}

func valueOf(v bson.RawValue) bsonraw.Value {
	return bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.Value}
}

// encode makes a document of a struct of this package.
func encode(v any) (bsonraw.Doc, error) {
	raw, err := bson.Marshal(v)
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "a publish cannot be written down")
	}
	return bsonraw.Doc(raw), nil
}

// Document returns a report as BSON.
func (r *Report) Document() (bsonraw.Doc, error) {
	if r.Catalog == nil {
		r.Catalog = []*Action{}
	}
	if r.Conflicts == nil {
		r.Conflicts = []Conflict{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	return encode(r)
}

// The most that a report lists.
const (
	maxListed      = 1000
	maxListedBytes = 8 << 20
)

// lists collects entries and conflicts of a report.
type lists struct {
	report *Report
	bytes  int
	max    int // entries
}

func (l *lists) entry(e Entry) {
	size := len(e.Before) + len(e.After)
	if len(l.report.Changes) >= l.max || l.bytes+size > maxListedBytes {
		l.report.Truncated = l.report.Truncated || l.max > 0
		return
	}
	l.bytes += size
	l.report.Changes = append(l.report.Changes, e)
}

func (l *lists) conflict(list ...Conflict) {
	for _, c := range list {
		l.report.Counts.Conflicts++
		c.N = int(l.report.Counts.Conflicts)
		size := len(c.ErrInfo)
		for _, v := range []*bson.RawValue{c.Expected, c.Found, c.Wanted} {
			if v != nil {
				size += len(v.Value)
			}
		}
		if len(l.report.Conflicts) >= maxListed {
			l.report.Truncated = true
			continue
		}
		if l.bytes+size > maxListedBytes {
			l.report.Truncated = true
			c.Expected, c.Found, c.Wanted, c.ErrInfo, size = nil, nil, nil, nil, 0
		}
		l.bytes += size
		l.report.Conflicts = append(l.report.Conflicts, c)
	}
}

// docValue is a document as a value; nil if there is none.
func docValue(d bsonraw.Doc) *bson.RawValue {
	if d == nil {
		return nil
	}
	return rawValue(d.Value())
}
