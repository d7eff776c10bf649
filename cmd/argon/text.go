package main

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// list joins names for a line of facts.
func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// plain prints a value: a string as it is, anything else as JSON.
func plain(v bsonraw.Value) string {
	if v.Type == bsonraw.String {
		return v.Str()
	}
	return string(ejson.AppendValue(nil, v, ejson.Relaxed))
}
