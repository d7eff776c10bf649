package arrowfile

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The library keeps the smallest and the largest text of each page until the end
// of the file, and writes those of each row group to the metadata, however long
// they are: of long texts that is more memory than the file has bytes. So it is
// told to look at none, and those of the row groups, where they are short, are
// found here. An index of pages, which would have to have bounds of each, is not
// written.

// maxBound is how long a text may be that stands in the metadata.
const maxBound = 1 << 10

// bounds are the smallest and the largest text of a leaf in a row group. One
// longer than maxBound is cut behind the byte that says so.
type bounds struct {
	least, most []byte
	some        bool
}

func (b *bounds) add(text []byte) {
	text = text[:min(len(text), maxBound+1)]
	if !b.some || bytes.Compare(text, b.least) < 0 {
		b.least = append(b.least[:0], text...)
	}
	if !b.some || bytes.Compare(text, b.most) > 0 {
		b.most = append(b.most[:0], text...)
	}
	b.some = true
}

// take returns the bounds, nil where one is too long, and begins anew.
func (b *bounds) take() (least, most []byte) {
	if b.some && max(len(b.least), len(b.most)) <= maxBound {
		least, most = append([]byte{}, b.least...), append([]byte{}, b.most...)
	}
	b.some = false
	return least, most
}

// leafBounds are the bounds of one row group's leaves of text.
type leafBounds map[int][2][]byte

func (c *columnWriter) takeBounds(into leafBounds) {
	for _, child := range c.children {
		child.takeBounds(into)
	}
	if len(c.children) == 0 {
		if least, most := c.bounds.take(); least != nil {
			into[c.leaf] = [2][]byte{least, most}
		}
	}
}

// tail is the output. What comes once the last row group is whole, the library's
// index of pages and its metadata, is left out.
type tail struct {
	w     io.Writer
	n     int64
	whole bool
}

func (t *tail) Write(p []byte) (int, error) {
	if t.whole {
		return len(p), nil
	}
	n, err := t.w.Write(p)
	t.n += int64(n)
	return n, err
}

// finish writes the metadata, with the bounds, as readFooter reads them.
func (t *tail) finish(m *format.FileMetaData, groups []leafBounds) error {
	for i, group := range m.RowGroups {
		for leaf := range group.Columns {
			c := &group.Columns[leaf]
			c.ColumnIndexOffset, c.ColumnIndexLength, c.OffsetIndexOffset, c.OffsetIndexLength = 0, 0, 0, 0
			if b, ok := groups[i][leaf]; ok {
				c.MetaData.Statistics.MinValue, c.MetaData.Statistics.MaxValue = b[0], b[1]
			}
		}
	}
	var out bytes.Buffer
	if t.n == 0 {
		out.WriteString(parquetMagic) // without rows there is not even a beginning
	}
	start := out.Len()
	if err := thrift.NewEncoder((&thrift.CompactProtocol{}).NewWriter(&out)).Encode(m); err != nil {
		return err
	}
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(out.Len()-start)))
	out.WriteString(parquetMagic)
	_, err := t.w.Write(out.Bytes())
	return err
}
