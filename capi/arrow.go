package main

import (
	"context"
	"errors"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
)

// allocator gives the memory of exported batches.
var allocator = newSlabs()

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

// openStream reads the documents of a command as a stream, which closes its
// source. Where the query cannot be read a second time, the reader is told to
// keep what it needs again.
func (c *connection) openStream(ctx context.Context, j *job, db string, cmd bsonraw.Doc, o columnar.Options) (*stream, error) {
	src, err := c.backend.OpenSource(ctx, db, cmd)
	if err != nil {
		return nil, err
	}
	o.Once = !src.Repeatable()
	if parted, ok := src.(interface {
		Parts(ctx context.Context) ([]columnar.OpenFunc, error)
	}); ok {
		o.Parts = func() ([]columnar.OpenFunc, error) { return parted.Parts(ctx) }
	}
	reader, err := columnar.NewReader(ctx, src.Open, o)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return newStream(c, j, reader, src)
}
