package arrowfile

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go"

	"github.com/argon-lab/argon/core/errs"
)

// pageValues are the values of a page that are not null, one behind the other,
// or, with a dictionary, their numbers in it. The slices are checked: what a
// page says of them is not to be believed.
type pageValues struct {
	data    []byte
	offsets []uint32 // of values without a fixed width
	width   int
	indexes []int32
	indexed bool
	at      int // the next one
}

func physicalWidth(c *column) int {
	switch c.physical {
	case parquet.Int32, parquet.Float:
		return 4
	case parquet.Int64, parquet.Double:
		return 8
	case parquet.Int96:
		return 12
	case parquet.FixedLenByteArray:
		return c.length
	}
	return 0
}

func (v *pageValues) value(i int) []byte {
	if v.width > 0 {
		return v.data[i*v.width : (i+1)*v.width]
	}
	return v.data[v.offsets[i]:v.offsets[i+1]]
}

// denseValues are values in the form of an Arrow array, without those that are
// null.
type denseValues struct {
	n       int
	fixed   []byte // of a width; of booleans, bits
	offsets []int32
	text    []byte
}

// add appends the next n values of a page.
func (d *denseValues) add(c *column, v *pageValues, n int) error {
	from := v.at
	v.at += n
	switch {
	case n == 0:
		return nil
	case c.physical == parquet.Boolean:
		d.bits(v, from, n)
	case c.width == 0:
		return d.texts(v, from, n)
	case convert(c) == nil && !v.indexed:
		d.fixed = append(d.fixed, v.data[from*v.width:v.at*v.width]...)
	default:
		d.converted(c, v, from, n)
	}
	d.n += n
	return nil
}

func (d *denseValues) bits(v *pageValues, from, n int) {
	d.fixed = append(d.fixed, make([]byte, (d.n+n+7)/8-len(d.fixed))...)
	for i := range n {
		at := from + i
		if v.indexed {
			at = int(v.indexes[at])
		}
		if v.data[at/8]>>(at%8)&1 != 0 {
			d.fixed[(d.n+i)/8] |= 1 << ((d.n + i) % 8)
		}
	}
}

func (d *denseValues) texts(v *pageValues, from, n int) error {
	if d.offsets == nil {
		d.offsets = make([]int32, 1, maxBatchRows+1)
	}
	if !v.indexed {
		base, end := v.offsets[from], v.offsets[from+n]
		delta := int32(len(d.text)) - int32(base)
		d.text = append(d.text, v.data[base:end]...)
		for _, o := range v.offsets[from+1 : from+n+1] {
			d.offsets = append(d.offsets, int32(o)+delta)
		}
	} else {
		for _, i := range v.indexes[from : from+n] {
			d.text = append(d.text, v.value(int(i))...)
			if len(d.text) > maxAllocation {
				break
			}
			d.offsets = append(d.offsets, int32(len(d.text)))
		}
	}
	if len(d.text) > maxAllocation {
		return errs.New(errs.ImportFailed, "the file has rows of more than %d bytes", maxAllocation)
	}
	d.n += n
	return nil
}

func (d *denseValues) converted(c *column, v *pageValues, from, n int) {
	d.fixed = slices.Grow(d.fixed, n*c.width)
	to := convert(c)
	for i := from; i < from+n; i++ {
		at := i
		if v.indexed {
			at = int(v.indexes[i])
		}
		if value := v.value(at); to == nil {
			d.fixed = append(d.fixed, value...)
		} else {
			d.fixed = to(d.fixed, value, c.width)
		}
	}
}

// convert returns how a value of the file becomes one of Arrow of a width; nil
// if it is one.
func convert(c *column) func(dst, value []byte, width int) []byte {
	_, decimal := c.field.Type.(arrow.DecimalType)
	switch {
	case c.physical == parquet.Int96:
		return appendInt96
	case decimal && (c.physical == parquet.FixedLenByteArray || c.physical == parquet.ByteArray):
		return appendDecimal
	}
	return nil
}

// appendInt96 makes nanoseconds since 1970 of those of a day and the number of
// that day in the Julian calendar.
func appendInt96(dst, v []byte, _ int) []byte {
	const day, julian1970 = 86400e9, 2440588
	nanos := int64(binary.LittleEndian.Uint64(v))
	days := int64(int32(binary.LittleEndian.Uint32(v[8:])))
	return binary.LittleEndian.AppendUint64(dst, uint64((days-julian1970)*day+nanos))
}

// appendDecimal turns a number around, whose highest byte comes first.
func appendDecimal(dst, v []byte, width int) []byte {
	sign := byte(0)
	if len(v) > 0 && v[0] >= 0x80 {
		sign = 0xFF
	}
	for i := range width {
		if i < len(v) {
			dst = append(dst, v[len(v)-1-i])
		} else {
			dst = append(dst, sign)
		}
	}
	if len(v) > width {
		panic(errs.New(errs.ImportFailed, "a decimal has %d bytes, where its digits need %d", len(v), width)) // recovered by Reader.guard
	}
	return dst
}
