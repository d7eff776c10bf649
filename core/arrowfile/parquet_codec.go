package arrowfile

import (
	"bytes"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"github.com/argon-lab/argon/core/errs"
)

// decompressor decompresses pages to the size that they say, and to no more.
type decompressor struct {
	codec format.CompressionCodec
	zstd  *zstd.Decoder
}

func newDecompressor(codec format.CompressionCodec) (d *decompressor, err error) {
	d = &decompressor{codec: codec}
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Lz4Raw:
	case format.Zstd:
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxAllocation))
	default:
		err = errs.New(errs.NotSupported, "the Parquet file is compressed with %s", codec).
			WithRemedy("write it with none, snappy, gzip, zstd, brotli or lz4_raw")
	}
	return d, err
}

func (d *decompressor) decompress(data []byte, size int) ([]byte, error) {
	if d.codec == format.Uncompressed {
		return data, nil
	}
	if size < 0 || size > maxAllocation {
		return nil, errParquet("a page has no size")
	}
	out, err := d.into(make([]byte, size), data)
	if err == nil && len(out) != size {
		err = errParquet("a page is not as long as it says")
	}
	return out, err
}

func (d *decompressor) into(out, data []byte) ([]byte, error) {
	switch d.codec {
	case format.Snappy:
		if n, err := snappy.DecodedLen(data); err != nil || n != len(out) {
			return nil, errParquet("a page is not as long as it says")
		}
		return snappy.Decode(out, data)
	case format.Zstd:
		return d.zstd.DecodeAll(data, out[:0])
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(data, out)
		return out[:max(n, 0)], err
	case format.Brotli:
		_, err := io.ReadFull(brotli.NewReader(bytes.NewReader(data)), out)
		return out, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(z, out)
	return out, err
}
