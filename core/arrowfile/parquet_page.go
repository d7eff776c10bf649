package arrowfile

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"

	"github.com/argon-lab/argon/core/errs"
)

// pageReader reads the pages of a column chunk. The encodings are the library's;
// its own reader of pages is not used, since it drops what it decompresses with
// LZ4 and believes every length.
//
//	| header: thrift | levels of repetition | of definition | values |
//
// A page of the first version is compressed as a whole, with the lengths of the
// levels before them; of one of the second version, only the values are.
type pageReader struct {
	f       io.ReaderAt
	column  *column
	codec   *decompressor
	at, end int64
	head    []byte
	body    []byte
	dict    *pageValues // nil before it was read
}

// page is a page with data: its levels, where the column has them, and values.
type page struct {
	n          int
	reps, defs []byte
	values     pageValues
}

func newPageReader(f io.ReaderAt, c *column, m *format.ColumnMetaData, codec *decompressor) (*pageReader, error) {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		at = min(at, m.DictionaryPageOffset)
	}
	if at < 0 || m.TotalCompressedSize < 0 {
		return nil, errParquet("a column is before its beginning")
	}
	return &pageReader{f: f, column: c, codec: codec, at: at, end: at + m.TotalCompressedSize}, nil
}

// next returns the next page with data; nil at the end.
func (p *pageReader) next() (*page, error) {
	for p.at < p.end {
		h, err := p.read()
		if err != nil {
			return nil, err
		}
		switch h.Type {
		case format.DictionaryPage:
			err = p.dictionary(h)
		case format.DataPage:
			return p.first(h)
		case format.DataPageV2:
			return p.second(h)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// read reads the header of a page, and its body into p.body.
func (p *pageReader) read() (*format.PageHeader, error) {
	n, err := p.header()
	if err != nil {
		return nil, err
	}
	h := &format.PageHeader{}
	if err := decodeThrift(p.head[:n], h); err != nil {
		return nil, err
	}
	values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	begin := p.at + int64(n)
	p.at = begin + int64(h.CompressedPageSize)
	if h.CompressedPageSize < 0 || p.at > p.end || h.UncompressedPageSize < 0 || h.UncompressedPageSize > maxAllocation || values > maxPageValues {
		return nil, errs.New(errs.ImportFailed, "a page of the Parquet file has %d values in %d bytes, compressed to %d",
			values, h.UncompressedPageSize, h.CompressedPageSize)
	}
	p.body = make([]byte, h.CompressedPageSize)
	if _, err := io.ReadFull(io.NewSectionReader(p.f, begin, int64(len(p.body))), p.body); err != nil {
		return nil, err
	}
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(p.body) {
		return nil, errParquet("the checksum of a page of column " + p.column.field.Name + " is wrong")
	}
	return h, nil
}

// header reads until the header of a page is whole, and returns its length.
func (p *pageReader) header() (int, error) {
	for size := int64(1 << 10); ; size *= 16 {
		want := min(size, p.end-p.at)
		if int64(cap(p.head)) < want {
			p.head = make([]byte, want)
		}
		p.head = p.head[:want]
		if _, err := io.ReadFull(io.NewSectionReader(p.f, p.at, want), p.head); err != nil {
			return 0, err
		}
		n, ok := thriftLength(p.head)
		switch {
		case ok && n <= len(p.head):
			return n, nil
		case !ok || want < size || size >= maxPageHeader:
			return 0, errParquet("the header of a page is")
		}
	}
}

func (p *pageReader) dictionary(h *format.PageHeader) error {
	body, err := p.codec.decompress(p.body, int(h.UncompressedPageSize))
	if err != nil {
		return err
	}
	v, err := p.values(body, format.Plain, int(h.DictionaryPageHeader.V.NumValues))
	p.dict = &v
	return err
}

func (p *pageReader) first(h *format.PageHeader) (*page, error) {
	v := &h.DataPageHeader.V
	body, err := p.codec.decompress(p.body, int(h.UncompressedPageSize))
	if err != nil {
		return nil, err
	}
	out := &page{n: int(v.NumValues)}
	if out.reps, body, err = p.prefixed(body, v.RepetitionLevelEncoding, p.column.rep, out.n); err != nil {
		return nil, err
	}
	if out.defs, body, err = p.prefixed(body, v.DefinitionLevelEncoding, p.column.def, out.n); err != nil {
		return nil, err
	}
	return p.filled(out, body, v.Encoding)
}

func (p *pageReader) second(h *format.PageHeader) (*page, error) {
	v := &h.DataPageHeaderV2.V
	reps, defs := int(v.RepetitionLevelsByteLength), int(v.DefinitionLevelsByteLength)
	if reps < 0 || defs < 0 || reps > len(p.body)-defs {
		return nil, errParquet("the levels of a page are longer than it")
	}
	out, err := &page{n: int(v.NumValues)}, error(nil)
	if out.reps, err = decodeLevels(p.body[:reps], p.column.rep, out.n); err != nil {
		return nil, err
	}
	if out.defs, err = decodeLevels(p.body[reps:reps+defs], p.column.def, out.n); err != nil {
		return nil, err
	}
	body := p.body[reps+defs:]
	if !v.IsCompressed.Valid || v.IsCompressed.V {
		if body, err = p.codec.decompress(body, int(h.UncompressedPageSize)-reps-defs); err != nil {
			return nil, err
		}
	}
	return p.filled(out, body, v.Encoding)
}

// prefixed reads levels with their length before them.
func (p *pageReader) prefixed(body []byte, e format.Encoding, highest byte, n int) (levels, rest []byte, err error) {
	if highest == 0 {
		return nil, body, nil
	}
	if e != format.RLE {
		return nil, nil, errs.New(errs.NotSupported, "column %q has levels of the old encoding %s", p.column.field.Name, e)
	}
	if len(body) < 4 || int(binary.LittleEndian.Uint32(body)) > len(body)-4 {
		return nil, nil, errParquet("the levels of a page are longer than it")
	}
	end := 4 + int(binary.LittleEndian.Uint32(body))
	levels, err = decodeLevels(body[4:end], highest, n)
	return levels, body[end:], err
}

func decodeLevels(data []byte, highest byte, n int) ([]byte, error) {
	if highest == 0 {
		return nil, nil
	}
	e := rle.Encoding{BitWidth: bits.Len8(highest)}
	if got := runCount(data, e.BitWidth); got < n || got > n+maxPadding {
		return nil, errParquet("a page has another number of levels than of values")
	}
	levels, err := e.DecodeLevels(make([]byte, 0, n), data)
	if err != nil || len(levels) < n {
		return nil, errParquet("the levels of a page are")
	}
	return levels[:n], nil
}

// maxPadding is by how many values a writer may fill up the last run.
const maxPadding = 1 << 10

// filled adds the values that are not null.
func (p *pageReader) filled(out *page, body []byte, e format.Encoding) (_ *page, err error) {
	n := out.n
	if out.defs != nil {
		n = bytes.Count(out.defs, []byte{p.column.def})
	}
	if n == 0 || p.column.field.Type == arrow.Null {
		return out, nil
	}
	//lint:ignore SA1019 files of old writers have it
	if e != format.RLEDictionary && e != format.PlainDictionary {
		out.values, err = p.values(body, e, n)
		return out, err
	}
	if p.dict == nil || len(body) == 0 || body[0] > 32 || runCount(body[1:], int(body[0])) > n+maxPadding {
		return nil, errParquet("a page has no dictionary, or more values than it says")
	}
	out.values = *p.dict
	out.values.indexed = true
	out.values.indexes, err = parquet.RLEDictionary.DecodeInt32(make([]int32, 0, n), body)
	return out, err
}

// values decodes n values.
func (p *pageReader) values(body []byte, e format.Encoding, n int) (pageValues, error) {
	v := pageValues{width: physicalWidth(p.column)}
	if !boundedValues(body, e, n) {
		return v, errParquet("a page has more values than it says")
	}
	enc := parquet.LookupEncoding(e)
	decode, empty := encoding.DecodeInt32, encoding.Int32Values(nil)
	switch p.column.physical {
	case parquet.Boolean:
		decode, empty = encoding.DecodeBoolean, encoding.BooleanValues(nil)
	case parquet.Int64:
		decode, empty = encoding.DecodeInt64, encoding.Int64Values(nil)
	case parquet.Int96:
		decode, empty = encoding.DecodeInt96, encoding.Int96Values(nil)
	case parquet.Float:
		decode, empty = encoding.DecodeFloat, encoding.FloatValues(nil)
	case parquet.Double:
		decode, empty = encoding.DecodeDouble, encoding.DoubleValues(nil)
	case parquet.ByteArray:
		decode, empty = encoding.DecodeByteArray, encoding.ByteArrayValues(nil, nil)
	case parquet.FixedLenByteArray:
		decode, empty = encoding.DecodeFixedLenByteArray, encoding.FixedLenByteArrayValues(nil, p.column.length)
	}
	out, err := decode(empty, body, enc)
	if err != nil {
		return v, err
	}
	v.data, v.offsets = out.Data()
	return v, nil
}

// boundedValues tells whether values are no more than n: the library believes what the
// encodings say of that, and asks for memory accordingly.
func boundedValues(body []byte, e format.Encoding, n int) bool {
	switch e {
	case format.RLE: // of booleans, behind their length
		return len(body) >= 4 && runCount(body[4:], 1) <= n+maxPadding
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		count, _, ok := deltaCount(body)
		return ok && count <= n
	case format.DeltaByteArray: // the lengths of two parts of each value
		first, rest, ok := deltaCount(body)
		second, _, also := deltaCount(rest)
		return ok && also && first <= n && second <= n
	}
	return true
}
