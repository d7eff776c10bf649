// Package ejson writes BSON as MongoDB Extended JSON version 2, and reads it
// back, straight between bytes and bytes.
//
// It owns both directions of the text (write.go; parse.go, string.go,
// scalar.go, wrapper.go) and the text of decimals and of dates (decimal.go,
// date.go). mongo-driver's bson package does the same through reflection and a
// token at a time, about twelve times slower; it is the oracle of the tests.
//
// Decimals have their text here and not from package number: these functions
// do not allocate, and ParseDecimal refuses what decimal128 cannot hold exactly,
// where arithmetic rounds.
//
// Promises:
//
//  1. What Append writes in any mode, Parser reads back to the same types and
//     bits, with three exceptions that the format has: the payload of a NaN;
//     in mode Relaxed the width of an integer that fits the other width; and a
//     document whose first field is named like a type wrapper ("$oid").
//  2. A Parser takes any bytes, never panics, never recurses deeper than
//     bsonraw.MaxDepth, and says at which byte it gave up and what it saw.
//  3. What it returns passes bsonraw.Validate: text is UTF-8, no name holds a
//     zero byte. A lone surrogate ("\ud800") is an error and never U+FFFD.
//  4. Field order and duplicate names are kept.
//
// Read mode.go, write.go, parse.go, wrapper.go.
package ejson
