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
//  3. Rewriting never changes a result, errors of expressions included.
//  4. A compiled Pipeline is immutable and may run many times at once.
//  5. A blocking stage uses at most Options.MemoryLimit bytes; beyond that
//     $sort, $group, $bucketAuto and $setWindowFields spill to temporary files
//     where the caller gave a Spill and disk use is allowed, and everything
//     else answers with QueryExceededMemoryLimit.
//  6. Close of the outermost iterator closes everything below it, temporary
//     files included, and may be called twice.
//
// Read pipeline.go, compile.go (the table of stages), optimize.go and split.go;
// then one file a stage.
package pipeline
