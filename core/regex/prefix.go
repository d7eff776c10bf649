package regex

import "strings"

// meta are the bytes that are syntax outside a class.
const meta = `\^$.|?*+()[]{}`

// isPlain reports whether a pattern is only text.
func isPlain(pattern string) bool { return !strings.ContainsAny(pattern, meta) }

// Prefix returns the text that every match of the pattern must begin a string
// with, for the bounds of an index scan: "ab" for ^ab.*c. It is false where
// there is none: no anchor, options i, m or x, or alternatives. exact says that
// every string with this prefix matches.
func Prefix(pattern, options string) (text string, exact, ok bool) {
	return literalPrefix(pattern, options)
}

func literalPrefix(pattern, options string) (text string, exact, ok bool) {
	rest, anchored := strings.CutPrefix(pattern, "^")
	if !anchored {
		rest, anchored = strings.CutPrefix(pattern, `\A`)
	}
	if !anchored || strings.ContainsAny(options, "imx") || strings.Contains(rest, "|") {
		return "", false, false
	}
	var b strings.Builder
	last := 0 // where the last character of b begins
	for rest != "" {
		r, n := literal(rest)
		if n == 0 {
			break
		}
		last = b.Len()
		b.WriteString(r)
		rest = rest[n:]
	}
	text = b.String()
	switch {
	case rest == "" || rest == ".*":
		return text, text != "", text != ""
	case strings.IndexByte("?*{", rest[0]) >= 0:
		// The quantifier may ask for none of the character before it.
		text = text[:last]
	}
	return text, false, text != ""
}

// literal returns the character that stands at the start of s for itself, and
// its length in s; zero if syntax stands there.
func literal(s string) (text string, n int) {
	if strings.IndexByte(meta, s[0]) < 0 {
		n = 1
		for n < len(s) && s[n]&0xC0 == 0x80 {
			n++
		}
		return s[:n], n
	}
	if s[0] == '\\' && len(s) > 1 && s[1] < 0x80 && !isAlnum(s[1]) {
		return s[1:2], 2
	}
	return "", 0
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
