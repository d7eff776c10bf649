package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

const (
	// verifyRange is how many documents of the source one hash covers.
	verifyRange = 10_000
	// defaultNamed is how many differing documents are named.
	defaultNamed = 1000
)

// report is what a verify found.
type report struct {
	Name        string         `bson:"name"`
	Clean       bool           `bson:"clean"`
	Differing   int64          `bson:"differing"`
	Documents   []difference   `bson:"documents"` // the first ones
	Databases   []verified     `bson:"databases"`
	Collections []verifiedColl `bson:"collections"`
	Notes       []string       `bson:"notes"`
	ElapsedMS   int64          `bson:"elapsedMS"`
}

// verified says at which moments a database was compared, in order. A source keeps
// a moment for some minutes only, so a comparison that takes longer goes on, from
// range to range, at newer ones.
type verified struct {
	Database string           `bson:"database"`
	Moments  []verifiedMoment `bson:"moments"`
}

type verifiedMoment struct {
	ClusterTime bson.Timestamp `bson:"clusterTime"`
	Time        time.Time      `bson:"time"`
	LSN         int64          `bson:"lsn"`    // the commit that it was compared with
	Ranges      int            `bson:"ranges"` // that were compared at it
}

type verifiedColl struct {
	Database   string          `bson:"database"`
	Collection string          `bson:"collection"`
	Documents  int64           `bson:"documents"` // of the source
	Differing  int64           `bson:"differing"`
	Hash       string          `bson:"hash"` // of the hashes of the source's ranges
	Ranges     []differentSpan `bson:"ranges"`
	Compared   int             `bson:"rangesCompared"`
}

// differentSpan is a range of _ids whose hashes differ.
type differentSpan struct {
	From   bson.RawValue `bson:"from"`
	To     bson.RawValue `bson:"to"`
	Source string        `bson:"source"`
	Mirror string        `bson:"mirror"`
	// ClusterTime is the moment at which they do.
	ClusterTime bson.Timestamp `bson:"clusterTime"`
}

type difference struct {
	Database   string        `bson:"database"`
	Collection string        `bson:"collection"`
	ID         bson.RawValue `bson:"_id"`
	Kind       string        `bson:"kind"` // missing (here), extra (here), different
}

// Verify compares a mirror with its source.
func (m *Manager) Verify(ctx context.Context, name string, limit int64) (bsonraw.Doc, error) {
	t, err := m.task(ctx, name)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	src, err := connect(ctx, t.def.URI, t.def.Name)
	if err != nil {
		return nil, err
	}
	defer src.close(ctx)
	if limit <= 0 {
		limit = defaultNamed
	}
	v := &verifier{src: src, limit: limit, fresh: freshFor, store: m.store, report: report{
		Name: name, Documents: []difference{}, Collections: []verifiedColl{}, Notes: []string{},
	}}
	for _, l := range t.lanes {
		if err := v.lane(ctx, l); err != nil {
			return nil, src.wrap(ctx, err)
		}
	}
	v.report.Clean = v.report.Differing == 0
	v.report.ElapsedMS = time.Since(began).Milliseconds()
	b := bsonraw.NewBuilder(nil)
	b.Doc("verify", marshal(&v.report))
	return b.Finish(), nil
}

type verifier struct {
	src    *source
	store  *engine.Store
	limit  int64
	fresh  time.Duration // how long a moment is compared at
	report report
}

// freshFor is well below the five minutes for which a source keeps a moment.
const freshFor = time.Minute

// lane compares one database: one that is followed, at the source's present, once
// the mirror has it; one that does not run, at where it stands.
func (v *verifier) lane(ctx context.Context, l *lane) error {
	if l.phase() != phaseFollow {
		return errs.New(errs.OperationFailed, "the copy of %s is not done yet", l.Database).
			WithRemedy("wait for it: argon mirror status %s", l.def.Name)
	}
	v.report.Databases = append(v.report.Databases, verified{Database: l.Database, Moments: []verifiedMoment{}})
	c := laneCheck{v: v, l: l, moments: &v.report.Databases[len(v.report.Databases)-1].Moments}
	defer c.close()
	if err := c.renew(ctx); err != nil {
		return err
	}
	return c.collections(ctx)
}

// laneCheck compares a database, at one moment after the other.
type laneCheck struct {
	v       *verifier
	l       *lane
	moments *[]verifiedMoment
	at      bson.Timestamp
	until   time.Time // when the next moment is due; zero is never
	snap    *engine.Snapshot
}

func (c *laneCheck) close() {
	if c.snap != nil {
		c.snap.Close()
	}
}

// renew compares from here on at the source's present.
func (c *laneCheck) renew(ctx context.Context) error {
	l := c.l
	l.mu.Lock()
	at, stopped := l.position.Cluster, l.stage == stageStopped || l.stage == stageFailed
	if at.IsZero() {
		at = l.state.Start
	}
	l.mu.Unlock()
	c.until = time.Time{}
	if !stopped {
		var err error
		if at, err = c.v.src.now(ctx); err != nil {
			return err
		}
		if err := l.waitFor(ctx, stampOf(at)); err != nil {
			return err
		}
		c.until = time.Now().Add(c.v.fresh)
	} else if at == c.at {
		return errs.New(errs.OperationFailed, "the source has no longer the moment at which mirror %q stands", l.def.Name).
			WithRemedy("compare while it runs: argon mirror start %s", l.def.Name)
	}
	return c.open(ctx, at)
}

// open takes our state at a moment of the source.
func (c *laneCheck) open(ctx context.Context, at bson.Timestamp) error {
	ref := c.l.ref()
	lsn, ok, err := c.v.store.AtSource(ctx, ref, uint64(stampOf(at)))
	if err != nil {
		return err
	}
	if !ok {
		return errs.New(errs.OperationFailed, "the mirror of %s has no commit yet", c.l.Database)
	}
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: lsn}
	snap, err := c.v.store.Snapshot(ctx, ref)
	if err != nil {
		return err
	}
	c.close()
	c.at, c.snap = at, snap
	*c.moments = append(*c.moments, verifiedMoment{ClusterTime: at, Time: stampOf(at).time(), LSN: int64(lsn)})
	return nil
}

func (c *laneCheck) collections(ctx context.Context) error {
	theirs := lane{Mapping: c.l.Mapping, def: c.l.def, src: c.v.src}
	colls, err := theirs.list(ctx)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, coll := range colls {
		names[coll.name] = true
		switch coll.kind {
		case kindView:
			continue
		case kindSeries:
			c.v.report.Notes = append(c.v.report.Notes, coll.name+" is a time series, which is not followed and not compared")
			continue
		}
		if err := c.collectionOf(ctx, coll); err != nil {
			return err
		}
	}
	ours, err := c.snap.Collections(ctx)
	if err != nil {
		return err
	}
	for _, coll := range ours {
		if !coll.View && !names[coll.Name] {
			// Dropped since, or here for no reason: the snapshot tells.
			if err := c.collection(ctx, coll.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectionOf compares a collection that the source lists.
func (c *laneCheck) collectionOf(ctx context.Context, coll listed) error {
	running, capped := !c.until.IsZero(), coll.options.Get("capped").Truthy()
	switch {
	case running && (capped || !c.v.src.snapshots()):
		return c.loose(ctx, coll.name)
	case capped:
		c.v.report.Notes = append(c.v.report.Notes, coll.name+" is capped, cannot be read at the moment at which the mirror stands, and was not compared: compare while it runs")
		return nil
	}
	return c.collection(ctx, coll.name)
}

// collection compares a collection, going on at a newer moment where one is due or
// the source has the present one no longer.
func (c *laneCheck) collection(ctx context.Context, name string) error {
	check := collectionCheck{c: c, out: verifiedColl{Database: c.l.Database, Collection: name, Ranges: []differentSpan{}}, whole: sha256.New()}
	for tries := 0; ; tries++ {
		n := check.out.Compared
		err := check.compare(ctx)
		switch {
		case err == nil:
			check.out.Hash = hex.EncodeToString(check.whole.Sum(nil))
			c.v.report.Collections = append(c.v.report.Collections, check.out)
			return nil
		case serverCode(err) == codeSnapshotNone && (n == 0 || tries == maxMoments):
			c.v.report.Notes = append(c.v.report.Notes, name+" cannot be read at one moment and was not compared: it was made, dropped or renamed a moment ago")
			return nil
		case err != errDue && !isSnapshotGone(err):
			return err
		}
		if check.out.Compared > n {
			tries = 0
		}
		if err := c.renew(ctx); err != nil {
			return err
		}
	}
}

// errDue ends a stretch of a comparison: the rest is compared at a newer moment.
var errDue = errors.New("a newer moment is due")

// collectionCheck compares one collection in ranges.
type collectionCheck struct {
	c              *laneCheck
	out            verifiedColl
	whole          hash.Hash     // of the ranges that are done
	behind         bsonraw.Value // the end of the last of them
	source, mirror hash.Hash
	n              int
	from, to       bsonraw.Value
	found          []difference // in the range; the first ones
	counted        int64        // the source's documents of the range
	differing      int64
}

// compare compares what is left of the collection at the present moment. What it
// found of a range that it could not end is forgotten.
func (c *collectionCheck) compare(ctx context.Context) error {
	read := sortedRead{database: c.out.Database, coll: c.out.Collection, behind: c.behind}
	if c.c.v.src.snapshots() {
		read.at = c.c.at
	}
	chunks, end, err := c.c.v.src.readSorted(ctx, read)
	if err != nil {
		return err
	}
	defer end()
	ours, err := c.c.snap.FindBehind(ctx, c.out.Collection, c.behind)
	if err != nil {
		return err
	}
	defer ours.Close()
	c.begin()
	if err := mergeDocs(ctx, chunks, ours, c.pair); err != nil {
		return err
	}
	c.end()
	return nil
}

func (c *collectionCheck) begin() {
	c.source, c.mirror, c.n, c.counted, c.differing = sha256.New(), sha256.New(), 0, 0, 0
	c.found = nil
}

func (c *collectionCheck) pair(theirs, mine bsonraw.Doc) error {
	doc, kind := theirs, ""
	switch {
	case theirs == nil:
		doc, kind = mine, "extra"
	case mine == nil:
		kind = "missing"
	case !bytes.Equal(theirs, mine):
		kind = "different"
	}
	id := doc.Get("_id")
	if c.n == 0 {
		c.from = id.Clone()
	}
	c.to = bsonraw.Value{Type: id.Type, Data: append(c.to.Data[:0:0], id.Data...)}
	c.n++
	c.source.Write(theirs)
	c.mirror.Write(mine)
	if theirs != nil {
		c.counted++
	}
	if kind != "" {
		c.differing++
		if int64(len(c.found)+len(c.c.v.report.Documents)) < c.c.v.limit {
			c.found = append(c.found, difference{c.out.Database, c.out.Collection, rawValue(id), kind})
		}
	}
	if c.n < verifyRange {
		return nil
	}
	c.end()
	c.begin()
	if !c.c.until.IsZero() && time.Now().After(c.c.until) {
		return errDue
	}
	return nil
}

// end closes a range.
func (c *collectionCheck) end() {
	if c.n == 0 {
		return
	}
	r := &c.c.v.report
	c.out.Compared++
	c.out.Documents += c.counted
	c.out.Differing += c.differing
	r.Differing += c.differing
	r.Documents = append(r.Documents, c.found...)
	c.behind = c.to.Clone()
	(*c.c.moments)[len(*c.c.moments)-1].Ranges++
	a, b := c.source.Sum(nil), c.mirror.Sum(nil)
	c.whole.Write(a)
	if !bytes.Equal(a, b) {
		c.out.Ranges = append(c.out.Ranges, differentSpan{rawValue(c.from), rawValue(c.to), hex.EncodeToString(a), hex.EncodeToString(b), c.c.at})
	}
}
