package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// undone is a history: steps that begin with "!" are to be undone, the others
// are what others did.
type undone []string

var revertCases = []struct {
	name      string
	rule      *Rule
	base      string
	history   undone
	want      string
	conflicts string
	changes   string // what is logged; "" is not looked at
}{
	{"one field", nil, `{"_id": 1, "a": 1, "b": 1}`, undone{`!{"$set": {"a": 2}}`}, `{"_id": 1, "a": 1, "b": 1}`, ``, `  $set "a" {"$numberInt":"1"}` + "\n"},
	{"beside another field", nil, `{"_id": 1, "a": 1, "b": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"b": 2}}`}, `{"_id": 1, "a": 1, "b": 2}`, ``, ``},
	{"two of three", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"b": 2}}`, `!{"$set": {"a": 3, "c": 1}}`}, `{"_id": 1, "a": 1, "b": 2}`, ``, ``},
	{"a field others wrote since", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"a": 3}}`}, `{"_id": 1, "a": 3}`, `samePath "a"`, ``},
	{"a new field", nil, `{"_id": 1}`, undone{`!{"$set": {"a": 2}}`}, `{"_id": 1}`, ``, `  $unset "a" missing` + "\n"},
	{"a new field in a new object", nil, `{"_id": 1}`, undone{`!{"$set": {"o.p.a": 2}}`}, `{"_id": 1}`, ``, ``},
	{"a new object others use now", nil, `{"_id": 1}`, undone{`!{"$set": {"o.a": 2}}`, `{"$set": {"o.b": 3}}`}, `{"_id": 1, "o": {"b": 3}}`, ``, ``},
	{"a removed field", nil, `{"_id": 1, "a": 1, "b": 1}`, undone{`!{"$unset": {"a": 1}}`}, `{"_id": 1, "a": 1, "b": 1}`, ``, ``},
	{"a field within an object others wrote", nil, `{"_id": 1, "o": {"a": 1}}`, undone{`!{"$set": {"o.a": 2}}`, `{"$set": {"o": {"z": 1}}}`}, `{"_id": 1, "o": {"z": 1}}`, `overlap "o"`, ``},
	{"an increment", nil, `{"_id": 1, "n": 10}`, undone{`!{"$inc": {"n": 5}}`}, `{"_id": 1, "n": 10}`, ``, `  $inc "n" {"$numberInt":"-5"}` + "\n"},
	{"an increment under others", nil, `{"_id": 1, "n": 10}`, undone{`!{"$inc": {"n": 5}}`, `{"$inc": {"n": 1}}`}, `{"_id": 1, "n": 11}`, ``, `  $inc "n" {"$numberInt":"-5"}` + "\n"},
	{"an increment of doubles", nil, `{"_id": 1, "n": 0.1}`, undone{`!{"$inc": {"n": 0.2}}`, `{"$inc": {"n": 0.3}}`}, `{"_id": 1, "n": 0.4}`, ``, ``},
	{"an increment of a new field", nil, `{"_id": 1}`, undone{`!{"$inc": {"n": 5}}`, `{"$inc": {"n": 1}}`}, `{"_id": 1, "n": 1}`, ``, ``},
	{"an increment under a value", nil, `{"_id": 1, "n": 10}`, undone{`!{"$inc": {"n": 5}}`, `{"$set": {"n": 1}}`}, `{"_id": 1, "n": 1}`, `samePath "n"`, ``},
	{"an increment under a product", nil, `{"_id": 1, "n": 10}`, undone{`!{"$inc": {"n": 5}}`, `{"$mul": {"n": 2}}`}, `{"_id": 1, "n": 30}`, `mixture "n"`, ``},
	{"a product", nil, `{"_id": 1, "n": 10}`, undone{`!{"$mul": {"n": 3}}`, `{"$mul": {"n": 2}}`}, `{"_id": 1, "n": 20}`, ``, ``},
	{"a minimum", nil, `{"_id": 1, "n": 10}`, undone{`!{"$min": {"n": 3}}`}, `{"_id": 1, "n": 10}`, ``, ``},
	{"a push", nil, `{"_id": 1, "a": [1]}`, undone{`!{"$push": {"a": 2}}`, `{"$push": {"a": 3}}`}, `{"_id": 1, "a": [1, 3]}`, ``, ``},
	{"an addToSet takes back what it added", nil, `{"_id": 1, "a": [1]}`, undone{`!{"$addToSet": {"a": {"$each": [1, 2]}}}`, `{"$addToSet": {"a": 3}}`}, `{"_id": 1, "a": [1, 3]}`, ``, ``},
	{"bits", nil, `{"_id": 1, "a": 5}`, undone{`!{"$bit": {"a": {"xor": 3}}}`, `{"$bit": {"a": {"xor": 8}}}`}, `{"_id": 1, "a": 13}`, ``, `  $bit xor "a" {"$numberInt":"3"}` + "\n"},
	{"operators off", &strict, `{"_id": 1, "n": 10}`, undone{`!{"$inc": {"n": 5}}`, `{"$inc": {"n": 1}}`}, `{"_id": 1, "n": 16}`, `samePath "n"`, ``},
	{"a pull", nil, `{"_id": 1, "a": [1, 2, 3]}`, undone{`!{"$pull": {"a": 2}}`}, `{"_id": 1, "a": [1, 2, 3]}`, ``, ``},
	{"a pull others pushed after", nil, `{"_id": 1, "a": [1, 2, 3]}`, undone{`!{"$pull": {"a": 2}}`, `{"$push": {"a": 4}}`}, `{"_id": 1, "a": [1, 3, 4]}`, `samePath "a"`, ``},
	{"elements behind the end", nil, `{"_id": 1, "a": [1]}`, undone{`!{"$set": {"a.3": 2}}`, `{"$set": {"b": 4}}`}, `{"_id": 1, "a": [1], "b": 4}`, ``, ``},
	{"elements behind the end, others in front", nil, `{"_id": 1, "a": [1]}`, undone{`!{"$set": {"a.3": 2}}`, `{"$set": {"a.0": 4}}`}, `{"_id": 1, "a": [4, null, null, 2]}`, `overlap "a"`, ``},
	{"an insert", nil, ``, undone{`!insert {"_id": 1, "a": 1}`}, ``, ``, ``},
	{"an insert and its edits", nil, ``, undone{`!insert {"_id": 1, "a": 1}`, `!{"$set": {"a": 2}}`}, ``, ``, ``},
	{"an insert others edited", nil, ``, undone{`!insert {"_id": 1, "a": 1}`, `{"$set": {"a": 2}}`}, `{"_id": 1, "a": 2}`, `editDelete ""`, ``},
	{"an insert others deleted", nil, ``, undone{`!insert {"_id": 1, "a": 1}`, `delete`}, ``, ``, ``},
	{"a delete", nil, `{"_id": 1, "a": 1}`, undone{`!delete`}, `{"_id": 1, "a": 1}`, ``, ``},
	{"edits and a delete", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `!delete`}, `{"_id": 1, "a": 1}`, ``, ``},
	{"a delete after others' edits", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"b": 2}}`, `!delete`}, `{"_id": 1, "a": 1, "b": 2}`, ``, ``},
	{"a delete after others' edits of the same", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"a": 3}}`, `!delete`}, ``, `deleteEdit ""`, ``},
	{"a delete others undid by an insert", nil, `{"_id": 1, "a": 1}`, undone{`!delete`, `insert {"_id": 1, "b": 1}`}, `{"_id": 1, "b": 1}`, `samePath ""`, ``},
	{"an edit of what others deleted", nil, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `delete`}, ``, `deleteEdit ""`, ``},
	{"others wrote the same again", &diverged, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"a": 3}}`, `{"$set": {"a": 2}}`}, `{"_id": 1, "a": 1}`, ``, ``},
	{"documents as units", &documents, `{"_id": 1, "a": 1}`, undone{`!{"$set": {"a": 2}}`, `{"$set": {"b": 2}}`}, `{"_id": 1, "a": 2, "b": 2}`, `samePath ""`, ``},
	{"a replacement", nil, `{"_id": 1, "a": 1, "b": 2}`, undone{`!{"b": 3, "c": 1}`}, `{"_id": 1, "a": 1, "b": 2}`, ``, ``},
}

// playUndone plays a history and tells both kinds of changes apart.
func playUndone(t require.TestingT, doc bsonraw.Doc, h undone) (head, before bsonraw.Doc, target, others []update.Change) {
	seen := false
	for _, step := range h {
		chosen := step[0] == '!'
		if chosen {
			step = step[1:]
		}
		if chosen && !seen {
			before, seen = doc, true
		}
		next, changes := play(t, doc, side{step})
		doc = next
		if chosen {
			target = append(target, changes...)
		} else {
			others = append(others, changes...)
		}
	}
	return doc, before, target, others
}

func TestRevertTable(t *testing.T) {
	for _, c := range revertCases {
		t.Run(c.name, func(t *testing.T) {
			head, before, target, others := playUndone(t, docOrNil(c.base), c.history)
			rule := DefaultRule
			if c.rule != nil {
				rule = *c.rule
			}
			r := Revert(head, before, target, others, rule)
			checkResult(t, head, r)
			require.Equal(t, c.conflicts, conflictList(r.Conflicts))
			require.Equal(t, text(docOrNil(c.want)), text(r.Doc))
			if c.changes != "" {
				require.Equal(t, c.changes, changeList(r.Changes))
			}
		})
	}
}

func TestConflictsOfUndoShowThreeValues(t *testing.T) {
	head, before, target, others := playUndone(t, docOrNil(`{"_id": 1, "a": 1}`), undone{`!{"$set": {"a": 2}}`, `{"$set": {"a": 3}}`})
	r := Revert(head, before, target, others, DefaultRule)
	require.Len(t, r.Conflicts, 1)
	c := r.Conflicts[0]
	require.Equal(t, []int32{2, 3, 1}, []int32{c.Base.Int32(), c.Ours.Int32(), c.Theirs.Int32()})
	done, err := Resolve(r, []Resolution{{Path: "a", Take: Theirs}})
	require.NoError(t, err)
	require.Equal(t, text(before), text(done.Doc))
}
