package regex

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// translation is one walk over a PCRE pattern that writes it for both engines.
type translation struct {
	pattern string
	options string
	at      int
	depth   int // open groups

	linear strings.Builder // for Go's regexp
	both   strings.Builder // for regexp2

	backtrack bool // linear would be wrong or impossible
	tail      bool // linear ends in the group (\n?) and \z for a final $
	behind    bool // it has an assertion about what is before
}

func translate(pattern, options string) (*translation, error) {
	t := &translation{pattern: pattern, options: options, backtrack: strings.IndexByte(options, 'x') >= 0}
	for t.at < len(pattern) {
		if err := t.item(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// flags returns the options as a prefix for Go's regexp.
func (t *translation) flags() string {
	flags := ""
	for _, c := range "ims" {
		if strings.ContainsRune(t.options, c) {
			flags += string(c)
		}
	}
	if flags == "" {
		return ""
	}
	return "(?" + flags + ")"
}

func (t *translation) regexp2Options() regexp2.RegexOptions {
	var o regexp2.RegexOptions
	for c, bit := range map[rune]regexp2.RegexOptions{
		'i': regexp2.IgnoreCase, 'm': regexp2.Multiline, 's': regexp2.Singleline, 'x': regexp2.IgnorePatternWhitespace,
	} {
		if strings.ContainsRune(t.options, c) {
			o |= bit
		}
	}
	return o
}

func (t *translation) write(linear, both string) {
	t.linear.WriteString(linear)
	t.both.WriteString(both)
}

// exact writes a class that option i does not widen, as PCRE has it.
func (t *translation) exact(class string) {
	s := "(?-i:" + class + ")"
	t.write(s, s)
}

func (t *translation) rest() string { return t.pattern[t.at:] }

// item translates the next piece of the pattern.
func (t *translation) item() error {
	c := t.pattern[t.at]
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.group()
	case ')':
		t.depth--
	case '^':
		t.behind = true
	case '$':
		t.dollar()
		return nil
	case '#':
		if strings.IndexByte(t.options, 'x') >= 0 {
			return t.skipComment()
		}
	}
	t.at++
	t.linear.WriteByte(c)
	t.both.WriteByte(c)
	return nil
}

// skipComment leaves out a comment of the x option: a quote or bracket in it
// must not be read as syntax.
func (t *translation) skipComment() error {
	end := strings.IndexByte(t.rest(), '\n')
	if end < 0 {
		end = len(t.rest())
	}
	t.at += end
	return nil
}

// dollar translates $ without option m: the end, or before a last newline. Go
// has only the former; at the end of the pattern a group for the newline does
// the same, anywhere else the other engine must take over.
func (t *translation) dollar() {
	t.at++
	switch {
	case strings.IndexByte(t.options, 'm') >= 0:
		t.linear.WriteByte('$')
	case t.at == len(t.pattern) && t.depth == 0:
		t.linear.WriteString(`(\n?)\z`)
		t.tail = true
	default:
		t.backtrack = true
	}
	t.both.WriteByte('$')
}

// group translates "(" and what says its kind.
func (t *translation) group() error {
	rest := t.rest()
	switch {
	case strings.HasPrefix(rest, "(*"):
		return invalid("verb %.10q is not supported", rest)
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return invalid("missing ) after comment")
		}
		t.at += end + 1
		return nil
	case !strings.HasPrefix(rest, "(?"):
		t.depth++
		t.at++
		t.write("(", "(")
		return nil
	}
	return t.special(rest)
}

// special translates a group that begins with "(?".
func (t *translation) special(rest string) error {
	t.depth++
	if name := strings.TrimLeft(rest[2:], "P<'"); name != rest[2:] && name != "" && name[0] >= '0' && name[0] <= '9' {
		return invalid("group name must start with a non-digit")
	}
	switch kind := rest[2:]; {
	case strings.HasPrefix(kind, "P="):
		return t.namedReference(kind[2:])
	case strings.HasPrefix(kind, "P<"):
		t.at += len("(?P<")
		t.write("(?P<", "(?<")
	case hasAnyPrefix(kind, "=", "!", "<=", "<!", ">", "("):
		t.backtrack = true
		t.at += len("(?")
		t.both.WriteString("(?")
	case hasAnyPrefix(kind, "<", "'", ":"):
		t.at += len("(?")
		t.write("(?", "(?")
	case hasAnyPrefix(kind, "R", "&", "P>", "|", "C", "+", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"):
		return invalid("group %.10q (recursion, callout or branch reset) is not supported", rest)
	default:
		return t.inlineFlags(kind)
	}
	return nil
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// namedReference translates (?P=name).
func (t *translation) namedReference(name string) error {
	end := strings.IndexByte(name, ')')
	if end < 0 {
		return invalid("missing ) after (?P=")
	}
	t.depth--
	t.backtrack = true
	t.both.WriteString(`\k<` + name[:end] + ">")
	t.at += len("(?P=") + end + 1
	return nil
}

// inlineFlags translates (?i), (?i-s:…) and their like. Where they touch m or
// x, the meaning of $, of blanks and of # depends on the place, which only the
// backtracking engine follows.
func (t *translation) inlineFlags(kind string) error {
	n := 0
	for n < len(kind) && strings.IndexByte("imsxJUX-", kind[n]) >= 0 {
		n++
	}
	if n == len(kind) || kind[n] != ')' && kind[n] != ':' {
		return invalid("unrecognized character after (? in %.10q", "(?"+kind)
	}
	flags := kind[:n]
	if strings.ContainsAny(flags, "JUX") {
		return invalid("inline flag in %q is not supported", "(?"+flags+")")
	}
	if strings.ContainsAny(flags, "mx") {
		t.backtrack = true
	}
	if kind[n] == ')' {
		t.depth--
	}
	t.at += len("(?") + n + 1
	s := "(?" + flags + kind[n:n+1]
	if flags == "" && kind[n] == ')' {
		s = "(?:)"
	}
	t.write(s, s)
	return nil
}

// escape translates a backslash and what follows, outside a class.
func (t *translation) escape() error {
	rest := t.rest()
	if len(rest) < 2 {
		return invalid("\\ at end of pattern")
	}
	c := rest[1]
	if set, ok := shorthand[c]; ok {
		t.at += 2
		if c == 'W' {
			set = strings.Replace(set, beyond, "\u0080-\U0010FFFF", 1)
		}
		t.exact("[" + set + "]")
		return nil
	}
	switch {
	case c == 'Q':
		return t.quoted()
	case c == 'b' || c == 'B':
		t.behind = true
		t.at += 2
		t.write(rest[:2], wordBoundary[c])
		return nil
	case c == 'K' || c == 'C':
		return invalid("\\%c is not supported", c)
	case c == 'A' || c == 'z':
		t.behind = true
		t.at += 2
		t.write(rest[:2], rest[:2])
		return nil
	case c == 'g' || c == 'k' || c >= '1' && c <= '9' || c == 'Z' || c == 'G' || c == 'R' || c == 'X':
		return t.backtrackEscape(c)
	case c == 'p' || c == 'P':
		property, err := propertyEscape(rest)
		if err != nil {
			return err
		}
		t.at += len(property)
		t.exact(property)
		return nil
	}
	r, n, err := escapedRune(rest)
	if err != nil {
		return err
	}
	t.at += n
	s := quoteRune(r)
	t.write(s, s)
	return nil
}

// backtrackEscape passes on what only the backtracking engine has.
func (t *translation) backtrackEscape(c byte) error {
	t.backtrack = true
	rest := t.rest()
	if c != 'g' {
		t.at += 2
		t.both.WriteString(rest[:2])
		return nil
	}
	number := strings.TrimLeft(rest[2:], "{")
	n := 0
	for n < len(number) && number[n] >= '0' && number[n] <= '9' {
		n++
	}
	if n == 0 {
		return invalid("reference %.10q is not supported", rest)
	}
	t.at = len(t.pattern) - len(number) + n
	if rest[2] == '{' {
		t.at++
	}
	t.both.WriteString(`(?:\` + number[:n] + ")")
	return nil
}

// quoted translates \Q…\E.
func (t *translation) quoted() error {
	text, _, closed := strings.Cut(t.rest()[2:], `\E`)
	t.at += 2 + len(text)
	if closed {
		t.at += 2
	}
	for _, r := range text {
		s := quoteRune(r)
		t.write(s, s)
	}
	return nil
}

// quoteRune writes one rune so that both engines, inside and outside classes
// and in free spacing, take it as itself.
func quoteRune(r rune) string {
	switch {
	case r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf:
		return string(r)
	case r < ' ' || r == 0x7F || r == ' ' || r == '#':
		return fmt.Sprintf(`\x%02x`, r)
	}
	return `\` + string(r)
}
