package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Sink takes what is imported. Its methods may be called from several
// goroutines, each for another collection.
type Sink interface {
	// CreateCollection makes a collection with the options of listCollections,
	// or a view ("viewOn", "pipeline").
	CreateCollection(ctx context.Context, name string, options bsonraw.Doc) error
	// CreateIndexes makes indexes of the specifications of listIndexes.
	CreateIndexes(ctx context.Context, coll string, specs []bsonraw.Doc) error
	// Insert stores documents, which are the caller's again when it returns. To
	// refuse some of them and store the others it returns Rejects.
	Insert(ctx context.Context, coll string, docs []bsonraw.Doc) error
}

// Rejects are the documents of one Insert that were not stored, by their index,
// ascending. Every other document was stored.
type Rejects []Reject

// Reject is one document that a sink did not take.
type Reject struct {
	Index int
	Err   error
}

// Error says how many there are and what was wrong with the first.
func (r Rejects) Error() string {
	if len(r) == 0 {
		return "no document was refused"
	}
	return fmt.Sprintf("%d documents were refused, the first: %v", len(r), r[0].Err)
}

// Iter is a stream of documents, as every cursor of Argon is. A document is
// valid until the next Next.
type Iter interface {
	Next(ctx context.Context) (bsonraw.Doc, bool, error)
	Close() error
}

// OpenFunc opens a stream from its beginning.
type OpenFunc func(ctx context.Context) (Iter, error)

// Progress says how far a transfer is. It comes after every batch, never from
// two goroutines at once.
type Progress struct {
	Collection string
	Docs       int64 // so far
	TotalDocs  int64 // 0 if unknown
	Bytes      int64 // read or written so far
	TotalBytes int64 // 0 if unknown
	Elapsed    time.Duration
}

// Format of a file.
type Format int

// The formats.
const (
	JSON Format = iota // Extended JSON: a document a line, documents over several lines, or one array
	CSV
	TSV
)

// FormatOf guesses the format from a file name; JSON if it says nothing.
func FormatOf(name string) Format {
	switch {
	case hasSuffixFold(name, ".csv"):
		return CSV
	case hasSuffixFold(name, ".tsv"), hasSuffixFold(name, ".tab"):
		return TSV
	}
	return JSON
}

// ParseFormat reads the name of a format: json, jsonl, ndjson, csv, tsv.
func ParseFormat(name string) (Format, bool) {
	switch name {
	case "json", "jsonl", "ndjson":
		return JSON, true
	case "csv":
		return CSV, true
	case "tsv":
		return TSV, true
	}
	return JSON, false
}

// String returns the name of the format.
func (f Format) String() string {
	switch f {
	case CSV:
		return "csv"
	case TSV:
		return "tsv"
	}
	return "json"
}
