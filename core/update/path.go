package update

import (
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Paths in changes are field names joined by dots. Names in documents may hold
// anything, so a dot or a backslash within a name has a backslash before it,
// and the path of the one name "" is a single backslash, since the empty path is
// the whole document. Rejected: paths as arrays of names, which everything that
// shows, compares or sorts paths would have to join again.

// JoinPath joins field names to a path.
func JoinPath(names ...string) string {
	if len(names) == 1 && names[0] == "" {
		return `\`
	}
	var b []byte
	for i, name := range names {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendName(b, name)
	}
	return string(b)
}

// appendName appends a field name as it stands in a path.
func appendName[S string | []byte](b []byte, name S) []byte {
	for i := range len(name) {
		if name[i] == '.' || name[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, name[i])
	}
	return b
}

// SplitPath takes a path apart into field names, undoing JoinPath. The empty
// path, the whole document, has no names.
func SplitPath(path string) []string {
	switch {
	case path == "":
		return nil
	case path == `\`:
		return []string{""}
	case !strings.Contains(path, `\`):
		return strings.Split(path, ".")
	}
	var names []string
	var name []byte
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			name = append(name, path[i])
		case c == '.':
			names = append(names, string(name))
			name = name[:0]
		default:
			name = append(name, c)
		}
	}
	return append(names, string(name))
}

// maxParts bounds the recursion along a path. A document cannot be nested that
// deep, so that a longer path could not be created.
const maxParts = bsonraw.MaxDepth + 100

// splitFieldPath takes the path of an update operator apart, where a dot always
// separates.
func splitFieldPath(path string) ([]string, error) {
	if path == "" {
		return nil, errs.New(errs.EmptyFieldName, "An empty update path is not valid.")
	}
	if strings.Count(path, ".") >= maxParts {
		return nil, errs.New(errs.Overflow, "an update path of %d fields, a document is nested %d levels at most",
			strings.Count(path, ".")+1, bsonraw.MaxDepth)
	}
	parts := strings.Split(path, ".")
	for _, part := range parts {
		if part == "" {
			return nil, errs.New(errs.EmptyFieldName, "The update path '%s' contains an empty field name, which is not allowed.", path)
		}
	}
	return parts, nil
}

// arrayIndex returns the index that a field name means within an array, -1 if
// it means none. Leading zeros are allowed.
func arrayIndex(name string) int {
	if name == "" || len(name) > 64 {
		return -1
	}
	n := 0
	for i := range len(name) {
		c := name[i]
		if c < '0' || c > '9' {
			return -1
		}
		if n = n*10 + int(c-'0'); n >= 1<<32 {
			return -1
		}
	}
	return n
}

// lessName is the order in which an update's fields are applied, and so in
// which new ones are appended: numbers without leading zeros by value,
// everything else by bytes.
func lessName(a, b string) bool {
	if isIndex(a) && isIndex(b) && len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// isIndex reports whether a name is a number as an array's keys are written.
func isIndex(name string) bool {
	if name == "" || len(name) > 1 && name[0] == '0' {
		return false
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return true
}

// isArrayFilter reports whether a part of a path is $[] or $[identifier].
func isArrayFilter(part string) bool {
	return len(part) >= 3 && strings.HasPrefix(part, "$[") && strings.HasSuffix(part, "]")
}

// appendIndex appends an array index as a field name.
func appendIndex(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) }
