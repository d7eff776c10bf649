package pebblekv

import (
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// sized is a file system with a disk of a given size.
type sized struct {
	vfs.FS
	usage vfs.DiskUsage
}

func (s *sized) GetDiskUsage(string) (vfs.DiskUsage, error) { return s.usage, nil }

// TestFullDiskRefusesWritesAndKeepsReading is the promise that a full disk does
// not cost an open store its life.
func TestFullDiskRefusesWritesAndKeepsReading(t *testing.T) {
	const mb = 1 << 20
	fs := &sized{vfs.NewMem(), vfs.DiskUsage{AvailBytes: 1000 * mb, TotalBytes: 10000 * mb}}
	s := open(t, "/store", Options{FS: fs})
	big := string(make([]byte, mb))
	put(t, s, "a", big)
	fs.usage.AvailBytes = 40 * mb
	var err error
	for range 3 { // it looks once a megabyte
		b := s.NewBatch()
		b.Set([]byte("b"), []byte(big))
		if err = s.Apply(b, true); err != nil {
			break
		}
	}
	require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(err), "%v", err)
	require.Contains(t, err.Error(), "40 MB")
	b := s.NewBatch()
	b.Set([]byte("c"), []byte("small"))
	require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(s.Apply(b, true)), "small ones too, until there is room")
	requireValue(t, s, "a", big)
	b = s.NewBatch()
	b.Delete([]byte("a"))
	require.NoError(t, s.Apply(b, true), "removing is how room is made")
	fs.usage.AvailBytes = 1000 * mb
	put(t, s, "c", "small")
	require.NoError(t, s.Close())
}

// TestSmallDisksAreNotAllReserve lets a disk of 100 MB be used to its last 5.
func TestSmallDisksAreNotAllReserve(t *testing.T) {
	var g spaceGuard
	fs := &sized{vfs.NewMem(), vfs.DiskUsage{AvailBytes: 10 << 20, TotalBytes: 100 << 20}}
	require.NoError(t, g.admit(fs, "/", 2<<20))
	fs.usage.AvailBytes = 6 << 20
	require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(g.admit(fs, "/", 2<<20)))
}

// uncompactable is a file system with no room for what compactions write.
type uncompactable struct{ vfs.FS }

func (u *uncompactable) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if c == "pebble-compaction" {
		return nil, syscall.ENOSPC
	}
	return u.FS.Create(name, c)
}

// TestWritersDoNotWaitForEver fails compactions until writers would have to wait
// for one that never comes.
func TestWritersDoNotWaitForEver(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, "/store", small(&uncompactable{mem}))
	acked := 0
	var err error
	for n := 1; n < 100_000; n++ {
		var wait func() error
		if wait, err = putBatch(s, n, true); err == nil {
			err = wait()
		}
		if err != nil {
			break
		}
		acked = n
	}
	require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(err), "%v", err)
	_ = s.Close()
	s = open(t, "/store", small(mem))
	require.GreaterOrEqual(t, survived(t, s), acked)
	require.NoError(t, s.Close())
}
