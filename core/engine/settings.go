package engine

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// Setting is a named document of the store itself, in no project and on no
// branch: a user, a mirror and how far it has come, the journal of a publish.
// Settings have no history: a newer one takes the place of the older.
type Setting struct {
	Name string
	Doc  Doc
}

// Setting returns one setting of a kind.
func (s *Store) Setting(ctx context.Context, kind, name string) (Doc, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, errs.Wrap(err, errs.Interrupted, "the setting was not read")
	}
	value, ok, err := s.mv.GetRef(refs.SettingKey(kind, name))
	return Doc(value), ok, err
}

// Settings returns all settings of a kind, by name.
func (s *Store) Settings(ctx context.Context, kind string) ([]Setting, error) {
	var list []Setting
	lo, hi := refs.SettingRange(kind)
	err := s.mv.ScanRefs(lo, hi, false, func(key, value []byte) (bool, error) {
		_, name, err := refs.SettingName(key)
		list = append(list, Setting{name, Doc(value).Clone()})
		return err == nil, err
	})
	return list, err
}

// PutSetting sets a setting, durably; a nil document removes it.
func (s *Store) PutSetting(ctx context.Context, kind, name string, doc Doc) error {
	if s.opts.ReadOnly {
		return errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	w, err := settingWrite(kind, name, doc)
	if err != nil {
		return err
	}
	_, wait, err := s.mv.Apply(ctx, &mvcc.Commit{Refs: []refWrite{w}})
	if err != nil {
		return err
	}
	return wait()
}

// PutSetting sets a setting in the transaction's commit: it is there if and only
// if the rest of the commit is. A nil document removes it. The transaction
// itself does not see it, and where two transactions set one, the later commit's
// stands.
func (t *Txn) PutSetting(kind, name string, doc Doc) error {
	w, err := settingWrite(kind, name, doc)
	if err == nil {
		t.refs = append(t.refs, w)
	}
	return err
}

// Remember sets a setting in the transaction's commit, without being a reason for
// one: where nothing else is written, it is not set. doc is told the commit's
// LSN; it must be quick, and must not call the store.
func (t *Txn) Remember(kind, name string, doc func(lsn mvcc.LSN) Doc) error {
	if !refs.ValidSettingKind(kind) {
		return errs.New(errs.BadValue, "%q cannot be a kind of settings", kind)
	}
	t.along = append(t.along, func(lsn mvcc.LSN) refWrite {
		return refWrite{Key: refs.SettingKey(kind, name), Value: doc(lsn)}
	})
	return nil
}

// RemoveSettings removes settings of a kind, all at once.
func (s *Store) RemoveSettings(ctx context.Context, kind string, names []string) error {
	if s.opts.ReadOnly {
		return errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	c := &mvcc.Commit{}
	for _, name := range names {
		c.Refs = append(c.Refs, refWrite{Key: refs.SettingKey(kind, name)})
	}
	_, wait, err := s.mv.Apply(ctx, c)
	if err != nil {
		return err
	}
	return wait()
}

func settingWrite(kind, name string, doc Doc) (refWrite, error) {
	if !refs.ValidSettingKind(kind) {
		return refWrite{}, errs.New(errs.BadValue, "%q cannot be a kind of settings", kind)
	}
	w := refWrite{Key: refs.SettingKey(kind, name)}
	if doc == nil {
		return w, nil
	}
	if err := bsonraw.Validate(doc); err != nil {
		return w, err
	}
	w.Value = doc.Clone()
	return w, nil
}

// SettingWrite is one of several settings that are set together; a nil document
// removes it.
type SettingWrite struct {
	Kind, Name string
	Doc        Doc
}

// PutSettings sets several settings in one durable step: all of them or none.
func (s *Store) PutSettings(ctx context.Context, list []SettingWrite) error {
	if s.opts.ReadOnly {
		return errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	writes := make([]refWrite, len(list))
	for i, l := range list {
		var err error
		if writes[i], err = settingWrite(l.Kind, l.Name, l.Doc); err != nil {
			return err
		}
	}
	_, wait, err := s.mv.Apply(ctx, &mvcc.Commit{Refs: writes})
	if err != nil {
		return err
	}
	return wait()
}
