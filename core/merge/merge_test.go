package merge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/update"
)

// side is what one side does to the base: updates in Extended JSON one after
// the other; "delete", and "insert {…}" for a document that is not there.
type side []string

// play carries out a side's updates and returns the document and the changes.
func play(t require.TestingT, doc bsonraw.Doc, s side) (bsonraw.Doc, []update.Change) {
	var changes []update.Change
	for _, step := range s {
		if step == "delete" {
			doc, changes = nil, append(changes, update.Change{Kind: update.Unset})
			continue
		}
		if body, ok := strings.CutPrefix(step, "insert "); ok {
			doc, changes = mongotest.Doc(body), append(changes, update.Change{Kind: update.Set})
			continue
		}
		u, err := update.Compile(mongotest.Value(step), nil)
		require.NoError(t, err, step)
		r, err := u.Apply(doc, -1, nil)
		require.NoError(t, err, step)
		doc, changes = r.Doc, append(changes, r.Changes...)
	}
	return doc, changes
}

// docOrNil parses a document; "" is an absent one.
func docOrNil(s string) bsonraw.Doc {
	if s == "" {
		return nil
	}
	return mongotest.Doc(s)
}

// text returns a document in one line of relaxed Extended JSON.
func text(d bsonraw.Doc) string {
	if d == nil {
		return ""
	}
	return mongotest.JSON(d)
}

func conflictList(conflicts []Conflict) string {
	var list []string
	for _, c := range conflicts {
		list = append(list, fmt.Sprintf("%s %q", c.Kind, c.Path))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// mirrored returns conflicts as the other side sees them.
func mirrored(conflicts []Conflict) []Conflict {
	out := slices.Clone(conflicts)
	for i := range out {
		out[i].Ours, out[i].Theirs = out[i].Theirs, out[i].Ours
		switch out[i].Kind {
		case EditDelete:
			out[i].Kind = DeleteEdit
		case DeleteEdit:
			out[i].Kind = EditDelete
		}
	}
	return out
}

// sorted returns a value with fields by name and elements in order, in which
// values that are equal look the same: what a merge has in common with the
// same merge flipped.
func sorted(v bsonraw.Value) string {
	switch v.Type {
	case bsonraw.Object, bsonraw.Array:
		var parts []string
		for it := v.Doc().Iter(); it.Next(); {
			if v.Type == bsonraw.Object {
				parts = append(parts, fmt.Sprintf("%q:%s", it.Key(), sorted(it.Value())))
			} else {
				parts = append(parts, sorted(it.Value()))
			}
		}
		slices.Sort(parts)
		return fmt.Sprint(v.Type.Name(), parts)
	case bsonraw.Missing:
		return "missing"
	}
	return fmt.Sprintf("%x", bsonraw.AppendKey(nil, v))
}

// checkResult checks what holds for every result.
func checkResult(t require.TestingT, ours bsonraw.Doc, r Result) {
	require.Equal(t, text(ours) != text(r.Doc), r.Changed)
	doc, err := update.ApplyChanges(ours, r.Changes)
	require.NoError(t, err)
	require.Equal(t, text(r.Doc), text(doc))
	require.Equal(t, r.Doc, doc)
	if !r.Changed {
		require.Empty(t, r.Changes)
	}
	if r.Doc != nil {
		require.NoError(t, bsonraw.Validate(r.Doc))
	}
	seen := map[string]bool{}
	for _, c := range r.Conflicts {
		require.False(t, seen[c.Path], c.Path)
		seen[c.Path] = true
	}
}

// mergeBothWays merges and checks that the flipped merge agrees.
func mergeBothWays(t require.TestingT, base, ours, theirs bsonraw.Doc, oc, tc []update.Change, rule Rule) Result {
	r := Document(base, ours, theirs, oc, tc, rule)
	checkResult(t, ours, r)
	flipped := Document(base, theirs, ours, tc, oc, rule)
	checkResult(t, theirs, flipped)
	require.Equal(t, conflictList(r.Conflicts), conflictList(mirrored(flipped.Conflicts)))
	byPath := map[string]Conflict{}
	for _, c := range mirrored(flipped.Conflicts) {
		byPath[c.Path] = c
	}
	for _, c := range r.Conflicts {
		require.Equal(t, c, byPath[c.Path])
	}
	if len(r.Conflicts) == 0 {
		require.Equal(t, sorted(wholeValue(r.Doc)), sorted(wholeValue(flipped.Doc)), "%s\n%s", text(r.Doc), text(flipped.Doc))
	}
	return r
}

var (
	diverged  = Rule{UnitField, TriggerDiverged, true}
	strict    = Rule{UnitField, TriggerTouched, false}
	documents = Rule{UnitDocument, TriggerTouched, true}
	coarse    = Rule{UnitDocument, TriggerDiverged, false}
)

var mergeCases = []struct {
	name         string
	rule         *Rule // nil: the default
	base         string
	ours, theirs side
	want         string // the document; with conflicts, what is merged beside them
	conflicts    string
}{
	{
		"different fields", nil, `{"_id": 1, "a": 1, "b": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"b": 2}}`},
		`{"_id": 1, "a": 2, "b": 2}`, ``,
	},
	{
		"new fields", nil, `{"_id": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"b": 2}}`},
		`{"_id": 1, "a": 2, "b": 2}`, ``,
	},
	{
		"different fields of one object", nil, `{"_id": 1, "o": {"a": 1, "b": 1}}`,
		side{`{"$set": {"o.a": 2}}`},
		side{`{"$unset": {"o.b": 1}}`},
		`{"_id": 1, "o": {"a": 2}}`, ``,
	},
	{
		"both make the object around", nil, `{"_id": 1}`,
		side{`{"$set": {"o.a": 2}}`},
		side{`{"$set": {"o.b": 3}}`},
		`{"_id": 1, "o": {"a": 2, "b": 3}}`, ``,
	},
	{
		"different elements of one array", nil, `{"_id": 1, "a": [1, 2, 3]}`,
		side{`{"$set": {"a.0": 9}}`},
		side{`{"$set": {"a.2": 8}}`},
		`{"_id": 1, "a": [9, 2, 8]}`, ``,
	},
	{
		"one field", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"a": 3}}`},
		`{"_id": 1, "a": 2}`, `samePath "a"`,
	},
	{
		"equal values conflict too", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"a": 2}}`},
		`{"_id": 1, "a": 2}`, `samePath "a"`,
	},
	{
		"equal values have not diverged", &diverged, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"a": 2}}`},
		`{"_id": 1, "a": 2}`, ``,
	},
	{
		"there and back touches", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`, `{"$set": {"a": 1}}`},
		side{`{"$set": {"a": 3}}`},
		`{"_id": 1, "a": 1}`, `samePath "a"`,
	},
	{
		"there and back does not diverge", &diverged, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`, `{"$set": {"a": 1}}`},
		side{`{"$set": {"a": 3}}`},
		`{"_id": 1, "a": 3}`, ``,
	},
	{
		"the rest is merged beside a conflict", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2, "b": 1}}`},
		side{`{"$set": {"a": 3, "c": 1}}`},
		`{"_id": 1, "a": 2, "b": 1, "c": 1}`, `samePath "a"`,
	},
	{
		"removed on both sides", nil, `{"_id": 1, "a": 1}`,
		side{`{"$unset": {"a": 1}}`},
		side{`{"$unset": {"a": 1}}`},
		`{"_id": 1}`, `samePath "a"`,
	},
	{
		"removed on both sides has not diverged", &diverged, `{"_id": 1, "a": 1}`,
		side{`{"$unset": {"a": 1}}`},
		side{`{"$unset": {"a": 1}}`},
		`{"_id": 1}`, ``,
	},
	{
		"object against field of it", nil, `{"_id": 1, "o": {"a": 1}}`,
		side{`{"$set": {"o": {"a": 5}}}`},
		side{`{"$set": {"o.a": 2, "o.b": 2}}`},
		`{"_id": 1, "o": {"a": 5}}`, `overlap "o"`,
	},
	{
		"push against element", nil, `{"_id": 1, "a": [1]}`,
		side{`{"$push": {"a": 2}}`},
		side{`{"$set": {"a.0": 2}}`},
		`{"_id": 1, "a": [1, 2]}`, `overlap "a"`,
	},
	{
		"overlap with one outcome has not diverged", &diverged, `{"_id": 1, "o": {"a": 1}}`,
		side{`{"$set": {"o": {"a": 2}}}`},
		side{`{"$set": {"o.a": 2}}`},
		`{"_id": 1, "o": {"a": 2}}`, ``,
	},
	{
		"increments add up", nil, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`, `{"$inc": {"n": 2}}`},
		side{`{"$inc": {"n": -5}}`},
		`{"_id": 1, "n": 8}`, ``,
	},
	{
		"increments of a new field add up", nil, `{"_id": 1}`,
		side{`{"$inc": {"o.n": 1}}`},
		side{`{"$inc": {"o.n": 2}}`},
		`{"_id": 1, "o": {"n": 3}}`, ``,
	},
	{
		"increments do not add up without operators", &strict, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`},
		side{`{"$inc": {"n": 2}}`},
		`{"_id": 1, "n": 11}`, `samePath "n"`,
	},
	{
		"equal increments add up even if only divergence counts", &diverged, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`},
		side{`{"$inc": {"n": 1}}`},
		`{"_id": 1, "n": 12}`, ``,
	},
	{
		"products", nil, `{"_id": 1, "n": 10}`,
		side{`{"$mul": {"n": 2}}`},
		side{`{"$mul": {"n": 3}}`},
		`{"_id": 1, "n": 60}`, ``,
	},
	{
		"minima", nil, `{"_id": 1, "n": 10}`,
		side{`{"$min": {"n": 7}}`},
		side{`{"$min": {"n": 4}}`},
		`{"_id": 1, "n": 4}`, ``,
	},
	{
		"maxima", nil, `{"_id": 1, "n": 10}`,
		side{`{"$max": {"n": 70}}`},
		side{`{"$max": {"n": 40}}`},
		`{"_id": 1, "n": 70}`, ``,
	},
	{
		"sets", nil, `{"_id": 1, "a": [1]}`,
		side{`{"$addToSet": {"a": 2}}`},
		side{`{"$addToSet": {"a": {"$each": [1, 2, 3]}}}`},
		`{"_id": 1, "a": [1, 2, 3]}`, ``,
	},
	{
		"pushes", nil, `{"_id": 1, "a": [1]}`,
		side{`{"$push": {"a": 2}}`},
		side{`{"$push": {"a": {"$each": [2, 3]}}}`},
		`{"_id": 1, "a": [1, 2, 2, 3]}`, ``,
	},
	{
		"bits of one kind", nil, `{"_id": 1, "a": 0}`,
		side{`{"$bit": {"a": {"or": 1}}}`},
		side{`{"$bit": {"a": {"or": 4}}}`},
		`{"_id": 1, "a": 5}`, ``,
	},
	{
		"bits of two kinds", nil, `{"_id": 1, "a": 1}`,
		side{`{"$bit": {"a": {"xor": 3}}}`},
		side{`{"$bit": {"a": {"or": 4}}}`},
		`{"_id": 1, "a": 2}`, `mixture "a"`,
	},
	{
		"two operators", nil, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`},
		side{`{"$mul": {"n": 2}}`},
		`{"_id": 1, "n": 11}`, `mixture "n"`,
	},
	{
		"two operators on one side", nil, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`, `{"$mul": {"n": 3}}`},
		side{`{"$inc": {"n": 2}}`},
		`{"_id": 1, "n": 33}`, `samePath "n"`,
	},
	{
		"operator against value", nil, `{"_id": 1, "n": 10}`,
		side{`{"$inc": {"n": 1}}`},
		side{`{"$set": {"n": 2}}`},
		`{"_id": 1, "n": 11}`, `samePath "n"`,
	},
	{
		"value, then operator", nil, `{"_id": 1, "n": 10}`,
		side{`{"$set": {"n": 1}}`, `{"$inc": {"n": 1}}`},
		side{`{"$inc": {"n": 2}}`},
		`{"_id": 1, "n": 2}`, `samePath "n"`,
	},
	{
		"push with modifiers", nil, `{"_id": 1, "a": [1]}`,
		side{`{"$push": {"a": {"$each": [2], "$slice": -5}}}`},
		side{`{"$push": {"a": 3}}`},
		`{"_id": 1, "a": [1, 2]}`, `samePath "a"`,
	},
	{
		"pull against push", nil, `{"_id": 1, "a": [1]}`,
		side{`{"$pull": {"a": 1}}`},
		side{`{"$push": {"a": 3}}`},
		`{"_id": 1, "a": []}`, `samePath "a"`,
	},
	{
		"pull against pull", nil, `{"_id": 1, "a": [1, 2]}`,
		side{`{"$pull": {"a": 1}}`},
		side{`{"$pull": {"a": 2}}`},
		`{"_id": 1, "a": [2]}`, `samePath "a"`,
	},
	{
		"sum overflows", nil, `{"_id": 1, "n": {"$numberLong": "9223372036854775800"}, "b": 1}`,
		side{`{"$inc": {"n": 5}}`},
		side{`{"$inc": {"n": 6}, "$set": {"b": 2}}`},
		`{"_id": 1, "n": {"$numberLong": "9223372036854775805"}, "b": 2}`, `limit "n"`,
	},
	{
		"edit against delete", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{"delete"},
		`{"_id": 1, "a": 2}`, `editDelete ""`,
	},
	{
		"edit there and back against delete", nil, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`, `{"$set": {"a": 1}}`},
		side{"delete"},
		`{"_id": 1, "a": 1}`, `editDelete ""`,
	},
	{
		"edit there and back does not hold up a delete", &diverged, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`, `{"$set": {"a": 1}}`},
		side{"delete"},
		``, ``,
	},
	{"deletes on both sides", nil, `{"_id": 1, "a": 1}`, side{"delete"}, side{"delete"}, ``, ``},
	{"delete of an untouched document", nil, `{"_id": 1, "a": 1}`, side{}, side{"delete"}, ``, ``},
	{
		"edit of an untouched document", nil, `{"_id": 1, "a": 1}`,
		side{},
		side{`{"$unset": {"a": 1}}`, `{"$set": {"b": 1, "a": 3}}`, `{"$inc": {"b": 2}}`},
		`{"_id": 1, "a": 3, "b": 3}`, ``,
	},
	{
		"delete and new insert against edit", nil, `{"_id": 1, "a": 1}`,
		side{"delete", `insert {"_id": 1, "b": 1}`},
		side{`{"$set": {"c": 1}}`},
		`{"_id": 1, "b": 1}`, `overlap ""`,
	},
	{
		"two inserts", nil, ``,
		side{`insert {"_id": 1, "a": 1}`},
		side{`insert {"_id": 1, "b": 1}`},
		`{"_id": 1, "a": 1}`, `insertInsert ""`,
	},
	{
		"two equal inserts", nil, ``,
		side{`insert {"_id": 1, "a": 1}`},
		side{`insert {"_id": 1, "a": 1}`},
		`{"_id": 1, "a": 1}`, `insertInsert ""`,
	},
	{
		"two equal inserts have not diverged", &diverged, ``,
		side{`insert {"_id": 1, "a": 1}`},
		side{`insert {"_id": 1, "a": 1}`},
		`{"_id": 1, "a": 1}`, ``,
	},
	{"insert on one side", nil, ``, side{}, side{`insert {"_id": 1, "a": 1}`, `{"$set": {"b": 1}}`}, `{"_id": 1, "a": 1, "b": 1}`, ``},
	{"insert and delete", nil, ``, side{}, side{`insert {"_id": 1, "a": 1}`, "delete"}, ``, ``},
	{
		"replacements touch what they change", nil, `{"_id": 1, "a": 1, "b": 1, "c": 1}`,
		side{`{"a": 2, "b": 1, "c": 1}`},
		side{`{"a": 1, "b": 1, "d": 3}`},
		`{"_id": 1, "a": 2, "b": 1, "d": 3}`, ``,
	},
	{
		"documents as units", &documents, `{"_id": 1, "a": 1, "b": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"b": 2}}`},
		`{"_id": 1, "a": 2, "b": 1}`, `samePath ""`,
	},
	{
		"documents as units, one operator", &documents, `{"_id": 1, "a": 1, "b": 1}`,
		side{`{"$inc": {"a": 2}}`},
		side{`{"$inc": {"b": 2, "a": 1}}`},
		`{"_id": 1, "a": 4, "b": 3}`, ``,
	},
	{
		"documents as units, two operators", &documents, `{"_id": 1, "a": 1, "b": 1}`,
		side{`{"$inc": {"a": 2}}`},
		side{`{"$max": {"b": 2}}`},
		`{"_id": 1, "a": 3, "b": 1}`, `samePath ""`,
	},
	{
		"documents as units, same outcome", &coarse, `{"_id": 1, "a": 1}`,
		side{`{"$set": {"a": 2}}`},
		side{`{"$set": {"a": 2}}`},
		`{"_id": 1, "a": 2}`, ``,
	},
	{
		"documents as units, other outcomes", &coarse, `{"_id": 1, "a": 1}`,
		side{`{"$inc": {"a": 1}}`},
		side{`{"$inc": {"a": 2}}`},
		`{"_id": 1, "a": 2}`, `samePath ""`,
	},
	{
		"names with dots", nil, `{"_id": 1, "o": {"a.b": 1, "a": {"b": 1}}}`,
		side{`{"o": {"a.b": 2, "a": {"b": 1}}}`},
		side{`{"$set": {"o.a.b": 2}}`},
		`{"_id": 1, "o": {"a.b": 2, "a": {"b": 2}}}`, ``,
	},
}

func TestMergeTable(t *testing.T) {
	for _, c := range mergeCases {
		t.Run(c.name, func(t *testing.T) {
			base := docOrNil(c.base)
			ours, oc := play(t, base, c.ours)
			theirs, tc := play(t, base, c.theirs)
			rule := DefaultRule
			if c.rule != nil {
				rule = *c.rule
			}
			r := mergeBothWays(t, base, ours, theirs, oc, tc, rule)
			require.Equal(t, c.conflicts, conflictList(r.Conflicts))
			require.Equal(t, text(docOrNil(c.want)), text(r.Doc))
		})
	}
}
