package publish

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/refs"
)

// Publisher publishes from one store. Any number of goroutines may use it.
type Publisher struct {
	store *engine.Store
	now   func() time.Time
	keep  int                      // how many finished publishes stay in the journal
	fault func(point string) error // tests cut a run off with it; nil

	mu      sync.Mutex
	running map[string]bool // journals in use
}

// New returns a publisher on an open store.
func New(store *engine.Store) *Publisher {
	return &Publisher{store: store, now: time.Now, keep: keepFinished, running: map[string]bool{}}
}

// Limits of one transaction. Zero fields are the defaults.
type Limits struct {
	Steps int
	Bytes int
}

// Spec is what to publish.
type Spec struct {
	Target   string // mongodb://…
	Database string // else the one that Target names
	// Source is the branch that is written; a restore's, at the moment to go back
	// to. Base is what it is compared with, and what the target is expected to be:
	// zero is where the branch began, or, of a restore, the branch's head.
	Source, Base  refs.Ref
	Restore       bool
	Collections   []string // all, if there are none
	Filter        bsonraw.Doc
	Guard         Guard // Fields, if empty
	AllowDrop     bool  // collections and indexes
	SkipConflicts bool  // write the rest
	Limits        Limits
	List          int // how many changes a plan lists
	Actor         string
	Message       string
	// Progress may be nil. It is called from the caller's goroutine.
	Progress func(Progress)
}

func (s *Spec) kind() string {
	if s.Restore {
		return "restore"
	}
	return "publish"
}

func (s *Spec) tell(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}

// check fills in what is left out.
func (s *Spec) check() error {
	switch s.Guard {
	case "":
		s.Guard = Fields
	case Fields, Document:
	default:
		return errs.New(errs.BadValue, "a guard is fields or document, not %q", string(s.Guard))
	}
	if s.Limits.Steps <= 0 {
		s.Limits.Steps = 1000
	}
	if s.Limits.Bytes <= 0 {
		s.Limits.Bytes = 8 << 20
	}
	return nil
}

// moments pins the base and the source, so that what is planned does not move.
func (p *Publisher) moments(ctx context.Context, s *Spec) (base, source *engine.Moment, err error) {
	if source, err = p.store.Resolve(ctx, s.Source); err != nil {
		return nil, nil, err
	}
	if s.Base.Branch == "" {
		if s.Base, err = p.defaultBase(ctx, s); err != nil {
			return nil, nil, err
		}
	}
	s.Base.Project = s.Source.Project
	base, err = p.store.Resolve(ctx, s.Base)
	return base, source, err
}

// defaultBase is where the branch began; a restore's is the branch's head.
func (p *Publisher) defaultBase(ctx context.Context, s *Spec) (refs.Ref, error) {
	if s.Restore {
		return refs.Ref{Project: s.Source.Project, Branch: s.Source.Branch}, nil
	}
	b, err := p.store.Branch(ctx, s.Source.Project, s.Source.Branch)
	if err != nil {
		return refs.Ref{}, err
	}
	if b.Parent == "" {
		return refs.Ref{}, errs.New(errs.BadValue, "%s was made from no other branch, so there is nothing that it was based on", b.Name).
			WithRemedy("say what the target had when the work began: a base, as %s@LSN", b.Name)
	}
	return refs.Ref{Project: b.Project, Branch: b.Parent, Moment: refs.Moment{Kind: refs.AtLSN, LSN: b.ForkLSN}}, nil
}

func pinned(m *engine.Moment) refs.Ref {
	return refs.Ref{Project: m.Ref.Project, Branch: m.Ref.Branch, Moment: refs.Moment{Kind: refs.AtLSN, LSN: m.LSN}}
}

// prepare connects, and opens the difference.
func (p *Publisher) prepare(ctx context.Context, s *Spec) (pl *planner, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	base, source, err := p.moments(ctx, s)
	if err != nil {
		return nil, err
	}
	pl = &planner{spec: s, tell: s.tell, report: &Report{
		Kind: s.kind(), State: statePlan, Project: s.Source.Project, Branch: s.Source.String(), Base: s.Base.String(),
		BaseLSN: int64(base.LSN), LSN: int64(source.LSN), Guard: s.Guard, Actor: s.Actor, Message: s.Message, Created: p.now().UTC(),
	}}
	pl.lists.report = pl.report
	if pl.diff, err = between(ctx, p.store, pinned(base), pinned(source), s.Collections); err != nil {
		return nil, err
	}
	if s.Filter != nil {
		if pl.diff.filter, err = query.Compile(s.Filter, &query.Options{Now: p.now()}); err != nil {
			pl.close(ctx)
			return nil, err
		}
	}
	if pl.t, err = connect(ctx, s.Target, s.Database); err != nil {
		pl.close(ctx)
		return nil, err
	}
	pl.report.Target, pl.report.Database, pl.report.Transport = pl.t.name, pl.t.db.Name(), pl.t.transport()
	if !pl.t.transactions() {
		pl.note("the target is a standalone server without transactions: documents are written one by one, each under its guard; a run that is cut off can be resumed or rolled back from the journal")
	}
	return pl, nil
}

func (p *planner) close(ctx context.Context) {
	p.diff.close()
	if p.t != nil {
		p.t.close(ctx)
	}
}

// Plan compares what would be written with the target, and writes nothing.
func (p *Publisher) Plan(ctx context.Context, s *Spec) (*Report, error) {
	pl, err := p.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	defer pl.close(ctx)
	pl.lists.max = s.List
	pl.take = func(context.Context, step, bool) error { return nil }
	if err := pl.run(ctx); err != nil {
		return nil, err
	}
	return pl.report, nil
}

// Publish writes what the branch changed. Its error is PublishConflict, and
// nothing was written, where the plan has conflicts which are not to be skipped.
func (p *Publisher) Publish(ctx context.Context, s *Spec) (*Report, error) {
	pl, err := p.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	defer pl.close(ctx)
	j, release, err := p.create(ctx, pl)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := p.fill(ctx, pl, j); err != nil {
		if errors.Is(err, errFault) {
			return nil, err
		}
		if e := j.remove(context.WithoutCancel(ctx)); e != nil {
			return nil, e
		}
		return nil, err
	}
	if len(j.head.Batches) == 0 && j.head.Counts.Catalog == 0 {
		j.head.State = stateDone
		return &j.head.Report, j.remove(ctx)
	}
	return p.write(ctx, pl.t, j, s.tell)
}

// create begins a journal.
func (p *Publisher) create(ctx context.Context, pl *planner) (*journal, func(), error) {
	id, err := p.newID()
	if err != nil {
		return nil, nil, err
	}
	release, err := p.hold(id)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{store: p.store, head: &header{
		Report: *pl.report, Auth: pl.t.auth, AllowDrop: pl.spec.AllowDrop, Skip: pl.spec.SkipConflicts,
	}}
	j.head.ID, j.head.State = id, statePlanning
	pl.report = &j.head.Report
	pl.lists.report = pl.report
	if err := j.saveHeader(ctx); err != nil {
		release()
		return nil, nil, err
	}
	return j, release, nil
}

// newID is readable and sorts by time.
func (p *Publisher) newID() (string, error) {
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", errs.Wrap(err, errs.InternalError, "no random numbers")
	}
	return p.now().UTC().Format("20060102-150405-") + hex.EncodeToString(b[:]), nil
}

// hold keeps others from working on a journal.
func (p *Publisher) hold(id string) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[id] {
		return nil, errs.New(errs.ConflictingOperation, "publish %s is being worked on", id)
	}
	p.running[id] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, id)
	}, nil
}

// fill plans into the journal.
func (p *Publisher) fill(ctx context.Context, pl *planner, j *journal) error {
	limits := pl.spec.Limits
	if !pl.t.transactions() {
		limits.Steps = min(limits.Steps, 100)
	}
	b := &batcher{j: j, limits: limits}
	pl.take = b.add
	if err := pl.run(ctx); err != nil {
		return err
	}
	if n := j.head.Counts.Conflicts; n > 0 && !j.head.Skip {
		return conflictError(&j.head.Report, "%s: nothing was written; %s", count(n, "conflict"), j.head.Conflicts[0].text())
	}
	if err := b.finish(ctx); err != nil {
		return err
	}
	j.head.State = statePlanned
	j.head.Planned, j.head.Listed = j.head.Counts.Conflicts, len(j.head.Conflicts)
	if err := p.at("planned"); err != nil {
		return err
	}
	return j.saveHeader(ctx)
}

// conflictError is a PublishConflict with the report's conflicts in its details.
func conflictError(r *Report, format string, args ...any) error {
	e := errs.New(errs.PublishConflict, format, args...)
	if doc, err := r.Document(); err == nil {
		e.Details = doc
	}
	return e
}

// write writes a whole journal to the target, from where it is.
func (p *Publisher) write(ctx context.Context, t *target, j *journal, tell func(Progress)) (*Report, error) {
	h := j.head
	h.Counts.Written, h.Counts.Conflicts = 0, h.Planned
	h.Conflicts = h.Conflicts[:min(h.Listed, len(h.Conflicts))]
	r := &run{p: p, t: t, j: j, tell: tell}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.end(ctx)
	h.State = stateApplying
	if err := j.saveHeader(ctx); err != nil {
		return nil, err
	}
	err := r.all(ctx)
	return p.over(ctx, j, stateDone, err)
}

// all does the journal's actions and batches in order.
func (r *run) all(ctx context.Context) error {
	if err := r.actions(ctx, false); err != nil {
		return err
	}
	for _, name := range append([]string(nil), r.j.head.Batches...) { // a batch may become two
		b, err := r.j.batch(ctx, name)
		if err != nil {
			return err
		}
		if err := r.batch(ctx, b); err != nil {
			return err
		}
	}
	return r.actions(ctx, true)
}

// over writes down how a run ended.
func (p *Publisher) over(ctx context.Context, j *journal, state string, err error) (*Report, error) {
	if errors.Is(err, errFault) {
		return nil, err
	}
	h := j.head
	e := errs.As(err)
	switch {
	case err == nil:
		h.State, h.Session, h.Finished = state, nil, p.now().UTC()
	case e != nil && e.Code == errs.PublishConflict:
		h.State = stateStopped
	}
	if e := j.saveHeader(context.WithoutCancel(ctx)); e != nil {
		return nil, e
	}
	switch {
	case err == nil:
		return &h.Report, p.prune(context.WithoutCancel(ctx))
	case h.State == stateStopped:
		return nil, conflictError(&h.Report, "publish %s stopped after %s: %s", h.ID, count(h.Counts.Written, "document"), e.Message)
	case e == nil:
		e = errs.Wrap(err, errs.InternalError, "publish %s", h.ID)
	}
	e.Message = "publish " + h.ID + " was cut off after " + count(h.Counts.Written, "document") + " of " + count(h.Counts.documents(), "document") + ": " + e.Message
	e.Remedy = "resume it: argon publish --resume " + h.ID + ", or roll it back: argon publish --rollback " + h.ID
	return nil, e
}

// errFault is how tests end a run.
var errFault = errors.New("cut off")

// at is where a run may be cut off by a test.
func (p *Publisher) at(point string) error {
	if p.fault == nil {
		return nil
	}
	return p.fault(point)
}

func (r *run) at(point string) error {
	err := r.p.at(point)
	r.killed = r.killed || errors.Is(err, errFault)
	return err
}
