package opmsg

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func command(name string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32(name, 1)
	b.String("$db", "admin")
	return b.Finish()
}

func numbered(i int32) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", i)
	return b.Finish()
}

// withSequence is an insert as drivers send it.
func withSequence(flags Flags, docs ...bsonraw.Doc) []byte {
	msg := append(BeginMsg(nil, 7, 3, flags), command("insert")...)
	return FinishMsg(AppendSequence(msg, "documents", docs...))
}

func readOne(t *testing.T, stream []byte) *Message {
	t.Helper()
	m, err := NewReader(bytes.NewReader(stream), 0).Next()
	require.NoError(t, err)
	return m
}

func TestGoldenBytes(t *testing.T) {
	msg := AppendMsg(nil, 1, 2, ChecksumPresent|ExhaustAllowed, command("ping"))
	require.Equal(t, "370000000100000002000000dd07000001000100"+"00"+
		"1e0000001070696e67000100000002246462000600000061646d696e0000"+"ce740ad3", hex.EncodeToString(msg))
}

func TestOneMessage(t *testing.T) {
	m := readOne(t, withSequence(ChecksumPresent|MoreToCome|ExhaustAllowed, numbered(1), numbered(2)))
	require.Equal(t, Header{Length: m.Length, RequestID: 7, ResponseTo: 3, Op: OpMsg}, m.Header)
	require.Equal(t, ChecksumPresent|MoreToCome|ExhaustAllowed, m.Flags)
	require.Equal(t, command("insert"), m.Body)
	require.Len(t, m.Sequences, 1)
	require.Equal(t, 2, m.Sequences[0].N)

	cmd, err := m.Command(nil)
	require.NoError(t, err)
	require.NoError(t, bsonraw.Validate(cmd))
	require.GreaterOrEqual(t, m.CommandSize(), len(cmd)-8)
	require.Equal(t, "admin", cmd.Get("$db").Str())
	require.Equal(t, []bsonraw.Value{numbered(1).Value(), numbered(2).Value()}, cmd.Get("documents").Doc().Values())
}

func TestQueryAndReply(t *testing.T) {
	m := readOne(t, AppendQuery(nil, 9, "admin.$cmd", command("isMaster")))
	require.Equal(t, OpQuery, m.Op)
	require.Equal(t, "admin.$cmd", string(m.Query.Collection))
	require.Equal(t, int32(-1), m.Query.Return)
	require.Equal(t, command("isMaster"), m.Body)

	m = readOne(t, AppendReply(nil, 10, 9, command("ok")))
	require.Equal(t, OpReply, m.Op)
	require.Equal(t, int32(1), m.Reply.N)
	require.Equal(t, command("ok"), m.Body)
}

func TestManyMessagesInPieces(t *testing.T) {
	var stream []byte
	big := bsonraw.NewBuilder(nil)
	big.String("text", strings.Repeat("Argon ", 500_000))
	for i := range int32(50) {
		stream = append(stream, AppendMsg(nil, i, 0, 0, numbered(i))...)
		stream = append(stream, withSequence(0, numbered(i))...)
	}
	huge := AppendMsg(nil, 99, 0, 0, big.Finish())
	stream = append(append(stream, huge...), AppendMsg(nil, 100, 0, 0, numbered(100))...)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader,
		"end with data": iotest.DataErrReader,
	} {
		r := NewReader(wrap(bytes.NewReader(stream)), 0)
		for i := range int32(50) {
			m, err := r.Next()
			require.NoError(t, err, name)
			require.Equal(t, numbered(i), m.Body)
			m, err = r.Next()
			require.NoError(t, err, name)
			require.Len(t, m.Sequences, 1)
		}
		m, err := r.Next()
		require.NoError(t, err, name)
		require.Len(t, m.Body, len(huge)-HeaderSize-5)
		r.Release()
		require.Len(t, r.buf, idleSize, "an idle reader keeps little")
		m, err = r.Next()
		require.NoError(t, err, name)
		require.Equal(t, numbered(100), m.Body)
		_, err = r.Next()
		require.Equal(t, io.EOF, err, name)
	}
}

func TestCompression(t *testing.T) {
	plain := withSequence(0, numbered(1), numbered(2), numbered(3))
	for _, c := range []Compressor{NoCompressor, Snappy, Zlib, Zstd} {
		again, ok := CompressorByName(c.String())
		require.Equal(t, c != NoCompressor, ok)
		require.Equal(t, c, again)
		m := readOne(t, Compress(nil, c, plain))
		require.Equal(t, c, m.Compressor)
		require.Equal(t, OpMsg, m.Op)
		require.Equal(t, int32(7), m.RequestID)
		require.Equal(t, 3, m.Sequences[0].N)
	}
	_, ok := CompressorByName("lz4")
	require.False(t, ok)
}

// TestBadMessages changes one thing at a time of a message that is well.
func TestBadMessages(t *testing.T) {
	good := withSequence(ChecksumPresent, numbered(1))
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	plain := withSequence(0, numbered(1))
	without := func(at int, to byte) []byte {
		b := append([]byte(nil), plain...)
		b[at] = to
		return b
	}
	tail := len(plain) - len(numbered(1))
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"a short length":       {change(0, 15), "its header alone"},
		"a negative length":    {change(3, 0x80), "its header alone"},
		"a length beyond":      {change(3, 0x7F), "at most 48000000"},
		"another body":         {change(30, 'x'), "checksum"},
		"unknown flags":        {without(16, 4), "flags"},
		"an unknown section":   {without(20, 2), "unknown kind 2"},
		"no body":              {FinishMsg(AppendSequence(BeginMsg(nil, 1, 0, 0)[:20], "documents")), "no body"},
		"two bodies":           {FinishMsg(append(append(append(BeginMsg(nil, 1, 0, 0), numbered(1)...), 0), numbered(1)...)), "two bodies"},
		"two sequences":        {FinishMsg(AppendSequence(AppendSequence(append(BeginMsg(nil, 1, 0, 0), numbered(1)...), "a"), "a")), "twice"},
		"a document too long":  {without(tail, 200), "number 0"},
		"a document unclosed":  {without(len(plain)-1, 1), "number 0"},
		"only a header":        {Header{Length: 16, Op: OpMsg}.appendTo(nil), "ends in its flags"},
		"only a query":         {Header{Length: 16, Op: OpQuery}.appendTo(nil), "OP_QUERY"},
		"only a reply":         {Header{Length: 16, Op: OpReply}.appendTo(nil), "OP_REPLY"},
		"nothing compressed":   {Header{Length: 16, Op: OpCompressed}.appendTo(nil), "OP_COMPRESSED"},
		"compressed twice":     {Compress(nil, Zlib, Compress(nil, Zlib, plain)), "OP_COMPRESSED holds an OP_COMPRESSED"},
		"an unknown method":    {Compress(nil, 9, plain), "unknown compressor 9"},
		"a size that is wrong": {func() []byte { b := Compress(nil, Zlib, plain); b[20]++; return b }(), "zlib"},
		"snappy of no size":    {func() []byte { b := Compress(nil, Snappy, plain); b[20]++; return b }(), "snappy"},
		"zstd of no size":      {func() []byte { b := Compress(nil, Zstd, plain); b[20]++; return b }(), "and says"},
	} {
		_, err := NewReader(bytes.NewReader(c.bytes), 0).Next()
		require.ErrorContains(t, err, c.want, name)
		require.True(t, errs.Is(err, errs.ProtocolError), name)
	}
}

func TestStreamsThatEnd(t *testing.T) {
	good := withSequence(0, numbered(1))
	for n := 1; n < len(good); n++ {
		_, err := NewReader(bytes.NewReader(good[:n]), 0).Next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	_, err := NewReader(bytes.NewReader(nil), 0).Next()
	require.Equal(t, io.EOF, err)
}

// TestMemoryFollowsTheBytes claims the largest message and sends little of it.
func TestMemoryFollowsTheBytes(t *testing.T) {
	claim := Header{Length: MaxMessageSize, Op: OpMsg}.appendTo(nil)
	r := NewReader(bytes.NewReader(append(claim, make([]byte, 1000)...)), 0)
	_, err := r.Next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, cap(r.buf), eager)

	_, err = NewReader(bytes.NewReader(claim), 1<<20).Next()
	require.ErrorContains(t, err, "at most 1048576")
}

func TestACommandHasAFieldOnce(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	b.String("insert", "users")
	b.BeginArray("documents")
	b.End()
	msg := FinishMsg(AppendSequence(append(BeginMsg(nil, 1, 0, 0), b.Finish()...), "documents", numbered(1)))
	_, err := readOne(t, msg).Command(nil)
	require.ErrorContains(t, err, `"documents"`)
}

func FuzzReader(f *testing.F) {
	plain := withSequence(0, numbered(1), numbered(2))
	f.Add(plain)
	f.Add(withSequence(ChecksumPresent|MoreToCome, numbered(1)))
	f.Add(AppendQuery(nil, 9, "admin.$cmd", command("isMaster")))
	f.Add(AppendReply(nil, 9, 1, command("ok")))
	for _, c := range []Compressor{NoCompressor, Snappy, Zlib, Zstd} {
		f.Add(Compress(nil, c, plain))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1 << 20
		r := NewReader(bytes.NewReader(stream), limit)
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			if int(m.Length) > limit {
				t.Fatalf("a message of %d bytes passed", m.Length)
			}
			if m.Op != OpMsg {
				continue
			}
			if cmd, err := m.Command(nil); err == nil && len(m.Sequences) > 0 {
				if bsonraw.Validate(m.Body) == nil && cmd.Len() != m.Body.Len()+len(m.Sequences) {
					t.Fatalf("%d fields of %d and %d sequences", cmd.Len(), m.Body.Len(), len(m.Sequences))
				}
			}
		}
	})
}

func BenchmarkReadInsert(b *testing.B) {
	docs := make([]bsonraw.Doc, 1000)
	for i := range docs {
		docs[i] = numbered(int32(i))
	}
	msg := withSequence(0, docs...)
	src := bytes.NewReader(msg)
	r := NewReader(src, 0)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	buf := make([]byte, 0, 64<<10)
	for b.Loop() {
		src.Reset(msg)
		m, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Command(buf); err != nil {
			b.Fatal(err)
		}
	}
}
