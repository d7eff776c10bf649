package opmsg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Compressor is a method of compression, by its number on the wire.
type Compressor uint8

// The methods.
const (
	NoCompressor Compressor = 0
	Snappy       Compressor = 1
	Zlib         Compressor = 2
	Zstd         Compressor = 3
)

var compressorNames = [...]string{"noop", "snappy", "zlib", "zstd"}

// String returns the name of the method in handshakes.
func (c Compressor) String() string {
	if int(c) < len(compressorNames) {
		return compressorNames[c]
	}
	return "unknown"
}

// CompressorByName returns the method of a name in a handshake; false if there
// is none.
func CompressorByName(name string) (Compressor, bool) {
	for i, n := range compressorNames[1:] {
		if n == name {
			return Compressor(i + 1), true
		}
	}
	return 0, false
}

// Compress wraps a whole message into an OP_COMPRESSED, which is appended to
// dst, which must be empty.
func Compress(dst []byte, c Compressor, msg []byte) []byte {
	h := ParseHeader(msg)
	body := msg[HeaderSize:]
	dst = Header{RequestID: h.RequestID, ResponseTo: h.ResponseTo, Op: OpCompressed}.appendTo(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Op))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, byte(c))
	dst = appendCompressed(dst, c, body)
	binary.LittleEndian.PutUint32(dst, uint32(len(dst)))
	return dst
}

func appendCompressed(dst []byte, c Compressor, body []byte) []byte {
	switch c {
	case Snappy:
		at := len(dst)
		if need := at + s2.MaxEncodedLen(len(body)); cap(dst) < need {
			dst = append(make([]byte, 0, need), dst...)
		}
		return dst[:at+len(s2.EncodeSnappy(dst[at:cap(dst)], body))]
	case Zlib:
		buf := bytes.NewBuffer(dst)
		w := zlibWriters.Get().(*zlib.Writer)
		w.Reset(buf)
		w.Write(body) //nolint:errcheck // a bytes.Buffer takes everything
		w.Close()     //nolint:errcheck // a bytes.Buffer takes everything
		zlibWriters.Put(w)
		return buf.Bytes()
	case Zstd:
		return zstdCodec().enc.EncodeAll(body, dst)
	}
	return append(dst, body...)
}

var zlibWriters = sync.Pool{New: func() any { return zlib.NewWriter(io.Discard) }}

// zstdPair has one encoder and one decoder, which work on any number of
// goroutines and are made when the first client asks for them.
type zstdPair struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

var zstdCodec = sync.OnceValue(func() zstdPair {
	// The options are constants that both take: there is no error to return.
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	dec, _ := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxMessageSize), zstd.WithDecoderLowmem(true))
	return zstdPair{enc, dec}
})

// decompress appends what an OP_COMPRESSED holds, b being the whole message, to
// dst as a message of its own. limit is on that message.
func decompress(dst []byte, b []byte, limit int) ([]byte, Compressor, error) {
	if len(b) < HeaderSize+9 {
		return nil, 0, malformed("OP_COMPRESSED ends in its header")
	}
	h := ParseHeader(b)
	size := int64(int32(binary.LittleEndian.Uint32(b[HeaderSize+4:])))
	c := Compressor(b[HeaderSize+8])
	inner := Header{RequestID: h.RequestID, ResponseTo: h.ResponseTo, Op: OpCode(binary.LittleEndian.Uint32(b[HeaderSize:]))}
	switch {
	case size < 0 || size+HeaderSize > int64(limit):
		return nil, 0, malformed("OP_COMPRESSED says that it holds %d bytes, at most %d are allowed", size, limit-HeaderSize)
	case inner.Op == OpCompressed:
		return nil, 0, malformed("OP_COMPRESSED holds an OP_COMPRESSED")
	case c > Zstd:
		return nil, 0, malformed("OP_COMPRESSED uses the unknown compressor %d", c)
	}
	inner.Length = int32(size + HeaderSize)
	data := b[HeaderSize+9:]
	if size > maxRatio*int64(len(data))+64 {
		return nil, 0, malformed("OP_COMPRESSED says that %d bytes hold %d", len(data), size)
	}
	dst = inner.appendTo(dst)
	dst, err := appendDecompressed(dst, c, data, int(size))
	if err != nil {
		return nil, 0, malformed("OP_COMPRESSED cannot be read with %s: %v", c, err)
	}
	if len(dst) != HeaderSize+int(size) {
		return nil, 0, malformed("OP_COMPRESSED holds %d bytes and says %d", len(dst)-HeaderSize, size)
	}
	return dst, c, nil
}

// maxRatio is more than any of the methods gains on real documents of the
// largest size: zstd turns repeated bytes into some 1/30,000.
const maxRatio = 1 << 16

var errSize = errors.New("its size is not the one it says")

// appendDecompressed appends exactly size bytes to dst, or fails. The memory is
// taken here, once, and grows no further.
func appendDecompressed(dst []byte, c Compressor, data []byte, size int) ([]byte, error) {
	at := len(dst)
	if cap(dst) < at+size {
		dst = append(make([]byte, 0, at+size), dst...)
	}
	switch c {
	case Snappy:
		if n, err := s2.DecodedLen(data); err != nil || n != size {
			return nil, errSize
		}
		out, err := s2.Decode(dst[at:at+size], data)
		return dst[:at+len(out)], err
	case Zlib:
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		dst = dst[:at+size]
		if _, err := io.ReadFull(r, dst[at:]); err != nil {
			return nil, err
		}
		var more [1]byte
		if n, _ := r.Read(more[:]); n > 0 {
			return nil, errSize
		}
		return dst, nil
	case Zstd:
		return decodeZstd(dst, data, size)
	}
	return append(dst, data...), nil
}

// decodeZstd decodes one frame after its header has been believed: what it says
// of its size must be the message's, or nothing, and then the decoder's own
// limit holds.
func decodeZstd(dst, data []byte, size int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return nil, err
	}
	if h.HasFCS && h.FrameContentSize != uint64(size) {
		return nil, errSize
	}
	return zstdCodec().dec.DecodeAll(data, dst)
}
