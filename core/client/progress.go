package client

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/transfer"
)

// Progress says how far a long command is.
type Progress struct {
	Collection string `bson:"collection,omitempty"`
	Done       int64  `bson:"done"`
	Total      int64  `bson:"total,omitempty"` // 0 if unknown
	Unit       string `bson:"unit"`            // "documents" or "bytes"
}

// Document returns the progress as a BSON document: {collection, done, total,
// unit}.
func (p Progress) Document() Document {
	raw, err := bson.Marshal(p)
	if err != nil {
		return nil // a struct of strings and numbers can always be written
	}
	return raw
}

type progressKey struct{}

// WithProgress returns a context whose commands report how far they are. The
// function is called from the goroutines of the command, one call at a time,
// and must not wait.
func WithProgress(ctx context.Context, report func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// observer returns what a transfer calls with its progress, or nil.
func observer(ctx context.Context) func(transfer.Progress) {
	report, _ := ctx.Value(progressKey{}).(func(Progress))
	if report == nil {
		return nil
	}
	return func(p transfer.Progress) {
		out := Progress{Collection: p.Collection, Done: p.Docs, Total: p.TotalDocs, Unit: "documents"}
		if p.TotalBytes > 0 && p.TotalDocs == 0 {
			out.Done, out.Total, out.Unit = p.Bytes, p.TotalBytes, "bytes"
		}
		report(out)
	}
}
