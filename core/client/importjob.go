package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// job is an import with what surrounds the reading of its source: the file of
// rejects, the state that another run goes on from, and the stage or
// transaction that makes it atomic.
//
// An import that can be resumed commits with each batch how far it is, in one
// commit with the batch's documents: so that whatever ends it, what follows is
// neither lost nor stored twice.
type job struct {
	b        *Branch // as the caller named it
	o        *ImportOptions
	sink     *sink
	identity bson.D // of the source; nil if it cannot be resumed
	name     string // of the state
	stage    string // hidden branch that is loaded into, or ""
	before   importState
	parts    bool  // more than documents for one collection
	failed   int64 // lines of this run so far
	rejects  *rejectsFile
}

// importState is what a run leaves for the next one.
type importState struct {
	Source   bson.Raw `bson:"source"`
	Point    point    `bson:"point"`
	Imported int64    `bson:"imported"`
	Failed   int64    `bson:"failed"`
	Rejects  int64    `bson:"rejects"` // length of the file of rejects
	Stage    string   `bson:"stage"`
	Done     bool     `bson:"done"`
}

type point struct {
	Offset  int64 `bson:"offset"`
	Line    int64 `bson:"line"`
	Records int64 `bson:"records"`
	State   int64 `bson:"state"`
}

func (p point) transfer() transfer.Point {
	return transfer.Point{Offset: p.Offset, Line: p.Line, Records: p.Records, State: int(p.State)}
}

// smallImport is up to what size an atomic import of a file is one transaction,
// and one commit. A larger one goes through a stage.
const smallImport = 32 << 20

// importing runs an import. size is that of the source in bytes, 0 if unknown;
// parts says that it is more than documents for one collection.
func (b *Branch) importing(ctx context.Context, o *ImportOptions, identity bson.D, size int64, parts bool,
	run func(ctx context.Context, j *job) (*ImportResult, error),
) (*ImportResult, error) {
	switch o.Mode {
	case "", "insert", "upsert", "replace":
	default:
		return nil, errs.New(errs.BadValue, "an import's mode is insert, upsert or replace, not %q", o.Mode)
	}
	j := &job{b: b, o: o, sink: b.sink(o), identity: identity, parts: parts}
	j.sink.job = j
	if o.Resume {
		done, err := j.resume(ctx)
		if done != nil || err != nil {
			return done, err
		}
	}
	if err := j.openRejects(); err != nil {
		return nil, err
	}
	defer j.rejects.close()
	var res *ImportResult
	var err error
	if o.Atomic && !o.Resume && !parts && size > 0 && size <= smallImport {
		res, err = j.transaction(ctx, run)
	} else {
		res, err = j.direct(ctx, parts, run)
	}
	err = j.stopped(ctx, err, res)
	if e := j.rejects.flush(); err == nil {
		err = e
	}
	if res != nil {
		res.Resumed = j.before.Imported
		if err != nil && o.Atomic {
			res.Imported = 0 // none of it stays
		}
	}
	return res, err
}

// transaction runs the import as one commit.
func (j *job) transaction(ctx context.Context, run func(context.Context, *job) (*ImportResult, error)) (res *ImportResult, err error) {
	named := j.sink.branch
	lsn, err := named.Transaction(ctx, func(ctx context.Context, b *Branch) error {
		j.sink.branch = b
		if err := j.sink.begin(ctx, j.o, false); err != nil {
			return err
		}
		if res, err = run(ctx, j); err == nil {
			err = interrupted(ctx)
		}
		return err
	})
	if res != nil {
		res.LSN = lsn
	}
	return res, err
}

// direct runs the import batch by batch, into a stage if it is atomic.
func (j *job) direct(ctx context.Context, parts bool, run func(context.Context, *job) (*ImportResult, error)) (*ImportResult, error) {
	if j.o.Atomic {
		if err := j.begin(ctx); err != nil {
			return nil, err
		}
	}
	if j.before.Source == nil { // a run that goes on has begun already
		if err := j.mark(ctx); err != nil {
			return nil, err
		}
		if err := j.sink.begin(ctx, j.o, parts); err != nil {
			return nil, err
		}
	}
	res, err := run(ctx, j)
	if err == nil {
		err = interrupted(ctx)
	}
	end, cancel := context.WithCancel(context.WithoutCancel(ctx)) // what follows is not for the user to stop
	defer cancel()
	switch {
	case err != nil && j.stage != "" && !j.o.Resume:
		j.end(end, newFields("argonImportEnd", j.stage).flag("drop", true)) //nolint:errcheck // else the next Open does it
	case err == nil:
		err = j.finish(end, res)
	}
	return res, err
}

// stopped names the end of an import that was interrupted, and what stays of it.
func (j *job) stopped(ctx context.Context, err error, res *ImportResult) error {
	if err == nil || ctx.Err() != context.Canceled || !errs.In(err, errs.Canceled) {
		return err
	}
	e := errs.New(errs.Interrupted, "the import was stopped")
	switch {
	case j.o.Resume:
		return e.WithRemedy("run the same command again, and it goes on where it was")
	case j.o.Atomic:
		return e.WithRemedy("nothing was imported")
	}
	n := int64(0)
	if res != nil {
		n = res.Imported
	}
	return e.WithRemedy("%d documents were imported and stay; with resume, another run would go on there", n)
}

// mark says of an import of several collections that it has begun: each of them
// has a state of its own.
func (j *job) mark(ctx context.Context) error {
	if !j.o.Resume || !j.parts {
		return nil
	}
	return j.end(ctx, newFields("argonImportBatch", j.anyCollection()).set("documents", bson.A{}).
		set("state", j.name).set("at", append(j.state(transfer.Point{}, false), bson.E{Key: "imported", Value: int64(0)})))
}

// begin makes the stage, or finds the one of the run before.
func (j *job) begin(ctx context.Context) error {
	if j.stage = j.before.Stage; j.stage == "" {
		var reply struct{ Stage string }
		f := newFields("argonImportBegin", 1).flag("keep", j.o.Resume)
		if err := j.sink.branch.run(ctx, f, &reply); err != nil {
			return err
		}
		j.stage = reply.Stage
	}
	staged := *j.sink.branch
	staged.name = j.stage
	j.sink.branch = &staged
	if j.before.Stage == "" {
		return nil
	}
	_, err := j.b.project.Branches().Get(ctx, j.stage)
	if errs.Is(err, errs.BranchNotFound) {
		return errs.New(errs.ImportFailed, "what the run before had loaded is no longer there").
			WithRemedy("import it from the beginning, without --resume")
	}
	return err
}

// finish makes the import visible and marks it as done.
func (j *job) finish(ctx context.Context, res *ImportResult) error {
	var state bson.D
	if j.o.Resume {
		state = j.state(transfer.Point{}, true)
	}
	if j.stage == "" {
		if state == nil {
			return nil
		}
		return j.end(ctx, newFields("argonImportBatch", j.anyCollection()).set("documents", bson.A{}).set("state", j.name).set("at", state))
	}
	f := newFields("argonImportEnd", j.stage)
	if state != nil {
		f.set("state", j.name).set("at", append(state, bson.E{Key: "imported", Value: j.before.Imported + res.Imported}))
	}
	var reply struct {
		LSN int64 `bson:"argonLSN"`
	}
	if err := j.named().run(ctx, f, &reply); err != nil {
		return err
	}
	res.LSN = reply.LSN
	return nil
}

func (j *job) anyCollection() string {
	if j.o.Collection != "" {
		return j.o.Collection
	}
	return "import"
}

// named is the branch itself, in the name of the options' actor.
func (j *job) named() *Branch {
	b := *j.sink.branch
	b.name = j.b.name
	return &b
}

func (j *job) end(ctx context.Context, f *fields) error { return j.named().run(ctx, f, nil) }

// resume reads how far the run before came. It returns a result where there is
// nothing left to do.
func (j *job) resume(ctx context.Context) (*ImportResult, error) {
	if j.identity == nil {
		return nil, errs.New(errs.BadValue, "only the import of a file or a dump can be resumed")
	}
	path, _ := j.identity[0].Value.(string)
	o := j.o
	how := fmt.Sprint(o.Format, o.Mode, o.Fields, o.Flat, o.Types, o.Nulls, o.WriteNulls, o.Delimiter, o.Database, o.Collections, o.Atomic)
	j.identity = append(j.identity, bson.E{Key: "how", Value: how})
	j.name = j.b.name + "/" + j.o.Collection + "/" + path
	var err error
	if j.before, err = j.load(ctx, j.name); err != nil || j.before.Source == nil {
		return nil, err
	}
	raw, err := marshal(j.identity)
	if err != nil {
		return nil, err
	}
	if string(j.before.Source) != string(raw) {
		return nil, errs.New(errs.ImportFailed, "%s, or how it is to be imported, has changed since the import of it that can be resumed", path).
			WithRemedy("import it from the beginning, without --resume; --mode upsert replaces what is there already")
	}
	if j.before.Done {
		return &ImportResult{
			Collection: j.o.Collection, Resumed: j.before.Imported,
			Notes: []string{path + " was imported already, all of it"},
		}, nil
	}
	return nil, nil
}

func (j *job) load(ctx context.Context, name string) (importState, error) {
	var reply struct{ State *importState }
	err := j.b.project.c.run(ctx, j.b.project.name, bson.D{{Key: "argonImportState", Value: name}}, &reply)
	if err != nil || reply.State == nil {
		return importState{}, err
	}
	return *reply.State, nil
}

// from says for a collection of a dump where to go on.
func (j *job) from(ctx context.Context, coll string) (transfer.Point, error) {
	if !j.o.Resume || j.before.Source == nil {
		return transfer.Point{}, nil
	}
	s, err := j.load(ctx, j.name+"#"+coll)
	j.before.Imported += s.Imported
	return s.Point.transfer(), err
}

// state is what a batch leaves for another run.
func (j *job) state(at transfer.Point, done bool) bson.D {
	return bson.D{
		{Key: "source", Value: j.identity},
		{Key: "point", Value: point{at.Offset, at.Line, at.Records, int64(at.State)}},
		{Key: "failed", Value: j.before.Failed + j.failed},
		{Key: "rejects", Value: j.rejects.length()},
		{Key: "stage", Value: j.stage},
		{Key: "done", Value: done},
	}
}

// onError is told of lines that fail.
func (j *job) onError(e transfer.LineError) {
	j.failed++
	j.rejects.add(e.Text)
}

// identify tells a file from others, and from itself once it was changed.
func identify(path string, f *os.File, info fs.FileInfo) (bson.D, error) {
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, 64<<10)); err != nil {
		return nil, fileError(err, "read", path)
	}
	return identity(path, info.Size(), info.ModTime().UnixNano(), hex.EncodeToString(sum.Sum(nil))), nil
}

func identity(path string, size, changed int64, head string) bson.D {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return bson.D{{Key: "path", Value: path}, {Key: "size", Value: size}, {Key: "changed", Value: changed}, {Key: "head", Value: head}}
}

// identifyDir does so for a directory, by the names, sizes and times of what is
// in it.
func identifyDir(dir string) (bson.D, error) {
	sum, size, changed := sha256.New(), int64(0), int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size, changed = size+info.Size(), max(changed, info.ModTime().UnixNano())
		_, err = io.WriteString(sum, path+"\x00"+strconv.FormatInt(info.Size(), 10)+"\x00"+strconv.FormatInt(info.ModTime().UnixNano(), 10)+"\x00")
		return err
	})
	if err != nil {
		return nil, fileError(err, "read", dir)
	}
	return identity(dir, size, changed, hex.EncodeToString(sum.Sum(nil))), nil
}

// rejectsFile takes the lines that fail. Nil takes none.
type rejectsFile struct {
	f      *os.File
	path   string
	out    *bufio.Writer
	size   int64
	header []byte // to write before the first line
	err    error
}

// openRejects opens the file of rejects: anew, or as long as it was at the last
// batch of the run before.
func (j *job) openRejects() error {
	if j.o.Rejects == "" {
		return nil
	}
	f, err := os.OpenFile(j.o.Rejects, os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil {
		err = f.Truncate(j.before.Rejects)
	}
	if err == nil {
		_, err = f.Seek(j.before.Rejects, io.SeekStart)
	}
	if err != nil {
		return fileError(err, "write", j.o.Rejects)
	}
	j.rejects = &rejectsFile{f: f, path: j.o.Rejects, out: bufio.NewWriter(f), size: j.before.Rejects}
	return nil
}

// onHeader keeps the line with the names of the columns: with it the rejects can
// be imported once they are corrected.
func (j *job) onHeader(line []byte) {
	if j.rejects != nil && j.rejects.size == 0 {
		j.rejects.header = bsonraw.Doc(line).Clone()
	}
}

func (r *rejectsFile) add(text []byte) {
	if r == nil {
		return
	}
	r.write(r.header)
	r.header = nil
	r.write(text)
	if len(text) == 0 || text[len(text)-1] != '\n' {
		r.write([]byte{'\n'})
	}
}

func (r *rejectsFile) write(p []byte) {
	n, err := r.out.Write(p)
	r.size += int64(n)
	if err != nil && r.err == nil {
		r.err = fileError(err, "write", r.path)
	}
}

func (r *rejectsFile) length() int64 {
	if r == nil {
		return 0
	}
	return r.size
}

func (r *rejectsFile) flush() error {
	if r == nil {
		return nil
	}
	if r.out.Buffered() == 0 {
		return r.err
	}
	err := r.out.Flush()
	if err == nil {
		err = r.f.Sync() // it is there before the commit that goes past it
	}
	if err != nil && r.err == nil {
		r.err = fileError(err, "write", r.path)
	}
	return r.err
}

func (r *rejectsFile) close() {
	if r != nil {
		r.f.Close()
	}
}
