package query

import (
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

// maxPathParts is how many components a path of a projection or sort may have.
const maxPathParts = 200

// validateFieldPath checks a path of a projection or sort. Filters take any
// text.
func validateFieldPath(path string) error {
	switch {
	case path == "":
		return errs.New(40352, "FieldPath cannot be constructed with empty string")
	case strings.HasSuffix(path, "."):
		return errs.New(40353, "FieldPath must not end with a '.'.")
	case strings.Count(path, ".") >= maxPathParts:
		return errs.New(errs.Overflow, "FieldPath is too long")
	}
	for name := range strings.SplitSeq(path, ".") {
		switch {
		case name == "":
			return errs.New(15998, "FieldPath field names may not be empty strings.")
		case name[0] == '$' && name != "$id" && name != "$ref" && name != "$db":
			return errs.New(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
		}
	}
	return nil
}
