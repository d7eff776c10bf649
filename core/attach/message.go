package attach

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// addressed is a command as it is sent: with its database, a number by which it
// can be cancelled, and the numbers by which the store knows it again.
type addressed struct {
	cmd       bsonraw.Doc
	db        string
	op        int64
	statement *statement
}

// check refuses what would not arrive as one document, in the words that the
// host has for it.
func (a *addressed) check() error {
	if len(a.cmd) < 5 || int64(binary.LittleEndian.Uint32(a.cmd)) != int64(len(a.cmd)) || a.cmd[len(a.cmd)-1] != 0 {
		return bsonraw.Validate(a.cmd)
	}
	if v, given := a.cmd.Lookup("$db"); given && v.Type == bsonraw.String {
		if a.db != "" && v.Str() != a.db {
			return errs.New(errs.BadValue, "the command is for the database %q and its field $db says %q", a.db, v.Str())
		}
		a.db = v.Str()
	}
	return nil
}

// append appends the command with its additions to dst.
func (a *addressed) append(dst []byte) []byte {
	begin := len(dst)
	dst = append(dst, a.cmd[:len(a.cmd)-1]...)
	if _, given := a.cmd.Lookup("$db"); !given {
		dst = appendString(dst, "$db", a.db)
	}
	if a.statement != nil {
		dst = a.statement.append(dst)
	}
	if a.op != 0 {
		dst = appendLong(dst, "$argonOp", a.op)
	}
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[begin:], uint32(len(dst)-begin))
	return dst
}

func appendKey(dst []byte, t bsonraw.Type, key string) []byte {
	dst = append(dst, byte(t))
	dst = append(dst, key...)
	return append(dst, 0)
}

func appendString(dst []byte, key, value string) []byte {
	dst = appendKey(dst, bsonraw.String, key)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(value)+1))
	dst = append(dst, value...)
	return append(dst, 0)
}

func appendLong(dst []byte, key string, n int64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(dst, bsonraw.Int64, key), uint64(n))
}
