package wire

import (
	"net"
	"syscall"
	"time"
)

// The pulse looks at connections every pulseEvery, or, while none is busy, every
// idleEvery. A command that has run for more than a beat is canceled if its
// client is gone; a reply that its client does not take for writeBeats beats is
// the end of the connection.
const (
	pulseEvery = 250 * time.Millisecond
	idleEvery  = time.Second
	writeBeats = int64(5 * time.Minute / pulseEvery)
)

// pulse beats as long as there are connections.
func (s *Server) pulse() {
	t := time.NewTimer(pulseEvery)
	defer t.Stop()
	for range t.C {
		next, ok := s.beat()
		if !ok {
			return
		}
		t.Reset(next)
	}
}

// beat looks at every connection once.
func (s *Server) beat() (next time.Duration, ok bool) {
	now := s.tick.Add(1)
	next = idleEvery
	var suspects []*conn
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.pulsing = false
		s.mu.Unlock()
		return 0, false
	}
	for c := range s.conns {
		doing, since := c.doing()
		switch {
		case doing == waiting:
			continue
		case doing == running && now-since > 1:
			suspects = append(suspects, c)
		case doing == writing && now-since > writeBeats:
			s.stats.stalled.Add(1)
			s.log.Warn("a client does not take its reply", "connection", c.id, "remote", c.remote)
			c.raw.Close()
		}
		next = pulseEvery
	}
	s.mu.Unlock()
	for _, c := range suspects {
		if hungUp(c.raw) {
			c.ctx.end()
		}
	}
	return next, true
}

// hungUp asks the system whether the other end of a connection is gone.
func hungUp(nc net.Conn) bool {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	if err := rc.Control(func(fd uintptr) { gone = peerGone(fd) }); err != nil {
		return true // closed on this side
	}
	return gone
}
