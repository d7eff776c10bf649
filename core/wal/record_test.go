package wal

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// TestRecordGolden freezes the encoding. A change here is a change of the
// format on disk.
func TestRecordGolden(t *testing.T) {
	oid := func(b byte) bsonraw.Value { return bsonraw.ObjectIDValue([12]byte{11: b}) }
	for _, c := range []struct {
		name string
		r    Record
		want string
	}{
		{"empty", Record{Kind: KindWrite}, "01" + "01" + "0000000000000000" + "00" + "00" + "00" + "00" + "00" + "00"},
		{
			"insert",
			Record{
				Kind: KindWrite, Time: 0x0102030405, Actor: "etl", Message: "nightly", Session: []byte{9},
				Ops: []Op{{Collection: 300, Kind: Insert, ID: oid(1)}, {Collection: 300, Kind: Insert, ID: oid(2)}},
			},
			"01" + "01" + "0504030201000000" + "0365746c" + "076e696768746c79" + "0109" + "00" + "00" + "02" +
				"01" + "ac02" + "07" + "000000000000000000000001" +
				"0d" + "000000000000000000000002",
		},
		{
			"merge",
			Record{
				Kind: KindMerge, Parent: Position{Segment: 2, LSN: 1000},
				Ops: []Op{
					{Collection: 1, Kind: Update, ID: bsonraw.Int32Value(7), Changes: []byte("abc")},
					{Collection: 2, Kind: Update, ID: bsonraw.Int32Value(8), Changes: []byte("abc")},
					{Collection: 2, Kind: Update, ID: bsonraw.StringValue("x"), Changes: []byte("d")},
					{Collection: 2, Kind: Update, ID: bsonraw.StringValue("r"), Changes: []byte("d"), Form: ByReplacement},
					{Collection: 2, Kind: Update, ID: bsonraw.StringValue("p"), Changes: []byte("d"), Form: ByDifference},
					{Collection: 2, Kind: Delete, ID: bsonraw.StringValue("y")},
				},
			},
			"01" + "02" + "0000000000000000" + "00" + "00" + "00" + "02e807" + "02" + "03616263" + "0164" + "06" +
				"12" + "01" + "10" + "07000000" + "00" +
				"1a" + "02" + "08000000" + "00" +
				"16" + "02" + "020000007800" + "01" +
				"3e" + "020000007200" + "01" +
				"5e" + "020000007000" + "01" +
				"0f" + "020000007900",
		},
		{
			"of a mirror",
			Record{
				Kind: KindMirror, Time: 1, Actor: "m",
				Source: &Source{ClusterTime: 0x0102030405060708, Wall: 0x11, Txn: 300, Session: []byte{7, 8}},
				Ops:    []Op{{Collection: 1, Kind: Delete, ID: bsonraw.Int32Value(1)}},
			},
			"02" + "08" + "0100000000000000" + "016d" + "00" + "00" + "00" +
				"0807060504030201" + "1100000000000000" + "020708" + "ac02" + "00" + "01" + "03" + "01" + "10" + "01000000",
		},
		{
			"of a mirror, outside transactions",
			Record{Kind: KindMirror, Source: &Source{ClusterTime: 1}},
			"02" + "08" + "0000000000000000" + "00" + "00" + "00" + "00" + "0100000000000000" + "0000000000000000" + "00" + "00" + "00",
		},
	} {
		got := c.r.Append(nil)
		require.Equal(t, c.want, hex.EncodeToString(got), c.name)
		var back Record
		require.NoError(t, back.Decode(got), c.name)
		require.Equal(t, got, back.Append(nil), c.name)
		ms, err := TimeOf(got)
		require.NoError(t, err)
		require.Equal(t, c.r.Time, ms)
	}
}

func TestNamesOfKinds(t *testing.T) {
	require.Equal(t, []string{"write", "merge", "restore", "undo", "import", "catalog", "branch", "mirror", "system", "dropDatabase", "unknown", "unknown"},
		[]string{KindWrite.String(), KindMerge.String(), KindRestore.String(), KindUndo.String(), KindImport.String(), KindCatalog.String(), KindBranch.String(), KindMirror.String(), KindSystem.String(), KindDropDatabase.String(), Kind(0).String(), Kind(200).String()})
	require.Equal(t, []string{"insert", "update", "delete", "unknown"}, []string{Insert.String(), Update.String(), Delete.String(), OpKind(0).String()})
}

func drawRecord(t *rapid.T) Record {
	text := rapid.StringN(0, 8, -1)
	r := Record{
		Kind: Kind(rapid.IntRange(1, 9).Draw(t, "kind")), Time: rapid.Int64().Draw(t, "time"),
		Actor: text.Draw(t, "actor"), Message: text.Draw(t, "message"),
	}
	if rapid.Bool().Draw(t, "session") {
		r.Session = rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "session")
	}
	if rapid.Bool().Draw(t, "source") {
		r.Source = &Source{ClusterTime: rapid.Uint64().Draw(t, "cluster"), Wall: rapid.Int64().Draw(t, "wall")}
		if r.Source.Session = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "lsid"); len(r.Source.Session) > 0 {
			r.Source.Txn = rapid.Int64Min(0).Draw(t, "txn")
		} else {
			r.Source.Session = nil
		}
	}
	if rapid.Bool().Draw(t, "merge") {
		r.Parent = Position{SegmentID(rapid.Uint64Min(1).Draw(t, "segment")), LSN(rapid.Uint64().Draw(t, "lsn"))}
	}
	for range rapid.IntRange(0, 8).Draw(t, "ops") {
		op := Op{
			Collection: CollectionID(rapid.SampledFrom([]uint32{0, 1, 127, 128, 1 << 31}).Draw(t, "collection")),
			Kind:       OpKind(rapid.IntRange(1, 3).Draw(t, "kind")),
			ID: rapid.SampledFrom([]bsonraw.Value{
				bsonraw.Int32Value(1), bsonraw.Int64Value(2), bsonraw.StringValue("a\x00b"), bsonraw.NullValue,
				{Type: bsonraw.MinKey},
				bsonraw.BinaryValue(4, make([]byte, 16)), bsonraw.EmptyDoc.Value(), bsonraw.BoolValue(true),
			}).Draw(t, "id"),
		}
		op.Form = Form(rapid.IntRange(0, 2).Draw(t, "form"))
		if changes := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "changes"); changes != "" {
			op.Changes = []byte(changes)
		}
		r.Ops = append(r.Ops, op)
	}
	return r
}

func TestRecordsSurvive(t *testing.T) {
	var reused Record
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		enc := r.Append(nil)
		require.NoError(t, reused.Decode(enc))
		requireSame(t, &r, &reused)
		clone := reused.Clone()
		for i := range enc {
			enc[i] = 0xEE // a clone does not point into the bytes
		}
		requireSame(t, &r, clone)
	})
}

func requireSame(t require.TestingT, want, got *Record) {
	w, g := *want, *got
	w.Ops, g.Ops = nil, nil
	w.LSN, g.LSN = 0, 0
	if len(w.Session) == 0 && len(g.Session) == 0 {
		w.Session, g.Session = nil, nil
	}
	require.Equal(t, w, g)
	require.Len(t, got.Ops, len(want.Ops))
	for i, op := range want.Ops {
		o := got.Ops[i]
		require.Equal(t, op.Collection, o.Collection)
		require.Equal(t, op.Kind, o.Kind)
		require.Equal(t, op.Form, o.Form)
		require.Equal(t, op.ID.Type, o.ID.Type)
		require.Equal(t, string(op.ID.Data), string(o.ID.Data))
		require.Equal(t, string(op.Changes), string(o.Changes))
	}
}

// TestUpdateManyIsSmall is what makes a log affordable: an update of many
// documents keeps its operators once.
func TestUpdateManyIsSmall(t *testing.T) {
	r := Record{Kind: KindWrite}
	for i := range 1000 {
		r.Ops = append(r.Ops, Op{Collection: 1, Kind: Update, ID: bsonraw.ObjectIDValue([12]byte{byte(i >> 8), byte(i)}), Changes: make([]byte, 500)})
	}
	require.Less(t, len(r.Append(nil)), 1000*14+600)
}

func TestDamagedRecords(t *testing.T) {
	r := Record{Kind: KindWrite, Actor: "a", Ops: []Op{{Collection: 1, Kind: Update, ID: bsonraw.Int32Value(1), Changes: []byte("x")}}}
	enc := r.Append(nil)
	for n := range len(enc) {
		var back Record
		require.Equal(t, errs.StoreCorrupt, errs.CodeOf(back.Decode(enc[:n])), "cut to %d bytes", n)
	}
	var back Record
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(back.Decode(append(enc, 0))), "a byte too many")
	enc[0] = 3
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(back.Decode(enc)), "of another version")
	_, err := TimeOf(enc)
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(err))
}

func FuzzDecode(f *testing.F) {
	r := Record{Kind: KindMerge, Actor: "a", Session: []byte{1}, Parent: Position{1, 2}, Ops: []Op{
		{Collection: 1, Kind: Update, ID: bsonraw.Int32Value(1), Changes: []byte("x")},
		{Collection: 1, Kind: Insert, ID: bsonraw.StringValue("a")},
	}}
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		if err := r.Decode(b); err != nil {
			if errs.CodeOf(err) != errs.StoreCorrupt {
				t.Fatal(err)
			}
			return
		}
		// What decodes is a record: encoded again it decodes to the same.
		enc := r.Append(nil)
		var again Record
		if err := again.Decode(enc); err != nil {
			t.Fatal(err)
		}
		if string(again.Append(nil)) != string(enc) {
			t.Fatalf("%x became %x", enc, again.Append(nil))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	r := Record{Kind: KindWrite, Actor: "bench"}
	for i := range 1000 {
		r.Ops = append(r.Ops, Op{Collection: 1, Kind: Insert, ID: bsonraw.ObjectIDValue([12]byte{byte(i >> 8), byte(i)})})
	}
	var buf []byte
	b.ReportAllocs()
	for range b.N {
		buf = r.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
