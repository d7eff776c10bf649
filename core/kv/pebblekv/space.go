package pebblekv

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// A write that fails halfway for want of room ends the life of an open store
// (fence.go). So room is looked for before, and a little is kept back, which
// the flushes and compactions of what was accepted need.

const (
	spaceReserve  = 64 << 20 // kept back; at most 1/20 of a small disk
	spaceInterval = 1 << 20  // bytes written between two looks
)

// spaceGuard counts what is written between two looks at the disk.
type spaceGuard struct {
	unseen atomic.Int64
	full   atomic.Bool
}

// admit refuses n bytes if the disk is about to be full.
func (g *spaceGuard) admit(fs vfs.FS, dir string, n int) error {
	if g.unseen.Add(int64(n)) < spaceInterval && !g.full.Load() {
		return nil
	}
	g.unseen.Store(0)
	usage, err := fs.GetDiskUsage(dir)
	if err != nil {
		return nil // a file system that does not tell
	}
	reserve := min(spaceReserve, usage.TotalBytes/20)
	g.full.Store(usage.AvailBytes < reserve+uint64(n))
	if g.full.Load() {
		return errs.New(errs.OutOfDiskSpace, "the disk of store %q has %d MB left, of which %d are kept for upkeep: nothing was written",
			dir, usage.AvailBytes>>20, reserve>>20)
	}
	return nil
}
