package command

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// secret reports whether the value of a command's field is never to be shown.
func secret(key string) bool {
	switch key {
	case "pwd", "payload", "speculativeAuthenticate":
		return true
	}
	return false
}

// longestShown is the longest text that a summary shows whole.
const longestShown = 200

// Summary shows a command in one line, for an error or a log: its fields, with
// nothing secret, and of documents and arrays only that they are there, since
// they hold the users' data. The bytes must be valid BSON.
func Summary(raw bsonraw.Doc) string {
	b := []byte("{ ")
	it := raw.Iter()
	for n := 0; it.Next(); n++ {
		key := string(it.Key())
		if isGeneric(it.Key()) && key != "$db" {
			continue
		}
		if n > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, key...), ": "...)
		b = appendSummary(b, key, it.Value())
	}
	return strings.ToValidUTF8(string(append(b, " }"...)), "\uFFFD")
}

func appendSummary(b []byte, key string, v bsonraw.Value) []byte {
	switch {
	case secret(key):
		return append(b, `"xxx"`...)
	case v.Type == bsonraw.Object:
		return append(b, "{ … }"...)
	case v.Type == bsonraw.Array:
		return append(b, "[ … ]"...)
	case v.Type != bsonraw.String:
		return ejson.AppendValue(b, v, ejson.Relaxed)
	}
	text := withoutPassword(v.Str())
	if len(text) > longestShown {
		text = strings.ToValidUTF8(text[:longestShown], "") + "…"
	}
	return ejson.AppendString(b, []byte(text))
}

// withoutPassword takes user and password out of a connection string.
func withoutPassword(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return scheme + "://xxx" + rest[at:]
	}
	return text
}
