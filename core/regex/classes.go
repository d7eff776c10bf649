package regex

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// beyond is all that is not ASCII, but for the two characters that are the other
// case of ASCII letters (long s and the Kelvin sign): in a class under option i
// they would bring s and k in.
const beyond = "\u0080-\u017E\u0180-\u2129\u212B-\U0010FFFF"

// shorthand is what each class escape holds, written as the inside of a
// bracket class that both engines read alike.
var shorthand = map[byte]string{
	'd': `0-9`,
	'D': "\\x00-/:-\U0010FFFF",
	'w': `0-9A-Za-z_`,
	'W': "\\x00-/:-@\\[-\\^`\\{-\\x7F" + beyond,
	's': `\t-\r\x20`,
	'S': "\\x00-\\x08\\x0E-\\x1F!-\U0010FFFF",
	'h': "\\t\\x20\u00A0\u1680\u180E\u2000-\u200A\u202F\u205F\u3000",
	'H': "\\x00-\\x08\\n-\\x1F!-\u009F\u00A1-\u167F\u1681-\u180D\u180F-\u1FFF\u200B-\u202E\u2030-\u205E\u2060-\u2FFF\u3001-\U0010FFFF",
	'v': "\\n-\\r\u0085\u2028\u2029",
	'V': "\\x00-\\t\\x0E-\u0084\u0086-\u2027\u202A-\U0010FFFF",
	'N': "\\x00-\\t\\x0B-\U0010FFFF",
}

// wordBoundary is \b and \B with ASCII words, for the engine whose own words
// are Unicode's.
var wordBoundary = map[byte]string{
	'b': `(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))`,
	'B': `(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))`,
}

// posix is what each POSIX class holds, and under "^name" its complement.
var posix = map[string]string{
	"alpha": `A-Za-z`, "^alpha": "\\x00-@\\[-`\\{-\\x7F" + beyond,
	"digit": `0-9`, "^digit": shorthand['D'],
	"alnum": `0-9A-Za-z`, "^alnum": "\\x00-/:-@\\[-`\\{-\\x7F" + beyond,
	"upper": `A-Z`, "^upper": "\\x00-@\\[-\U0010FFFF",
	"lower": `a-z`, "^lower": "\\x00-`\\{-\U0010FFFF",
	"space": shorthand['s'], "^space": shorthand['S'],
	"blank": `\t\x20`, "^blank": "\\x00-\\x08\\n-\\x1F!-\U0010FFFF",
	"cntrl": `\x00-\x1F\x7F`, "^cntrl": "\\x20-~\u0080-\U0010FFFF",
	"graph": `!-~`, "^graph": "\\x00-\\x20\\x7F-\U0010FFFF",
	"print": `\x20-~`, "^print": "\\x00-\\x1F\\x7F-\U0010FFFF",
	"punct": "!-/:-@\\[-`\\{-~", "^punct": "\\x00-\\x200-9A-Za-z\\x7F-\U0010FFFF",
	"xdigit": `0-9A-Fa-f`, "^xdigit": "\\x00-/:-@G-`g-\U0010FFFF",
	"word": shorthand['w'], "^word": shorthand['W'],
	"ascii": `\x00-\x7F`, "^ascii": "\u0080-\U0010FFFF",
}

// class translates a bracket class.
func (t *translation) class() error {
	t.at++
	t.write("[", "[")
	if strings.HasPrefix(t.rest(), "^") {
		t.at++
		t.write("^", "^")
	}
	for first := true; ; first = false {
		if t.at >= len(t.pattern) {
			return invalid("missing terminating ] for character class")
		}
		if t.pattern[t.at] == ']' && !first {
			t.at++
			t.write("]", "]")
			return nil
		}
		if err := t.classItem(); err != nil {
			return err
		}
	}
}

// classItem translates one member of a class, or the hyphen of a range.
func (t *translation) classItem() error {
	rest := t.rest()
	if strings.HasPrefix(rest, "[:") {
		if name, _, ok := strings.Cut(rest[2:], ":]"); ok {
			set, known := posix[name]
			if !known {
				return invalid("unknown POSIX class name %q", name)
			}
			t.at += len(name) + 4
			t.writeSet(set)
			return nil
		}
	}
	if rest[0] == '\\' {
		return t.classEscape(rest)
	}
	r, n := utf8.DecodeRuneInString(rest)
	t.at += n
	if r == '-' {
		t.write("-", "-")
		return nil
	}
	t.writeSet(quoteRune(r))
	return nil
}

func (t *translation) writeSet(set string) { t.write(set, set) }

func (t *translation) classEscape(rest string) error {
	if len(rest) < 2 {
		return invalid("\\ at end of pattern")
	}
	c := rest[1]
	if set, ok := shorthand[c]; ok {
		t.at += 2
		t.writeSet(set)
		return nil
	}
	switch c {
	case 'b':
		t.at += 2
		t.writeSet(`\x08`)
		return nil
	case 'p', 'P':
		property, err := propertyEscape(rest)
		if err != nil {
			return err
		}
		t.at += len(property)
		t.writeSet(property)
		return nil
	case 'Q':
		return t.quoted()
	case 'E':
		t.at += 2
		return nil
	}
	r, n, err := escapedRune(rest)
	if err != nil {
		return err
	}
	t.at += n
	t.writeSet(quoteRune(r))
	return nil
}

// propertyEscape returns the whole of \pL or \p{…} at the start of rest.
func propertyEscape(rest string) (string, error) {
	n := 3
	if len(rest) > 2 && rest[2] == '{' {
		n = strings.IndexByte(rest, '}') + 1
	}
	if n < 3 || n > len(rest) {
		return "", invalid("malformed %s or truncated", rest[:2])
	}
	return rest[:n], nil
}

// escapedRune reads an escape that stands for one character: its value and the
// length of the escape.
func escapedRune(rest string) (rune, int, error) {
	c := rest[1]
	switch c {
	case 'a':
		return '\a', 2, nil
	case 'e':
		return 0x1B, 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'c':
		if len(rest) < 3 {
			return 0, 0, invalid("\\c at end of pattern")
		}
		return rune(strings.ToUpper(rest[2:3])[0] ^ 0x40), 3, nil
	case 'x':
		return hexRune(rest)
	}
	if c >= '0' && c <= '7' {
		n := 1
		for n < 4 && n < len(rest) && rest[n] >= '0' && rest[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(rest[1:n], 8, 32)
		return rune(v), n, nil
	}
	if c == 'L' || c == 'l' || c == 'U' || c == 'u' {
		return 0, 0, invalid("PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u")
	}
	// An escaped character without a meaning stands for itself.
	r, n := utf8.DecodeRuneInString(rest[1:])
	return r, n + 1, nil
}

// hexRune reads \x, \xH, \xHH or \x{H…}.
func hexRune(rest string) (rune, int, error) {
	digits, n := "", 2
	if strings.HasPrefix(rest[2:], "{") {
		body, _, ok := strings.Cut(rest[3:], "}")
		if ok && isHex(body) {
			digits, n = body, len(body)+4
		}
	}
	if digits == "" {
		for n < 4 && n < len(rest) && isHex(rest[n:n+1]) {
			n++
		}
		digits = rest[2:n]
	}
	if digits == "" {
		return 0, n, nil
	}
	v, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return 0, 0, invalid("character value in \\x{} or \\o{} is too large")
	}
	return rune(v), n, nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
