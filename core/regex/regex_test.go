package regex

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// TestMatch holds rows "pattern, options, text, matches".
func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, options, text string
		want                   bool
	}{
		{"abc", "", "xabcx", true},
		{"abc", "", "xabx", false},
		{"^abc", "", "abcd", true},
		{"^abc", "", "xabc", false},
		{"^abc$", "", "abc\n", true},
		{"^abc$", "", "abc\n\n", false},
		{`^abc\z`, "", "abc\n", false},
		{"(^a$|^b$)", "", "b\n", true},
		{"^b$", "m", "a\nb\nc", true},
		{"a b # c", "x", "ab", true},
		{"a.b", "", "a\nb", false},
		{"a.b", "s", "a\nb", true},
		{"ÄB", "i", "äb", true},
		{`\s`, "", "\v", true},
		{`\S`, "", "\v", false},
		{`[^\S]`, "", "\v", true},
		{`\d`, "", "٣", false},
		{`\w`, "", "é", false},
		{`(?=é)\w`, "", "é", false},
		{`(?<=a)b`, "", "ab", true},
		{`(?<!a)b`, "", "ab", false},
		{`(a)\1`, "", "aa", true},
		{`(?P<x>a)(?P=x)`, "", "aa", true},
		{`(a)\g{1}`, "", "aa", true},
		{`^(?>a*)a`, "", "aaa", false},
		{`^a*+a`, "", "aaa", false},
		{`\Qa.b\E+`, "", "a.bb", true},
		{`[[:alpha:]]`, "", "1", false},
		{`[[:^alpha:]]`, "", "1", true},
		{`(?=x)[[:alpha:]]`, "", "x", true},
		{`(?=é)[[:alpha:]]`, "", "é", false},
		{`[]a]+$`, "", "]a", true},
		{`(?=.)[Z-[]`, "", "[", true},
		{`\h`, "", "\u00a0", true},
		{`\v`, "", "\u2028", true},
		{`\R`, "", "\r\n", true},
		{`\x{263a}`, "", "☺", true},
		{`\x41\e\cA`, "", "A\x1b\x01", true},
		{`(?i)a(?-i)b`, "", "Ab", true},
		{`(?i)a(?-i)b`, "", "AB", false},
		{`(?#comment)a`, "", "a", true},
		{`\Ba`, "", "ba", true},
		{`(?=a)\ba`, "", "éa", true},
		{`x{1001}`, "", "x", false},
		{`^.{1,1001}$`, "", "x", true},
		{"\\`", "", "`", true},
		{`\i`, "", "i", true},
		{`\p{Lu}`, "", "É", true},
		{`(?=.)\p{Lu}`, "", "É", true},
		{`a{,2}`, "", "a{,2}", true},
		{"", "", "", true},
	} {
		name := fmt.Sprintf("/%s/%s on %q", row.pattern, row.options, row.text)
		r, err := Compile(row.pattern, row.options)
		require.NoError(t, err, name)
		got, err := r.Match([]byte(row.text))
		require.NoError(t, err, name)
		require.Equal(t, row.want, got, name)
		found, err := r.Find([]byte(row.text), 0)
		require.NoError(t, err, name)
		require.Equal(t, row.want, found != nil, name)
	}
}

func TestRefused(t *testing.T) {
	for pattern, code := range map[string]errs.Code{
		"(":          errs.InvalidRegex,
		"a)":         errs.InvalidRegex,
		"[a":         errs.InvalidRegex,
		"*":          errs.InvalidRegex,
		`\`:          errs.InvalidRegex,
		`[\`:         errs.InvalidRegex,
		"(?R)":       errs.InvalidRegex,
		`a\Kb`:       errs.InvalidRegex,
		"(?C1)":      errs.InvalidRegex,
		"(*FAIL)":    errs.InvalidRegex,
		"(?|a|b)":    errs.InvalidRegex,
		"a\x00":      errs.InvalidRegex,
		"\xff":       errs.InvalidRegex,
		"[[:x:]]":    errs.InvalidRegex,
		`\x{FFFFFF}`: errs.InvalidRegex,
	} {
		_, err := Compile(pattern, "")
		require.Equal(t, code, errs.CodeOf(err), "%q: %v", pattern, err)
	}
	_, err := Compile("a", "iz")
	require.EqualError(t, err, "invalid flag in regex options: z")
}

func TestFind(t *testing.T) {
	find := func(pattern, text string, from int) []int {
		r, err := Compile(pattern, "")
		require.NoError(t, err)
		found, err := r.Find([]byte(text), from)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []int{2, 3, 2, 3, -1, -1}, find("(b)|(c)", "äbc", 0))
	require.Equal(t, []int{3, 4, -1, -1, 3, 4}, find("(b)|(c)", "äbc", 3))
	require.Equal(t, []int{3, 4, 3, 4}, find("(?<=b)(c)", "äbc", 0))
	require.Equal(t, []int{0, 1}, find("a$", "a\n", 0), "the newline is not part of the match")
	require.Nil(t, find("^b", "ab", 1), "^ sees the text before from")
	require.Equal(t, []int{1, 3, 1, 2, 2, 3}, find(`(?<n>b)(c)(?=d)`, "abcd", 0), "named groups keep their place")
}

func TestFindAll(t *testing.T) {
	for pattern, want := range map[string][][]int{
		"a":        {{0, 1}, {2, 3}},
		"(?=.)a":   {{0, 1}, {2, 3}},
		"x":        nil,
		"(?=.)x":   nil,
		"a$|b":     {{1, 2}, {2, 3}},
		"(?=.)a|b": {{0, 1}, {1, 2}, {2, 3}},
	} {
		r, err := Compile(pattern, "")
		require.NoError(t, err)
		all, err := r.FindAll([]byte("aba"))
		require.NoError(t, err)
		require.Equal(t, want, all, pattern)
	}
}

func TestPrefix(t *testing.T) {
	for _, row := range []struct {
		pattern, options, text string
		exact                  bool
	}{
		{"^ab", "", "ab", true},
		{"^ab.*", "", "ab", true},
		{"^ab.*c", "", "ab", false},
		{"^ab*", "", "a", false},
		{"^ab?", "", "a", false},
		{"^ab+", "", "ab", false},
		{"^ab{0}", "", "a", false},
		{"^äö*", "", "ä", false},
		{`^a\.b`, "", "a.b", true},
		{`^a\d`, "", "a", false},
		{`\Aab`, "", "ab", true},
		{"^ab|c", "", "", false},
		{"^ab", "i", "", false},
		{"^ab", "m", "", false},
		{"ab", "", "", false},
		{"^", "", "", false},
	} {
		text, exact, ok := Prefix(row.pattern, row.options)
		require.Equal(t, row.text, text, row.pattern)
		require.Equal(t, row.exact, exact, row.pattern)
		require.Equal(t, row.text != "", ok, row.pattern)
	}
}

func TestSlowPatternIsStopped(t *testing.T) {
	r, err := Compile(`^(?=a)(a+)+$`, "")
	require.NoError(t, err)
	text := make([]byte, 60)
	for i := range text {
		text[i] = 'a'
	}
	_, err = r.Match(append(text, 'b'))
	require.Equal(t, ExecutionFailed, errs.CodeOf(err))
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"a$", `(?<n>\d+)\k<n>`, `[[:alpha:]\Q]\E-z]`, `(?x) a # (`, `\x{41}\g{1}`} {
		f.Add(s, "", "text")
	}
	f.Fuzz(func(t *testing.T, pattern, options, text string) {
		if len(pattern) > 200 || len(text) > 100 {
			return
		}
		r, err := Compile(pattern, options)
		if err != nil {
			return
		}
		found, err := r.Find([]byte(text), 0)
		if err == nil && found != nil {
			require.Len(t, found, 2*(r.NumGroups()+1))
		}
	})
}
