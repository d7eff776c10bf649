package pebblekv

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// The file FORMAT. FROZEN: two lines of text.
//
//	argon store 1
//	crc32c 8 hexadecimal digits, of the first line without its end
//
// The number is the version of everything below the directory: keys, values,
// records, and Pebble's own format. An Argon refuses a number above its own.
const (
	formatName    = "FORMAT"
	formatCurrent = 1
	formatFirst   = "argon store "
	dataName      = "data"
	lockName      = "LOCK.argon"
	sealName      = "SEAL"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func formatText(version int) string {
	line := fmt.Sprintf("%s%d", formatFirst, version)
	return fmt.Sprintf("%s\ncrc32c %08x\n", line, crc32.Checksum([]byte(line), castagnoli))
}

// probe says what a directory is: a store, something that a store can be made
// in (absent or empty), or an error.
func probe(fs vfs.FS, dir string) (exists bool, err error) {
	info, err := fs.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, translate(dir, err)
	}
	if !info.IsDir() {
		return false, errs.New(errs.NotAStore, "%q is a file, not the directory of a store", dir)
	}
	names, err := fs.List(dir)
	if err != nil {
		return false, translate(dir, err)
	}
	for _, name := range names {
		if name == formatName {
			return true, checkFormat(fs, dir)
		}
	}
	for _, name := range names {
		if name != lockName && !strings.HasPrefix(name, formatName) {
			return false, errs.New(errs.NotAStore, "directory %q is not an Argon store: it has no file %s, but holds %q", dir, formatName, name)
		}
	}
	return false, nil
}

// checkFormat reads FORMAT and compares its version.
func checkFormat(fs vfs.FS, dir string) error {
	text, err := readFile(fs, fs.PathJoin(dir, formatName))
	if err != nil {
		return translate(dir, err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	var version int
	if !bytes.HasPrefix(line, []byte(formatFirst)) {
		return errs.New(errs.NotAStore, "directory %q is not an Argon store: its file %s begins %.40q", dir, formatName, line)
	}
	if _, err := fmt.Sscanf(string(line[len(formatFirst):]), "%d", &version); err != nil || string(text) != formatText(version) {
		return errs.New(errs.StoreCorrupt, "file %s of store %q is damaged: %.60q", formatName, dir, text)
	}
	if version > formatCurrent {
		return errs.New(errs.StoreTooNew, "store %q has format %d, this Argon knows formats up to %d", dir, version, formatCurrent)
	}
	return nil
}

// writeFile puts a file in place whole: readers see the old one or the new.
func writeFile(fs vfs.FS, dir, name string, text []byte) error {
	temporary := fs.PathJoin(dir, name+".new")
	f, err := fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temporary, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// makeDir makes a directory and those above it, durably: a directory that only
// its own syncs know of is gone after a crash, with all that is in it.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := fs.PathDir(dir)
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(f)
	return text, errors.Join(err, f.Close())
}
