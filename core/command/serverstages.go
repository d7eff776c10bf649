package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// Stages that are about the server and not about documents stand first in a
// pipeline. Here they become a $documents stage with what they have found out,
// and the rest of the pipeline runs on that.

// serverStage replaces the first stage if it is one of the server's.
func (c *call) serverStage(ctx context.Context, r engine.Reader, a *aggregateArgs) error {
	if len(a.spec.Pipeline) == 0 {
		return nil
	}
	it := a.spec.Pipeline[0].Iter()
	if !it.Next() {
		return nil
	}
	name, spec := string(it.Key()), it.Value()
	var docs []bsonraw.Doc
	switch name {
	case "$currentOp":
		if c.db != adminDB || a.coll != "" {
			return errs.New(errs.InvalidNamespace, "$currentOp must be run against the 'admin' database with {aggregate: 1}")
		}
		docs = c.operations(!spec.Doc().Get("allUsers").Truthy())
	case "$listLocalSessions", "$listSessions":
		docs = c.sessions()
	case "$collStats":
		if spec.Type != bsonraw.Object || a.coll == "" {
			return nil // the engine says what is wrong
		}
		doc, err := c.collStatsStage(ctx, r, a.coll, spec.Doc())
		if err != nil {
			return err
		}
		docs = []bsonraw.Doc{doc}
	default:
		return nil
	}
	a.coll = ""
	a.spec.Pipeline = append([]bsonraw.Doc{documentsStage(docs)}, a.spec.Pipeline[1:]...)
	return nil
}

// documentsStage is {$documents: {$literal: docs}}.
func documentsStage(docs []bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("$documents")
	b.BeginArray("$literal")
	for i, doc := range docs {
		b.Doc(bsonraw.Index(i), doc)
	}
	b.End()
	b.End()
	return b.Finish()
}

// sessions lists the logical sessions that have written or are in a transaction.
func (c *call) sessions() []bsonraw.Doc {
	var list []bsonraw.Doc
	c.d.logical.where(func(s *logicalSession) bool {
		b := bsonraw.NewBuilder(nil)
		b.BeginDoc("_id")
		b.Value("id", bsonraw.BinaryValue(4, s.id.id[:]))
		b.Value("uid", bsonraw.BinaryValue(0, s.id.uid[:]))
		b.End()
		b.Time("lastUse", s.used)
		list = append(list, b.Finish())
		return false
	})
	return list
}

// collStatsStage is the document of $collStats.
func (c *call) collStatsStage(ctx context.Context, r engine.Reader, name string, spec bsonraw.Doc) (bsonraw.Doc, error) {
	coll, err := r.Collection(ctx, name)
	if err != nil {
		return nil, err
	}
	if coll == nil {
		return nil, errs.New(errs.NamespaceNotFound, "Collection [%s.%s] not found.", c.db, name)
	}
	b := bsonraw.NewBuilder(nil)
	b.String("ns", c.db+"."+name)
	b.String("host", hostname())
	b.Time("localTime", c.d.now())
	it := spec.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "count":
			n, err := r.Count(ctx, name, &engine.CountSpec{})
			if err != nil {
				return nil, err
			}
			b.Int64("count", n)
		case "storageStats":
			scale := int64(1)
			if n, ok := it.Value().Doc().Get("scale").AsInt64(); ok && n > 0 {
				scale = n
			}
			b.BeginDoc("storageStats")
			if err := appendCollStats(ctx, b, r, coll, name, scale); err != nil {
				return nil, err
			}
			b.End()
		case "latencyStats", "queryExecStats":
			b.BeginDoc(string(it.Key()))
			b.End()
		default:
			return nil, errs.New(errs.UnknownField, "BSON field '$collStats.%s' is an unknown field.", it.Key())
		}
	}
	return b.Finish(), nil
}
