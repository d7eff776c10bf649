package attach

import (
	"encoding/binary"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
)

// statement numbers a write, so that the store knows it again: a logical session
// and a transaction number, as drivers do it.
type statement struct {
	session [16]byte
	number  int64
}

// append appends the fields lsid and txnNumber.
func (s *statement) append(dst []byte) []byte {
	dst = appendKey(dst, bsonraw.Object, "lsid")
	dst = binary.LittleEndian.AppendUint32(dst, 4+4+5+16+1)
	dst = appendKey(dst, bsonraw.Binary, "id")
	dst = binary.LittleEndian.AppendUint32(dst, 16)
	dst = append(dst, 4)
	dst = append(dst, s.session[:]...)
	dst = append(dst, 0)
	return appendLong(dst, "txnNumber", s.number)
}

// statements hands out numbers. A session has one write in flight at a time, so
// that there are as many as writes have run at once.
type statements struct {
	mu   sync.Mutex
	free []*statement
}

// take numbers a command, or returns nil if it is none that can be numbered, or
// has a session already.
func (s *statements) take(cmd bsonraw.Doc) *statement {
	if !command.Numbered(cmd) {
		return nil
	}
	for _, field := range []string{"lsid", "txnNumber"} {
		if _, given := cmd.Lookup(field); given {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var st *statement
	if n := len(s.free); n > 0 {
		st, s.free = s.free[n-1], s.free[:n-1]
	} else {
		st = &statement{session: command.NewSessionID()}
	}
	st.number++
	return st
}

// give takes a number back whose command is over, whatever became of it.
func (s *statements) give(st *statement) {
	if st == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, st)
}
