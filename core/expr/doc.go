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
//  5. An expression without field paths and variables is evaluated once, at
//     compile time, and its error is Compile's.
//  6. What mongod knows and this package does not answers with
//     InvalidPipelineOperator and the operator's name, never with a guess.
//
// Ownership of bytes: a Value that Eval returns points into the Env's root
// document, its variables, its arena or the compiled expression. It is valid
// until Env.Reset and while the root document is; Clone what must live longer.
//
// Read env.go, then compile.go, path.go and table.go; the operators follow by
// group (arithmetic.go, array.go, string.go, date_*.go …), the accumulators in
// acc_*.go.
package expr
