package mirror

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/engine"
)

// commitBytes is about how much of a copy is one commit, in all readers together:
// the store takes in many megabytes at once at half the cost of a few.
// A variable, so that tests have many commits of few documents.
var commitBytes = 16 << 20

// load is the documents of one commit, in the memory of the answers that they came
// in.
type load struct {
	bulk   engine.Bulk
	resume bson.Raw // where the source goes on behind them, if it told
	last   bool
	err    error
}

func (l *load) add(a answer) {
	for it := a.docs.Iter(); it.Next(); {
		l.bulk.Add(it.Value().Doc())
	}
	l.resume, l.last, l.err = a.resume, a.last, a.err
}

func (l *load) reset() {
	l.bulk.Reset()
	*l = load{bulk: l.bulk}
}

// gatherer puts the answers of a scan together to loads while the one before is
// stored: reading, making ready and storing take about as long.
type gatherer struct {
	out  chan *load
	free chan *load // for the next ones
	scan *scan
}

// gather begins to gather loads of so many bytes.
func (s *scan) gather(size int) *gatherer {
	g := &gatherer{out: make(chan *load), free: make(chan *load, 2), scan: s}
	g.free <- &load{}
	g.free <- &load{}
	go func() {
		defer close(g.out)
		for {
			var l *load
			select {
			case l = <-g.free:
			case <-s.stopped:
				return
			}
			for !l.last && l.bulk.Size() < size {
				a, ok := <-s.out
				if !ok {
					return // stopped
				}
				l.add(a)
			}
			last := l.last // it is the receiver's once it is sent
			select {
			case g.out <- l:
			case <-s.stopped:
				return
			}
			if last {
				return
			}
		}
	}()
	return g
}

// done gives a load back that is stored.
func (g *gatherer) done(l *load) {
	l.reset()
	g.free <- l
}

// stop ends the reading, and waits for it.
func (g *gatherer) stop() {
	g.scan.cancel()
	for range g.out { //nolint:revive // until it is closed
	}
	for range g.scan.out { //nolint:revive // as well
	}
}
