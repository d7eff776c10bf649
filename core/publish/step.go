package publish

import (
	"fmt"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// step is one document of the target: from pre to post, either of which is nil
// where there is none.
type step struct {
	coll      string
	pre, post bsonraw.Doc
}

func (s *step) id() bsonraw.Value {
	if s.pre == nil {
		return s.post.Get("_id")
	}
	return s.pre.Get("_id")
}

func opOf(pre, post bsonraw.Doc) string {
	switch {
	case pre == nil:
		return "insert"
	case post == nil:
		return "delete"
	}
	return "update"
}

func (s *step) op() string { return opOf(s.pre, s.post) }

func (s *step) size() int { return len(s.pre) + len(s.post) }

// inverse is the step back.
func (s *step) inverse() step { return step{s.coll, s.post, s.pre} }

// guarded returns the paths that have to be as in the pre-image; none are the
// whole document.
func (s *step) guarded(how Guard) []string {
	if how == Document {
		return nil
	}
	return touched(s.pre, s.post)
}

// verdict is what a step may do to the live document.
type verdict uint8

const (
	apply    verdict = iota // the guard holds
	already                 // the live document is as it shall be
	conflict                // it has moved on
)

// judge compares a step with the live document.
func (s *step) judge(live bsonraw.Doc, how Guard) (verdict, []Conflict) {
	paths := s.guarded(how)
	before := holds(s.pre, live, paths)
	switch {
	case holds(s.post, live, nil):
		return already, nil
	case before: // also where fields only change places, which paths do not tell
		return apply, nil
	case holds(s.post, live, paths):
		return already, nil
	}
	return conflict, s.conflicts(live, paths)
}

// conflicts names where the live document has moved on.
func (s *step) conflicts(live bsonraw.Doc, paths []string) []Conflict {
	id := rawValue(s.id())
	one := Conflict{Collection: s.coll, ID: id, Op: s.op()}
	switch {
	case live == nil:
		one.Kind, one.Message = kindMissing, "the live document is gone"
		one.Expected, one.Wanted = docValue(s.pre), docValue(s.post)
		return []Conflict{one}
	case s.pre == nil:
		one.Kind, one.Message = kindExists, "there is a live document of this _id"
		one.Found, one.Wanted = docValue(live), docValue(s.post)
		return []Conflict{one}
	}
	var list []Conflict
	if len(paths) == 0 {
		paths = touched(s.pre, live) // says more than two whole documents do
	}
	for _, path := range differing(s.pre, live, paths) {
		c := one
		c.Kind, c.Path = kindChanged, path
		c.Expected, c.Found, c.Wanted = rawValue(at(s.pre, path)), rawValue(at(live, path)), rawValue(at(s.post, path))
		c.Message = "the live document has another value than the base"
		if path != "" {
			c.Message = fmt.Sprintf("the live document has another %q than the base", path)
		}
		list = append(list, c)
	}
	return list
}

// refusal is the conflict of a step that the server does not take.
func (s *step) refusal(kind, message string, details bsonraw.Doc) Conflict {
	return Conflict{
		Collection: s.coll, ID: rawValue(s.id()), Op: s.op(), Kind: kind, Message: message,
		Wanted: docValue(s.post), ErrInfo: []byte(details),
	}
}

// onto moves a difference between base and branch to the live document: where
// the guard holds for the base's values, the step from live.
func onto(coll string, before, after, live bsonraw.Doc, how Guard) (step, verdict, []Conflict) {
	s := step{coll, before, after}
	v, list := s.judge(live, how)
	if v != apply || before == nil || after == nil || bsonraw.Identical(before.Value(), live.Value()) {
		return s, v, list
	}
	post, err := update.ApplyChanges(live, update.DiffDocs(before, after))
	if err != nil {
		return s, conflict, []Conflict{s.refusal(kindRefused, err.Error(), nil)}
	}
	return step{coll, live, post}, apply, nil
}
