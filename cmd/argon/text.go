package main

import (
	"encoding/hex"
	"fmt"
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

// shellText prints a value as mongosh would, where that is shorter than JSON
// and can be given back as an argument.
func shellText(v bsonraw.Value) string {
	switch v.Type {
	case bsonraw.ObjectID:
		return fmt.Sprintf("ObjectId(%q)", hex.EncodeToString(v.Data))
	case bsonraw.DateTime:
		if ejson.DateHasISO(v.Int64()) {
			return fmt.Sprintf("ISODate(%q)", ejson.AppendDate(nil, v.Int64()))
		}
	}
	return string(ejson.AppendValue(nil, v, ejson.Relaxed))
}
