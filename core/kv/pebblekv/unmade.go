package pebblekv

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// standIn gives a reader of a store whose making was cut off, which holds nothing
// yet, an empty one in memory. A writer goes on with the making instead.
func (s *Store) standIn(data string) error {
	unmade, err := s.unmade(data)
	if err != nil || !unmade || !s.opts.ReadOnly {
		return err
	}
	s.fs = &fence{vfs.NewMem(), s}
	o := s.pebbleOptions()
	o.ReadOnly = false
	db, err := pebble.Open(data, o)
	if err != nil {
		return err
	}
	return db.Close()
}

// unmade reports whether nothing was ever put into the store: it has no journal
// and was never closed, and of Pebble's files at most the first manifest, which is
// none before its marker. A store that lost the marker has a log as well.
func (s *Store) unmade(data string) (bool, error) {
	names, err := s.opts.FS.List(data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, "MANIFEST-") }) {
		return false, nil
	}
	for _, name := range []string{journalName, sealName} {
		if _, err := s.opts.FS.Stat(s.fs.PathJoin(s.dir, name)); !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}
