package mvcc

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

const testIndex IndexID = 1

// meta runs random operations on the store and on the model and compares what
// both show.
type meta struct {
	t        *rapid.T
	fs       *vfs.MemFS
	limit    int // of sets of names
	runBytes int // of a commit from which it is written as a run
	o        pebblekv.Options
	s        *Store
	m        *model
	clock    int64
	segs     []SegmentID
	lsns     []LSN
	held     []heldView
}

// heldView is a view, with a cursor halfway through, that has to show the same
// later.
type heldView struct {
	v    *View
	c    CollectionID
	cur  *Cursor
	rest []modelDoc
}

func TestMetamorphic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &meta{t: t, fs: vfs.NewMem(), m: newModel(), clock: 1_700_000_000_000}
		if rapid.Bool().Draw(t, "tiny memtables") {
			x.o = pebblekv.Options{MemtableBytes: 64 << 10, CacheBytes: 1 << 20}
		}
		x.o.FS = x.fs
		x.runBytes = rapid.SampledFrom([]int{runBytes, 1, 100}).Draw(t, "run bytes")
		x.limit = rapid.SampledFrom([]int{1, 3, maxNames}).Draw(t, "names")
		x.open()
		x.fork(0, 0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			x.step()
		}
		x.release()
		x.checkStore()
		require.NoError(t, x.s.Close())
	})
}

func (x *meta) open() {
	p, err := pebblekv.Open("/store", x.o)
	require.NoError(x.t, err)
	x.s, err = OpenWithClock(kv.Checked(p), func() time.Time { return time.UnixMilli(x.clock) })
	require.NoError(x.t, err)
	x.s.names.limit, x.s.runBytes = x.limit, x.runBytes
}

func (x *meta) step() {
	switch rapid.SampledFrom([]string{
		"commit", "commit", "commit", "commit", "churn", "fork", "deepen", "get", "scan", "scan", "index", "history",
		"log", "exists", "hold", "release", "flush", "compact", "reopen", "collect", "drop",
	}).Draw(x.t, "step") {
	case "commit":
		x.commit(rapid.IntRange(1, 6).Draw(x.t, "writes"))
	case "churn":
		seg, id := x.segment(), x.id()
		for range rapid.IntRange(1, 30).Draw(x.t, "versions") {
			x.apply(seg, []Write{{1, idKey(id), testDoc(id, len(x.lsns))}}, []bsonraw.Value{id})
		}
	case "fork":
		seg := x.segment()
		x.fork(seg, x.readable(seg))
	case "deepen":
		seg := x.segment()
		for range rapid.IntRange(2, 6).Draw(x.t, "forks") {
			x.fork(seg, x.s.LastLSN())
			seg = x.segs[len(x.segs)-1]
			x.commitTo(seg, rapid.IntRange(0, 3).Draw(x.t, "writes"))
		}
	case "get":
		x.get()
	case "scan":
		x.scan()
	case "index":
		x.index()
	case "history":
		x.history()
	case "log":
		x.log()
	case "exists":
		x.exists()
	case "hold":
		x.hold()
	case "release":
		x.release()
	case "flush":
		require.NoError(x.t, x.s.Flush())
	case "compact":
		require.NoError(x.t, x.s.Compact(context.Background()))
	case "reopen":
		x.release()
		last := x.s.LastLSN()
		require.NoError(x.t, x.s.Close())
		x.open()
		require.Equal(x.t, last, x.s.LastLSN())
	case "collect":
		x.collect()
	case "drop":
		x.drop()
	}
}

func (x *meta) segment() SegmentID { return rapid.SampledFrom(x.segs).Draw(x.t, "segment") }

func (x *meta) collection() CollectionID {
	return CollectionID(rapid.IntRange(1, 2).Draw(x.t, "collection"))
}

// id draws one of a few ids of several types.
func (x *meta) id() bsonraw.Value {
	i := rapid.IntRange(0, 11).Draw(x.t, "id")
	switch i % 4 {
	case 0:
		return bsonraw.Int32Value(int32(i))
	case 1:
		return bsonraw.StringValue(fmt.Sprintf("id\x00%d", i))
	case 2:
		return bsonraw.ObjectIDValue([12]byte{byte(i)})
	}
	return bsonraw.ArrayOf(bsonraw.Int32Value(int32(i))).Value()
}

func idKey(id bsonraw.Value) []byte { return bsonraw.AppendKey(nil, id) }

func testDoc(id bsonraw.Value, n int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("_id", id)
	b.Int32("n", int32(n%5))
	b.String("pad", fmt.Sprintf("%d %0100d", n, n))
	return b.Finish()
}

// readable draws an LSN at which the lineage of a segment can be read.
func (x *meta) readable(seg SegmentID) LSN {
	candidates := []LSN{x.s.LastLSN()}
	for _, lsn := range append(slices.Clone(x.lsns), 0) {
		ok := true
		for _, span := range x.m.lineage(seg, lsn) {
			s := x.m.segments[span.Segment]
			ok = ok && (span.Max >= s.readable || s.pins[span.Max])
		}
		if ok {
			candidates = append(candidates, lsn)
		}
	}
	return rapid.SampledFrom(candidates).Draw(x.t, "at")
}

func (x *meta) fork(parent SegmentID, at LSN) {
	id := x.s.AllocSegment()
	record := refs.Segment{ID: id, Parent: parent, Fork: at}
	_, wait, err := x.s.Apply(context.Background(), &Commit{Segment: id, Refs: []RefWrite{{refs.SegmentKey(id), record.Encode()}}})
	require.NoError(x.t, err)
	require.NoError(x.t, wait())
	x.m.fork(id, parent, at)
	x.segs = append(x.segs, id)
}

func (x *meta) commit(writes int) { x.commitTo(x.segment(), writes) }

func (x *meta) commitTo(seg SegmentID, writes int) {
	var ws []Write
	var ids []bsonraw.Value
	for range writes {
		id, c := x.id(), x.collection()
		w := Write{c, idKey(id), nil}
		if rapid.IntRange(0, 3).Draw(x.t, "delete") > 0 {
			w.Doc = testDoc(id, len(x.lsns)+len(ws))
		}
		if slices.ContainsFunc(ws, func(o Write) bool { return o.Collection == c && bytes.Equal(o.IDKey, w.IDKey) }) {
			continue
		}
		ws, ids = append(ws, w), append(ids, id)
	}
	x.apply(seg, ws, ids)
}

// apply commits writes with the entries of their index, and tells the model.
func (x *meta) apply(seg SegmentID, ws []Write, ids []bsonraw.Value) {
	x.clock += int64(rapid.IntRange(-5, 5).Draw(x.t, "clock"))
	before := x.m.lineage(seg, MaxLSN)
	c := &Commit{Segment: seg, Writes: ws, Record: &wal.Record{Kind: wal.KindWrite, Actor: "meta"}}
	for i, w := range ws {
		kind := wal.Delete
		old, _ := x.m.latest(before, w.Collection, string(w.IDKey))
		if old.Doc != nil && (w.Doc == nil || !bytes.Equal(indexKey(old.Doc), indexKey(w.Doc))) {
			c.IndexWrites = append(c.IndexWrites, IndexWrite{w.Collection, testIndex, indexKey(old.Doc), w.IDKey, true})
		}
		if w.Doc != nil {
			kind = wal.Update
			c.IndexWrites = append(c.IndexWrites, IndexWrite{w.Collection, testIndex, indexKey(w.Doc), w.IDKey, false})
		}
		c.Record.Ops = append(c.Record.Ops, wal.Op{Collection: w.Collection, Kind: kind, ID: ids[i]})
	}
	lsn, wait, err := x.s.Apply(context.Background(), c)
	require.NoError(x.t, err)
	require.NoError(x.t, wait())
	require.Equal(x.t, lsn, x.s.LastLSN())
	if len(x.lsns) > 0 {
		last := x.lsns[len(x.lsns)-1]
		require.Greater(x.t, lsn, last)
		require.GreaterOrEqual(x.t, c.Record.Time, x.m.times[last], "time went backwards")
	}
	x.lsns = append(x.lsns, lsn)
	x.m.times[lsn] = c.Record.Time
	for _, w := range ws {
		x.m.write(seg, w.Collection, w.IDKey, Version{lsn, seg, w.Doc.Clone()})
	}
	x.m.segments[seg].log = append(x.m.segments[seg].log, *c.Record)
}

// view draws a segment and a moment.
func (x *meta) view() (*View, Lineage) {
	seg := x.segment()
	at := x.readable(seg)
	l, err := x.s.Lineage(seg, at)
	require.NoError(x.t, err)
	return x.s.NewView(l), x.m.lineage(seg, at)
}

func (x *meta) get() {
	v, l := x.view()
	defer v.Close()
	for range 5 {
		c, id := x.collection(), idKey(x.id())
		want, ok := x.m.latest(l, c, string(id))
		lsn, has, err := v.Latest(c, id)
		require.NoError(x.t, err)
		if want.Doc != nil || x.m.segments[l[len(l)-1].Segment].readable == 0 { // a deletion of nothing may be collected
			require.Equal(x.t, ok, has)
			require.Equal(x.t, want.LSN, lsn)
		}
		got, has, err := v.Get(c, id)
		require.NoError(x.t, err)
		require.Equal(x.t, want.Doc != nil, has)
		if has {
			require.Equal(x.t, want, got)
		}
	}
}

func (x *meta) bounds() (lo, hi []byte) {
	if rapid.Bool().Draw(x.t, "lo") {
		lo = idKey(x.id())
		lo = lo[:rapid.IntRange(1, len(lo)).Draw(x.t, "cut")]
	}
	if rapid.Bool().Draw(x.t, "hi") {
		hi = idKey(x.id())
		hi = hi[:rapid.IntRange(1, len(hi)).Draw(x.t, "cut")]
	}
	if lo != nil && hi != nil && bytes.Compare(lo, hi) > 0 {
		lo, hi = hi, lo
	}
	return lo, hi
}

func (x *meta) scan() {
	v, l := x.view()
	defer v.Close()
	c := x.collection()
	lo, hi := x.bounds()
	want := x.m.scan(l, c, lo, hi)
	reverse := rapid.Bool().Draw(x.t, "reverse")
	if reverse {
		slices.Reverse(want)
	}
	cur := v.Scan(c, lo, hi, reverse)
	pause := rapid.IntRange(0, 3).Draw(x.t, "pause")
	if pause == 3 {
		target := idKey(x.id())
		cur.Seek(target)
		want = slices.DeleteFunc(want, func(d modelDoc) bool {
			cmp := bytes.Compare([]byte(d.idKey), target)
			return reverse && cmp > 0 || !reverse && cmp < 0
		})
	}
	x.requireDocs(cur, want, pause == 2)
	require.NoError(x.t, cur.Close())
}

func (x *meta) requireDocs(cur *Cursor, want []modelDoc, pause bool) {
	for i, d := range want {
		require.True(x.t, cur.Next(), "document %d of %d: %v", i, len(want), cur.Err())
		require.Equal(x.t, d, modelDoc{string(cur.IDKey()), Version{cur.LSN(), cur.Segment(), cur.Doc()}})
		if pause && rapid.Bool().Draw(x.t, "pause here") {
			cur.Pause()
		}
	}
	require.False(x.t, cur.Next())
	require.False(x.t, cur.Next())
	require.NoError(x.t, cur.Err())
}

func (x *meta) index() {
	v, l := x.view()
	defer v.Close()
	c := x.collection()
	want := x.m.entries(l, c)
	reverse := rapid.Bool().Draw(x.t, "reverse")
	if reverse {
		slices.Reverse(want)
	}
	var lo, hi []byte
	if rapid.Bool().Draw(x.t, "bounded") {
		lo, hi = bsonraw.AppendKey(nil, bsonraw.Int32Value(1)), bsonraw.AppendKey(nil, bsonraw.Int32Value(3))
		want = slices.DeleteFunc(want, func(key string) bool { return key < string(lo) || key >= string(hi) })
	}
	cur := v.ScanIndex(c, testIndex, lo, hi, reverse)
	for _, key := range want {
		require.True(x.t, cur.Next(), "%v", cur.Err())
		require.Equal(x.t, key, string(cur.Key()))
		require.Equal(x.t, key, string(cur.Fields())+string(cur.IDKey()))
		if rapid.IntRange(0, 5).Draw(x.t, "pause") == 0 {
			cur.Pause()
		}
	}
	require.False(x.t, cur.Next())
	require.NoError(x.t, cur.Close())
	entries, err := x.s.CheckIndex(context.Background(), v.Lineage(), c, testIndex, func(doc bsonraw.Doc, emit func([]byte)) error {
		emit(indexKey(doc))
		return nil
	}, func(p Problem) bool { x.t.Fatal(p); return false })
	require.NoError(x.t, err)
	require.Equal(x.t, int64(len(x.m.entries(l, c))), entries)
}

func (x *meta) history() {
	v, l := x.view()
	defer v.Close()
	for span := range slices.Values(l) {
		if x.m.segments[span.Segment].readable > 0 {
			return // collected versions are gone, which the model does not follow
		}
	}
	c, id := x.collection(), idKey(x.id())
	got, err := x.s.Versions(v.Lineage(), c, id)
	require.NoError(x.t, err)
	require.Equal(x.t, x.m.versions(l, c, string(id)), got)
}

func (x *meta) exists() {
	v, l := x.view()
	defer v.Close()
	c := x.collection()
	var keys [][]byte
	for range rapid.IntRange(0, 8).Draw(x.t, "keys") {
		keys = append(keys, idKey(x.id()))
	}
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	places, err := v.ExistsSorted(c, keys)
	require.NoError(x.t, err)
	for i, key := range keys {
		d, ok := x.m.latest(l, c, string(key))
		require.Equal(x.t, ok && d.Doc != nil, slices.Contains(places, i))
	}
}

func (x *meta) log() {
	seg := x.segment()
	at := x.readable(seg)
	l := x.m.lineage(seg, at)
	want := x.m.segments[seg].log
	from := LSN(rapid.IntRange(0, int(x.s.LastLSN())).Draw(x.t, "from"))
	reverse := rapid.Bool().Draw(x.t, "reverse")
	var got []wal.Record
	cur := x.s.ReadLog(seg, from, at, reverse)
	for cur.Next() {
		r := cur.Record()
		require.NotNil(x.t, r)
		require.Equal(x.t, r.LSN, cur.LSN())
		got = append(got, *r.Clone())
	}
	require.NoError(x.t, cur.Close())
	if reverse {
		slices.Reverse(got)
	}
	var expected []wal.Record
	for _, r := range want {
		if r.LSN > from && r.LSN <= at {
			expected = append(expected, r)
		}
	}
	require.Equal(x.t, len(expected), len(got))
	for i := range got {
		require.Equal(x.t, expected[i].Append(nil), got[i].Append(nil))
	}
	x.moments(seg, at, l)
}

// moments checks times and counts against the list of commits.
func (x *meta) moments(seg SegmentID, at LSN, l Lineage) {
	commits := x.m.commits(l)
	real, err := x.s.Lineage(seg, at)
	require.NoError(x.t, err)
	back := rapid.IntRange(0, 10).Draw(x.t, "back")
	lsn, ok, err := x.s.LSNBack(real, uint64(back))
	require.NoError(x.t, err)
	require.Equal(x.t, back < len(commits), ok)
	if ok {
		require.Equal(x.t, commits[back], lsn)
	}
	moment := x.clock + int64(rapid.IntRange(-30, 5).Draw(x.t, "moment"))
	lsn, ok, err = x.s.LSNAt(real, time.UnixMilli(moment))
	require.NoError(x.t, err)
	i := slices.IndexFunc(commits, func(lsn LSN) bool { return x.m.times[lsn] <= moment })
	require.Equal(x.t, i >= 0, ok)
	if ok {
		require.Equal(x.t, commits[i], lsn)
	}
	head, err := x.s.HeadLSN(seg)
	require.NoError(x.t, err)
	var want LSN
	if log := x.m.segments[seg].log; len(log) > 0 {
		want = log[len(log)-1].LSN
	}
	require.Equal(x.t, want, head)
}

func (x *meta) hold() {
	v, l := x.view()
	c := x.collection()
	h := heldView{v: v, c: c, cur: v.Scan(c, nil, nil, false), rest: x.m.scan(l, c, nil, nil)}
	for range rapid.IntRange(0, len(h.rest)).Draw(x.t, "read") {
		require.True(x.t, h.cur.Next())
		h.rest = h.rest[1:]
	}
	if rapid.Bool().Draw(x.t, "paused") {
		h.cur.Pause()
	}
	x.held = append(x.held, h)
}

// release reads the rest of every view that is held.
func (x *meta) release() {
	for _, h := range x.held {
		x.requireDocs(h.cur, h.rest, false)
		require.NoError(x.t, h.cur.Close())
		h.v.Close()
	}
	x.held = nil
}

// collect removes what some pins do not see.
func (x *meta) collect() {
	x.release() // views are pins, which is the caller's to see to
	seg := x.segment()
	s := x.m.segments[seg]
	p := Pins{Segment: seg, Root: s.parent == 0}
	pins := map[LSN]bool{x.s.LastLSN(): true}
	for _, other := range x.segs {
		for _, span := range x.m.lineage(other, MaxLSN) {
			if other != seg && span.Segment == seg {
				pins[span.Max] = true
			}
		}
	}
	for range rapid.IntRange(0, 2).Draw(x.t, "pins") {
		lsn := x.readable(seg)
		pins[lsn] = true
	}
	for lsn := range pins {
		p.LSNs = append(p.LSNs, lsn)
	}
	slices.Sort(p.LSNs)
	dry, err := x.s.RemoveVersions(context.Background(), []Pins{p}, true)
	require.NoError(x.t, err)
	real, err := x.s.RemoveVersions(context.Background(), []Pins{p}, false)
	require.NoError(x.t, err)
	require.Equal(x.t, dry, real)
	again, err := x.s.RemoveVersions(context.Background(), []Pins{p}, false)
	require.NoError(x.t, err)
	require.Zero(x.t, again)
	s.readable = x.s.LastLSN()
	for lsn := range s.pins {
		if !pins[lsn] {
			delete(s.pins, lsn)
		}
	}
	for lsn := range pins {
		s.pins[lsn] = true
	}
}

// drop removes a segment that nothing was forked from.
func (x *meta) drop() {
	x.release()
	seg := x.segment()
	for _, child := range x.m.segments {
		if child.parent == seg {
			return
		}
	}
	if len(x.segs) == 1 {
		return
	}
	require.NoError(x.t, x.s.DropSegment(context.Background(), seg))
	delete(x.m.segments, seg)
	x.segs = slices.DeleteFunc(x.segs, func(s SegmentID) bool { return s == seg })
	used, err := x.s.Collections(seg)
	require.NoError(x.t, err)
	require.Empty(x.t, used)
}

// checkStore ends every run with the check that fsck makes.
func (x *meta) checkStore() {
	_, err := x.s.Check(context.Background(), CheckOptions{
		Report:    func(p Problem) bool { x.t.Fatal(p); return false },
		Collected: func(seg SegmentID) LSN { return x.m.segments[seg].readable },
	})
	require.NoError(x.t, err)
}
