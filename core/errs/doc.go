// Package errs is the one error set of Argon.
//
// It owns the closed list of codes, each with its MongoDB number, its name,
// its category, its usual cause and its remedy (table.go). Every error that
// leaves a core package is an *Error, or wraps one.
//
// Promises:
//
//  1. A code's number and name never change once released: drivers, scripts
//     and the Python exception tree depend on them.
//  2. Codes that MongoDB has keep MongoDB's number and name. Argon's own begin
//     at 970000, a range that MongoDB does not use.
//  3. Errors are translated exactly once at each edge: the wire (number and
//     codeName), C (a status), Python (an exception tree by category) and the
//     CLI (an exit code by category).
package errs
