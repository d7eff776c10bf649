package pebblekv

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// After a crash, Pebble's log ends where a chunk does not check out: that is
// what a write looks like which the crash cut off. But so does a flipped bit
// further up, and then everything behind it would silently be gone. Each chunk
// of the log says up to which offset the file was synced when it was written
// (Pebble's format WALSyncChunks). So if a whole chunk stands anywhere behind
// the one that fails, and vouches for it, the log is damaged. Pebble looks for
// such a chunk too, but only from the next block of 32 KB on; here every byte
// is tried. What stays undecided is the last chunk of the file: damage to it
// looks like a write that was cut off, and no later write vouches for it.
//
// The manifest is written in the same blocks, in the older form of chunk that
// vouches for nothing; but each of its records was synced before the next was
// written, so there the beginning of a record behind a broken one is proof.
// (A manifest that is not current yet may have been cut off anywhere.)
//
//	chunk   [crc 4][length 2][type 1] [log number 4] [synced offset 8] payload
//	         \___ manifest: 1 to 4 _/
//	         \____________ log: 9 to 12 ______________________________/
const (
	chunkBlock     = 32 << 10
	manifestHeader = 7
	logHeader      = 19
	beginsRecord   = 2 // the manifest's types of chunk up to this one do
)

// checkLogs looks for damage in the logs and the manifest of a store that was
// not closed in order.
func checkLogs(fs vfs.FS, data string) error {
	names, err := fs.List(data)
	if err != nil {
		return nil //nolint:nilerr // a store that has no data yet
	}
	current := currentManifest(names)
	for _, name := range names {
		c := chunks{manifest: name == current}
		if number, ok := strings.CutSuffix(name, ".log"); ok {
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				continue
			}
			c.number = uint32(n)
		} else if !c.manifest {
			continue
		}
		if c.bytes, err = readFile(fs, fs.PathJoin(data, name)); err != nil {
			return err
		}
		if at, damaged := c.scan(); damaged {
			return errs.Wrap(pebble.ErrCorruption, errs.StoreCorrupt, "file %q is damaged at offset %d, before its end", fs.PathJoin(data, name), at)
		}
	}
	return nil
}

// currentManifest returns the name of the manifest in use. It stands in the name
// of a file, marker.manifest.<turn>.<name>, of which the highest turn counts.
func currentManifest(names []string) (current string) {
	var highest uint64
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, "marker.manifest.")
		if !ok {
			continue
		}
		turn, value, _ := strings.Cut(rest, ".")
		if n, err := strconv.ParseUint(turn, 10, 64); err == nil && n >= highest {
			highest, current = n, value
		}
	}
	return current
}

// chunks is the content of a log or manifest.
type chunks struct {
	bytes    []byte
	manifest bool
	number   uint32
}

// scan goes from chunk to chunk. It returns where the first one stands that
// does not check out, if something behind it proves that it should.
func (c *chunks) scan() (at int, damaged bool) {
	for at < len(c.bytes) {
		left := chunkBlock - at%chunkBlock
		if left < c.header() || c.padding(at, left) {
			at += left
			continue
		}
		n, _, ok := c.chunk(at)
		if !ok {
			return at, c.vouched(at)
		}
		at += n
	}
	return at, false
}

func (c *chunks) header() int {
	if c.manifest {
		return manifestHeader
	}
	return logHeader
}

// padding reports whether the rest of a block is zeros, too short for a chunk
// of either kind.
func (c *chunks) padding(at, left int) bool {
	return left < logHeader && len(bytes.Trim(c.bytes[at:min(at+left, len(c.bytes))], "\x00")) == 0
}

// chunk returns the size of a whole chunk and the offset it vouches for.
func (c *chunks) chunk(at int) (size int, synced uint64, ok bool) {
	b := c.bytes[at:]
	head := c.header()
	if len(b) < head {
		return 0, 0, false
	}
	size = head + int(binary.LittleEndian.Uint16(b[4:]))
	if size > len(b) || at%chunkBlock+size > chunkBlock {
		return 0, 0, false
	}
	if kind := b[6]; c.manifest {
		ok = kind >= 1 && kind <= 4
	} else {
		ok = kind >= 9 && kind <= 12 && binary.LittleEndian.Uint32(b[7:]) == c.number
		synced = binary.LittleEndian.Uint64(b[11:])
	}
	return size, synced, ok && binary.LittleEndian.Uint32(b) == chunkSum(b[6:size])
}

// chunkSum is Pebble's checksum of a chunk from its type on.
func chunkSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// vouched reports whether a whole chunk behind offset at proves that what
// stands there was synced.
func (c *chunks) vouched(at int) bool {
	// Logs are given their size before they are written: mostly, zeros follow.
	end := len(bytes.TrimRight(c.bytes, "\x00"))
	for next := at + 1; next < end && next+c.header() <= len(c.bytes); next++ {
		_, synced, ok := c.chunk(next)
		if ok && c.manifest {
			ok = c.bytes[next+6] <= beginsRecord
		} else if ok {
			ok = synced > uint64(at)
		}
		if ok {
			return true
		}
	}
	return false
}
