// Package update applies MongoDB's updates to raw BSON: operator documents,
// replacements and aggregation pipelines.
//
// It owns the parsing of updates with MongoDB's errors, the tree of paths that
// an operator document is compiled to, the one pass that rewrites a document
// along this tree, upserts, and Change: what an update did to a document, in a
// form that merge, undo and the log understand.
//
// Promises:
//
//  1. The post-image is mongod's, bit for bit: field order, numeric types,
//     padding of arrays. An update that fails leaves nothing behind.
//  2. ApplyChanges(pre, changes) is the post-image, bit for bit, for the changes
//     that Apply, DiffDocs and Upsert return.
//  3. A change names what was really done: an operator without effect leaves no
//     change, positional operators are resolved to indexes, and an operator
//     that commutes with itself stays what it is.
//  4. No document is decoded into maps. A document is copied once, whatever the
//     number of operators.
//  5. The encoding of changes (codec.go) is frozen.
//
// Read change.go, then update.go, parse.go and tree.go, rewrite.go and element.go,
// and the operators in op_*.go.
package update
