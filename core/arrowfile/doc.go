// Package arrowfile reads and writes the files that data frames live in:
// Parquet, and Arrow IPC as a file (which Feather of version 2 is) and as a
// stream.
//
// It owns the files (read.go, parquet*.go, ipc.go, write.go). What a BSON type is
// in Arrow, and the way of rows to documents, is package columnar's.
//
// # What is kept
//
// The columns are those of columnar's table, and their metadata, with the BSON
// types that an Arrow type does not tell, is in the file, in Parquet as the
// schema under "ARROW:schema". So a file that Argon wrote comes back with the
// types that it was written from, ObjectIds, decimals, timestamps and regular
// expressions included. What does not come back: whether a field was null or
// missing, the width of an integer in a column that has wider ones, the
// exponent of a decimal beside ones of another, and the order of fields where
// documents differ in it. A document without fields has no Parquet type: a
// column that has nothing else is written as Extended JSON.
//
// A file of somebody else gives documents by the table of columnar.Encode. What
// BSON has no type for (a time of day, a duration) is refused with the name of
// its column, before the first row. Times finer than a millisecond are cut, and
// Reader.Notes says of which columns.
//
// # Parquet
//
// Of github.com/parquet-go/parquet-go are the format's structures, the encodings
// and the writing of pages and row groups. Reading pages is ours, since its own
// believes every length and loses pages of LZ4; so is the way of levels to
// Arrow's nested arrays and back, which it does not have. Rejected: arrow-go's
// own package, which brings arrow/compute and gRPC along: 25 MB in every binary.
//
// Promises:
//
//  1. Memory is bounded by a few batches, and for writing by a row group,
//     whatever the size of the file.
//  2. No bytes make it panic: what a file says of lengths is bounded by the
//     libraries' limits and ours, and a panic of theirs is an error.
//  3. A file that ends before the rows that it promises is an error.
//
// Read read.go, parquet.go, parquet_schema.go, parquet_page.go, parquet_leaf.go,
// parquet_build.go; then write.go, parquet_write.go, parquet_column.go, parquet_tail.go.
package arrowfile
