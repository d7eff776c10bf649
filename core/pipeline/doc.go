// Package pipeline compiles and runs aggregation pipelines on raw BSON.
//
// It owns the stages, the rewriting of neighbouring stages, the part of a
// pipeline that an indexed find can serve (Split), the memory that blocking
// stages may use and how they spill. Expressions and accumulators are expr's,
// filters and projections query's.
//
// Promises:
//
//  1. Results and error codes are mongod 6.0's for every stage here. A stage
//     that mongod knows and this package does not answers with its name.
//  2. Stages pull: nothing runs until the first Next, and only as much as the
//     caller asks for. A document from Next is valid until the next Next or
//     Close of the same iterator.
//  3. Rewriting never changes a result. As in mongod, an expression may not be
//     evaluated, and not fail, for a document that a later $match leaves out.
//  4. A compiled Pipeline is immutable and may run many times at once.
//  5. A blocking stage uses at most Options.MemoryLimit bytes; beyond that
//     $sort, $group, $bucketAuto, $facet, $densify and $setWindowFields spill
//     to temporary files where the caller gave a Spill and disk use is allowed,
//     and everything else answers with QueryExceededMemoryLimit. Groups that
//     grow without end ($push) may reach four times as much.
//  6. Close of the outermost iterator closes everything below it, temporary
//     files included, and may be called twice.
//
// Read pipeline.go, run.go, compile.go (the table of stages) and optimize.go;
// spill.go and sorter.go; then one file or two a stage: simple.go, group.go and
// grouptable.go, lookup.go (join.go, subpipe.go), window.go (frame.go,
// windowfn.go, windowmath.go) and so on.
package pipeline
