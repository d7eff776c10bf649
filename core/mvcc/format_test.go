package mvcc

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/wal"
)

func openMem(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	p, err := pebblekv.Open("/store", pebblekv.Options{FS: fs, MemtableBytes: 64 << 10, CacheBytes: 1 << 20})
	require.NoError(t, err)
	s, err := Open(kv.Checked(p))
	require.NoError(t, err)
	return s
}

// TestKeysGolden freezes the keys.
func TestKeysGolden(t *testing.T) {
	id := bsonraw.AppendKey(nil, bsonraw.ObjectIDValue([12]byte{11: 9}))
	for name, c := range map[string]struct {
		key  []byte
		want string
	}{
		"state":   {stateKey, "01"},
		"log":     {appendLogKey(nil, 7, 258), "20" + "0000000000000007" + "0000000000000102"},
		"touch":   {touchKey(7, 3), "21" + "0000000000000007" + "00000003"},
		"version": {appendVersionKey(nil, 7, 3, id, 258), "80" + "0000000000000007" + "00000003" + "40000000000000000000000009" + "00" + "fffffffffffefd08"},
		"index":   {append(appendIndexHeader(nil, 7, 3, 2), "key"...), "81" + "0000000000000007" + "00000003" + "00000002" + "6b6579"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(c.key), name)
	}
}

// TestValuesGolden freezes what a commit writes, byte for byte.
func TestValuesGolden(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	s.now = func() time.Time { return time.UnixMilli(1_800_000_000_000) }
	doc := bsonraw.NewBuilder(nil)
	doc.Int32("_id", 1)
	one, two := bsonraw.Int32Value(1), bsonraw.Int32Value(2)
	_, wait, err := s.Apply(t.Context(), &Commit{
		Segment: s.AllocSegment(),
		Writes:  []Write{{s.AllocCollection(), idKey(one), doc.Finish()}, {1, idKey(two), nil}},
		IndexWrites: []IndexWrite{
			{1, s.AllocIndex(), []byte{0x0A}, idKey(one), false},
			{1, 1, []byte{0x0A}, idKey(two), true},
		},
		Record: &wal.Record{Kind: wal.KindWrite, Ops: []wal.Op{{Collection: 1, Kind: wal.Insert, ID: one}}},
		Refs:   []RefWrite{{[]byte{0x1F, 1}, []byte("ref")}},
	})
	require.NoError(t, err)
	require.NoError(t, wait())
	it, err := s.kv.NewIter(nil, nil)
	require.NoError(t, err)
	got := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.Value()
		require.NoError(t, err)
		got[hex.EncodeToString(it.Key())] = hex.EncodeToString(v)
	}
	require.NoError(t, it.Close())
	header := "0000000000000001" + "00000001"
	require.Equal(t, map[string]string{
		"01": "01" + "0000000000000001" + "000001a3185c5000" + "0000000000000101" + "0000000000000001" + "00000001" + "00000001" + "00000000",
		"20" + "0000000000000001" + "0000000000000001": "01" + "01" + "00505c18a3010000" + "00" + "00" + "00" + "00" + "00" + "01" + "01" + "01" + "10" + "01000000",
		"21" + header: "0000000000000001",
		"80" + header + "10bff000000000000000" + "00" + "fffffffffffffe08":                     "01" + "0e000000105f6964000100000000",
		"80" + header + "10c00000000000000000" + "00" + "fffffffffffffe08":                     "00",
		"81" + header + "00000001" + "0a" + "10bff000000000000000" + "00" + "fffffffffffffe08": "01" + "0a",
		"81" + header + "00000001" + "0a" + "10c00000000000000000" + "00" + "fffffffffffffe08": "00" + "0a",
		"1f01": "726566",
	}, got)
	require.NoError(t, s.Close())
}

func TestStateSurvives(t *testing.T) {
	want := state{last: 1, time: 2, limit: 3, segment: 4, collection: 5, index: 6, project: 7}
	var b [stateLen]byte
	want.encode(b[:])
	got, err := decodeState(b[:])
	require.NoError(t, err)
	require.Equal(t, want, got)
	withSource := want
	withSource.source = 8
	room := make([]byte, withSource.size())
	withSource.encode(room)
	require.Equal(t, "02"+"0000000000000001"+"0000000000000002"+"0000000000000003"+"0000000000000004"+"00000005"+"00000006"+"00000007"+"0000000000000008", hex.EncodeToString(room))
	got, err = decodeState(room)
	require.NoError(t, err)
	require.Equal(t, withSource, got)
	for _, bad := range [][]byte{nil, b[:stateLen-1], append([]byte{2}, b[1:]...)} {
		_, err := decodeState(bad)
		require.Equal(t, errs.StoreCorrupt, errs.CodeOf(err))
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(appendVersionKey(nil, 1, 1, idKey(bsonraw.Int32Value(1)), 5), []byte{flagPresent, 5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, header := range []int{headerLen, indexLen} {
			if name, lsn, ok := cut(key, header); ok && (len(name) == 0 || lsn > MaxLSN) {
				t.Fatalf("%x: name %x, LSN %d", key, name, lsn)
			}
		}
		if doc, err := openVersion(key, value); err == nil && doc != nil && len(doc) < 5 {
			t.Fatalf("document %x", doc)
		}
		if n, _, err := openEntry(key, value); err == nil && (n < 1 || n >= len(key)) {
			t.Fatalf("idKey of %d bytes in a key of %d", n, len(key))
		}
		_, _ = decodeState(value)
	})
}
