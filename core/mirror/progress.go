package mirror

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// progress is how much of a copy, or of a comparison, is done. It is stored with the
// copyState of each collection, so that what goes on after a crash shows all of it.
type progress struct {
	Docs       int64 `bson:"docs,omitempty"`
	Bytes      int64 `bson:"bytes,omitempty"`
	TotalDocs  int64 `bson:"totalDocs,omitempty"` // as the source told at the beginning; 0 if it did not
	TotalBytes int64 `bson:"totalBytes,omitempty"`
}

func (p *progress) add(docs, bytes int) {
	p.Docs += int64(docs)
	p.Bytes += int64(bytes)
}

// measure asks for a collection's size, for the progress alone: a failure is none.
func (l *lane) measure(ctx context.Context, coll string) (p progress) {
	var stats struct {
		Count int64   `bson:"count"`
		Size  float64 `bson:"size"`
	}
	if l.src.client.Database(l.Database).RunCommand(ctx, bson.D{{Key: "collStats", Value: coll}}).Decode(&stats) == nil {
		p.TotalDocs, p.TotalBytes = stats.Count, int64(stats.Size)
	}
	return p
}

// progress sums up all collections. l.mu is held.
func (l *lane) progress() (all progress) {
	for _, c := range l.copies {
		p := c.Progress
		all.Docs += p.Docs
		all.Bytes += p.Bytes
		all.TotalDocs += max(p.TotalDocs, p.Docs)
		all.TotalBytes += max(p.TotalBytes, p.Bytes)
	}
	return all
}

// beginProgress has the rate be that from here on.
func (l *lane) beginProgress() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workBegan, l.workFrom = time.Now(), l.progress().Docs
}

// copyStatus is the progress as the status shows it. l.mu is held.
func (l *lane) copyStatus() *copyStatus {
	p := l.progress()
	c := &copyStatus{Docs: p.Docs, TotalDocs: p.TotalDocs, Bytes: p.Bytes, TotalBytes: p.TotalBytes}
	took := time.Since(l.workBegan).Seconds()
	if done := c.Docs - l.workFrom; done > 0 && took > 0 {
		c.Rate = float64(done) / took
		c.LeftMS = int64(float64(c.TotalDocs-c.Docs) / c.Rate * 1000)
	}
	return c
}
