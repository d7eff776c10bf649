package mirror

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Manager runs the mirrors of a store. It implements command.Mirrors.
type Manager struct {
	store *engine.Store
	log   *slog.Logger
	life  context.Context // ends with Close
	end   context.CancelFunc

	defining sync.Mutex // one Add, Remove, Start or Stop at a time
	mu       sync.Mutex // guards tasks
	tasks    map[string]*task
	version  versions
	tuning   tuning
}

// tuning is what tests set otherwise.
type tuning struct {
	plain       bool // take the source for one before 6.0
	pollEvery   time.Duration
	windowEvery time.Duration
}

var _ command.Mirrors = (*Manager)(nil)

// task is a mirror with its lanes.
type task struct {
	def   *Definition
	lanes []*lane
	stop  context.CancelFunc // nil while it does not run
	done  chan struct{}      // closed when all lanes have ended
}

// New makes the manager of a store's mirrors. ctx gives values only: what runs,
// runs until Close.
func New(ctx context.Context, store *engine.Store, log *slog.Logger) *Manager {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{store: store, log: log, tasks: map[string]*task{}, tuning: tuning{pollEvery: pollEvery, windowEvery: windowEvery}}
	m.life, m.end = context.WithCancel(context.WithoutCancel(ctx))
	return m
}

// Close stops every mirror. They stay defined as running, and Resume goes on
// with them.
func (m *Manager) Close() {
	m.end()
	m.mu.Lock()
	var running []*task
	for _, t := range m.tasks {
		if t.stop != nil {
			running = append(running, t)
		}
	}
	m.mu.Unlock()
	for _, t := range running {
		<-t.done
	}
}

// Resume starts the mirrors that are defined as running, as a process does that
// hosts a store for long.
func (m *Manager) Resume(ctx context.Context) error {
	m.defining.Lock()
	defer m.defining.Unlock()
	list, err := m.definitions(ctx)
	if err != nil {
		return err
	}
	for _, def := range list {
		if !def.Running {
			continue
		}
		t, err := m.task(ctx, def.Name)
		if err != nil {
			return err
		}
		m.launch(t)
	}
	return nil
}

func (m *Manager) definitions(ctx context.Context) ([]*Definition, error) {
	list, err := m.store.Settings(ctx, settingKind)
	if err != nil {
		return nil, err
	}
	defs := make([]*Definition, 0, len(list))
	for _, s := range list {
		def, err := decodeDefinition(s.Doc)
		if err != nil {
			return nil, err
		}
		defs = append(defs, def)
	}
	return defs, nil
}

// task returns a mirror by name.
func (m *Manager) task(ctx context.Context, name string) (*task, error) {
	m.mu.Lock()
	t := m.tasks[name]
	m.mu.Unlock()
	if t != nil {
		return t, nil
	}
	doc, ok, err := m.store.Setting(ctx, settingKind, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, m.unknown(ctx, name)
	}
	def, err := decodeDefinition(doc)
	if err != nil {
		return nil, err
	}
	t = &task{def: def}
	for _, db := range def.Databases {
		l := newLane(m.store, def, db, m.log)
		l.version, l.tuning = &m.version, m.tuning
		if err := l.load(ctx); err != nil {
			return nil, err
		}
		t.lanes = append(t.lanes, l)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if have := m.tasks[name]; have != nil {
		return have, nil
	}
	m.tasks[name] = t
	return t, nil
}

func (m *Manager) unknown(ctx context.Context, name string) error {
	e := errs.New(errs.MirrorNotFound, "no mirror is named %q", name)
	var names []string
	if list, err := m.definitions(ctx); err == nil {
		for _, d := range list {
			names = append(names, d.Name)
		}
	}
	if near := refs.Nearest(name, names); len(near) > 0 {
		return e.WithRemedy("did you mean %s?", near[0])
	}
	return e
}

// Add defines a mirror, after a look at its source.
func (m *Manager) Add(ctx context.Context, spec *command.MirrorSpec, meta engine.CommitMeta) (bsonraw.Doc, error) {
	m.defining.Lock()
	defer m.defining.Unlock()
	def := &Definition{
		Name: spec.Name, URI: spec.Source, Include: spec.Include, Exclude: spec.Exclude, OnGap: spec.OnGap,
		WindowMS: spec.Window.Milliseconds(), Parallel: spec.Parallel, NoSnapshot: spec.NoSnapshot,
		Created: time.Now().UTC(), Actor: meta.Actor,
	}
	for _, d := range spec.Databases {
		def.Databases = append(def.Databases, Mapping(d))
	}
	if err := def.check(); err != nil {
		return nil, err
	}
	if err := m.checkFree(ctx, def); err != nil {
		return nil, err
	}
	src, err := connect(ctx, def.URI, def.Name)
	if err != nil {
		return nil, err
	}
	defer src.close(ctx)
	for _, d := range def.Databases {
		if err := src.checkRights(ctx, d.Database); err != nil {
			return nil, err
		}
	}
	if err := m.take(ctx, def, spec.Adopt); err != nil {
		return nil, err
	}
	doc, err := def.encode()
	if err != nil {
		return nil, err
	}
	if err := m.store.PutSetting(ctx, settingKind, def.Name, doc); err != nil {
		return nil, err
	}
	t, err := m.task(ctx, def.Name)
	if err != nil {
		return nil, err
	}
	return t.status(), nil
}

// checkFree fails for a name, a branch or a database of a source that another
// mirror has.
func (m *Manager) checkFree(ctx context.Context, def *Definition) error {
	list, err := m.definitions(ctx)
	if err != nil {
		return err
	}
	for _, have := range list {
		if have.Name == def.Name {
			return errs.New(errs.MirrorExists, "a mirror named %q is there already", def.Name).
				WithRemedy("it follows %s; remove it first: argon mirror remove %s", Redact(have.URI), def.Name)
		}
		for _, a := range have.Databases {
			for _, b := range def.Databases {
				if a.Project == b.Project && a.Branch == b.Branch {
					return errs.New(errs.MirrorExists, "branch %q of project %q is that of mirror %q already", b.Branch, b.Project, have.Name)
				}
			}
		}
	}
	return nil
}

// take makes the branches of a new mirror, and takes them out of other hands.
func (m *Manager) take(ctx context.Context, def *Definition, adopt bool) error {
	for _, d := range def.Databases {
		l := newLane(m.store, def, d, m.log)
		if err := l.ensureBranch(ctx); err != nil {
			return err
		}
		snap, err := m.store.Snapshot(ctx, d.ref())
		if err != nil {
			return err
		}
		colls, err := snap.Collections(ctx)
		snap.Close()
		if err != nil {
			return err
		}
		if len(colls) > 0 && !adopt {
			return errs.New(errs.BranchInUse, "branch %q of project %q holds %d collections already", d.Branch, d.Project, len(colls)).
				WithRemedy("mirror into another project, or with adopt have the branch brought in line by comparison")
		}
		if err := l.forget(ctx); err != nil {
			return err
		}
		if len(colls) > 0 {
			if err := l.change(ctx, func(s *laneState) { *s = laneState{Phase: phaseResync} }); err != nil {
				return err
			}
		}
		if err := m.store.Protect(ctx, d.ref(), true, l.meta("")); err != nil {
			return err
		}
	}
	return nil
}

// Remove stops a mirror and forgets it.
func (m *Manager) Remove(ctx context.Context, name string, meta engine.CommitMeta) error {
	m.defining.Lock()
	defer m.defining.Unlock()
	t, err := m.task(ctx, name)
	if err != nil {
		return err
	}
	m.halt(t)
	for _, l := range t.lanes {
		meta.Replica = true
		err := m.store.Protect(ctx, l.ref(), false, meta)
		if err != nil && !errs.Is(err, errs.ProjectNotFound) && !errs.Is(err, errs.BranchNotFound) {
			return err
		}
		if err := l.forget(ctx); err != nil {
			return err
		}
	}
	if err := m.store.PutSetting(ctx, settingKind, name, nil); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.tasks, name)
	m.mu.Unlock()
	m.version.raise()
	return nil
}

// Start has a mirror run.
func (m *Manager) Start(ctx context.Context, name string, resync bool) (bsonraw.Doc, error) {
	m.defining.Lock()
	defer m.defining.Unlock()
	t, err := m.task(ctx, name)
	if err != nil {
		return nil, err
	}
	if resync {
		m.halt(t)
		for _, l := range t.lanes {
			if err := l.load(ctx); err != nil {
				return nil, err
			}
			if l.phase() != phaseFollow {
				continue // the copy is not done; it will be
			}
			if err := l.change(ctx, func(s *laneState) { s.Phase = phaseResync }); err != nil {
				return nil, err
			}
		}
	}
	if err := m.define(ctx, t, true); err != nil {
		return nil, err
	}
	m.launch(t)
	return t.status(), nil
}

// define stores whether a mirror is to run.
func (m *Manager) define(ctx context.Context, t *task, running bool) error {
	t.def.Running = running
	doc, err := t.def.encode()
	if err != nil {
		return err
	}
	return m.store.PutSetting(ctx, settingKind, t.def.Name, doc)
}

// launch starts the lanes of a mirror, unless they run.
func (m *Manager) launch(t *task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.stop != nil || m.life.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(m.life)
	done := make(chan struct{})
	t.stop, t.done = cancel, done
	var lanes sync.WaitGroup
	for _, l := range t.lanes {
		l.setStage(stageConnecting, nil)
		lanes.Go(func() { m.runLane(ctx, l) })
	}
	go func() {
		lanes.Wait()
		cancel()
		m.mu.Lock()
		t.stop = nil
		m.mu.Unlock()
		close(done)
	}()
}

// runLane runs a lane; a panic in it is an error of the lane, not the end of the
// process.
func (m *Manager) runLane(ctx context.Context, l *lane) {
	defer func() {
		if p := recover(); p != nil {
			err := errs.New(errs.InternalError, "the mirror panicked: %v", p)
			m.log.Error("the mirror panicked", "panic", p)
			l.setStage(stageFailed, err)
		}
	}()
	_ = l.run(ctx) // its status has the error
}

// halt stops a mirror and waits until it has stopped.
func (m *Manager) halt(t *task) {
	m.mu.Lock()
	stop, done := t.stop, t.done
	m.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// Stop stops a mirror.
func (m *Manager) Stop(ctx context.Context, name string) (bsonraw.Doc, error) {
	m.defining.Lock()
	defer m.defining.Unlock()
	t, err := m.task(ctx, name)
	if err != nil {
		return nil, err
	}
	m.halt(t)
	for _, l := range t.lanes {
		l.setStage(stageStopped, nil)
	}
	if err := m.define(ctx, t, false); err != nil {
		return nil, err
	}
	return t.status(), nil
}

// Role returns the role that a mirror needs.
func (m *Manager) Role(ctx context.Context, name string, databases []string) (bsonraw.Doc, error) {
	if name != "" {
		t, err := m.task(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, l := range t.lanes {
			databases = append(databases, l.Database)
		}
	}
	if len(databases) == 0 {
		return nil, errs.New(errs.MissingRequiredField, "a role is for a mirror or for databases, and neither is named")
	}
	slices.Sort(databases)
	b := bsonraw.NewBuilder(nil)
	b.String("role", Role(slices.Compact(databases)))
	return b.Finish(), nil
}
