package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
)

// WatchOptions say what a change stream shows, and from where on. Nil options
// are the changes from now on.
type WatchOptions struct {
	FullDocument         bool // updates come with the document
	BeforeChange         bool // changes come with the document before
	Expanded             bool // also what happens to collections and indexes
	Since                string
	ResumeAfter          Document // a resume token
	StartAfter           Document // as ResumeAfter, also behind an invalidate event
	StartAtOperationTime *bson.Timestamp
	BatchSize            int64
}

// ChangeStream is the changes of a collection, a branch, a project or a store, in
// the order of commits. One goroutine reads it.
type ChangeStream struct {
	c        *Client
	db, coll string
	target   any
	pipeline any
	stage    bson.D
	size     int64

	id     int64 // of the cursor; 0 if there is none
	batch  []bsonraw.Value
	end    bool     // an invalidate event was read
	token  Document // behind what was given
	behind Document // behind what was read
	doc    bsonraw.Doc
	err    error
}

// Watch opens a stream of the branch's changes; pipeline is a list of stages, or
// nil.
func (b *Branch) Watch(ctx context.Context, pipeline any, o *WatchOptions) (*ChangeStream, error) {
	return b.project.c.watch(ctx, b.Database(), 1, pipeline, o)
}

// Watch opens a stream of the collection's changes.
func (c *Collection) Watch(ctx context.Context, pipeline any, o *WatchOptions) (*ChangeStream, error) {
	return c.branch.project.c.watch(ctx, c.branch.Database(), c.name, pipeline, o)
}

// Watch opens a stream of the changes of all branches of the project. An event's
// ns.db tells which.
func (p *Project) Watch(ctx context.Context, pipeline any, o *WatchOptions) (*ChangeStream, error) {
	return p.c.watch(ctx, p.name, 1, pipeline, o, bson.E{Key: "argonAllBranches", Value: true})
}

// Watch opens a stream of the changes of all branches of all projects.
func (c *Client) Watch(ctx context.Context, pipeline any, o *WatchOptions) (*ChangeStream, error) {
	return c.watch(ctx, "admin", 1, pipeline, o, bson.E{Key: "allChangesForCluster", Value: true})
}

func (c *Client) watch(ctx context.Context, db string, target, pipeline any, o *WatchOptions, stage ...bson.E) (*ChangeStream, error) {
	if o == nil {
		o = &WatchOptions{}
	}
	if pipeline == nil {
		pipeline = bson.A{}
	}
	s := &ChangeStream{c: c, db: db, coll: "$cmd.aggregate", target: target, pipeline: pipeline, size: o.BatchSize, stage: append(bson.D{}, stage...)}
	if name, ok := target.(string); ok {
		s.coll = name
	}
	set := func(when bool, name string, v any) {
		if when {
			s.stage = append(s.stage, bson.E{Key: name, Value: v})
		}
	}
	set(o.FullDocument, "fullDocument", "required")
	set(o.BeforeChange, "fullDocumentBeforeChange", "required")
	set(o.Expanded, "showExpandedEvents", true)
	set(o.Since != "", "argonSince", o.Since)
	set(o.ResumeAfter != nil, "resumeAfter", o.ResumeAfter)
	set(o.StartAfter != nil, "startAfter", o.StartAfter)
	set(o.StartAtOperationTime != nil, "startAtOperationTime", o.StartAtOperationTime)
	return s, s.open(ctx)
}

// open runs the aggregate.
func (s *ChangeStream) open(ctx context.Context) error {
	stages, err := marshal(bson.D{{Key: "p", Value: s.pipeline}})
	if err != nil {
		return err
	}
	all := bson.A{bson.D{{Key: "$changeStream", Value: s.stage}}}
	for _, v := range bsonraw.Doc(stages).Get("p").Doc().Values() {
		all = append(all, bson.Raw(v.Data))
	}
	cursor := bson.D{}
	if s.size > 0 {
		cursor = bson.D{{Key: "batchSize", Value: s.size}}
	}
	return s.ask(ctx, "firstBatch", bson.D{{Key: "aggregate", Value: s.target}, {Key: "pipeline", Value: all}, {Key: "cursor", Value: cursor}})
}

// ask runs a command that answers with a batch.
func (s *ChangeStream) ask(ctx context.Context, name string, cmd bson.D) error {
	raw, err := marshal(cmd)
	if err != nil {
		return err
	}
	reply, err := s.c.RunCommand(ctx, s.db, raw)
	if err != nil {
		return err
	}
	cur := reply.Get("cursor").Doc()
	s.id, _ = cur.Get("id").AsInt64()
	s.batch = cur.Get(name).Doc().Values()
	s.behind = Document(cur.Get("postBatchResumeToken").Doc())
	if s.id == 0 {
		s.end = true
	}
	if len(s.batch) == 0 {
		s.token = s.behind
	}
	return nil
}

// patience is how long one request waits for an event. A commit wakes it.
const patience = time.Minute

// Next waits for the next event. It is false at the end of the stream (an
// invalidate event was the last), of the context, and after an error.
func (s *ChangeStream) Next(ctx context.Context) bool {
	for s.err == nil && !(s.end && len(s.batch) == 0) {
		if s.next(ctx, patience) {
			return true
		}
	}
	return false
}

// TryNext moves to the next event, if there is one.
func (s *ChangeStream) TryNext(ctx context.Context) bool {
	return s.err == nil && !(s.end && len(s.batch) == 0) && s.next(ctx, time.Millisecond)
}

func (s *ChangeStream) next(ctx context.Context, wait time.Duration) bool {
	if len(s.batch) == 0 {
		if s.err = s.more(ctx, wait); s.err != nil {
			s.id = 0 // whatever stopped the request ended the cursor
			return false
		}
	}
	if len(s.batch) == 0 {
		return false
	}
	s.doc = s.batch[0].Doc()
	if s.batch = s.batch[1:]; len(s.batch) > 0 {
		s.token = Document(s.doc.Get("_id").Doc())
	} else {
		s.token = s.behind
	}
	return true
}

// more reads a batch. A cursor that has gone, with the process that held it or
// for any other reason, is opened again behind what was given.
func (s *ChangeStream) more(ctx context.Context, wait time.Duration) error {
	err := s.ask(ctx, "nextBatch", bson.D{
		{Key: "getMore", Value: s.id},
		{Key: "collection", Value: s.coll},
		{Key: "batchSize", Value: s.size},
		{Key: "maxTimeMS", Value: wait.Milliseconds()},
	})
	if !errs.Is(err, errs.CursorNotFound) && !errs.Is(err, errs.HostLost) {
		return err
	}
	stage := bson.D{{Key: "startAfter", Value: s.token}}
	for _, e := range s.stage {
		switch e.Key {
		case "startAfter", "resumeAfter", "startAtOperationTime", "argonSince":
		default:
			stage = append(stage, e)
		}
	}
	s.stage = stage
	return s.open(ctx)
}

// Current returns the event, valid until the next Next or Close.
func (s *ChangeStream) Current() Document { return Document(s.doc) }

// Decode decodes the event.
func (s *ChangeStream) Decode(out any) error {
	if err := bson.Unmarshal(s.doc, out); err != nil {
		return errs.Wrap(err, errs.BadValue, "cannot decode an event into a %T", out)
	}
	return nil
}

// ResumeToken returns the token to resume behind the current event, or behind
// everything that was looked at where nothing is left.
func (s *ChangeStream) ResumeToken() Document { return s.token }

// Err returns what ended the stream early, or nil.
func (s *ChangeStream) Err() error { return s.err }

// Close ends the stream.
func (s *ChangeStream) Close(ctx context.Context) error {
	id := s.id
	s.id, s.batch, s.end = 0, nil, true
	if id == 0 {
		return nil
	}
	return s.c.run(ctx, s.db, bson.D{{Key: "killCursors", Value: s.coll}, {Key: "cursors", Value: bson.A{id}}}, nil)
}

// LSNOf returns the LSN that a resume token is of; 0 if it is no token.
func LSNOf(token Document) int64 {
	t, err := changes.ParseToken(bsonraw.Doc(token))
	if err != nil {
		return 0
	}
	return int64(t.LSN)
}
