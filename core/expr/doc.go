// Package expr compiles and evaluates MongoDB's aggregation expressions and
// accumulators on raw BSON.
//
// It owns the syntax ("$a.b", "$$var", {$op: …}, objects, arrays, literals),
// the table of operators with their arity and type checks, variables and their
// scopes, the accumulators of $group, and the memory that results live in.
//
// Promises:
//
//  1. Results, their BSON types and their bits are mongod 6.0's; so are error
//     codes. Differential tests against a real mongod hold this.
//  2. A compiled Expr is immutable and may be used by many goroutines, each
//     with an Env of its own.
//  3. Nothing panics on any bytes, and recursion is bounded: by maxDepth when
//     compiling, by the expression's own depth when evaluating.
//  4. Eval allocates from the Env's arena only: after the first few documents
//     field paths, arithmetic, comparisons and conditions do not allocate.
//  5. A constant expression is evaluated once, at compile time, and its error is
//     Compile's; but for the few operators that mongod does not fold.
//  6. What mongod knows and this package does not answers with
//     InvalidPipelineOperator and the operator's name, never with a guess.
//
// Known differences from mongod 6.0.5, all where it errs or has no rule:
//
//   - $log of decimals is the logarithm to the base, where mongod divides by the
//     base itself; other functions of decimals may differ in the 34th digit.
//   - $dateAdd and $dateSubtract of dates before 1970 with milliseconds are
//     exact, where mongod loses a second.
//   - $round of the least int32 widens, where mongod wraps around.
//   - $replaceAll of empty text goes between characters, where mongod goes
//     between bytes.
//   - $sortArray is stable; $addToSet keeps the order of arrival.
//   - Of two fields of one name in a document, the first counts.
//   - $dateFromString without a format knows no relative times ("+1 day").
//
// Ownership of bytes: a Value that Eval returns points into the Env's root
// document, its variables, its arena or the compiled expression. It is valid
// until Env.Reset and while the root document is; Clone what must live longer.
//
// Read env.go, then compile.go, path.go, call.go and table.go; optimize.go says
// when what is folded, as it shows in results and errors. The operators follow
// by group (arithmetic.go, array.go, string.go, date*.go …), the accumulators in
// accumulator.go and acc_*.go. analyze.go says what an expression reads.
package expr
