// Package refs owns names: of projects, branches and tags, of moments in a
// branch's history, and the records that say what each name stands for.
//
// A branch is a pointer to a segment. A segment remembers the parent segment
// and the LSN at which it was forked, and never changes after that. So a
// branch is made, moved to a past moment or removed by writing one key, and
// the ref log keeps every position that a branch ever pointed to.
//
// Promises:
//
//  1. A name that ValidName accepts can stand in a ref ("exp@1024"), in a
//     database name ("shop~exp~1024"), in a shell command and in a file name
//     without quoting.
//  2. Parse and Format are each other's inverse, for refs and database names
//     alike; parsing any text gives a value or an error that names the text.
//  3. Records are BSON documents (record.go): fields may be added, are never
//     renamed, and unknown ones are kept out of the way of older readers by
//     the store's FORMAT. Keys (key.go) are frozen; golden tests hold both.
//
// Read name.go, then moment.go, ref.go, record.go.
package refs
