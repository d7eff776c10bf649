package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestResolve(t *testing.T) {
	base := mongotest.Doc(`{"_id": 1, "a": 1, "b": 1, "o": {"x": 1}}`)
	ours, oc := play(t, base, side{`{"$set": {"a": 2, "b": 2, "c": 1}, "$unset": {"o.x": 1}}`})
	theirs, tc := play(t, base, side{`{"$set": {"a": 3, "b": 3, "d": 1, "o": {"y": 1}}}`})
	r := mergeBothWays(t, base, ours, theirs, oc, tc, DefaultRule)
	require.Equal(t, `overlap "o", samePath "a", samePath "b"`, conflictList(r.Conflicts))

	half, err := Resolve(r, []Resolution{{Path: "a", Take: Theirs}})
	require.NoError(t, err)
	require.Equal(t, `overlap "o", samePath "b"`, conflictList(half.Conflicts))
	checkResult(t, ours, half)

	done, err := Resolve(half, []Resolution{{Path: "b", Take: Custom, Value: bsonraw.StringValue("own")}, {Path: "o", Take: Base}})
	require.NoError(t, err)
	require.Empty(t, done.Conflicts)
	require.Equal(t, text(mongotest.Doc(`{"_id": 1, "a": 3, "b": "own", "o": {"x": 1}, "c": 1, "d": 1}`)), text(done.Doc))
	checkResult(t, ours, done)

	removed, err := Resolve(half, []Resolution{{Path: "b", Take: Custom}, {Path: "o", Take: Ours}})
	require.NoError(t, err)
	require.Equal(t, text(mongotest.Doc(`{"_id": 1, "a": 3, "o": {}, "c": 1, "d": 1}`)), text(removed.Doc))

	_, err = Resolve(half, []Resolution{{Path: "a", Take: Ours}})
	require.True(t, errs.Is(err, errs.ResolutionUnknown), err)
	_, err = Resolve(half, []Resolution{{Path: "b", Take: 9}})
	require.True(t, errs.Is(err, errs.BadValue), err)
}

func TestResolveWholeDocuments(t *testing.T) {
	base := mongotest.Doc(`{"_id": 1, "a": 1}`)
	ours, oc := play(t, base, side{`{"$set": {"a": 2}}`})
	r := Document(base, ours, nil, oc, nil, DefaultRule)
	require.Equal(t, `editDelete ""`, conflictList(r.Conflicts))

	for take, want := range map[Take]bsonraw.Doc{Ours: ours, Theirs: nil, Base: base} {
		done, err := Resolve(r, []Resolution{{Take: take}})
		require.NoError(t, err)
		checkResult(t, ours, done)
		require.Equal(t, text(want), text(done.Doc))
	}
	own := mongotest.Value(`{"_id": 1.0, "z": 1}`)
	done, err := Resolve(r, []Resolution{{Take: Custom, Value: own}})
	require.NoError(t, err)
	require.Equal(t, own.Doc(), done.Doc)
	gone, err := Resolve(r, []Resolution{{Take: Custom}})
	require.NoError(t, err)
	require.Nil(t, gone.Doc)
	require.True(t, gone.Changed)

	_, err = Resolve(r, []Resolution{{Take: Custom, Value: bsonraw.Int32Value(1)}})
	require.True(t, errs.Is(err, errs.BadValue), err)
	_, err = Resolve(r, []Resolution{{Take: Custom, Value: mongotest.Value(`{"_id": 2}`)}})
	require.True(t, errs.Is(err, errs.ImmutableField), err)
}

func TestParseRule(t *testing.T) {
	for spec, want := range map[string]Rule{
		`{}`:                   DefaultRule,
		`{"unit": "document"}`: {UnitDocument, TriggerTouched, true},
		`{"trigger": "diverged", "operators": false}`:                    {UnitField, TriggerDiverged, false},
		`{"unit": "field", "trigger": "touched", "operators": true}`:     DefaultRule,
		`{"unit": "document", "trigger": "diverged", "operators": true}`: {UnitDocument, TriggerDiverged, true},
	} {
		got, err := ParseRule(mongotest.Doc(spec))
		require.NoError(t, err, spec)
		require.Equal(t, want, got, spec)
	}
	for _, spec := range []string{`{"unit": "row"}`, `{"unit": 1}`, `{"trigger": "x"}`, `{"operators": "yes"}`, `{"operators": 1}`, `{"units": "field"}`} {
		_, err := ParseRule(mongotest.Doc(spec))
		require.True(t, errs.Is(err, errs.InvalidOptions), "%s: %v", spec, err)
	}
}

// TestMergeOfUnknownChanges gives no changes: they are worked out.
func TestMergeOfUnknownChanges(t *testing.T) {
	base := mongotest.Doc(`{"_id": 1, "a": 1, "b": {"c": 1, "d": 1}}`)
	ours := mongotest.Doc(`{"_id": 1, "a": 2, "b": {"c": 1, "d": 1}}`)
	theirs := mongotest.Doc(`{"_id": 1, "a": 1, "b": {"c": 1, "d": 2}, "e": 1}`)
	r := mergeBothWays(t, base, ours, theirs, nil, nil, DefaultRule)
	require.Empty(t, r.Conflicts)
	require.Equal(t, text(mongotest.Doc(`{"_id": 1, "a": 2, "b": {"c": 1, "d": 2}, "e": 1}`)), text(r.Doc))
}

func BenchmarkDocument(b *testing.B) {
	base := mongotest.Doc(`{"_id": 1, "a": 1, "b": {"c": 1, "d": 1}, "n": 1, "text": "some text of a usual length", "tags": ["a", "b"]}`)
	ours, oc := play(b, base, side{`{"$set": {"a": 2}, "$inc": {"n": 1}}`})
	theirs, tc := play(b, base, side{`{"$set": {"b.c": 2}, "$inc": {"n": 1}}`})
	b.ReportAllocs()
	for b.Loop() {
		if r := Document(base, ours, theirs, oc, tc, DefaultRule); len(r.Conflicts) > 0 || !r.Changed {
			b.Fatal("conflict")
		}
	}
}
