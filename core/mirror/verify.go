package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
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

type verified struct {
	Database    string         `bson:"database"`
	ClusterTime bson.Timestamp `bson:"clusterTime"`
	Time        time.Time      `bson:"time"`
	LSN         int64          `bson:"lsn"` // the commit that it was compared with
}

type verifiedColl struct {
	Database   string          `bson:"database"`
	Collection string          `bson:"collection"`
	Documents  int64           `bson:"documents"` // of the source
	Differing  int64           `bson:"differing"`
	Hash       string          `bson:"hash"` // of the source's documents
	Ranges     []differentSpan `bson:"ranges"`
	Compared   int             `bson:"rangesCompared"`
}

// differentSpan is a range of _ids whose hashes differ.
type differentSpan struct {
	From   bson.RawValue `bson:"from"`
	To     bson.RawValue `bson:"to"`
	Source string        `bson:"source"`
	Mirror string        `bson:"mirror"`
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
	v := &verifier{src: src, limit: limit, store: m.store, report: report{
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
	report report
}

// lane compares one database, at the source's present once the mirror has it;
// one that does not run, at where it stands.
func (v *verifier) lane(ctx context.Context, l *lane) error {
	if l.phase() != phaseFollow {
		return errs.New(errs.OperationFailed, "the copy of %s is not done yet", l.Database).
			WithRemedy("wait for it: argon mirror status %s", l.def.Name)
	}
	l.mu.Lock()
	at, stopped := l.position.Cluster, l.stage == stageStopped || l.stage == stageFailed
	if at.IsZero() {
		at = l.state.Start
	}
	l.mu.Unlock()
	if !stopped {
		var err error
		if at, err = v.src.now(ctx); err != nil {
			return err
		}
		if err := l.waitFor(ctx, stampOf(at)); err != nil {
			return err
		}
	}
	ref := l.ref()
	lsn, ok, err := v.store.AtSource(ctx, ref, uint64(stampOf(at)))
	if err != nil {
		return err
	}
	if !ok {
		return errs.New(errs.OperationFailed, "the mirror of %s has no commit yet", l.Database)
	}
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: lsn}
	v.report.Databases = append(v.report.Databases, verified{l.Database, at, stampOf(at).time(), int64(lsn)})
	snap, err := v.store.Snapshot(ctx, ref)
	if err != nil {
		return err
	}
	defer snap.Close()
	return v.collections(ctx, l, snap, at)
}

func (v *verifier) collections(ctx context.Context, l *lane, snap *engine.Snapshot, at bson.Timestamp) error {
	theirs := lane{Mapping: l.Mapping, def: l.def, src: v.src}
	colls, err := theirs.list(ctx)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, c := range colls {
		names[c.name] = true
		switch c.kind {
		case kindView:
			continue
		case kindSeries:
			v.report.Notes = append(v.report.Notes, c.name+" is a time series, which was copied once and is not compared")
			continue
		}
		if err := v.collection(ctx, l, snap, c.name, at); err != nil {
			return err
		}
	}
	ours, err := snap.Collections(ctx)
	if err != nil {
		return err
	}
	for _, c := range ours {
		if !c.View && !names[c.Name] {
			// Dropped since, or here for no reason: the snapshot tells.
			if err := v.collection(ctx, l, snap, c.Name, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) collection(ctx context.Context, l *lane, snap *engine.Snapshot, name string, at bson.Timestamp) error {
	chunks, end, err := readSorted(ctx, v.src, l.Database, name, at, v.src.snapshots())
	if err == nil {
		defer end()
		var ours engine.Cursor
		if ours, err = snap.Find(ctx, name, &engine.FindSpec{}); err != nil {
			return err
		}
		defer ours.Close()
		c := collectionCheck{v: v, out: verifiedColl{Database: l.Database, Collection: name, Ranges: []differentSpan{}}, whole: sha256.New()}
		c.begin()
		if err = mergeDocs(ctx, chunks, ours, c.pair); err == nil {
			c.end()
			c.out.Hash = hex.EncodeToString(c.whole.Sum(nil))
			v.report.Collections = append(v.report.Collections, c.out)
			return nil
		}
	}
	if serverCode(err) == codeSnapshotNone {
		v.report.Notes = append(v.report.Notes, name+" cannot be read at one moment and was not compared: it is capped, or was made, dropped or renamed a moment ago")
		return nil
	}
	return err
}

// collectionCheck compares one collection in ranges.
type collectionCheck struct {
	v              *verifier
	out            verifiedColl
	whole          hash.Hash
	source, mirror hash.Hash
	n              int
	from, to       bsonraw.Value
	differing      int64
}

func (c *collectionCheck) begin() {
	c.source, c.mirror, c.n, c.differing = sha256.New(), sha256.New(), 0, 0
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
	c.whole.Write(theirs)
	c.mirror.Write(mine)
	if theirs != nil {
		c.out.Documents++
	}
	if kind != "" {
		c.differing++
		c.out.Differing++
		c.v.report.Differing++
		if int64(len(c.v.report.Documents)) < c.v.limit {
			c.v.report.Documents = append(c.v.report.Documents, difference{c.out.Database, c.out.Collection, rawValue(id), kind})
		}
	}
	if c.n >= verifyRange {
		c.end()
		c.begin()
	}
	return nil
}

// end closes a range.
func (c *collectionCheck) end() {
	if c.n == 0 {
		return
	}
	c.out.Compared++
	a, b := c.source.Sum(nil), c.mirror.Sum(nil)
	if !slices.Equal(a, b) {
		c.out.Ranges = append(c.out.Ranges, differentSpan{rawValue(c.from), rawValue(c.to), hex.EncodeToString(a), hex.EncodeToString(b)})
	}
}
