// Package columnar turns streams of BSON documents into Arrow record batches
// and back, without decoding a document in between.
//
// It owns the Arrow shape of every BSON type (this comment), the inference of
// a schema (profile.go, resolve.go), the columns that take raw values
// (column*.go, cast*.go), the reader that streams batches (stages.go, reader.go,
// chunk.go) and the way back for insert_frame (encode*.go). Exporting through
// the C data interface is capi's.
//
// # BSON to Arrow
//
//	double              float64
//	int, long           int32; int64 once one value of the column is a long
//	int or long beside  float64, while every integer of the column is exact as
//	double              a double; otherwise mixed
//	decimal             decimal128(38, s), s the largest scale of the column;
//	                    utf8 where 38 digits cannot hold all of them, or one
//	                    is NaN, infinite or a negative zero
//	int beside decimal  as decimal; double beside decimal: mixed
//	string              utf8
//	bool                bool
//	date                timestamp[ms, UTC], all 64 bits of it
//	objectId            utf8, 24 hexadecimal digits
//	binData 4, 16 bytes utf8, a UUID with dashes
//	binData, other      binary (one subtype in the column), or mixed
//	object              struct, fields in the order they were first seen
//	array               list
//	timestamp           struct{t: uint32, i: uint32}
//	symbol, javascript  utf8
//	null, missing       null, in a column of any type
//	any other mixture   mixed: utf8, one Extended JSON value per row
//	regex, dbPointer, javascriptWithScope, minKey, maxKey, undefined: mixed
//
// A field's metadata holds, under "argon.bson", the BSON type where the Arrow
// type does not tell: objectId, uuid, binData (with "argon.subtype"), decimal,
// timestamp, symbol, javascript, mixed.
//
// ObjectIds and UUIDs are text because every consumer prints, joins, groups
// and writes text, and str(oid) finds its row; fixed-size binary shows as bytes
// in pandas, and an Arrow extension type is dropped, or refused, by half of the
// libraries that read the C stream. A schema asks for bytes where they are
// wanted. Mixed is text, not an Arrow union, because neither pandas nor Polars
// can hold a union. Its Extended JSON is the shortest that reads back to the
// same type (package ejson, mode Typed). Decimals of more than 38 digits are
// text because Polars cannot read a decimal256 at all.
//
// Promises:
//
//  1. No value becomes a null, a NaN or a NaT: a null in a batch is a null or a
//     missing field in the document, and these two are the only values that
//     cannot be told apart afterwards. Besides, what is lost is the width of
//     an integer in a wider column, the exponent of an equal decimal, and the
//     order of fields where documents differ in it.
//  2. The schema is exact: it is the same however large the stream is and
//     wherever in it the value is that widens a column. See stages.go for how
//     that is had without reading twice in the common case.
//  3. A field name that occurs twice in one document gets a column of its own
//     for each occurrence, "name", "name#2"; metadata "argon.name" holds the
//     name.
//  4. Batches come in the order of the documents. Memory is bounded by
//     Options.Buffer plus a few batches, whatever the size of the stream.
//  5. Bytes given to a record batch belong to the batch and come from
//     Options.Allocator; nothing else keeps them. Every goroutine recovers a
//     panic into an error of the reader.
//
// Read profile.go, resolve.go, column.go, convert.go, stages.go, encode.go.
package columnar
