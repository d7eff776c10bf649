package client

import (
	"context"
	"time"
)

// Commit is an entry of a branch's log.
type Commit struct {
	LSN     int64     `bson:"lsn" json:"lsn"`
	Time    time.Time `bson:"time" json:"time"`
	Actor   string    `bson:"actor" json:"actor"`
	Message string    `bson:"message" json:"message"`
	Kind    string    `bson:"kind" json:"kind"`
	Branch  string    `bson:"branch" json:"branch"` // where it was made
	Merge   *MergedAt `bson:"merge,omitempty" json:"merge,omitempty"`
	Counts  OpCounts  `bson:"counts" json:"counts"`
	Ops     []Op      `bson:"ops" json:"ops"` // the first ones
}

// MergedAt is what a merge commit merged.
type MergedAt struct {
	Branch string `bson:"branch" json:"branch"`
	LSN    int64  `bson:"lsn" json:"lsn"`
}

// OpCounts says how many documents a commit changed.
type OpCounts struct {
	Insert int64 `bson:"insert" json:"insert"`
	Update int64 `bson:"update" json:"update"`
	Delete int64 `bson:"delete" json:"delete"`
}

// Op is what a commit did to one document.
type Op struct {
	Collection string   `bson:"collection" json:"collection"`
	Op         string   `bson:"op" json:"op"`
	ID         Value    `bson:"_id" json:"_id"`
	Paths      []string `bson:"paths,omitempty" json:"paths,omitempty"`
}

// LogOptions choose commits. Nil options are all of them.
type LogOptions struct {
	Limit, Skip       int64
	Actor, Collection string
	Since, Until      time.Time
	OpsLimit          int64 // operations listed per commit; 0 is 10
}

// Log lists the branch's commits, newest first. Decode them into a Commit.
func (b *Branch) Log(ctx context.Context, o *LogOptions) (*Documents, error) {
	if o == nil {
		o = &LogOptions{}
	}
	return b.cursor(ctx, newFields("argonLog", 1).
		num("limit", o.Limit).num("skip", o.Skip).str("actor", o.Actor).str("collection", o.Collection).
		time("since", o.Since).time("until", o.Until).num("opsLimit", o.OpsLimit))
}

// State is one state of a document.
type State struct {
	LSN      int64     `bson:"lsn" json:"lsn"`
	Time     time.Time `bson:"time" json:"time"`
	Actor    string    `bson:"actor" json:"actor"`
	Message  string    `bson:"message" json:"message"`
	Op       string    `bson:"op" json:"op"`
	Document Value     `bson:"document" json:"document"` // null where it was deleted
}

// History lists the states of a document on the branch, oldest first.
func (b *Branch) History(ctx context.Context, coll string, id any) ([]State, error) {
	cur, err := b.cursor(ctx, newFields("argonHistory", coll).value("id", id))
	if err != nil {
		return nil, err
	}
	var states []State
	return states, cur.All(ctx, &states)
}

// BlamedField says who set a field of a document last.
type BlamedField struct {
	Path    string    `bson:"path" json:"path"`
	LSN     int64     `bson:"lsn" json:"lsn"`
	Time    time.Time `bson:"time" json:"time"`
	Actor   string    `bson:"actor" json:"actor"`
	Message string    `bson:"message" json:"message"`
	Value   Value     `bson:"value" json:"value"`
}

// Blame says for each field of a document which commit set it.
func (b *Branch) Blame(ctx context.Context, coll string, id any) ([]BlamedField, error) {
	var reply struct{ Fields []BlamedField }
	err := b.run(ctx, newFields("argonBlame", coll).value("id", id), &reply)
	return reply.Fields, err
}

// Difference is one document, or one part of the catalog, that differs.
type Difference struct {
	Collection string        `bson:"collection" json:"collection"`
	ID         Value         `bson:"_id" json:"_id"` // missing for the catalog
	Op         string        `bson:"op" json:"op"`
	Before     Value         `bson:"before" json:"before"`
	After      Value         `bson:"after" json:"after"`
	Changes    []FieldChange `bson:"changes,omitempty" json:"changes,omitempty"`
}

// FieldChange is one field of an updated document.
type FieldChange struct {
	Path   string `bson:"path" json:"path"`
	Before Value  `bson:"before" json:"before"`
	After  Value  `bson:"after" json:"after"`
}

// Diff lists what the branch has changed against a base, a ref of the same
// project; coll "" is all collections, limit 0 is none. Decode the documents
// into a Difference.
func (b *Branch) Diff(ctx context.Context, base, coll string, limit int64) (*Documents, error) {
	return b.cursor(ctx, newFields("argonDiff", base).str("collection", coll).num("limit", limit))
}
