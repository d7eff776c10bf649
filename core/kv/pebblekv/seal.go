package pebblekv

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// The file SEAL. FROZEN: lines of text, written when a store is closed in
// order, removed before it is opened for writing.
//
//	argon seal 1
//	<crc32c> <length> <name>       for each file of Pebble's but the tables
//	...
//	crc32c <of all of the above>
//
// Tables check their own blocks. Pebble's log and manifest do not: a record
// that does not check out near the end of one is taken for a write that a
// crash cut off, and with it goes everything behind it. After a crash that is
// right; in a store that was closed in order it would lose acknowledged
// commits to a flipped bit without a word. The seal tells the two apart.
const sealFirst = "argon seal 1\n"

// setSeal writes the seal of a store that is closed.
func setSeal(fs vfs.FS, dir string) error {
	text, err := sealText(fs, dir)
	if err != nil {
		return err
	}
	return writeFile(fs, dir, sealName, text)
}

func sealText(fs vfs.FS, dir string) ([]byte, error) {
	data := fs.PathJoin(dir, dataName)
	names, err := fs.List(data)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	text := []byte(sealFirst)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			continue
		}
		sum, size, err := checksum(fs, fs.PathJoin(data, name))
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%08x %d %s\n", sum, size, name)
	}
	return fmt.Appendf(text, "crc32c %08x\n", crc32.Checksum(text, castagnoli)), nil
}

func checksum(fs vfs.FS, path string) (sum uint32, size int64, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return 0, 0, err
	}
	h := crc32.New(castagnoli)
	size, err = io.Copy(h, f)
	return h.Sum32(), size, errors.Join(err, f.Close())
}

// breakSeal compares a seal with what is there, and removes it unless the
// store is only read. A store without one was not closed in order.
func breakSeal(fs vfs.FS, dir string, readOnly bool) error {
	path := fs.PathJoin(dir, sealName)
	sealed, err := readFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return checkLogs(fs, fs.PathJoin(dir, dataName))
	}
	if err != nil {
		return err
	}
	now, err := sealText(fs, dir)
	if err != nil {
		return err
	}
	if !bytes.Equal(sealed, now) {
		return errs.New(errs.StoreCorrupt, "store %q is not as it was when it was closed: %s", dir, difference(sealed, now)).
			WithRemedy("restore it from a copy; or, to open what is still readable, remove its file %s", sealName)
	}
	if readOnly {
		return nil
	}
	if err := fs.Remove(path); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// difference names the first file that differs between two seals.
func difference(sealed, now []byte) string {
	was, is := bytes.Split(sealed, []byte("\n")), bytes.Split(now, []byte("\n"))
	for i, line := range was {
		if i >= len(is) || !bytes.Equal(line, is[i]) {
			if fields := bytes.Fields(line); len(fields) == 3 {
				return fmt.Sprintf("file %q changed", fields[2])
			}
			break
		}
	}
	return "file " + sealName + " is damaged, or files were added"
}
