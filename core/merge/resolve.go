package merge

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
)

// Take says what a resolution puts at the path of a conflict.
type Take uint8

// What a resolution may take.
const (
	Ours Take = iota + 1
	Theirs
	Base
	Custom // the resolution's own value; a missing one removes the field
)

// Resolution settles the conflict at Path.
type Resolution struct {
	Path  string
	Take  Take
	Value bsonraw.Value // of Custom
}

// Resolve settles conflicts of a result. Conflicts without a resolution stay in
// Conflicts. A resolution without a conflict is error ResolutionUnknown.
func Resolve(r Result, resolutions []Resolution) (Result, error) {
	left := append([]Conflict(nil), r.Conflicts...)
	changes := append([]update.Change(nil), r.Changes...)
	for _, res := range resolutions {
		i := findConflict(left, res.Path)
		if i < 0 {
			return r, errs.New(errs.ResolutionUnknown, "no conflict of this document is at the path %q", res.Path)
		}
		v, err := chosen(&left[i], res)
		if err != nil {
			return r, err
		}
		if res.Take != Ours {
			changes = append(changes, outcome(res.Path, v))
		}
		left = append(left[:i], left[i+1:]...)
	}
	doc, err := update.ApplyChanges(r.ours, changes)
	if err != nil {
		return r, err
	}
	done := Result{Doc: doc, Changed: !bytes.Equal(doc, r.ours), Conflicts: left, Changes: changes, ours: r.ours}
	if !done.Changed {
		done.Changes = nil
	}
	return done, nil
}

func findConflict(conflicts []Conflict, path string) int {
	for i := range conflicts {
		if conflicts[i].Path == path {
			return i
		}
	}
	return -1
}

// chosen returns the value that a resolution takes.
func chosen(c *Conflict, res Resolution) (bsonraw.Value, error) {
	switch res.Take {
	case Ours:
		return c.Ours, nil
	case Theirs:
		return c.Theirs, nil
	case Base:
		return c.Base, nil
	case Custom:
		return res.Value, checkCustom(c, res.Value)
	}
	return bsonraw.Value{}, errs.New(errs.BadValue, "a resolution takes ours, theirs, base or a value, not %d", res.Take)
}

// checkCustom refuses a value for a whole document that is none, or another.
func checkCustom(c *Conflict, v bsonraw.Value) error {
	if c.Path != "" || v.IsMissing() {
		return nil
	}
	if v.Type != bsonraw.Object {
		return errs.New(errs.BadValue, "the conflict is about a whole document, which a value of type %s cannot be", v.Type.Name())
	}
	for _, d := range []bsonraw.Doc{c.Ours.Doc(), c.Theirs.Doc(), c.Base.Doc()} {
		if d == nil {
			continue
		}
		if !bsonraw.Equal(d.Get("_id"), v.Doc().Get("_id")) {
			return errs.New(errs.ImmutableField, "a resolution cannot give a document another _id")
		}
	}
	return bsonraw.Validate(v.Doc())
}
