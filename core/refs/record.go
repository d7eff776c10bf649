package refs

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// The records are BSON documents, since they are few and will grow fields.
// Field names are FROZEN. A field that is zero is not written.

// Project is one logical database with its branches.
type Project struct {
	ID        wal.ProjectID // id
	Name      string        // the key
	Created   time.Time     // created
	Actor     string        // actor
	LSN       wal.LSN       // lsn: the commit that made it
	Retention time.Duration // keepMs: how long history is kept, 0 for ever
	Collected wal.LSN       // collected: history below it may have been removed
}

// Branch is a name for a segment.
type Branch struct {
	Project   wal.ProjectID // the key
	Name      string        // the key
	Segment   wal.SegmentID // segment
	Parent    string        // parent: the branch it was made from, if any
	Fork      wal.LSN       // fork: the LSN it was made at
	Created   time.Time     // created
	Actor     string        // actor
	LSN       wal.LSN       // lsn: the commit that made it
	Protected bool          // protected: takes no direct writes
	Merges    bool          // merges: takes merges, and no other writes
}

// Segment is what one branch wrote. Once written, its record never changes.
type Segment struct {
	ID      wal.SegmentID // the key
	Project wal.ProjectID // project
	Parent  wal.SegmentID // parent: zero for the first of a project
	Fork    wal.LSN       // fork: the highest LSN seen of the parent
	Created time.Time     // created
	Branch  string        // branch: the name it was made for
}

// TagRecord is an immutable name for a position.
type TagRecord struct {
	Project wal.ProjectID // the key
	Name    string        // the key
	Branch  string        // branch
	Segment wal.SegmentID // segment
	LSN     wal.LSN       // at: the position's LSN
	Created time.Time     // created
	Actor   string        // actor
	Message string        // message
}

// LogEntry is one move of a branch: its making, a restore, its end; or a change of
// what it takes, which moves it nowhere.
type LogEntry struct {
	Project wal.ProjectID // the key
	LSN     wal.LSN       // the key: the commit that did it
	Time    time.Time     // time
	Actor   string        // actor
	Op      string        // op: "create", "restore", "delete", "protect", "unprotect"
	Branch  string        // branch
	From    wal.Position  // fromSegment, fromLSN: zero for a new branch
	To      wal.Position  // toSegment, toLSN: zero for a deleted one
}

// Encode returns the record's value.
func (p *Project) Encode() []byte {
	w := newWriter()
	w.number("id", uint64(p.ID))
	w.when("created", p.Created)
	w.text("actor", p.Actor)
	w.number("lsn", uint64(p.LSN))
	w.number("keepMs", uint64(p.Retention.Milliseconds()))
	w.number("collected", uint64(p.Collected))
	return w.Finish()
}

// DecodeProject reads a project from its key and value.
func DecodeProject(key, value []byte) (Project, error) {
	r, err := newReader("project", key, value, 1)
	if err != nil {
		return Project{}, err
	}
	return Project{
		ID: wal.ProjectID(r.number("id")), Name: string(key[1:]),
		Created: r.when("created"), Actor: r.text("actor"), LSN: wal.LSN(r.number("lsn")),
		Retention: time.Duration(r.number("keepMs")) * time.Millisecond,
		Collected: wal.LSN(r.number("collected")),
	}, nil
}

// Encode returns the record's value.
func (b *Branch) Encode() []byte {
	w := newWriter()
	w.number("segment", uint64(b.Segment))
	w.text("parent", b.Parent)
	w.number("fork", uint64(b.Fork))
	w.when("created", b.Created)
	w.text("actor", b.Actor)
	w.number("lsn", uint64(b.LSN))
	w.flag("protected", b.Protected)
	w.flag("merges", b.Merges)
	return w.Finish()
}

// DecodeBranch reads a branch from its key and value.
func DecodeBranch(key, value []byte) (Branch, error) {
	r, err := newReader("branch", key, value, 5)
	if err != nil {
		return Branch{}, err
	}
	return Branch{
		Project: projectOf(key), Name: string(key[5:]),
		Segment: wal.SegmentID(r.number("segment")), Parent: r.text("parent"), Fork: wal.LSN(r.number("fork")),
		Created: r.when("created"), Actor: r.text("actor"), LSN: wal.LSN(r.number("lsn")),
		Protected: r.flag("protected"), Merges: r.flag("merges"),
	}, nil
}

// Encode returns the record's value.
func (s *Segment) Encode() []byte {
	w := newWriter()
	w.number("project", uint64(s.Project))
	w.number("parent", uint64(s.Parent))
	w.number("fork", uint64(s.Fork))
	w.when("created", s.Created)
	w.text("branch", s.Branch)
	return w.Finish()
}

// DecodeSegment reads a segment from its key and value.
func DecodeSegment(key, value []byte) (Segment, error) {
	r, err := newReader("segment", key, value, 9)
	if err != nil {
		return Segment{}, err
	}
	return Segment{
		ID: segmentOf(key), Project: wal.ProjectID(r.number("project")),
		Parent: wal.SegmentID(r.number("parent")), Fork: wal.LSN(r.number("fork")),
		Created: r.when("created"), Branch: r.text("branch"),
	}, nil
}

// Encode returns the record's value.
func (t *TagRecord) Encode() []byte {
	w := newWriter()
	w.text("branch", t.Branch)
	w.number("segment", uint64(t.Segment))
	w.number("at", uint64(t.LSN))
	w.when("created", t.Created)
	w.text("actor", t.Actor)
	w.text("message", t.Message)
	return w.Finish()
}

// DecodeTag reads a tag from its key and value.
func DecodeTag(key, value []byte) (TagRecord, error) {
	r, err := newReader("tag", key, value, 5)
	if err != nil {
		return TagRecord{}, err
	}
	return TagRecord{
		Project: projectOf(key), Name: string(key[5:]), Branch: r.text("branch"),
		Segment: wal.SegmentID(r.number("segment")), LSN: wal.LSN(r.number("at")),
		Created: r.when("created"), Actor: r.text("actor"), Message: r.text("message"),
	}, nil
}

// Encode returns the entry's value.
func (e *LogEntry) Encode() []byte {
	w := newWriter()
	w.when("time", e.Time)
	w.text("actor", e.Actor)
	w.text("op", e.Op)
	w.text("branch", e.Branch)
	w.number("fromSegment", uint64(e.From.Segment))
	w.number("fromLSN", uint64(e.From.LSN))
	w.number("toSegment", uint64(e.To.Segment))
	w.number("toLSN", uint64(e.To.LSN))
	return w.Finish()
}

// DecodeLogEntry reads an entry of the ref log from its key and value.
func DecodeLogEntry(key, value []byte) (LogEntry, error) {
	r, err := newReader("ref log entry", key, value, 15)
	if err != nil {
		return LogEntry{}, err
	}
	return LogEntry{
		Project: projectOf(key), LSN: lsnOf(key), Time: r.when("time"), Actor: r.text("actor"),
		Op: r.text("op"), Branch: r.text("branch"),
		From: wal.Position{Segment: wal.SegmentID(r.number("fromSegment")), LSN: wal.LSN(r.number("fromLSN"))},
		To:   wal.Position{Segment: wal.SegmentID(r.number("toSegment")), LSN: wal.LSN(r.number("toLSN"))},
	}, nil
}

// writer builds a record; zero fields are left out.
type writer struct{ *bsonraw.Builder }

func newWriter() writer { return writer{bsonraw.NewBuilder(nil)} }

func (w writer) number(name string, n uint64) {
	if n != 0 {
		w.Int64(name, int64(n))
	}
}

func (w writer) text(name, s string) {
	if s != "" {
		w.String(name, s)
	}
}

func (w writer) when(name string, t time.Time) {
	if !t.IsZero() {
		w.Time(name, t)
	}
}

func (w writer) flag(name string, on bool) {
	if on {
		w.Bool(name, on)
	}
}

// reader reads the fields of a record that passed validation. A field of
// another type reads as zero.
type reader struct{ doc bsonraw.Doc }

func newReader(what string, key, value []byte, least int) (reader, error) {
	if len(key) < least {
		return reader{}, errs.New(errs.StoreCorrupt, "the key of a %s has %d bytes, the least is %d", what, len(key), least)
	}
	if err := bsonraw.Validate(value); err != nil {
		return reader{}, errs.Wrap(err, errs.StoreCorrupt, "%s %q does not decode", what, key)
	}
	return reader{value}, nil
}

func (r reader) number(name string) uint64 {
	if v := r.doc.Get(name); v.Type == bsonraw.Int64 {
		return uint64(v.Int64())
	}
	return 0
}

func (r reader) text(name string) string {
	if v := r.doc.Get(name); v.Type == bsonraw.String {
		return v.Str()
	}
	return ""
}

func (r reader) when(name string) time.Time {
	if v := r.doc.Get(name); v.Type == bsonraw.DateTime {
		return v.Time()
	}
	return time.Time{}
}

func (r reader) flag(name string) bool {
	v := r.doc.Get(name)
	return v.Type == bsonraw.Boolean && v.Bool()
}
