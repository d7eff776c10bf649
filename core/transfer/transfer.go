package transfer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
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
	BSON    // documents one behind the other, as in the .bson files of mongodump
	Archive // mongodump --archive: several collections in one stream
	Dump    // mongodump's directory: a .bson and a .metadata.json for each collection
	Parquet
	ArrowFile   // Arrow IPC with a footer: .arrow, and .feather of version 2
	ArrowStream // Arrow IPC without one: .arrows
)

// formatNames are the names of the formats; the first is what String returns.
var formatNames = map[Format][]string{
	JSON: {"json", "jsonl", "ndjson"}, CSV: {"csv"}, TSV: {"tsv"}, BSON: {"bson"}, Archive: {"archive"},
	Dump: {"dump"}, Parquet: {"parquet"}, ArrowFile: {"arrow", "feather"}, ArrowStream: {"arrows"},
}

// FormatOf guesses the format from a file name; JSON if it says nothing.
func FormatOf(name string) Format {
	for _, end := range []struct {
		suffix string
		format Format
	}{
		{".csv", CSV},
		{".tsv", TSV},
		{".tab", TSV},
		{".bson", BSON},
		{".archive", Archive},
		{".parquet", Parquet},
		{".pq", Parquet},
		{".arrow", ArrowFile},
		{".feather", ArrowFile},
		{".arrows", ArrowStream},
	} {
		if hasSuffixFold(name, end.suffix) {
			return end.format
		}
	}
	return JSON
}

// Sniff tells the format by the first eight bytes of a file, where they do.
func Sniff(head []byte) (Format, bool) {
	switch {
	case bytes.HasPrefix(head, archiveMagic):
		return Archive, true
	case bytes.HasPrefix(head, []byte("PAR1")):
		return Parquet, true
	case bytes.HasPrefix(head, []byte("ARROW1")), bytes.HasPrefix(head, []byte("FEA1")):
		return ArrowFile, true
	}
	return JSON, false
}

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, bool) {
	for f, names := range formatNames {
		if slices.Contains(names, name) {
			return f, true
		}
	}
	return JSON, false
}

// String returns the name of the format.
func (f Format) String() string {
	if names := formatNames[f]; len(names) > 0 {
		return names[0]
	}
	return "format " + strconv.Itoa(int(f))
}
