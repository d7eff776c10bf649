package changes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// TestTokenGolden freezes the format of resume tokens: they stand in clients'
// databases.
func TestTokenGolden(t *testing.T) {
	for want, token := range map[string]Token{
		"A1000000000000000000000000000000000000000000000000"[:46]:       {},
		"A10000000000000400" + "00000003" + "0000" + "0000000000000002": {LSN: 1024, N: 3, Segment: 2},
		"A100FFFFFFFFFFFFFF" + "FFFFFFFF" + "FFFF" + "FFFFFFFFFFFFFFFF": {LSN: wal.MaxLSN, N: AllEvents, Part: Invalidated, Segment: 1<<64 - 1},
		"A10000000100000000" + "00000000" + "0001" + "0000000000000001": {LSN: 1 << 32, Part: 1, Segment: 1},
	} {
		require.Equal(t, want, token.String())
		back, err := ParseToken(token.Doc())
		require.NoError(t, err)
		require.Equal(t, token, back)
	}
	for text, code := range map[string]errs.Code{
		"": errs.InvalidResumeToken, "zz": errs.FailedToParse, "A1": errs.InvalidResumeToken,
		"826B056BAC000000052B0229296E04":                                errs.InvalidResumeToken,
		"a10000000000000400000000030000" + "0000000000000002":           errs.FailedToParse,
		"A1FFFFFFFFFFFFFFFF" + "00000000" + "0000" + "0000000000000001": errs.InvalidResumeToken,
	} {
		_, err := ParseTokenString(text)
		require.Equal(t, code, errs.CodeOf(err), text)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("A10000000000000400000000030000" + "0000000000000002")
	f.Add("826B056BAC000000052B0229296E04")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseTokenString(text)
		if err != nil {
			require.NotNil(t, errs.As(err))
			return
		}
		require.Equal(t, text, token.String(), "one token has one text")
	})
}

func TestTokensSortAsStrings(t *testing.T) {
	draw := func(t *rapid.T, name string) Token {
		return Token{
			LSN:  wal.LSN(rapid.Uint64Range(0, uint64(wal.MaxLSN)).Draw(t, name)),
			N:    rapid.SampledFrom([]uint32{0, 1, 2, 255, 256, AllEvents}).Draw(t, name),
			Part: rapid.SampledFrom([]uint16{0, 1, 2, Invalidated}).Draw(t, name),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		if rapid.Bool().Draw(t, "same commit") {
			b.LSN = a.LSN
		}
		require.Equal(t, a.Compare(b), strings.Compare(a.String(), b.String()))
	})
}

// TestTimes holds that Timestamps order as LSNs do and lead back to them, also
// where their counter begins again.
func TestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type commit struct {
			lsn wal.LSN
			ms  int64
		}
		lsn := wal.LSN(rapid.SampledFrom([]uint64{1, 1<<32 - 5, 7<<32 - 3}).Draw(t, "first"))
		ms := int64(1_700_000_000_000)
		var all []commit
		for range rapid.IntRange(1, 20).Draw(t, "commits") {
			lsn += wal.LSN(rapid.IntRange(1, 3).Draw(t, "step"))
			ms += rapid.SampledFrom([]int64{0, 1, 500, 3000}).Draw(t, "ms")
			for l := all; len(l) > 0 && l[len(l)-1].lsn>>32 != lsn>>32; l = nil {
				ms = max(ms, (l[len(l)-1].ms/1000+1)*1000) // as mvcc.Store does
			}
			all = append(all, commit{lsn, ms})
		}
		newest := func(until int64) (found wal.LSN) {
			for _, c := range all {
				if c.ms <= until {
					found = c.lsn
				}
			}
			return found
		}
		back := func(u Time) wal.LSN { return u.LSN(newest(u.First()-1), newest(u.Last())) }
		for i, c := range all {
			at := TimeOf(c.lsn, c.ms)
			require.Equal(t, c.lsn, back(at))
			if i > 0 {
				require.Positive(t, at.Compare(TimeOf(all[i-1].lsn, all[i-1].ms)))
			}
		}
		made := Time{
			Seconds:   uint32(all[0].ms/1000) + rapid.Uint32Range(0, 30).Draw(t, "second"),
			Increment: uint32(all[0].lsn) + rapid.Uint32Range(0, 60).Draw(t, "increment") - 10,
		}
		var want, got wal.LSN // the newest commits
		for _, c := range all {
			if TimeOf(c.lsn, c.ms).Compare(made) <= 0 {
				want = c.lsn
			}
			if c.lsn <= back(made) {
				got = c.lsn
			}
		}
		require.Equal(t, want, got, "a time that somebody made up")
	})
}

func parse(t require.TestingT, text string) bsonraw.Doc {
	doc, err := ejson.ParseDoc(text)
	require.NoError(t, err)
	return doc
}

func shown(d *Description, expanded bool) string {
	b := bsonraw.NewBuilder(nil)
	d.Append(b, "d", expanded)
	return strings.ReplaceAll(string(ejson.Append(nil, b.Finish(), ejson.Relaxed)), `"`, "")
}

func TestDescriptions(t *testing.T) {
	pre := parse(t, `{"_id": 1, "a": 1, "o": {"x": 1}, "l": [1, 2], "e": []}`)
	post := parse(t, `{"_id": 1, "o": {"x": 1, "y": {"z": 1, "w": 2}}, "l": [1, 2, 3], "e": [1], "d.t": 1, "7": {"0": 1}}`)
	d := FromChanges(pre, post, []update.Change{
		{Path: "a", Kind: update.Unset},
		{Path: "o.y.z", Kind: update.Set},
		{Path: "o.y.w", Kind: update.Inc},
		{Path: "l", Kind: update.Push},
		{Path: "e", Kind: update.Push},
		{Path: `d\.t`, Kind: update.Set},
		{Path: "7.0", Kind: update.Set},
	})
	require.Equal(t, `{d:{updatedFields:{o.y:{z:1,w:2},l.2:3,e:[1],d.t:1,7:{0:1}},removedFields:[a],truncatedArrays:[],disambiguatedPaths:{l.2:[l,2],d.t:[d.t],7:[7]}}}`, shown(d, true))
	require.NotContains(t, shown(d, false), "disambiguated")
	long := strings.Repeat("x", 100)
	d = FromDocs(parse(t, `{"_id": 1, "s": "`+long+`", "l": [1, 2, 3, 4, 5, 6, 7, 8], "o": {"s": "`+long+`", "n": 1}, "gone": 1}`),
		parse(t, `{"_id": 1, "s": "`+long+`", "l": [1, 2, 3, 9, 5, 6, 7], "o": {"s": "`+long+`", "n": 2}, "new": 1}`))
	require.Equal(t, `{d:{updatedFields:{new:1,l.3:9,o.n:2},removedFields:[gone],truncatedArrays:[{field:l,newSize:7}]}}`, shown(d, false))
}

// drawValue makes values whose differences are of every kind.
func drawValue(t *rapid.T, depth int) bsonraw.Value {
	kinds := []string{"int", "text", "null"}
	if depth > 0 {
		kinds = append(kinds, "object", "array", "array", "object")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "int":
		return bsonraw.Int32Value(rapid.Int32Range(0, 3).Draw(t, "n"))
	case "text":
		return bsonraw.StringValue(strings.Repeat("y", rapid.IntRange(0, 30).Draw(t, "length")))
	case "object":
		return drawDoc(t, depth-1).Value()
	case "array":
		var list []bsonraw.Value
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			list = append(list, drawValue(t, depth-1))
		}
		return bsonraw.ArrayValue(list...)
	}
	return bsonraw.NullValue
}

func drawDoc(t *rapid.T, depth int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 5, rapid.ID).Draw(t, "names") {
		b.Value(name, drawValue(t, depth))
	}
	return b.Finish()
}

// apply does what a description says, as a client that mirrors a collection would.
func apply(doc bsonraw.Value, d *Description) bsonraw.Value {
	for _, p := range d.Removed {
		doc = edit(doc, p, func(bsonraw.Value) bsonraw.Value { return bsonraw.Value{} })
	}
	for _, tr := range d.Truncated {
		doc = edit(doc, tr.Path, func(v bsonraw.Value) bsonraw.Value { return bsonraw.ArrayValue(v.Doc().Values()[:tr.Size]...) })
	}
	for _, f := range d.Updated {
		doc = edit(doc, f.Path, func(bsonraw.Value) bsonraw.Value { return f.Value })
	}
	return doc
}

// edit changes the value at a path. A field that is new comes last.
func edit(v bsonraw.Value, p Path, change func(bsonraw.Value) bsonraw.Value) bsonraw.Value {
	if len(p) == 0 {
		return change(v)
	}
	b := bsonraw.NewBuilder(nil)
	found := false
	for it := v.Doc().Iter(); it.Next(); {
		if string(it.Key()) == p[0].Name {
			found = true
			b.ValueBytes(it.Key(), edit(it.Value(), p[1:], change))
			continue
		}
		b.ValueBytes(it.Key(), it.Value())
	}
	if !found {
		b.Value(p[0].Name, edit(bsonraw.Value{}, p[1:], change))
	}
	return bsonraw.Value{Type: v.Type, Data: b.Finish()}
}

// TestDescriptionsLeadThere holds promise 3 for differences: fields may come in
// another order, as in MongoDB.
func TestDescriptionsLeadThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pre, post := drawDoc(t, 3), drawDoc(t, 3)
		got := apply(pre.Value(), FromDocs(pre, post))
		require.Equal(t, canonical(post.Value()), canonical(got))
	})
}

// canonical shows a value with its fields in the order of their names.
func canonical(v bsonraw.Value) any {
	switch v.Type {
	case bsonraw.Object:
		m := map[string]any{}
		for it := v.Doc().Iter(); it.Next(); {
			m[string(it.Key())] = canonical(it.Value())
		}
		return m
	case bsonraw.Array:
		list := []any{}
		for _, e := range v.Doc().Values() {
			list = append(list, canonical(e))
		}
		return list
	}
	return string(ejson.AppendValue(nil, v, ejson.Canonical))
}
