package command

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// cursorIdle is how long a cursor lives after its last use, as in MongoDB. One
// opened with noCursorTimeout lives until its session ends.
const cursorIdle = 10 * time.Minute

// maxCursors bounds what clients that forget to close can hold.
const maxCursors = 20_000

// cursor is an open cursor between two batches.
type cursor struct {
	id      int64
	ns      string
	stream  *stream
	docs    engine.Cursor // nil until the first document is asked for
	pending bsonraw.Doc   // read already and not sent; belongs to docs

	left time.Duration // of the query's time limit, which all of its batches share; 0 is no limit

	batchBytes int // of a getMore that wants its batches smaller than the most; else 0

	owner   *Session
	user    string
	needs   []auth.Need // which its user has to be granted still
	lsid    lsid
	hasLsid bool
	txn     *transaction

	used      time.Time
	noTimeout bool
	busy      bool // a getMore has it
	killed    bool // closed as soon as the getMore is done
}

// close ends the query. Only who took the cursor out of the registry may.
func (c *cursor) close() {
	if c.docs != nil && c.stream.live == nil {
		c.docs.Close()
	}
	c.stream.close()
}

// cursors is the registry of open cursors.
type cursors struct {
	mu   sync.Mutex
	byID map[int64]*cursor
}

// add registers a cursor and gives it an id, which is random so that nobody
// guesses another's.
func (cs *cursors) add(c *cursor, now time.Time) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.byID) >= maxCursors {
		return errs.New(errs.OperationFailed, "there are %d open cursors, which is the most allowed", len(cs.byID)).
			WithRemedy("close cursors that are not read to their end")
	}
	if cs.byID == nil {
		cs.byID = make(map[int64]*cursor)
	}
	for c.id == 0 || cs.byID[c.id] != nil {
		c.id = rand.Int64()
	}
	c.used = now
	cs.byID[c.id] = c
	return nil
}

// checkOut takes a cursor for one getMore.
func (cs *cursors) checkOut(id int64) (*cursor, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byID[id]
	if c == nil {
		return nil, errs.New(errs.CursorNotFound, "cursor id %d not found", id)
	}
	if c.busy {
		return nil, errs.New(errs.CursorInUse, "cursor id %d is already in use", id)
	}
	c.busy = true
	return c, nil
}

// checkIn gives a cursor back, or closes it if it is done or was killed.
func (cs *cursors) checkIn(c *cursor, done bool, now time.Time) {
	// The client may take its time: what waits should not keep files alive.
	if docs, ok := c.docs.(interface{ Pause() }); ok && !done {
		docs.Pause()
	}
	if c.stream.live != nil && !done {
		c.stream.live.Pause()
	}
	cs.mu.Lock()
	c.busy, c.used = false, now
	done = done || c.killed
	if done {
		delete(cs.byID, c.id)
	}
	cs.mu.Unlock()
	if done {
		c.close()
	}
}

// kill closes a cursor; false if there is none that may be killed.
func (cs *cursors) kill(id int64, allowed func(*cursor) bool) bool {
	cs.mu.Lock()
	c := cs.byID[id]
	if c == nil || !allowed(c) {
		cs.mu.Unlock()
		return false
	}
	busy := cs.remove(c)
	cs.mu.Unlock()
	if !busy {
		c.close()
	}
	return true
}

// remove takes a cursor out. One that is busy is closed by its getMore.
func (cs *cursors) remove(c *cursor) (busy bool) {
	c.killed = true
	if c.stream.live != nil {
		c.stream.live.Interrupt() // a getMore may be waiting
	}
	if !c.busy {
		delete(cs.byID, c.id)
	}
	return c.busy
}

// killWhere closes every cursor that which says.
func (cs *cursors) killWhere(which func(*cursor) bool) {
	var doomed []*cursor
	cs.mu.Lock()
	for _, c := range cs.byID {
		if which(c) && !cs.remove(c) {
			doomed = append(doomed, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range doomed {
		c.close()
	}
}

func (cs *cursors) closeAll() { cs.killWhere(func(*cursor) bool { return true }) }

// closeOwned ends the cursors of a client that has gone, and reports whether it
// leaves some of logical sessions, which may be continued on another connection.
func (cs *cursors) closeOwned(s *Session) (left bool) {
	cs.killWhere(func(c *cursor) bool {
		left = left || c.owner == s && c.hasLsid
		return c.owner == s && !c.hasLsid
	})
	return left
}

// closeOrphans ends what closeOwned has left and nobody has used since.
func (cs *cursors) closeOrphans(s *Session) {
	cs.killWhere(func(c *cursor) bool { return c.owner == s && !c.busy })
}

// own makes a cursor the client's that has used it last.
func (cs *cursors) own(c *cursor, s *Session) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.owner = s
}

func (cs *cursors) closeLogical(id lsid) {
	cs.killWhere(func(c *cursor) bool { return c.hasLsid && c.lsid == id })
}

func (cs *cursors) closeTxn(t *transaction) {
	cs.killWhere(func(c *cursor) bool { return c.txn == t })
}

func (cs *cursors) expire(now time.Time) {
	cs.killWhere(func(c *cursor) bool { return !c.noTimeout && !c.busy && now.Sub(c.used) > cursorIdle })
}

// spend takes time off the query's limit. What is used up leaves next to nothing.
func (c *cursor) spend(took time.Duration) {
	if c.left > 0 {
		c.left = max(c.left-took, 1)
	}
}

// isChangeStream reports whether a getMore is for a change stream.
func (cs *cursors) isChangeStream(getMore bsonraw.Doc) bool {
	id, _ := getMore.Get("getMore").AsInt64()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byID[id]
	return c != nil && c.stream.live != nil
}

// len returns how many cursors are open.
func (cs *cursors) len() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.byID)
}
