package index

import "github.com/argon-lab/argon/core/bsonraw"

// Stats is what one execution of a plan did, for executionStats.
type Stats struct {
	Returned     int64 // documents the whole query returned
	KeysExamined int64
	DocsExamined int64
	Matched      int64 // documents that passed the filter, before sort, skip and limit
	Millis       int64
}

// Explanation is what Explain prints besides the plan.
type Explanation struct {
	Plan       *Plan
	Namespace  string
	Filter     bsonraw.Doc
	Sort       bsonraw.Doc
	Projection bsonraw.Doc
	Skip       int64
	Limit      int64
	// Top is the name of the stage on top, "" for a find: COUNT, UPDATE, DELETE,
	// DISTINCT …
	Top   string
	Stats *Stats // nil for verbosity queryPlanner
}

// Explain appends to b the fields of mongod's explain reply: queryPlanner and,
// where Stats is set, executionStats.
func Explain(b *bsonraw.Builder, e *Explanation) {}

// WinningPlan appends the tree of stages, with the name key.
func WinningPlan(b *bsonraw.Builder, key string, e *Explanation) {}
