package mirror

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/kv/pebblekv"
)

// disk is a file system that runs full: first it tells so, then nothing more can
// be written.
type disk struct {
	vfs.FS
	looks atomic.Int64 // how often it still says that there is room
	full  atomic.Bool
}

func (d *disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	usage := vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 33}
	if d.looks.Add(-1) < 0 {
		usage.AvailBytes = 1 << 20
	}
	return usage, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.full.Load() {
		return nil, syscall.ENOSPC
	}
	f, err := d.FS.Create(name, c)
	return &diskFile{f, d}, err
}

type diskFile struct {
	vfs.File
	d *disk
}

func (f *diskFile) Write(p []byte) (int, error) {
	if f.d.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

func (f *diskFile) WriteAt(p []byte, at int64) (int, error) {
	if f.d.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.WriteAt(p, at)
}

const roomy = 1 << 40

// newDiskWorld has its store on a disk that runs full after some megabytes.
func newDiskWorld(t *testing.T, megabytes int64) (*world, *disk) {
	d := &disk{FS: vfs.NewMem()}
	d.looks.Store(megabytes)
	w := &world{t: t, dir: "/store", uri: mongotest.URI(t), db: mongotest.Client(t).Database(mongotest.Database(t))}
	w.kv = func() kv.Store {
		s, err := pebblekv.Open(w.dir, pebblekv.Options{FS: d})
		require.NoError(t, err)
		return s
	}
	w.open()
	t.Cleanup(func() { w.close() })
	return w, d
}

// outOfRoom waits until the mirror says that it is.
func (w *world) outOfRoom() {
	w.t.Helper()
	w.eventually("a full disk", func() bool { return w.status().State == stageRoom })
	e := w.status().Databases[0].Error
	require.Equal(w.t, errs.OutOfDiskSpace.Name(), e.CodeName)
	require.Contains(w.t, e.Message, "MB left")
}

// TestDiskRunsFull has the disk run full during the copy and during the stream. The
// mirror says so, and goes on by itself once there is room.
func TestDiskRunsFull(t *testing.T) {
	w, d := newDiskWorld(t, 1)
	w.fill("many", 40_000)
	w.add()
	w.outOfRoom()
	require.Nil(t, w.status().Databases[0].Copied)
	d.looks.Store(roomy)
	w.sync()
	w.verify()

	d.looks.Store(0)
	for n := range 3 {
		w.insert("big", bson.M{"_id": n, "text": strings.Repeat("x", 1<<20)})
	}
	w.outOfRoom()
	w.insert("big", bson.M{"_id": 3})
	d.looks.Store(roomy)
	w.sync()
	w.verify()
	require.Zero(t, w.status().Gaps)
}

// TestDiskIsFull has every write fail, as where others fill the disk up. The store
// takes no writes any more; opened again where there is room, it has lost nothing.
func TestDiskIsFull(t *testing.T) {
	w, d := newDiskWorld(t, roomy)
	w.insert("users", bson.M{"_id": 1})
	w.add()
	w.sync()
	d.full.Store(true)
	w.insert("users", bson.M{"_id": 2})
	w.eventually("an error", func() bool { return w.status().Databases[0].Error != nil })
	s := w.status()
	require.NotEqual(t, stageFollowing, s.State)
	require.False(t, s.Synced)
	require.Contains(t, s.Databases[0].Error.Message, "no space left")
	w.m.Close()
	_ = w.store.Close()
	d.full.Store(false)
	w.open()
	require.Equal(t, []string{`{"_id":1}`}, w.find("", "users"))
	w.start()
	w.sync()
	w.verify()
	require.Zero(t, w.status().Gaps)
}
