// Package transfer moves documents between Argon and the outside: files of
// Extended JSON, CSV, BSON, Parquet and Arrow, and dumps of mongodump, in both
// directions, and a MongoDB server once.
//
// It owns the formats (json.go, csv*.go, bson.go, dump*.go, archive*.go; those of
// columns are package arrowfile's), the splitting of a file into blocks
// that several goroutines read at once (split.go), the way of documents into a
// Sink with its errors by line (import.go), the way out (export*.go), and the
// reading of a server (mongo*.go). It knows neither the engine nor the client:
// both come to it through the small interfaces of transfer.go.
//
// Promises:
//
//  1. Documents reach the sink in the order of the file. Memory is bounded by a
//     few blocks, whatever the size of the file.
//  2. A line that does not parse, or that the sink refuses, is reported with its
//     number and its content, and never half imported. The first one ends the
//     import unless ImportOptions.MaxErrors allows for more; what was inserted
//     before stays, and Result says how much that is.
//  3. Extended JSON loses nothing in either direction (package ejson), field
//     order and duplicate names included.
//  4. CSV cells that are not clearly a number, a date or a boolean in the whole
//     beginning of their column stay text: "007" is text. A cell that later
//     breaks the rule of its column is kept as text, and Result says so.
//  5. A server is read at one moment where it can be (a replica set), and Result
//     says whether it was. What Argon cannot take, such as a text index, is left
//     out with a note and never silently.
//  6. A dump is what mongodump writes, byte by byte but for the order of a
//     collection's options, and golden files pin it.
//  7. An import with checkpoints can go on, exactly once, from the Point of the
//     last commit.
//
// Read transfer.go, import.go, split.go, json.go, csv.go, export.go, mongo.go.
package transfer
