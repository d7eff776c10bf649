package mirror

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// How far a lane is stands in settings of the kind mirrorState, all of them BSON
// documents whose field names are FROZEN:
//
//	NAME/DATABASE            laneState: what it is doing, its gaps and notes
//	NAME/DATABASE/token      position: written in the commit of every group
//	NAME/DATABASE/copy/COLL  copyState: written in the commit of every chunk, of
//	                         the first copy or of a re-sync
//
// A name of a database has no slash.

// The phases of a lane.
const (
	phaseCopy   = "copy"
	phaseFollow = "follow"
	phaseResync = "resync"
)

// laneState is what a lane is doing. It changes rarely.
type laneState struct {
	Phase string         `bson:"phase"`
	Start bson.Timestamp `bson:"start"` // the stream begins behind it
	// Listed is when the catalogue was read: events on collections that are not
	// there any more, up to then, are of none of ours.
	Listed   bson.Timestamp `bson:"listed"`
	Snapshot bool           `bson:"snapshot"` // the copy was read at cluster times
	Copied   time.Time      `bson:"copied,omitempty"`
	Gaps     []gap          `bson:"gaps,omitempty"`
	Notes    []string       `bson:"notes,omitempty"`
	Refused  []refusal      `bson:"refused,omitempty"` // the first documents that we cannot hold
	Refusals int64          `bson:"refusals,omitempty"`
	Resync   *resyncing     `bson:"resync,omitempty"` // under way
	Series   []series       `bson:"series,omitempty"`
}

// series is a time series: change streams do not show what becomes of its
// documents, so it stays as it was read, by the first copy or by a re-sync.
type series struct {
	Collection string    `bson:"collection"`
	Read       time.Time `bson:"read"` // at the source's time
	Docs       int64     `bson:"documents"`
}

// gap is a stretch of the source's history that was lost.
type gap struct {
	From   time.Time `bson:"from"` // the newest commit before it, at the source
	To     time.Time `bson:"to"`   // what the re-sync compared with
	Found  time.Time `bson:"found"`
	Reason string    `bson:"reason"`
	LSN    int64     `bson:"lsn,omitempty"` // of the re-sync's commit; 0 until it is done, or if nothing differed
	Docs   int64     `bson:"docs"`          // documents that differed
	Synced bool      `bson:"synced"`
}

// refusal is a document of the source that we cannot hold.
type refusal struct {
	Collection string        `bson:"collection"`
	ID         bson.RawValue `bson:"_id"`
	Why        string        `bson:"why"`
}

// position is where a lane's stream stands.
type position struct {
	Token   bson.Raw       `bson:"token"`
	Cluster bson.Timestamp `bson:"cluster"`
	Wall    int64          `bson:"wall"`
}

// copyState is how far the copy of a collection is.
type copyState struct {
	Name string `bson:"name"`
	UUID string `bson:"uuid"`
	Kind string `bson:"kind"`
	// Time is the newest moment that any of it was read at; zero until begun.
	Time bson.Timestamp `bson:"time"`
	// Mixed says that it was not all read at the lane's start: then the events up
	// to Time may be in the copy already, and need not fit it.
	Mixed bool `bson:"mixed"`
	// Since is a moment up to which every event is in the copy: at the latest that
	// of its oldest part. Zero is the lane's start.
	Since bson.Timestamp `bson:"since,omitempty"`
	// Resume is where the source goes on reading, if it told; of a re-sync, the _id
	// up to which all is compared.
	Resume bson.Raw `bson:"resume,omitempty"`
	// Process is the process of the source to which Resume means something.
	Process string `bson:"process,omitempty"`
	Begun   bool   `bson:"begun"` // something of it is stored
	Done    bool   `bson:"done"`

	Progress progress `bson:"progress,omitempty"`

	options bsonraw.Doc // as listed; a re-sync's
}

// renew has what is left be read at a newer moment, or, without a snapshot, as it
// is. If that is all of it, the copy is of one moment still.
func (c *copyState) renew(at bson.Timestamp, snapshot bool) {
	c.Time = at
	if snapshot && !c.Begun {
		c.Since, c.Mixed = at, false
		return
	}
	c.Mixed = true
}

// again has all of it be read once more, since nobody can tell where to go on. What
// is here stays, and is met.
func (c *copyState) again() {
	c.Resume, c.Process, c.Mixed = nil, "", true
	c.Progress.Docs, c.Progress.Bytes = 0, 0
}

func (l *lane) key(parts ...string) string {
	return strings.Join(append([]string{l.def.Name, l.Database}, parts...), "/")
}

// loadSetting reads a setting into out; false if it is not there.
func (l *lane) loadSetting(ctx context.Context, name string, out any) (bool, error) {
	doc, ok, err := l.store.Setting(ctx, stateKind, name)
	if err != nil || !ok {
		return false, err
	}
	if err := bson.Unmarshal(doc, out); err != nil {
		return false, errs.Wrap(err, errs.StoreCorrupt, "the state %q of a mirror does not decode", name)
	}
	return true, nil
}

func marshal(v any) bsonraw.Doc {
	raw, err := bson.Marshal(v)
	if err != nil {
		return bsonraw.EmptyDoc // structs of plain fields can always be written
	}
	return bsonraw.Doc(raw)
}

// load reads how far the lane is.
func (l *lane) load(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.position = laneState{}, position{}
	if _, err := l.loadSetting(ctx, l.key(), &l.state); err != nil {
		return err
	}
	if _, err := l.loadSetting(ctx, l.key("token"), &l.position); err != nil {
		return err
	}
	list, err := l.store.Settings(ctx, stateKind)
	l.copies = map[string]*copyState{}
	for _, s := range list {
		if !strings.HasPrefix(s.Name, l.key("copy")+"/") {
			continue
		}
		c := &copyState{}
		if err := bson.Unmarshal(s.Doc, c); err != nil {
			return errs.Wrap(err, errs.StoreCorrupt, "the state %q of a mirror does not decode", s.Name)
		}
		l.copies[c.Name] = c
	}
	return err
}

// change changes the lane's state and stores it.
func (l *lane) change(ctx context.Context, fn func(*laneState)) error {
	l.mu.Lock()
	fn(&l.state)
	doc := marshal(&l.state)
	l.mu.Unlock()
	return l.store.PutSetting(ctx, stateKind, l.key(), doc)
}

// changeIn is change as a part of a commit.
func (l *lane) changeIn(t *engine.Txn, fn func(*laneState)) error {
	l.mu.Lock()
	fn(&l.state)
	doc := marshal(&l.state)
	l.mu.Unlock()
	return t.PutSetting(stateKind, l.key(), doc)
}

// readSeries lists the time series among the copies, as a transaction has them.
func (l *lane) readSeries(ctx context.Context, t *engine.Txn) (list []series, err error) {
	for name, c := range l.copies {
		if c.Kind != kindSeries {
			continue
		}
		n, err := t.Count(ctx, name, &engine.CountSpec{})
		if err != nil {
			return nil, err
		}
		list = append(list, series{name, stampOf(c.Time).time(), n})
	}
	slices.SortFunc(list, func(a, b series) int { return strings.Compare(a.Collection, b.Collection) })
	return list, nil
}

// setSeries keeps, in a commit, that a time series was made, empty, at a moment; a
// zero moment is that it is gone.
func (l *lane) setSeries(t *engine.Txn, coll string, at stamp) error {
	is := func(s series) bool { return s.Collection == coll }
	l.mu.Lock()
	have := slices.ContainsFunc(l.state.Series, is)
	l.mu.Unlock()
	if !have && at == 0 {
		return nil
	}
	return l.changeIn(t, func(s *laneState) {
		s.Series = slices.DeleteFunc(slices.Clone(s.Series), is)
		if at != 0 {
			s.Series = append(s.Series, series{coll, at.time(), 0})
		}
	})
}

// forgetCopies removes how far the copies of collections are.
func (l *lane) forgetCopies(ctx context.Context) error {
	var settings []engine.SettingWrite
	l.mu.Lock()
	for name := range l.copies {
		settings = append(settings, engine.SettingWrite{Kind: stateKind, Name: l.key("copy", name)})
	}
	l.copies = map[string]*copyState{}
	l.mu.Unlock()
	if len(settings) == 0 {
		return nil
	}
	return l.store.PutSettings(ctx, settings)
}

// forget removes everything that is stored of a lane.
func (l *lane) forget(ctx context.Context) error {
	var s laneState
	if _, err := l.loadSetting(ctx, l.key(), &s); err != nil {
		return err
	}
	if s.Resync != nil {
		err := l.store.DropStage(ctx, l.Project, s.Resync.Stage, l.meta(""))
		if err != nil && !errs.Is(err, errs.BranchNotFound) && !errs.Is(err, errs.ProjectNotFound) {
			return err
		}
	}
	list, err := l.store.Settings(ctx, stateKind)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Name == l.key() || strings.HasPrefix(s.Name, l.key()+"/") {
			if err := l.store.PutSetting(ctx, stateKind, s.Name, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// positionDoc writes a position; it is on the path of every commit.
func positionDoc(token bsonraw.Doc, at stamp, wall int64) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(token)+80))
	b.Doc("token", token)
	b.Value("cluster", bsonraw.TimestampValue(uint32(at>>32), uint32(at)))
	b.Int64("wall", wall)
	return b.Finish()
}
