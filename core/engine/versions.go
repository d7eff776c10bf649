package engine

import (
	"bytes"
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// Versions returns every state that the documents of a collection went through
// on a branch, by _id, and for each the newest first: the document itself with
// _lsn, _time, _op and _actor behind its _id. A state in which it was deleted has
// nothing else; where garbage collection took a commit from the log, _time and
// _actor are null.
//
// Newest first, because that is how versions lie: so a document with a million
// of them needs the memory of two.
func (s *Store) Versions(ctx context.Context, ref refs.Ref, coll string) (Cursor, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return nil, err
	}
	c := head.catalog.byName[coll]
	if c == nil || c.View {
		return emptyCursor{}, nil
	}
	v := &versionCursor{s: s, commits: map[commitKey]commitFacts{}}
	if v.adopted, err = s.adoptions(ref.Project); err != nil {
		return nil, err
	}
	for _, span := range head.lineage { // leaf first: its versions are newer than all behind it
		v.sources = append(v.sources, &versionSource{cur: s.mv.SegmentVersions(span.Segment, c.ID, 0, span.Max)})
	}
	return v, nil
}

// versionCursor merges the versions that the segments of a lineage wrote.
type versionCursor struct {
	s       *Store
	adopted loads
	sources []*versionSource
	begun   bool

	held    []byte // the version that is given out next, copied
	heldAt  mvcc.Version
	heldKey []byte
	some    bool

	commits map[commitKey]commitFacts
	buf     bsonraw.Builder
	n       int
}

type versionSource struct {
	cur *mvcc.VersionCursor
	ok  bool
}

type commitKey struct {
	segment mvcc.SegmentID
	lsn     mvcc.LSN
}

// commitFacts are who and when of a commit; known is false where the log no
// longer has it.
type commitFacts struct {
	time  time.Time
	actor string
	known bool
}

// maxCommits bounds the commits whose facts are kept.
const maxCommits = 1 << 16

// Next returns the next version. Whether it was an insert or an update is known
// once the one behind it is read.
func (v *versionCursor) Next(ctx context.Context) (Doc, bool, error) {
	if v.n++; v.n%checkEvery == 0 {
		if err := ctxError(ctx); err != nil {
			return nil, false, err
		}
	}
	if !v.begun {
		v.begun = true
		for _, src := range v.sources {
			if err := src.next(); err != nil {
				return nil, false, err
			}
		}
		if err := v.hold(); err != nil {
			return nil, false, err
		}
	}
	if !v.some {
		return nil, false, nil
	}
	next, err := v.before()
	if err != nil {
		return nil, false, err
	}
	existed := next != nil && bytes.Equal(next.cur.IDKey(), v.heldKey) && next.cur.Version().Doc != nil
	id := Value{}
	if v.heldAt.Doc == nil && existed {
		id = next.cur.Version().Doc.Get("_id")
	}
	doc, err := v.describe(existed, id)
	if err != nil {
		return nil, false, err
	}
	return doc, true, v.hold()
}

func (src *versionSource) next() error {
	src.ok = src.cur.Next()
	return src.cur.Err()
}

// newest returns the source of the next version: the lowest key, and of those
// with the same key the first in the lineage.
func (v *versionCursor) newest() (first *versionSource) {
	for _, src := range v.sources {
		if src.ok && (first == nil || bytes.Compare(src.cur.IDKey(), first.cur.IDKey()) < 0) {
			first = src
		}
	}
	return first
}

// before returns the source of what was there before the version that is held,
// past what one load wrote of a document before its last state.
func (v *versionCursor) before() (*versionSource, error) {
	for {
		next := v.newest()
		if next == nil || !bytes.Equal(next.cur.IDKey(), v.heldKey) || v.adopted.shown(next.cur.Version()).LSN != v.heldAt.LSN {
			return next, nil
		}
		if err := next.next(); err != nil {
			return nil, err
		}
	}
}

// hold copies the next version and moves on.
func (v *versionCursor) hold() error {
	src := v.newest()
	if v.some = src != nil; !v.some {
		return nil
	}
	v.heldAt = v.adopted.shown(src.cur.Version())
	v.heldKey = append(v.heldKey[:0], src.cur.IDKey()...)
	if v.heldAt.Doc != nil {
		v.held = append(v.held[:0], v.heldAt.Doc...)
		v.heldAt.Doc = v.held
	}
	return src.next()
}

// describe makes the document of the version that is held. id is that of the
// document where a deletion does not have it.
func (v *versionCursor) describe(existed bool, id Value) (Doc, error) {
	facts, err := v.facts(commitKey{v.heldAt.Segment, v.heldAt.LSN})
	if err != nil {
		return nil, err
	}
	doc := v.heldAt.Doc
	if doc != nil {
		id = doc.Get("_id")
	}
	b := &v.buf
	b.Reset()
	if !id.IsMissing() {
		b.Value("_id", id)
	}
	b.Int64("_lsn", int64(v.heldAt.LSN))
	if facts.known {
		b.Time("_time", facts.time)
	} else {
		b.Null("_time")
	}
	b.String("_op", opName(existed, doc != nil))
	if facts.known {
		b.String("_actor", facts.actor)
	} else {
		b.Null("_actor")
	}
	it := doc.Iter()
	for doc != nil && it.Next() {
		if string(it.Key()) != "_id" {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish(), nil
}

// facts returns who made a commit, and when. Versions that lie together were
// often written together.
func (v *versionCursor) facts(key commitKey) (commitFacts, error) {
	if f, ok := v.commits[key]; ok {
		return f, nil
	}
	rec, ok, err := v.s.mv.GetRecord(key.segment, key.lsn)
	if err != nil {
		return commitFacts{}, err
	}
	f := commitFacts{known: ok}
	if ok {
		f.time, f.actor = rec.At(), rec.Actor
	}
	if len(v.commits) >= maxCommits {
		clear(v.commits)
	}
	v.commits[key] = f
	return f, nil
}

// Close releases the cursor.
func (v *versionCursor) Close() (err error) {
	for _, src := range v.sources {
		if e := src.cur.Close(); err == nil {
			err = e
		}
	}
	v.sources, v.some, v.begun = nil, false, true
	return err
}
