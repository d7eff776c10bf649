package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// maxSuspects bounds the documents that are looked at once more, for the memory that
// their _ids take.
const maxSuspects = 500_000

// suspect is a document that was not what we had before it was read.
type suspect struct {
	id    bsonraw.Value
	there bool // at the source
}

// loose compares a collection that the source cannot read at a moment: a capped one,
// or any before 5.0. It is read as it is, between two moments of ours. A document is
// different if it differs from what we had before and have behind, where that is the
// same; what we saw change meanwhile may have been anything in between.
func (c *laneCheck) loose(ctx context.Context, name string) error {
	if err := c.renew(ctx); err != nil {
		return err
	}
	out, found, err := c.suspects(ctx, name)
	if err != nil {
		return err
	}
	before := c.snap
	defer before.Close()
	c.snap = nil
	if err := c.renew(ctx); err != nil {
		return err
	}
	return c.judge(ctx, before, out, found)
}

// suspects reads a collection and returns what is not as it was here before.
func (c *laneCheck) suspects(ctx context.Context, name string) (out *verifiedColl, found []suspect, err error) {
	chunks, end, err := c.v.src.readSorted(ctx, sortedRead{database: c.l.Database, coll: name, after: c.at})
	if err != nil {
		return nil, nil, err
	}
	defer end()
	ours, err := c.snap.FindBehind(ctx, name, bsonraw.Value{})
	if err != nil {
		return nil, nil, err
	}
	defer ours.Close()
	out = &verifiedColl{Database: c.l.Database, Collection: name, Ranges: []differentSpan{}, Compared: 1}
	whole, more := sha256.New(), false
	err = mergeDocs(ctx, chunks, ours, func(theirs, mine bsonraw.Doc) error {
		doc := mine
		if theirs != nil {
			doc = theirs
			out.Documents++
			whole.Write(theirs)
		}
		switch {
		case bytes.Equal(theirs, mine):
		case len(found) < maxSuspects:
			found = append(found, suspect{doc.Get("_id").Clone(), theirs != nil})
		default:
			more = true
		}
		return nil
	})
	if more {
		c.v.report.Notes = append(c.v.report.Notes, fmt.Sprintf("more than %d documents of %s differed or changed while it was read: only the first of them were compared", maxSuspects, name))
	}
	out.Hash = hex.EncodeToString(whole.Sum(nil))
	return out, found, err
}

// judge tells which suspects differ, now that we have a moment behind the reading.
func (c *laneCheck) judge(ctx context.Context, before *engine.Snapshot, out *verifiedColl, found []suspect) error {
	r := &c.v.report
	for _, s := range found {
		was, err := byID(ctx, before, out.Collection, s.id)
		if err != nil {
			return err
		}
		is, err := byID(ctx, c.snap, out.Collection, s.id)
		if err != nil {
			return err
		}
		if !bytes.Equal(was, is) {
			continue // it changed meanwhile
		}
		kind := "different"
		switch {
		case !s.there:
			kind = "extra"
		case is == nil:
			kind = "missing"
		}
		out.Differing++
		if int64(len(r.Documents)) < c.v.limit {
			r.Documents = append(r.Documents, difference{out.Database, out.Collection, rawValue(s.id), kind})
		}
	}
	r.Differing += out.Differing
	r.Collections = append(r.Collections, *out)
	r.Notes = append(r.Notes, fmt.Sprintf("the source cannot read %s at one moment: it was compared as it was between two of them", out.Collection))
	(*c.moments)[len(*c.moments)-1].Ranges++
	return nil
}

// byID returns a document of ours, nil if it is not there.
func byID(ctx context.Context, snap *engine.Snapshot, coll string, id bsonraw.Value) (bsonraw.Doc, error) {
	filter, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: rawValue(id)}}}})
	if err != nil {
		return nil, err
	}
	cur, err := snap.Find(ctx, coll, &engine.FindSpec{Filter: filter})
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	doc, ok, err := cur.Next(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return doc.Clone(), nil
}
