package engine

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
)

// remember lets a commit carry what its caller has to know again of it.
func (m *CommitMeta) remember(c *mvcc.Commit, result Doc) {
	if m.Memory == nil {
		return
	}
	finish := c.Finish
	c.Finish = func(lsn mvcc.LSN, ms int64) (w []refWrite, err error) {
		if finish != nil {
			if w, err = finish(lsn, ms); err != nil {
				return nil, err
			}
		}
		s, err := settingOf(m.Memory(lsn, withLSN(result, lsn)))
		return append(w, s), err
	}
}

func settingOf(s SettingWrite) (refWrite, error) { return settingWrite(s.Kind, s.Name, s.Doc) }

// laterLSN stands in a result for the LSN of its commit, which is not known yet.
const laterLSN = 1

// withLSN sets the field lsn of a result that was made with laterLSN.
func withLSN(result Doc, lsn mvcc.LSN) Doc {
	if v, ok := result.Lookup("lsn"); ok && v.Type == bsonraw.Int64 {
		binary.LittleEndian.PutUint64(v.Data, uint64(lsn))
	}
	return result
}
