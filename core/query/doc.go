// Package query compiles MongoDB's filters, projections and sorts once and runs
// them on raw BSON.
//
// It owns the query language ({a: {$gt: 1}, $or: […]}), the projections of find
// and of $project/$addFields/$unset, sort patterns and their keys, the walk of
// dotted paths through documents and arrays, and $jsonSchema.
//
// Promises:
//
//  1. A match, a projected document and an order are mongod 6.0's, and so are
//     error codes; differential tests against a real mongod hold this.
//  2. What is compiled is immutable: many goroutines may use one Filter,
//     Projection or Sort. The bytes of the specification are copied.
//  3. Match allocates nothing for comparisons, logic, arrays and paths, and
//     reads a document's top level once, however many fields a filter names.
//  4. Nothing panics on any bytes, neither specification nor document. Nesting
//     of operators is bounded by MaxDepth; that of values is bounded at the
//     edge, by bsonraw.Validate.
//  5. IDs and Equalities are sound: a document that matches the filter has one
//     of the ids, and one that an upsert makes of the equalities matches them.
//  6. What is not there answers with an error that names the operator.
//
// Two kinds of path walk stand beside each other and must not be confused: in
// a filter, arrays fan out and a numeric component is an index or a name
// (path.go); in a projection and an expression, arrays fan out and a number is
// only a name (project_*.go, package expr). The walk of a sort key is a third:
// see sortkey.go.
//
// Read filter.go, docmatcher.go, node.go, path.go and predicate.go, then the
// parsers with their tables of operators (parse*.go, schema_parse*.go);
// projection.go and project_*.go; sort.go and sortkey.go; explain.go says why a
// document fails a validator.
package query
