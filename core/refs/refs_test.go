package refs

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

func TestNames(t *testing.T) {
	for _, name := range []string{"main", "experiment-1", "a", "Ünïcode", "日本", "2026", "v1_2", strings.Repeat("x", 64), "a+b", "feature,1"} {
		require.NoError(t, ValidBranchName(name), name)
	}
	for name, part := range map[string]string{
		"": "empty", "a b": "' '", "a@b": "'@'", "a~b": "'~'", "a/b": "'/'", `a\b`: `'\\'`, "a.b": "'.'", "a$b": "'$'",
		"a\x00b": `'\x00'`, "a\tb": `'\t'`, `a"b`: "'\"'", "a*": "'*'", "a:b": "':'", "-a": "'-'", "head": "reserved", "HEAD": "reserved",
		strings.Repeat("x", 65): "65 bytes", "\xff": "UTF-8", "a\u200bb": "\\u200b", "a\u00a0b": "\\u00a0",
	} {
		err := ValidBranchName(name)
		require.Equal(t, errs.InvalidName, errs.CodeOf(err), "%q", name)
		require.Contains(t, err.Error(), part, "%q", name)
	}
	for _, name := range []string{"admin", "local", "config"} {
		require.Equal(t, errs.InvalidName, errs.CodeOf(ValidProjectName(name)))
		require.NoError(t, ValidBranchName(name))
	}
	for _, name := range []string{"1024", "20261124T060000Z", "2026-11-24", "head"} {
		require.Equal(t, errs.InvalidName, errs.CodeOf(ValidTagName(name)), name)
	}
	for _, name := range []string{"v1", "2024-final", "2fast", "release"} {
		require.NoError(t, ValidTagName(name), name)
	}
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestParseMoment(t *testing.T) {
	for _, c := range []struct {
		text   string
		want   Moment
		format string
	}{
		{"", Moment{}, ""},
		{"head", Moment{}, ""},
		{"1024", Moment{Kind: AtLSN, LSN: 1024}, "1024"},
		{"0", Moment{Kind: AtLSN}, "0"},
		{"-3", Moment{Kind: Back, Back: 3}, "-3"},
		{"2026-11-24T06:00:00Z", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00Z")}, "20261124T060000Z"},
		{"2026-11-24T06:00:00.25+01:00", Moment{Kind: AtTime, Time: at("2026-11-24T05:00:00.25Z")}, "20261124T050000250Z"},
		{"2026-11-24T06:00:00", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00Z")}, "20261124T060000Z"},
		{"2026-11-24T06:00:00.123456", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00.123Z")}, "20261124T060000123Z"},
		{"2026-11-24 06:00:00", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00Z")}, "20261124T060000Z"},
		{"2026-11-24", Moment{Kind: AtTime, Time: at("2026-11-24T00:00:00Z")}, "20261124T000000Z"},
		{"20261124T060000Z", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00Z")}, "20261124T060000Z"},
		{"20261124T060000007Z", Moment{Kind: AtTime, Time: at("2026-11-24T06:00:00.007Z")}, "20261124T060000007Z"},
		{"v1", Moment{Kind: Tag, Tag: "v1"}, "v1"},
		{"2024-final", Moment{Kind: Tag, Tag: "2024-final"}, "2024-final"},
	} {
		m, err := ParseMoment(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, m, c.text)
		require.Equal(t, c.format, m.String(), c.text)
		again, err := ParseMoment(m.String())
		require.NoError(t, err)
		require.Equal(t, m, again)
	}
	for _, text := range []string{"-", "-0", "-x", "-3-", "99999999999999999999", "72057594037927936", "a b", "a~b", "a@b", "20261399T000000Z:", "v/1"} {
		_, err := ParseMoment(text)
		require.Equal(t, errs.InvalidMoment, errs.CodeOf(err), text)
		require.Contains(t, err.Error(), text)
	}
}

func TestParseRefAndDBName(t *testing.T) {
	ref, err := ParseRef("exp@1024")
	require.NoError(t, err)
	require.Equal(t, Ref{Branch: "exp", Moment: Moment{Kind: AtLSN, LSN: 1024}}, ref)
	require.Equal(t, "exp@1024", ref.String())
	for name, want := range map[string]Ref{
		"shop":        {Project: "shop", Branch: "main"},
		"shop~exp":    {Project: "shop", Branch: "exp"},
		"shop~exp~-3": {Project: "shop", Branch: "exp", Moment: Moment{Kind: Back, Back: 3}},
		"shop~main~7": {Project: "shop", Branch: "main", Moment: Moment{Kind: AtLSN, LSN: 7}},
		"shop~exp~v1": {Project: "shop", Branch: "exp", Moment: Moment{Kind: Tag, Tag: "v1"}},
	} {
		ref, err := ParseDBName(name)
		require.NoError(t, err, name)
		require.Equal(t, want, ref)
		require.Equal(t, name, FormatDBName(ref))
	}
	ref, err = ParseDBName("shop~main")
	require.NoError(t, err)
	require.Equal(t, "shop", FormatDBName(ref), "the shortest form")
	for _, name := range []string{"", "~", "shop~", "shop~exp~", "shop~exp~1~2", "shop~~3", "admin~x", "sh op", "shop@3"} {
		_, err := ParseDBName(name)
		require.Error(t, err, name)
	}
	for _, text := range []string{"", "@3", "exp@", "exp@1@2", "a~b"} {
		_, err := ParseRef(text)
		require.Error(t, err, text)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"main", "experiment-1", "experiment-2", "release", "staging"}
	require.Equal(t, []string{"main"}, Nearest("mian", names))
	require.Equal(t, []string{"experiment-1", "experiment-2"}, Nearest("experiment", names))
	require.Equal(t, []string{"experiment-1", "experiment-2"}, Nearest("experimnt-1", names))
	require.Equal(t, []string{"main"}, Nearest("MAIN", names))
	require.Empty(t, Nearest("zzzzzz", names))
	require.Equal(t, 1, editDistance("mian", "main"))
	require.Equal(t, 3, editDistance("", "abc"))
	require.Equal(t, 3, editDistance("kitten", "sitting"))
}

// TestRecordsGolden freezes keys and values.
func TestRecordsGolden(t *testing.T) {
	when := time.UnixMilli(1_800_000_000_000).UTC()
	project := Project{ID: 3, Name: "shop", Created: when, Actor: "ada", LSN: 9, Retention: 24 * time.Hour}
	branch := Branch{Project: 3, Name: "exp", Segment: 7, Parent: "main", Fork: 1024, Created: when, Actor: "ada", LSN: 1025, Protected: true}
	segment := Segment{ID: 7, Project: 3, Parent: 1, Fork: 1024, Created: when, Branch: "exp"}
	tag := TagRecord{Project: 3, Name: "v1", Branch: "main", Segment: 1, LSN: 5, Created: when, Actor: "ada", Message: "first"}
	entry := LogEntry{Project: 3, LSN: 1025, Time: when, Actor: "ada", Op: "restore", Branch: "exp", From: wal.Position{Segment: 7, LSN: 1024}, To: wal.Position{Segment: 8, LSN: 1000}}
	for _, c := range []struct {
		name       string
		key, value []byte
		wantKey    string
		wantValue  string
		decode     func(key, value []byte) (any, error)
		want       any
	}{
		{
			"project", ProjectKey("shop"), project.Encode(), "1073686f70",
			"4e00000012696400030000000000000009637265617465640000505c18a3010000026163746f72000400000061646100126c736e000900000000000000126b6565704d7300005c26050000000000",
			func(k, v []byte) (any, error) { return DecodeProject(k, v) }, project,
		},
		{
			"branch", BranchKey(3, "exp"), branch.Encode(), "1100000003657870",
			"6e000000127365676d656e7400070000000000000002706172656e7400050000006d61696e0012666f726b00000400000000000009637265617465640000505c18a3010000026163746f72000400000061646100126c736e0001040000000000000870726f746563746564000100",
			func(k, v []byte) (any, error) { return DecodeBranch(k, v) }, branch,
		},
		{
			"segment", SegmentKey(7), segment.Encode(), "120000000000000007",
			"550000001270726f6a65637400030000000000000012706172656e7400010000000000000012666f726b00000400000000000009637265617465640000505c18a3010000026272616e636800040000006578700000",
			func(k, v []byte) (any, error) { return DecodeSegment(k, v) }, segment,
		},
		{
			"tag", TagKey(3, "v1"), tag.Encode(), "13000000037631",
			"66000000026272616e636800050000006d61696e00127365676d656e7400010000000000000012617400050000000000000009637265617465640000505c18a3010000026163746f72000400000061646100026d657373616765000600000066697273740000",
			func(k, v []byte) (any, error) { return DecodeTag(k, v) }, tag,
		},
		{
			"ref log", RefLogKey(3, 1025, 2), entry.Encode(), "140000000300000000000004010002",
			"8a0000000974696d650000505c18a3010000026163746f72000400000061646100026f700008000000726573746f726500026272616e63680004000000657870001266726f6d5365676d656e740007000000000000001266726f6d4c534e00000400000000000012746f5365676d656e7400080000000000000012746f4c534e00e80300000000000000",
			func(k, v []byte) (any, error) { return DecodeLogEntry(k, v) }, entry,
		},
	} {
		require.Equal(t, c.wantKey, hex.EncodeToString(c.key), c.name)
		require.Equal(t, c.wantValue, hex.EncodeToString(c.value), c.name)
		got, err := c.decode(c.key, c.value)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
		require.NoError(t, CheckRecord(c.key, c.value))
		require.Equal(t, errs.StoreCorrupt, errs.CodeOf(CheckRecord(c.key, c.value[:len(c.value)-1])), c.name)
		if c.name != "project" {
			require.Equal(t, errs.StoreCorrupt, errs.CodeOf(CheckRecord(c.key[:1], c.value)), c.name)
		}
	}
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(CheckRecord([]byte{0x1F}, nil)))
}

func TestSettingKeys(t *testing.T) {
	key := SettingKey("user", "admin.ada")
	require.Equal(t, "16757365720061646d696e2e616461", hex.EncodeToString(key))
	kind, name, err := SettingName(key)
	require.NoError(t, err)
	require.Equal(t, "user", kind)
	require.Equal(t, "admin.ada", name)
	lo, hi := SettingRange("user")
	require.True(t, string(lo) <= string(key) && string(key) < string(hi))
	for _, other := range []string{"users", "use", "userx"} {
		k := string(SettingKey(other, "a"))
		require.False(t, string(lo) <= k && k < string(hi), other)
	}
	require.NoError(t, CheckRecord(key, bsonraw.EmptyDoc))
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(CheckRecord(key, []byte{1})))
	require.Equal(t, errs.StoreCorrupt, errs.CodeOf(CheckRecord(key[:5], bsonraw.EmptyDoc)))
}

func TestRangesHoldTheirKeysOnly(t *testing.T) {
	for _, p := range []wal.ProjectID{0, 1, 255, 1<<32 - 1} {
		for _, f := range []func(wal.ProjectID) (lo, hi []byte){BranchRange, TagRange, RefLogRange} {
			lo, hi := f(p)
			require.Less(t, string(lo), string(hi))
		}
		lo, hi := BranchRange(p)
		key := string(BranchKey(p, "x"))
		require.True(t, key >= string(lo) && key < string(hi))
		for _, other := range []string{string(BranchKey(p+1, "x")), string(TagKey(p, "x")), string(BranchKey(p-1, "\xff"))} {
			require.False(t, other >= string(lo) && other < string(hi))
		}
	}
}

func TestParseAndFormatAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9_][a-z0-9_-]{0,10}`)
		ref := Ref{Project: name.Draw(t, "project"), Branch: name.Draw(t, "branch")}
		if ValidProjectName(ref.Project) != nil || ValidBranchName(ref.Branch) != nil {
			t.Skip("not a name")
		}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 1:
			ref.Moment = Moment{Kind: AtLSN, LSN: wal.LSN(rapid.Uint64Max(uint64(wal.MaxLSN)).Draw(t, "lsn"))}
		case 2:
			ref.Moment = Moment{Kind: AtTime, Time: time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "ms")).UTC()}
		case 3:
			ref.Moment = Moment{Kind: Back, Back: rapid.Uint64Range(1, 1<<56-1).Draw(t, "back")}
		case 4:
			tag := name.Draw(t, "tag")
			if ValidTagName(tag) != nil {
				t.Skip("not a tag")
			}
			ref.Moment = Moment{Kind: Tag, Tag: tag}
		}
		back, err := ParseDBName(FormatDBName(ref))
		require.NoError(t, err)
		require.Equal(t, ref, back)
		back, err = ParseRef(ref.String())
		require.NoError(t, err)
		back.Project = ref.Project
		require.Equal(t, ref, back)
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"shop~exp~-3", "exp@1024", "2026-11-24T06:00:00Z", "20261124T060000Z", "v1", "0000-01-01T00:00:00+23:59"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseMoment(text); err == nil {
			again, err := ParseMoment(m.String())
			if err != nil || again != m {
				t.Fatalf("%q: %+v became %+v, %v", text, m, again, err)
			}
		} else if code := errs.CodeOf(err); code != errs.InvalidMoment {
			t.Fatalf("%q: %v", text, err)
		}
		if ref, err := ParseRef(text); err == nil {
			if again, err := ParseRef(ref.String()); err != nil || again != ref {
				t.Fatalf("%q: %+v became %+v, %v", text, ref, again, err)
			}
		}
		if ref, err := ParseDBName(text); err == nil {
			if again, err := ParseDBName(FormatDBName(ref)); err != nil || again != ref {
				t.Fatalf("%q: %+v became %+v, %v", text, ref, again, err)
			}
		}
		key := []byte(text)
		if len(key) > 0 && key[0] >= FirstKind && key[0] <= LastKind {
			_ = CheckRecord(key, key)
		}
	})
}
