package main

import (
	"bytes"
	"context"

	"github.com/apache/arrow-go/v18/arrow/memory/mallocator"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

// allocator gives the memory of exported batches. It must be C's: structures
// that C holds may have no pointers into Go's heap.
var allocator = mallocator.NewMallocator()

// startArrow starts a job whose result is a stream of record batches.
func startArrow(n int64, db string, cmd, options bsonraw.Doc) answer {
	o, err := readerOptions(options)
	if err != nil {
		return failure(err)
	}
	c, err := use(n)
	if err != nil {
		return failure(err)
	}
	return startJob(c, func(ctx context.Context, j *job) (bsonraw.Doc, *stream, error) {
		s, err := c.openStream(ctx, j, db, cmd, o)
		return nil, s, err
	})
}

// readerOptions reads the options of argon_arrow.
func readerOptions(options bsonraw.Doc) (columnar.Options, error) {
	o := columnar.Options{Allocator: allocator}
	for it := options.Iter(); it.Next(); {
		n, isNumber := it.Value().AsInt64()
		switch key := string(it.Key()); {
		case key == "schema" && it.Value().Type == bsonraw.Object:
			schema, err := columnar.ParseSchema(it.Value().Doc())
			if err != nil {
				return o, err
			}
			o.Schema = schema
		case key == "batchRows" && isNumber:
			o.BatchRows = int(n)
		case key == "workers" && isNumber:
			o.Workers = int(n)
		case key == "bufferBytes" && isNumber:
			o.Buffer = n
		default:
			return o, badOption("an Arrow stream", key, it.Value())
		}
	}
	return o, nil
}

func badOption(of, key string, v bsonraw.Value) error {
	return errs.New(errs.BadValue, "%s has no option %q of type %s", of, key, v.Type.Name())
}

// openStream reads the documents of a command as a stream. Where the command
// may be read twice, it reads the branch as it is now both times; otherwise the
// reader is told to keep what it needs again.
func (c *client) openStream(ctx context.Context, j *job, db string, cmd bsonraw.Doc, o columnar.Options) (*stream, error) {
	o.Once = !repeatable(cmd)
	if !o.Once {
		pinned, err := c.backend.Pin(ctx, db)
		if err != nil {
			return nil, err
		}
		db = pinned
	}
	reader, err := columnar.NewReader(ctx, func(ctx context.Context) (columnar.Iter, error) {
		return c.backend.OpenCursor(ctx, db, cmd)
	}, o)
	if err != nil {
		return nil, err
	}
	return newStream(c, j, reader)
}

// unrepeatable are names, as they stand in BSON, that make a second run differ:
// chance, the clock, and writing. Seeing one where it means nothing (a field of
// that name) only costs memory.
var unrepeatable = [][]byte{
	[]byte("$sample\x00"), []byte("$sampleRate\x00"), []byte("$rand\x00"),
	[]byte("$out\x00"), []byte("$merge\x00"), []byte("$$NOW"), []byte("$$CLUSTER_TIME"),
}

// repeatable reports whether cmd gives the same documents when it runs again on
// the same LSN: a find or an aggregate outside a transaction, without chance.
func repeatable(cmd bsonraw.Doc) bool {
	it := cmd.Iter()
	if !it.Next() || (string(it.Key()) != "find" && string(it.Key()) != "aggregate") {
		return false
	}
	if _, inTransaction := cmd.Lookup("autocommit"); inTransaction {
		return false
	}
	for _, name := range unrepeatable {
		if bytes.Contains(cmd, name) {
			return false
		}
	}
	return true
}
