package merge

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
	"github.com/argon-lab/argon/core/update"
)

// Revert undoes changes in the past of a document. head is the document as it
// is, before is what it was when the first of the target changes was made
// (nil: absent), target is what is to be undone and others is what else was
// done since before, both oldest first; changes of the path "" may lack their
// operand. In conflicts, Base is what the target changes left, Ours what head
// has, Theirs what undoing would put.
//
// A path that only the target touched goes back to what it was. At a path where
// the target and others did nothing but one commuting operator, what others did
// is done again on what was there before: that is exact where an inverse (a
// negative $inc, pulling what was pushed) would only come near.
func Revert(head, before bsonraw.Doc, target, others []update.Change, rule Rule) Result {
	v := reverter{target: target, others: others}
	v.merger = merger{ours: head, theirs: before, rule: rule, left: touchesOf(others), right: touchesOf(target)}
	if after, err := update.ApplyChanges(before, target); err == nil {
		v.base = after
	}
	if rule.Trigger == TriggerDiverged && v.base != nil {
		v.left.prune(v.base, head, nil)
	}
	switch {
	case v.right.empty() || head == nil && before == nil:
		return Result{Doc: head, ours: head}
	case v.left.empty() && (v.right.touched || head == nil || before == nil):
		return v.restore()
	case v.right.touched && head == nil && before != nil && !v.left.touched:
		return v.undelete()
	case head == nil:
		return v.whole(DeleteEdit)
	case before == nil:
		return v.whole(EditDelete)
	case v.left.touched || v.right.touched || rule.Unit == UnitDocument && !v.left.empty() && !v.oneFamily():
		return v.whole(SamePath)
	}
	alone := v.left.empty()
	v.right = v.lift(v.right, nil)
	v.undo(v.left, v.right, nil)
	v.sweep()
	r := v.finish()
	if alone && !bytes.Equal(r.Doc, before) {
		return v.restore() // for example, a field that was removed was not the last one
	}
	return r
}

// reverter is a merge of head with what was before: theirs is what undoing
// brings back, and left and right are what others and the target touched.
type reverter struct {
	merger
	target, others []update.Change
	unset          [][]string // paths that were not there before
}

// restore is the result where nobody else touched the document, and it was
// inserted or deleted.
func (v *reverter) restore() Result {
	r := Result{Doc: v.theirs, Changed: !bytes.Equal(v.ours, v.theirs), ours: v.ours}
	if r.Changed {
		r.Changes = update.DiffDocs(v.ours, v.theirs)
	}
	return r
}

// undelete brings back a document that the target deleted, with what others did
// to it before that.
func (v *reverter) undelete() Result {
	var edits []update.Change // the target's, but for the deletion
	for _, c := range v.target {
		if c.Path != "" {
			edits = append(edits, c)
		}
	}
	probe := merger{rule: Rule{Operators: v.rule.Operators}, ours: v.theirs, theirs: v.theirs}
	probe.meet(v.left, touchesOf(edits), nil)
	doc, err := update.ApplyChanges(v.theirs, v.others)
	if len(probe.conflicts) > 0 || err != nil {
		return v.whole(DeleteEdit)
	}
	return Result{Doc: doc, Changed: true, Changes: []update.Change{outcome("", doc.Value())}}
}

// lift moves touches of array elements that were not there before up to their
// array: unsetting an element leaves a null, and not the array as it was.
func (v *reverter) lift(t *touch, names []string) *touch {
	if t.touched {
		return t
	}
	if at := valueAt(v.ours, names); at.Type == bsonraw.Array && v.grew(t, names) {
		return &touch{touched: true}
	}
	lifted := &touch{}
	for _, k := range t.kids {
		lifted.kids = append(lifted.kids, named{k.name, v.lift(k.at, append(names[:len(names):len(names)], k.name))})
	}
	return lifted
}

// grew reports whether a touched element of the array at names is new.
func (v *reverter) grew(t *touch, names []string) bool {
	for _, k := range t.kids {
		if valueAt(v.theirs, append(names[:len(names):len(names)], k.name)).IsMissing() {
			return true
		}
	}
	return false
}

// undo decides about what the target touched at the path names and below.
func (v *reverter) undo(left, right *touch, names []string) {
	switch {
	case right.touched && left.empty():
		v.back(right, names)
	case right.touched && left.touched && v.rule.Operators && left.family != 0 && left.family == right.family:
		v.again(left, names)
	case right.touched || left.touched:
		kind := SamePath
		if right.touched != left.touched {
			kind = Overlap
		} else if left.family != 0 && right.family != 0 && left.family != right.family {
			kind = Mixture
		}
		v.dispute(kind, right, names)
	default:
		for _, k := range right.kids {
			other := left.find(k.name)
			if other == nil {
				other = &touch{}
			}
			v.undo(other, k.at, append(names[:len(names):len(names)], k.name))
		}
	}
}

// dispute notes a conflict, unless the rule only counts divergence and head
// still has what the target left: then that goes back.
func (v *reverter) dispute(kind Kind, right *touch, names []string) {
	c := v.conflict(kind, names)
	if v.rule.Trigger == TriggerDiverged && v.base != nil && bsonraw.Identical(c.Base, c.Ours) {
		v.back(&touch{touched: true}, names)
		return
	}
	v.conflicts = append(v.conflicts, c)
}

// back puts at a path what was there before.
func (v *reverter) back(t *touch, names []string) {
	now, was := valueAt(v.ours, names), valueAt(v.theirs, names)
	if was.IsMissing() {
		v.unset = append(v.unset, names)
	}
	if bsonraw.Identical(now, was) {
		return
	}
	v.changes = append(v.changes, inverse(t.family, update.JoinPath(names...), now, was))
}

// again does once more, on what was there before, what others did to a path.
func (v *reverter) again(left *touch, names []string) {
	path := update.JoinPath(names...)
	doc, err := update.ApplyChanges(v.theirs, left.ops)
	if err != nil {
		v.conflicts = append(v.conflicts, v.conflict(Limit, names))
		return
	}
	now, want := valueAt(v.ours, names), valueAt(doc, names)
	if !bsonraw.Identical(now, want) {
		v.changes = append(v.changes, inverse(left.family, path, now, want))
	}
}

// inverse returns the change that leads from one value to another at a path: the
// family's own operator, where there is one that gives exactly this, so that the
// undoing commutes as the doing did.
func inverse(family update.Kind, path string, from, to bsonraw.Value) update.Change {
	var operand bsonraw.Value
	x, ok1 := number.Of(to)
	y, ok2 := number.Of(from)
	switch {
	case !ok1 || !ok2:
	case family == update.Inc:
		operand = number.Sub(x, y).Value()
	case family == update.BitXor && x.IsInt() && y.IsInt():
		operand, _ = number.Bits(number.BitXor, from, to)
	}
	if !operand.IsMissing() {
		c := update.Change{Path: "v", Kind: family, Operand: operand}
		got, err := update.ApplyChanges(holder(from), []update.Change{c})
		if err == nil && bsonraw.Identical(got.Get("v"), to) {
			c.Path = path
			return c
		}
	}
	return outcome(path, to)
}

// holder returns a document with the value in the field v.
func holder(v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("v", v)
	return b.Finish()
}

// sweep also removes the objects that the target made around fields which have
// gone, if they were not there before and nothing is left in them.
func (v *reverter) sweep() {
	var doc bsonraw.Doc
	for _, names := range v.unset {
		for n := len(names) - 1; n > 0 && valueAt(v.theirs, names[:n]).IsMissing(); n-- {
			if doc == nil {
				var err error
				if doc, err = update.ApplyChanges(v.ours, v.changes); err != nil {
					return // finish deals with it
				}
			}
			if at := valueAt(doc, names[:n]); at.Type != bsonraw.Object || !at.Doc().IsEmpty() {
				break
			}
			v.changes = append(v.changes, update.Change{Path: update.JoinPath(names[:n]...), Kind: update.Unset})
			doc = nil
		}
	}
}
