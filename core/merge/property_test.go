package merge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/update"
)

// Random sides: a few updates over few paths and values, so that sides meet.

var paths = []string{"n", "m", "a", "o", "o.n", "o.a", "o.p.x", "o.p.y", "a.0", "a.1", "l", "new", "new.x", "e.0.x"}

func drawScalar(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"0", "1", "2", "-3", "1.5", `{"$numberLong": "7"}`, `{"$numberDecimal": "1.50"}`, "2147483647", `"x"`, "null", "true",
	}).Draw(t, "scalar")
}

func drawNumber(t *rapid.T) string {
	return rapid.SampledFrom([]string{"1", "2", "-3", "5", `{"$numberLong": "3"}`, "2147483600", `{"$numberDecimal": "0.50"}`}).Draw(t, "number")
}

func drawValue(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		drawScalar(t), drawScalar(t), "[]", "[1, 2]", `["x", {"x": 1}]`, "{}", `{"x": 1}`, `{"n": 1, "p": {"x": 2}}`,
	}).Draw(t, "value")
}

func drawBase(t *rapid.T) bsonraw.Doc {
	return mongotest.Docf(`{"_id": 1, "n": %s, "m": %s, "a": %s, "o": %s, "l": %s, "e": [{"x": %s}]}`,
		drawNumber(t), drawValue(t), rapid.SampledFrom([]string{"[]", "[1, 2, 3]", `[{"x": 1}, 2]`}).Draw(t, "a"),
		rapid.SampledFrom([]string{"{}", `{"n": 1, "a": [1], "p": {"x": 1}}`, `{"p": 3}`}).Draw(t, "o"), drawValue(t), drawNumber(t))
}

func drawUpdate(t *rapid.T, paths []string) string {
	path := rapid.SampledFrom(paths).Draw(t, "path")
	op := rapid.SampledFrom([]string{
		"$inc", "$inc", "$mul", "$min", "$max", "$set", "$set", "$unset", "$push", "$push", "$addToSet", "$pull", "$bit", "slice",
	}).Draw(t, "op")
	switch op {
	case "$inc", "$mul":
		return fmt.Sprintf(`{%q: {%q: %s}}`, op, path, drawNumber(t))
	case "$unset":
		return fmt.Sprintf(`{"$unset": {%q: 1}}`, path)
	case "$bit":
		return fmt.Sprintf(`{"$bit": {%q: {%q: %d}}}`, path, rapid.SampledFrom([]string{"and", "or", "xor"}).Draw(t, "bit"), rapid.IntRange(0, 7).Draw(t, "bits"))
	case "slice":
		return fmt.Sprintf(`{"$push": {%q: {"$each": [%s], "$slice": 2}}}`, path, drawScalar(t))
	}
	return fmt.Sprintf(`{%q: {%q: %s}}`, op, path, drawValue(t))
}

// drawSide plays random updates; those that do not fit the document are left
// out, as a failed command leaves no trace.
func drawSide(t *rapid.T, name string, base bsonraw.Doc, paths []string) (bsonraw.Doc, []update.Change) {
	doc := base
	var changes []update.Change
	for range rapid.IntRange(0, 4).Draw(t, name) {
		if doc != nil && rapid.IntRange(0, 30).Draw(t, "delete") == 0 {
			doc, changes = nil, append(changes, update.Change{Kind: update.Unset})
			continue
		}
		if doc == nil {
			doc = mongotest.Docf(`{"_id": 1, "n": %s}`, drawNumber(t))
			changes = append(changes, update.Change{Kind: update.Set})
			continue
		}
		u, err := update.Compile(mongotest.Value(drawUpdate(t, paths)), nil)
		if err != nil {
			continue
		}
		if r, err := u.Apply(doc, -1, nil); err == nil {
			doc, changes = r.Doc, append(changes, r.Changes...)
		}
	}
	return doc, changes
}

func drawRule(t *rapid.T) Rule {
	return Rule{
		rapid.SampledFrom([]Unit{UnitField, UnitField, UnitDocument}).Draw(t, "unit"),
		rapid.SampledFrom([]Trigger{TriggerTouched, TriggerDiverged}).Draw(t, "trigger"),
		rapid.IntRange(0, 3).Draw(t, "operators") > 0,
	}
}

// noDoubles leaves cases out in which sums of doubles come out in another order:
// these agree up to rounding only.
func noDoubles(docs ...bsonraw.Doc) bool {
	for _, d := range docs {
		if strings.Contains(string(text(d)), "numberDouble") {
			return false
		}
	}
	return true
}

func TestMergesAgreeWithFlippedOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := drawBase(t)
		ours, oc := drawSide(t, "ours", base, paths)
		theirs, tc := drawSide(t, "theirs", base, paths)
		if !noDoubles(ours, theirs) {
			return
		}
		rule := drawRule(t)
		r := mergeBothWays(t, base, ours, theirs, oc, tc, rule)
		checkNothingLost(t, base, ours, theirs, r, oc, tc, rule)
		checkResolutions(t, base, ours, theirs, r, oc, tc, rule)
	})
}

// checkNothingLost checks that what one side alone touched came through, and
// what both touched is in conflict or came about by commuting operators.
func checkNothingLost(t require.TestingT, base, ours, theirs bsonraw.Doc, r Result, oc, tc []update.Change, rule Rule) {
	if len(r.Conflicts) > 0 && r.Conflicts[0].Path == "" || r.Doc == nil {
		return
	}
	for _, side := range []struct {
		doc         bsonraw.Doc
		mine, other []update.Change
	}{{ours, oc, tc}, {theirs, tc, oc}} {
		for _, c := range side.mine {
			if meets(c.Path, side.other) || side.doc == nil || inConflict(c.Path, r.Conflicts) {
				continue
			}
			names := update.SplitPath(c.Path)
			require.Equal(t, sorted(valueAt(side.doc, names)), sorted(valueAt(r.Doc, names)), c.Path)
		}
	}
	if rule.Trigger == TriggerTouched && !rule.Operators {
		for _, c := range oc {
			require.True(t, !meets(c.Path, tc) || len(r.Conflicts) > 0, c.Path)
		}
	}
}

// inConflict reports whether a path is at or below one in conflict.
func inConflict(path string, conflicts []Conflict) bool {
	for _, c := range conflicts {
		if path == c.Path || strings.HasPrefix(path, c.Path+".") {
			return true
		}
	}
	return false
}

// meets reports whether a path is, is above or is below that of a change.
func meets(path string, changes []update.Change) bool {
	for _, c := range changes {
		if c.Path == "" || path == "" || c.Path == path || strings.HasPrefix(c.Path, path+".") || strings.HasPrefix(path, c.Path+".") {
			return true
		}
	}
	return false
}

// checkResolutions checks that resolving by a side is the same from both sides,
// and that all conflicts can be resolved by each of the three documents.
func checkResolutions(t require.TestingT, base, ours, theirs bsonraw.Doc, r Result, oc, tc []update.Change, rule Rule) {
	all := func(conflicts []Conflict, take Take) (res []Resolution) {
		for _, c := range conflicts {
			res = append(res, Resolution{Path: c.Path, Take: take})
		}
		return res
	}
	flipped := Document(base, theirs, ours, tc, oc, rule)
	for _, take := range []Take{Ours, Theirs, Base} {
		done, err := Resolve(r, all(r.Conflicts, take))
		require.NoError(t, err)
		require.Empty(t, done.Conflicts)
		checkResult(t, ours, done)
		opposite := map[Take]Take{Ours: Theirs, Theirs: Ours, Base: Base}[take]
		other, err := Resolve(flipped, all(flipped.Conflicts, opposite))
		require.NoError(t, err)
		require.Equal(t, sorted(wholeValue(done.Doc)), sorted(wholeValue(other.Doc)), "take %d", take)
	}
}

func TestDisjointEditsCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := drawBase(t)
		ours, oc := drawSide(t, "ours", base, []string{"n", "o.n", "o.p.x", "a", "new.x"})
		theirs, tc := drawSide(t, "theirs", base, []string{"m", "o.a", "o.p.y", "l", "new.y", "e.0.x"})
		if ours == nil || theirs == nil || wholeChanged(oc) || wholeChanged(tc) {
			return
		}
		r := mergeBothWays(t, base, ours, theirs, oc, tc, Rule{UnitField, TriggerTouched, false})
		require.Empty(t, r.Conflicts)
		one, err1 := update.ApplyChanges(ours, tc)
		two, err2 := update.ApplyChanges(theirs, oc)
		require.NoError(t, err1)
		require.NoError(t, err2)
		require.Equal(t, sorted(one.Value()), sorted(r.Doc.Value()))
		require.Equal(t, sorted(two.Value()), sorted(r.Doc.Value()))
	})
}

func wholeChanged(changes []update.Change) bool {
	for _, c := range changes {
		if c.Path == "" {
			return true
		}
	}
	return false
}

func TestIncrementsConvergeToTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "start")
		steps := rapid.SliceOf(rapid.Int64Range(-1<<31, 1<<31-1))
		left, right := steps.Draw(t, "left"), steps.Draw(t, "right")
		base := mongotest.Docf(`{"_id": 1, "n": %d}`, start)
		sum := start
		play := func(steps []int64) (bsonraw.Doc, []update.Change) {
			doc, changes := base, []update.Change(nil)
			for _, n := range steps {
				sum += n
				u, err := update.Compile(mongotest.Docf(`{"$inc": {"n": %d}}`, n).Value(), nil)
				require.NoError(t, err)
				r, err := u.Apply(doc, -1, nil)
				require.NoError(t, err)
				doc, changes = r.Doc, append(changes, r.Changes...)
			}
			return doc, changes
		}
		ours, oc := play(left)
		theirs, tc := play(right)
		r := mergeBothWays(t, base, ours, theirs, oc, tc, DefaultRule)
		require.Empty(t, r.Conflicts)
		got, ok := r.Doc.Get("n").AsInt64()
		require.True(t, ok)
		require.Equal(t, sum, got)
	})
}

func TestCompactIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := drawBase(t)
		kind := rapid.SampledFrom([]string{"$inc", "$mul", "$min", "$max", "$push", "$addToSet", "$bit"}).Draw(t, "kind")
		bit := rapid.SampledFrom([]string{"and", "or", "xor"}).Draw(t, "bit")
		path := rapid.SampledFrom([]string{"n", "a", "new"}).Draw(t, "path")
		doc := base
		var ops []update.Change
		for range rapid.IntRange(1, 5).Draw(t, "ops") {
			arg := drawNumber(t)
			switch kind {
			case "$push", "$addToSet", "$min", "$max":
				arg = drawValue(t)
			case "$bit":
				arg = fmt.Sprintf(`{%q: %d}`, bit, rapid.IntRange(0, 9).Draw(t, "bits"))
			}
			u, err := update.Compile(mongotest.Value(fmt.Sprintf(`{%q: {%q: %s}}`, kind, path, arg)), nil)
			require.NoError(t, err)
			if r, err := u.Apply(doc, -1, nil); err == nil {
				doc, ops = r.Doc, append(ops, r.Changes...)
			}
		}
		got, err := update.ApplyChanges(base, compact(ops))
		require.NoError(t, err)
		require.Equal(t, doc, got, "%s\n%s", text(doc), text(got))
	})
}

func TestUndoAtOnceRestoresEveryBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawBase(t)
		head, target := drawSide(t, "target", before, paths)
		r := Revert(head, before, target, nil, drawRule(t))
		checkResult(t, head, r)
		require.Empty(t, r.Conflicts)
		require.Equal(t, text(before), text(r.Doc))
		require.Equal(t, before, r.Doc)
	})
}

func TestUndoKeepsWhatOthersDid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawBase(t)
		mid, target := drawSide(t, "target", before, paths)
		head, others := drawSide(t, "others", mid, paths)
		if !noDoubles(head, before) {
			return
		}
		r := Revert(head, before, target, others, DefaultRule)
		checkResult(t, head, r)
		if len(r.Conflicts) > 0 {
			require.NotEmpty(t, others)
			return
		}
		if len(target) == 0 || head == nil && before == nil {
			return
		}
		want, err := update.ApplyChanges(before, others)
		if err != nil || wholeChanged(others) {
			return
		}
		require.Equal(t, sorted(wholeValue(want)), sorted(wholeValue(r.Doc)), "before %s\ntarget\n%shead   %s\nothers\n%swant   %s\nundone %s",
			text(before), changeList(target), text(head), changeList(others), text(want), text(r.Doc))
	})
}

func changeList(changes []update.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "  %s %q %s\n", c.Kind, c.Path, mongotest.ValueJSON(c.Operand))
	}
	return b.String()
}

// TestUndoOfSomeOfManyChanges undoes random ones of a history.
func TestUndoOfSomeOfManyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawBase(t)
		doc := before
		var target, others []update.Change
		for i := range rapid.IntRange(1, 5).Draw(t, "steps") {
			next, changes := drawSide(t, "step", doc, paths)
			doc = next
			if i == 0 || rapid.Bool().Draw(t, "undo") {
				target = append(target, changes...)
			} else {
				others = append(others, changes...)
			}
		}
		if !noDoubles(doc, before) {
			return
		}
		rule := drawRule(t)
		r := Revert(doc, before, target, others, rule)
		checkResult(t, doc, r)
		if len(target) == 0 {
			require.Equal(t, text(doc), text(r.Doc))
			require.Empty(t, r.Conflicts)
		}
		if len(others) == 0 {
			require.Equal(t, text(before), text(r.Doc))
			require.Empty(t, r.Conflicts)
		}
		if len(target) == 0 || len(r.Conflicts) > 0 || rule.Trigger == TriggerDiverged || wholeChanged(others) || wholeChanged(target) {
			return
		}
		want, err := update.ApplyChanges(before, others)
		require.NoError(t, err)
		require.Equal(t, sorted(wholeValue(want)), sorted(wholeValue(r.Doc)), "before %s\ntarget\n%shead   %s\nothers\n%swant   %s\nundone %s",
			text(before), changeList(target), text(doc), changeList(others), text(want), text(r.Doc))
	})
}
