package mirror

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// versions numbers the changes of all statuses, so that somebody who has seen one
// can wait for the next.
type versions struct {
	mu   sync.Mutex
	n    int64
	wake chan struct{}
}

func (v *versions) raise() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n++
	if v.wake != nil {
		close(v.wake)
		v.wake = nil
	}
}

// now returns the version, and a channel that is closed with the next.
func (v *versions) now() (int64, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.wake == nil {
		v.wake = make(chan struct{})
	}
	return v.n, v.wake
}

// statusDoc is a mirror's status. Times are dates, sizes bytes.
type statusDoc struct {
	Name      string       `bson:"name"`
	Source    string       `bson:"source"` // without the password
	State     string       `bson:"state"`
	Running   bool         `bson:"running"` // is to run wherever the store is hosted
	Synced    bool         `bson:"synced"`  // has what the source had a moment ago
	Include   []string     `bson:"include,omitempty"`
	Exclude   []string     `bson:"exclude,omitempty"`
	OnGap     string       `bson:"onGap"`
	Created   time.Time    `bson:"created"`
	Version   int64        `bson:"version"`
	Gaps      int          `bson:"gaps"` // in all, of all databases
	Warnings  []string     `bson:"warnings"`
	Databases []laneStatus `bson:"databases"`
}

type laneStatus struct {
	Database    string         `bson:"database"`
	Project     string         `bson:"project"`
	Branch      string         `bson:"branch"`
	State       string         `bson:"state"`
	Error       *statusError   `bson:"error,omitempty"`
	RetryAt     *time.Time     `bson:"retryAt,omitempty"`
	Attempts    int            `bson:"attempts,omitempty"`
	Copy        *copyStatus    `bson:"copy,omitempty"`
	Copied      *time.Time     `bson:"copied,omitempty"`
	Snapshot    bool           `bson:"snapshot"` // the copy is of cluster times
	ClusterTime bson.Timestamp `bson:"clusterTime"`
	SourceTime  *time.Time     `bson:"sourceTime,omitempty"` // of the newest commit
	Synced      bool           `bson:"synced"`
	LagMS       float64        `bson:"lagMS"` // of the newest changes, the median
	LagP95MS    float64        `bson:"lagP95MS"`
	Events      int64          `bson:"events"` // since it was started
	Commits     int64          `bson:"commits"`
	Reread      int64          `bson:"reread"`
	WindowSec   *int64         `bson:"oplogWindowSeconds,omitempty"`
	WindowLow   bool           `bson:"oplogWindowLow"`
	Gaps        []gap          `bson:"gaps"`
	Series      []series       `bson:"timeSeries"` // collections that are not followed
	Notes       []string       `bson:"notes"`
	Refused     []refusal      `bson:"refused"`
	Refusals    int64          `bson:"refusals"`
}

type statusError struct {
	Code     int32  `bson:"code"`
	CodeName string `bson:"codeName"`
	Message  string `bson:"errmsg"`
	Remedy   string `bson:"remedy,omitempty"`
}

type copyStatus struct {
	Docs       int64   `bson:"documents"`
	TotalDocs  int64   `bson:"totalDocuments"`
	Bytes      int64   `bson:"bytes"`
	TotalBytes int64   `bson:"totalBytes"`
	Rate       float64 `bson:"documentsPerSecond"` // since it was begun, or went on
	LeftMS     int64   `bson:"leftMS"`
}

// rank orders states from the most to the least worth showing.
var rank = map[string]int{
	stageFailed: 7, stageRoom: 6, stageWaiting: 5, stageResyncing: 4, stageCopying: 3, stageConnecting: 2, stageFollowing: 1,
}

func (t *task) statusDoc() statusDoc {
	s := statusDoc{
		Name: t.def.Name, Source: Redact(t.def.URI), State: stageStopped, Running: t.def.Running, Synced: true,
		Include: t.def.Include, Exclude: t.def.Exclude, OnGap: t.def.OnGap, Created: t.def.Created, Warnings: []string{},
	}
	for i, l := range t.lanes {
		d := l.status()
		if i == 0 || rank[d.State] > rank[s.State] {
			s.State = d.State
		}
		s.Synced = s.Synced && d.Synced
		s.Gaps += len(d.Gaps)
		s.Warnings = append(s.Warnings, l.warnings()...)
		s.Databases = append(s.Databases, d)
	}
	return s
}

// status returns the body of the reply that describes a mirror.
func (t *task) status() bsonraw.Doc {
	s := t.statusDoc()
	if v := t.lanes[0].version; v != nil {
		s.Version, _ = v.now()
	}
	b := bsonraw.NewBuilder(nil)
	b.Doc("mirror", marshal(&s))
	return b.Finish()
}

func (l *lane) status() laneStatus {
	p50, p95 := l.lag.percentiles()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := laneStatus{
		Database: l.Database, Project: l.Project, Branch: l.Branch, State: l.stage, Attempts: int(l.attempts.Load()),
		Snapshot: l.state.Snapshot, ClusterTime: l.position.Cluster,
		LagMS: ms(p50), LagP95MS: ms(p95), Events: l.events.Load(), Commits: l.commits.Load(), Reread: l.refetched,
		Gaps: append([]gap{}, l.state.Gaps...), Series: append([]series{}, l.state.Series...), Notes: append([]string{}, l.state.Notes...),
		Refused: append([]refusal{}, l.state.Refused...), Refusals: l.state.Refusals,
	}
	s.Synced = l.stage == stageFollowing && l.caughtUp.Load() != 0
	if !l.state.Copied.IsZero() {
		at := l.state.Copied // a copy, which stays as it is once l.mu is free
		s.Copied = &at
	}
	if l.position.Wall != 0 {
		at := time.UnixMilli(l.position.Wall).UTC()
		s.SourceTime = &at
	}
	if !l.retryAt.IsZero() {
		at := l.retryAt
		s.RetryAt = &at
	}
	if left := l.windowLeft.Load(); left != nil {
		w := int64(*left / time.Second)
		s.WindowSec, s.WindowLow = &w, l.windowLow != ""
	}
	if l.lastErr != nil {
		s.Error = describeError(l.lastErr)
	}
	if l.stage == stageCopying || l.stage == stageResyncing {
		s.Copy = l.copyStatus()
	}
	return s
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func describeError(err error) *statusError {
	e := errs.As(err)
	if e == nil {
		return &statusError{Code: int32(errs.InternalError), CodeName: errs.InternalError.Name(), Message: err.Error()}
	}
	return &statusError{int32(e.Code), e.Code.Name(), e.Message, e.Remedy}
}

// warnings are what a person should look at.
func (l *lane) warnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var w []string
	for _, g := range l.state.Gaps {
		text := "changes of " + l.Database + " between " + g.From.Format(time.RFC3339) + " and " + g.Found.UTC().Format(time.RFC3339) + " were not captured: " + g.Reason
		if !g.Synced {
			text += "; the branch has not been re-synced since"
		}
		w = append(w, text)
	}
	if l.windowLow != "" {
		w = append(w, l.windowLow)
	}
	if l.state.Refusals > 0 {
		w = append(w, "some documents of "+l.Database+" cannot be held; see refused")
	}
	return w
}

// List describes every mirror.
func (m *Manager) List(ctx context.Context) ([]bsonraw.Doc, error) {
	defs, err := m.definitions(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]bsonraw.Doc, 0, len(defs))
	for _, d := range defs {
		t, err := m.task(ctx, d.Name)
		if err != nil {
			return nil, err
		}
		s := t.statusDoc()
		list = append(list, marshal(&s))
	}
	return list, nil
}

// Status describes a mirror.
func (m *Manager) Status(ctx context.Context, name string, synced bool) (bsonraw.Doc, error) {
	t, err := m.task(ctx, name)
	if err != nil {
		return nil, err
	}
	if synced {
		if err := t.waitSynced(ctx); err != nil {
			return nil, err
		}
	}
	return t.status(), nil
}

// Wait waits for another status than the one with this version.
func (m *Manager) Wait(ctx context.Context, name string, version int64) (bsonraw.Doc, error) {
	for {
		n, next := m.version.now()
		if n != version {
			return m.Status(ctx, name, false)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.life.Done():
			return nil, errs.New(errs.StoreClosed, "the store is being closed")
		}
	}
}

// waitSynced waits until every lane has what its source has now.
func (t *task) waitSynced(ctx context.Context) error {
	src, err := connect(ctx, t.def.URI, t.def.Name)
	if err != nil {
		return err
	}
	at, err := src.now(ctx)
	src.close(ctx)
	if err != nil {
		return err
	}
	for _, l := range t.lanes {
		if err := l.waitFor(ctx, stampOf(at)); err != nil {
			return err
		}
	}
	return nil
}

// waitFor waits until the stream has passed a cluster time.
func (l *lane) waitFor(ctx context.Context, at stamp) error {
	for {
		l.mu.Lock()
		stage, err, here, changed := l.stage, l.lastErr, stampOf(l.position.Cluster), l.changed
		following := stage == stageFollowing
		l.mu.Unlock()
		switch {
		case following && here >= at:
			return nil
		case stage == stageFailed && err != nil:
			return err
		case stage == stageStopped:
			return errs.New(errs.OperationFailed, "mirror %q does not run", l.def.Name).
				WithRemedy("argon mirror start %s", l.def.Name)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Metrics returns counters by mirror and database.
func (m *Manager) Metrics() bsonraw.Doc {
	m.mu.Lock()
	tasks := make(map[string]*task, len(m.tasks))
	for name, t := range m.tasks {
		tasks[name] = t
	}
	m.mu.Unlock()
	b := bsonraw.NewBuilder(nil)
	for name, t := range tasks {
		b.BeginDoc(name)
		for _, l := range t.lanes {
			s := l.status()
			b.BeginDoc(l.Database)
			b.String("state", s.State)
			b.Bool("synced", s.Synced)
			b.Int64("events", s.Events)
			b.Int64("commits", s.Commits)
			b.Double("lagMS", s.LagMS)
			b.Double("lagP95MS", s.LagP95MS)
			b.Int64("gaps", int64(len(s.Gaps)))
			b.Int64("reread", s.Reread)
			b.Int64("refused", s.Refusals)
			if s.WindowSec != nil {
				b.Int64("oplogWindowSeconds", *s.WindowSec)
				b.Bool("oplogWindowLow", s.WindowLow)
			}
			b.End()
		}
		b.End()
	}
	return b.Finish()
}
