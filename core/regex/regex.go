package regex

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"

	"github.com/argon-lab/argon/core/errs"
)

// matchTimeout bounds one match of the backtracking engine. PCRE bounds the
// number of steps instead; mongod's limit is reached within about a second.
const matchTimeout = time.Second

// ExecutionFailed is the code of a match that took too long.
const ExecutionFailed errs.Code = 51156

// Regex is a compiled regular expression.
type Regex struct {
	linear    *regexp.Regexp  // nil when the pattern needs backtracking
	tail      bool            // linear's last group is the newline that a final $ allows
	backtrack *regexp2.Regexp // nil when linear is set, see anywhere
	behind    bool            // it looks at what is before a match: ^, \b, \B
	anywhere  func() (*regexp2.Regexp, error)
	groups    int    // capture groups of the pattern
	literal   []byte // when the pattern is plain text, maybe after ^
	fast      fastPath
}

// fastPath says how literal alone decides a match.
type fastPath uint8

const (
	noFastPath fastPath = iota
	hasPrefix
	contains
)

// InvalidOption returns the first byte of options that is not one of i, m, s,
// x and u, and false if there is none.
func InvalidOption(options string) (byte, bool) {
	for i := range len(options) {
		if strings.IndexByte("imsxu", options[i]) < 0 {
			return options[i], true
		}
	}
	return 0, false
}

// Compile compiles a pattern with MongoDB's options: i (case), m (lines), s
// (dot takes newlines), x (free spacing); u is accepted and is the default.
func Compile(pattern, options string) (*Regex, error) {
	if c, bad := InvalidOption(options); bad {
		return nil, errs.New(51108, "invalid flag in regex options: %c", c)
	}
	if strings.IndexByte(pattern, 0) >= 0 {
		return nil, errs.New(errs.InvalidRegex, "Regular expression cannot contain an embedded null byte")
	}
	if !utf8.ValidString(pattern) {
		return nil, invalid("invalid UTF-8 string")
	}
	r := &Regex{}
	if text, exact, ok := literalPrefix(pattern, options); ok && exact {
		r.literal, r.fast = []byte(text), hasPrefix
	} else if isPlain(pattern) && strings.IndexByte(options, 'i') < 0 && strings.IndexByte(options, 'x') < 0 {
		r.literal, r.fast = []byte(pattern), contains
	}
	return r, r.compile(pattern, options)
}

func (r *Regex) compile(pattern, options string) error {
	t, err := translate(pattern, options)
	if err != nil {
		return err
	}
	if !t.backtrack {
		if re, err := regexp.Compile(t.flags() + t.linear.String()); err == nil {
			r.linear, r.tail, r.groups, r.behind = re, t.tail, re.NumSubexp(), t.behind
			r.anywhere = sync.OnceValues(t.compileBacktrack)
			if t.tail {
				r.groups--
			}
			return nil
		}
		// What Go refuses may still be Perl: possessive quantifiers, repeats
		// over 1,000 and the like. regexp2 has the last word.
	}
	re, err := t.compileBacktrack()
	if err != nil {
		return err
	}
	r.backtrack, r.groups = re, len(re.GetGroupNumbers())-1
	return nil
}

func (t *translation) compileBacktrack() (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(t.both.String(), t.regexp2Options(), regexp2.OptionMaintainCaptureOrder())
	if err != nil {
		return nil, invalid("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	re.MatchTimeout = matchTimeout
	return re, nil
}

func invalid(format string, args ...any) error {
	return errs.New(errs.InvalidRegex, "Regular expression is invalid: "+format, args...)
}

// Match reports whether the pattern occurs anywhere in text.
func (r *Regex) Match(text []byte) (bool, error) {
	switch {
	case r.fast == hasPrefix:
		return bytes.HasPrefix(text, r.literal), nil
	case r.fast == contains:
		return bytes.Contains(text, r.literal), nil
	case r.linear != nil:
		return r.linear.Match(text), nil
	}
	ok, err := r.backtrack.MatchString(string(text))
	return ok, tooLong(err)
}

func tooLong(err error) error {
	if err == nil {
		return nil
	}
	return errs.Wrap(err, ExecutionFailed, "Error occurred while executing the regular expression")
}

// NumGroups returns the number of capture groups.
func (r *Regex) NumGroups() int { return r.groups }

// Find returns the first match at or after the byte offset from: pairs of byte
// offsets of the match and of each group, -1 where a group took no part; nil
// if there is none. Text before from is seen by lookbehind, ^ and \b.
func (r *Regex) Find(text []byte, from int) ([]int, error) {
	if r.linear != nil && (from == 0 || !r.behind) {
		return r.findLinear(text, from), nil
	}
	s, err := r.search(text)
	if err != nil {
		return nil, err
	}
	return s.find(utf8.RuneCount(text[:from]))
}

// findLinear cuts off what is before from: nothing in the pattern looks there.
func (r *Regex) findLinear(text []byte, from int) []int {
	m := r.cutTail(r.linear.FindSubmatchIndex(text[from:]))
	for i := range m {
		if m[i] >= 0 {
			m[i] += from
		}
	}
	return m
}

// cutTail takes the newline that a final $ may have consumed off the match.
func (r *Regex) cutTail(m []int) []int {
	if m == nil || !r.tail {
		return m
	}
	if at := m[len(m)-2]; at >= 0 {
		m[1] = at
	}
	return m[:len(m)-2]
}

// search is a text made ready for the backtracking engine, which counts runes.
type search struct {
	re     *regexp2.Regexp
	groups int
	runes  []rune
	at     []int // byte offset of each rune, and of the end
}

// search uses the backtracking engine also where the linear one is there: it
// can begin in the middle of a text and see what is before.
func (r *Regex) search(text []byte) (*search, error) {
	s := &search{re: r.backtrack, groups: r.groups, runes: []rune(string(text))}
	if s.re == nil {
		var err error
		if s.re, err = r.anywhere(); err != nil {
			return nil, err
		}
	}
	s.at = make([]int, len(s.runes)+1)
	for i, c := range s.runes {
		s.at[i+1] = s.at[i] + utf8.RuneLen(c)
	}
	return s, nil
}

// find returns the first match at or after a rune, in byte offsets.
func (s *search) find(from int) ([]int, error) {
	m, err := s.re.FindRunesMatchStartingAt(s.runes, from)
	if err != nil || m == nil {
		return nil, tooLong(err)
	}
	found := make([]int, 0, 2*(s.groups+1))
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			found = append(found, -1, -1)
			continue
		}
		found = append(found, s.at[g.RuneIndex], s.at[g.RuneIndex+g.RuneLength])
	}
	return found, nil
}

// FindAll returns every match, none overlapping, each as Find has it. After an
// empty match the search goes on one character later; none is looked for at the
// very end of a text that is not empty.
func (r *Regex) FindAll(text []byte) ([][]int, error) {
	next := func(from int) ([]int, error) { return r.findLinear(text, from), nil }
	if r.linear == nil || r.behind {
		s, err := r.search(text)
		if err != nil {
			return nil, err
		}
		next = func(from int) ([]int, error) {
			rune, _ := slices.BinarySearch(s.at, from)
			return s.find(rune)
		}
	}
	var all [][]int
	for from := 0; from < len(text) || from == 0; {
		m, err := next(from)
		if err != nil || m == nil {
			return all, err
		}
		all = append(all, m)
		from = m[1]
		if m[0] == m[1] {
			_, size := utf8.DecodeRune(text[from:])
			from += max(size, 1)
		}
	}
	return all, nil
}
