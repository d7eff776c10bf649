package mirror

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	windowEvery   = 30 * time.Second
	defaultWindow = time.Hour
)

// watchWindow looks from time to time how far the source's log reaches back
// behind where the lane is. It needs a right that a mirror can do without; where
// that is missing the window stays unknown.
func (l *lane) watchWindow(ctx context.Context, src *source) {
	ticker := time.NewTicker(l.tuning.windowEvery)
	defer ticker.Stop()
	for {
		if left, full, err := l.window(ctx, src); err == nil {
			l.windowLeft.Store(&left)
			l.warnWindow(left, full)
		} else if serverCode(err) == codeUnauthorized {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// window returns how much of the source's log is left between its oldest entry
// and where the lane is, and whether the log has reached its size: before, it
// loses nothing.
func (l *lane) window(ctx context.Context, src *source) (left time.Duration, full bool, err error) {
	oplog := src.client.Database("local").Collection("oplog.rs")
	var first struct {
		TS bson.Timestamp `bson:"ts"`
	}
	if err := oplog.FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "$natural", Value: 1}})).Decode(&first); err != nil {
		return 0, false, err
	}
	var stats struct {
		Size    float64 `bson:"size"`
		MaxSize float64 `bson:"maxSize"`
	}
	err = src.client.Database("local").RunCommand(ctx, bson.D{{Key: "collStats", Value: "oplog.rs"}}).Decode(&stats)
	full = err == nil && stats.MaxSize > 0 && stats.Size >= 0.9*stats.MaxSize
	l.mu.Lock()
	at := stampOf(l.position.Cluster)
	if at == 0 {
		at = stampOf(l.state.Start)
	}
	l.mu.Unlock()
	if at == 0 {
		at = stamp(time.Now().Unix()) << 32
	}
	return at.time().Sub(stampOf(first.TS).time()), full, nil
}

func (l *lane) windowLimit() time.Duration {
	if l.def.WindowMS > 0 {
		return time.Duration(l.def.WindowMS) * time.Millisecond
	}
	return defaultWindow
}

// warnWindow sets or clears the status's warning.
func (l *lane) warnWindow(left time.Duration, full bool) {
	low := full && left < l.windowLimit()
	l.mu.Lock()
	was := l.windowLow
	l.windowLow = ""
	if low {
		l.windowLow = fmt.Sprintf("the source's oplog reaches back only %s behind this mirror (limit %s): raise the oplog's size, or the mirror will lose its place when it is behind for longer",
			left.Round(time.Second), l.windowLimit())
	}
	l.mu.Unlock()
	if low && was == "" {
		l.log.Warn("the oplog window is short", "left", left, "limit", l.windowLimit())
	}
}
