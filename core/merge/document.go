package merge

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// Document merges one document that both sides touched. Nil documents are
// absent. The changes are all that each side did since the base, oldest first; a
// document inserted, replaced or deleted as a whole has changes of the path "".
// Where the changes are not known, give none: they are worked out.
func Document(base, ours, theirs bsonraw.Doc, oursChanges, theirsChanges []update.Change, rule Rule) Result {
	m := merger{base: base, ours: ours, theirs: theirs, rule: rule}
	m.left = touchesOf(complete(base, ours, oursChanges))
	m.right = touchesOf(complete(base, theirs, theirsChanges))
	if rule.Trigger == TriggerDiverged {
		m.left.prune(base, ours, nil)
		m.right.prune(base, theirs, nil)
	}
	switch {
	case m.right.empty() || ours == nil && theirs == nil:
		return Result{Doc: ours, ours: ours}
	case m.left.empty():
		return m.takeTheirs()
	case base == nil:
		return m.whole(InsertInsert)
	case ours == nil:
		return m.whole(DeleteEdit)
	case theirs == nil:
		return m.whole(EditDelete)
	case rule.Unit == UnitDocument && !m.oneFamily():
		return m.whole(SamePath)
	}
	m.meet(m.left, m.right, nil)
	return m.finish()
}

// merger is one merge of two documents.
type merger struct {
	base, ours, theirs bsonraw.Doc
	rule               Rule
	left, right        *touch // what ours and theirs touched

	conflicts []Conflict
	changes   []update.Change // to ours
	shared    []string        // paths at which operators of both sides take effect
}

// oneFamily reports whether operators of one commuting kind are all that both
// sides did to the document.
func (m *merger) oneFamily() bool {
	family := m.left.soleFamily()
	return m.rule.Operators && family != 0 && family == m.right.soleFamily()
}

// takeTheirs is the result where ours did not touch the document.
func (m *merger) takeTheirs() Result {
	r := Result{Doc: m.theirs, Changed: !bytes.Equal(m.ours, m.theirs), ours: m.ours}
	switch {
	case !r.Changed:
	case m.theirs == nil || m.ours == nil || m.right.touched:
		r.Changes = []update.Change{outcome("", wholeValue(m.theirs))}
	default:
		m.takeAll(m.right, nil)
		doc, err := update.ApplyChanges(m.ours, m.changes)
		if r.Changes = m.changes; err != nil || !bytes.Equal(doc, m.theirs) {
			// Fields that were removed and set again are elsewhere.
			r.Changes = update.DiffDocs(m.ours, m.theirs)
		}
	}
	return r
}

// wholeValue returns a document as a value, missing if it is absent.
func wholeValue(d bsonraw.Doc) bsonraw.Value { return valueAt(d, nil) }

// whole is the result of a conflict about the whole document. For
// TriggerDiverged it is none where both sides are the same.
func (m *merger) whole(kind Kind) Result {
	r := Result{Doc: m.ours, ours: m.ours}
	if m.rule.Trigger != TriggerDiverged || !bytes.Equal(m.ours, m.theirs) {
		r.Conflicts = []Conflict{m.conflict(kind, nil)}
	}
	return r
}

func (m *merger) conflict(kind Kind, names []string) Conflict {
	return Conflict{update.JoinPath(names...), kind, valueAt(m.base, names), valueAt(m.ours, names), valueAt(m.theirs, names)}
}

// meet compares what both sides touched at the path names and below.
func (m *merger) meet(left, right *touch, names []string) {
	switch {
	case left.touched && right.touched:
		m.both(left, right, names)
	case left.touched || right.touched:
		m.contest(Overlap, names)
	default:
		for _, k := range right.kids {
			below := append(names[:len(names):len(names)], k.name)
			if mine := left.find(k.name); mine != nil {
				m.meet(mine, k.at, below)
			} else {
				m.takeAll(k.at, below)
			}
		}
	}
}

// both decides about a path that both sides touched themselves.
func (m *merger) both(left, right *touch, names []string) {
	switch {
	case m.rule.Operators && left.family != 0 && left.family == right.family:
		m.shared = append(m.shared, update.JoinPath(names...))
		m.changes = append(m.changes, compact(right.ops)...)
	case left.family != 0 && right.family != 0 && left.family != right.family:
		m.contest(Mixture, names)
	default:
		m.contest(SamePath, names)
	}
}

// contest notes a conflict; for TriggerDiverged only if both outcomes differ.
func (m *merger) contest(kind Kind, names []string) {
	c := m.conflict(kind, names)
	if m.rule.Trigger != TriggerDiverged || !bsonraw.Identical(c.Ours, c.Theirs) {
		m.conflicts = append(m.conflicts, c)
	}
}

// takeAll takes over what only theirs touched: operators as operators, so that
// the merge in its turn commutes with what others do, anything else as the value
// it led to.
func (m *merger) takeAll(t *touch, names []string) {
	switch {
	case t.touched && t.family != 0 && m.asInBase(names):
		m.changes = append(m.changes, compact(t.ops)...)
	case t.touched:
		m.takeValue(names)
	}
	for _, k := range t.kids {
		m.takeAll(k.at, append(names[:len(names):len(names)], k.name))
	}
}

// asInBase reports whether ours has at a path what the base had. It has not where
// an array was padded with nulls for a later element.
func (m *merger) asInBase(names []string) bool {
	return bsonraw.Identical(valueAt(m.base, names), valueAt(m.ours, names))
}

// takeValue takes over the value at a path. A field that theirs made and removed
// again may have left the object that was made around it.
func (m *merger) takeValue(names []string) {
	v := valueAt(m.theirs, names)
	if there := names[:reach(m.theirs, names)]; v.IsMissing() && len(there) > 0 {
		left := valueAt(m.theirs, there)
		if left.Type == bsonraw.Object && left.Doc().IsEmpty() && valueAt(m.ours, there).IsMissing() {
			names, v = there, left
		}
	}
	m.changes = append(m.changes, outcome(update.JoinPath(names...), v))
}

// finish applies the changes to ours. What does not fit both sides together is
// a conflict, so that a merge never gets stuck at an error.
func (m *merger) finish() Result {
	doc, err := update.ApplyChanges(m.ours, m.changes)
	if err != nil {
		m.refuse()
		if doc, err = update.ApplyChanges(m.ours, m.changes); err != nil {
			return Result{Doc: m.ours, ours: m.ours, Conflicts: []Conflict{m.conflict(Limit, nil)}}
		}
	}
	r := Result{Doc: doc, Changed: !bytes.Equal(doc, m.ours), Conflicts: m.conflicts, Changes: m.changes, ours: m.ours}
	if !r.Changed {
		r.Changes = nil
	}
	return r
}

// refuse makes conflicts of the paths at which operators of both sides together
// overflow a number.
func (m *merger) refuse() {
	for _, path := range m.shared {
		var here, others []update.Change
		for _, c := range m.changes {
			if c.Path == path {
				here = append(here, c)
			} else {
				others = append(others, c)
			}
		}
		if _, err := update.ApplyChanges(m.ours, here); err != nil {
			m.changes = others
			m.conflicts = append(m.conflicts, m.conflict(Limit, update.SplitPath(path)))
		}
	}
}
