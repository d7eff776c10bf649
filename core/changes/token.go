package changes

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// Token is a place in a change stream: behind one event, or behind all events
// of a commit.
type Token struct {
	LSN     wal.LSN
	N       uint32 // the event's number in the commit, over all collections; AllEvents is behind them all
	Part    uint16 // of a split event, from 1; 0 is a whole one, Invalidated the invalidate behind it
	Segment wal.SegmentID
}

const (
	// AllEvents stands for the last event of a commit, whichever it is.
	AllEvents uint32 = 1<<32 - 1
	// Invalidated is the part of the token of an invalidate event, which
	// follows the event that ended the stream.
	Invalidated uint16 = 1<<16 - 1
)

// The format. FROZEN; upper-case hexadecimal of
//
//	[A1]            a token of Argon's, version 1 (MongoDB's begin with 82)
//	[LSN 8][n 4][part 2][segment 8]     big-endian
//
// LSNs are unique in a store, and the events of one commit are numbered over all
// collections, whatever a stream shows of them. So tokens order as events do
// across streams, and one of a collection's stream resumes a branch's, and the
// other way round. The segment comes last, since it only tells whether the token
// is of the branch that it is used on.
const (
	tokenVersion = 0xA1
	tokenLen     = 1 + 8 + 4 + 2 + 8
)

// String returns the token's _data.
func (t Token) String() string {
	var raw [tokenLen]byte
	raw[0] = tokenVersion
	binary.BigEndian.PutUint64(raw[1:], uint64(t.LSN))
	binary.BigEndian.PutUint32(raw[9:], t.N)
	binary.BigEndian.PutUint16(raw[13:], t.Part)
	binary.BigEndian.PutUint64(raw[15:], uint64(t.Segment))
	var out [2 * tokenLen]byte
	hex.Encode(out[:], raw[:])
	return string(bytes.ToUpper(out[:]))
}

// Append appends the token as the document of a field.
func (t Token) Append(b *bsonraw.Builder, name string) {
	b.BeginDoc(name)
	b.String("_data", t.String())
	b.End()
}

// Doc returns {_data: …}.
func (t Token) Doc() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.String("_data", t.String())
	return b.Finish()
}

// ParseToken reads a resume token's document.
func ParseToken(doc bsonraw.Doc) (Token, error) {
	data := doc.Get("_data")
	if data.Type != bsonraw.String {
		return Token{}, errs.New(40647, "Bad resume token: _data of missing or of wrong type. Expected string, got %s", data.Type.Name())
	}
	return ParseTokenString(data.Str())
}

// ParseTokenString reads a token's _data. Only what String makes is one, so that
// tokens are equal where their strings are.
func ParseTokenString(s string) (Token, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || s != strings.ToUpper(s) {
		return Token{}, errs.New(errs.FailedToParse, "resume token string was not a valid hex string")
	}
	if len(raw) != tokenLen || raw[0] != tokenVersion {
		e := errs.New(errs.InvalidResumeToken, "the resume token is not one of Argon's")
		if len(raw) > 0 && raw[0] == 0x82 {
			return Token{}, e.WithRemedy("it looks like one of a MongoDB server's, which says nothing here: start at a time or at an LSN")
		}
		return Token{}, e
	}
	t := Token{
		LSN:  wal.LSN(binary.BigEndian.Uint64(raw[1:])),
		N:    binary.BigEndian.Uint32(raw[9:]),
		Part: binary.BigEndian.Uint16(raw[13:]), Segment: wal.SegmentID(binary.BigEndian.Uint64(raw[15:])),
	}
	if t.LSN > wal.MaxLSN {
		return Token{}, errs.New(errs.InvalidResumeToken, "the resume token names LSN %d, which there cannot be", t.LSN)
	}
	return t, nil
}

// Compare is negative if t is before u, positive if it is after, else 0.
func (t Token) Compare(u Token) int {
	switch {
	case t.LSN != u.LSN:
		return order(t.LSN < u.LSN)
	case t.N != u.N:
		return order(t.N < u.N)
	case t.Part != u.Part:
		return order(t.Part < u.Part)
	}
	return 0
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}
