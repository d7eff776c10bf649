package client

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// isLong reports whether a command can answer with a cursor of its progress.
func isLong(cmd bsonraw.Doc) bool {
	it := cmd.Iter()
	if !it.Next() {
		return false
	}
	switch string(it.Key()) {
	case "argonPublish", "argonPublishPlan", "argonPublishResume", "argonPublishRollback", "argonRestoreTo":
		return true
	}
	return false
}

// reporter is the function of WithProgress, or nil.
func reporter(ctx context.Context) func(Progress) {
	report, _ := ctx.Value(progressKey{}).(func(Progress))
	return report
}

// runReported runs a long command through a cursor of its progress, which works
// wherever the store is, and returns what the command itself would.
func (c *Client) runReported(ctx context.Context, db string, cmd bsonraw.Doc, report func(Progress)) (bsonraw.Doc, error) {
	b := bsonraw.NewBuilder(nil)
	it := cmd.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	b.Bool("progress", true)
	cur, err := c.OpenCursor(ctx, db, b.Finish())
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(ctx)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, errs.New(errs.InternalError, "a command ended without a result")
		}
		if result := doc.Get("result"); !result.IsMissing() {
			return withOK(result.Doc()), nil
		}
		var p Progress
		if err := bson.Unmarshal(doc.Get("progress").Doc(), &p); err != nil {
			return nil, errs.Wrap(err, errs.InternalError, "the progress of a command has an unexpected form")
		}
		report(p)
	}
}

// withOK makes a reply of its body.
func withOK(body bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := body.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	b.Double("ok", 1)
	return b.Finish()
}
