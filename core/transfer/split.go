package transfer

import (
	"bytes"
	"context"
	"io"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// block is a run of whole lines or documents of the input.
type block struct {
	data  []byte
	line  int64  // number of the first line, from 1
	spans []span // the documents in data, where lines do not part them
	end   Point  // behind it
}

// span is where a document stands in a block.
type span struct {
	start, end int
	line       int64
}

const (
	blockBytes = 1 << 20
	firstBytes = 64 << 10 // of the first reading, for small inputs
	// maxLine bounds a line, or a document over several lines: of two bytes of
	// BSON (a minKey without a name) canonical text makes seventeen.
	maxLine = 9 * bsonraw.MaxDocSize
	// maxEmptyReads is how often in a row a reader may give nothing.
	maxEmptyReads = 100
)

// cutter reads the input in blocks that end where a format allows it.
type cutter struct {
	r    io.Reader
	rest []byte // read and not yet given out
	room int    // how much the last reading asked for
	eof  bool
	err  error // why eof came too early
	line int64 // of rest
	at   int64 // offset of rest in the input
}

func newCutter(r io.Reader) *cutter { return &cutter{r: r, line: 1} }

// more reads at least one more byte into rest, or sets eof, and err where that
// is not the end.
func (c *cutter) more() {
	if c.eof {
		return
	}
	c.room = min(max(2*c.room, firstBytes), blockBytes)
	room := max(c.room, len(c.rest))
	grown := make([]byte, len(c.rest), len(c.rest)+room)
	copy(grown, c.rest)
	for empty := 0; ; {
		n, err := c.r.Read(grown[len(grown):cap(grown)])
		grown = grown[:len(grown)+n]
		if empty++; n > 0 {
			empty = 0
		} else if err == nil && empty == maxEmptyReads {
			err = io.ErrNoProgress
		}
		if err != nil {
			if c.eof = true; err != io.EOF {
				c.err = err
			}
			break
		}
		if len(grown) == cap(grown) {
			break
		}
	}
	c.rest = grown
}

// next gives out the bytes up to where cut says, nil at the end of the input.
// cut returns 0 while it needs more; at the end of the input all that is left
// is given out.
func (c *cutter) next(ctx context.Context, cut func(data []byte) (int, error)) (*block, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(c.rest) < blockBytes {
			c.more()
		}
		if len(c.rest) == 0 {
			return nil, c.err
		}
		n, err := cut(c.rest)
		if err != nil {
			return nil, err
		}
		switch {
		case n > 0:
			return c.take(n), nil
		case len(c.rest) > maxLine:
			return nil, LineError{Line: c.line, Excerpt: excerpt(c.rest), Err: errs.New(errs.ImportFailed, "a line of more than %d MiB", maxLine>>20)}
		case c.err != nil:
			return nil, c.err // and not half a line
		case c.eof:
			return c.take(len(c.rest)), nil
		}
		c.more()
	}
}

// take gives out the first n bytes.
func (c *cutter) take(n int) *block {
	b := &block{data: c.rest[:n:n], line: c.line}
	c.line += int64(bytes.Count(b.data, newline))
	c.rest = c.rest[n:]
	c.at += int64(n)
	b.end = Point{Offset: c.at, Line: c.line}
	return b
}

var newline = []byte{'\n'}

// wholeLines cuts behind the last line that is complete.
func wholeLines(data []byte) (int, error) { return bytes.LastIndexByte(data, '\n') + 1, nil }

// wholeRecords cuts behind the last line end that is not inside quotes: one
// with an even number of them before it.
func wholeRecords(data []byte) (int, error) {
	odd := bytes.Count(data, quote)&1 == 1
	for end := len(data); ; {
		at := bytes.LastIndexByte(data[:end], '\n')
		if at < 0 {
			return 0, nil
		}
		if bytes.Count(data[at:end], quote)&1 == 1 {
			odd = !odd
		}
		if !odd {
			return at + 1, nil
		}
		end = at
	}
}

var quote = []byte{'"'}

// skipBOM drops a byte order mark of UTF-8 at the beginning of the input.
func (c *cutter) skipBOM() error {
	c.more()
	if rest, ok := bytes.CutPrefix(c.rest, []byte("\xEF\xBB\xBF")); ok {
		c.at += int64(len(c.rest) - len(rest))
		c.rest = rest
	}
	for _, bom := range []string{"\xFF\xFE", "\xFE\xFF"} {
		if bytes.HasPrefix(c.rest, []byte(bom)) {
			return errs.New(errs.ImportFailed, "the input is UTF-16, not UTF-8").WithRemedy("convert it, for example with iconv -f UTF-16 -t UTF-8")
		}
	}
	return nil
}

// skipTo goes to a point behind the one that is reached.
func (c *cutter) skipTo(p Point) error {
	if p.Offset <= c.at {
		return nil
	}
	if p.Line > 0 {
		c.line = p.Line
	}
	left := p.Offset - c.at
	c.at = p.Offset
	if n := int64(len(c.rest)); left <= n {
		c.rest = c.rest[left:]
		return nil
	}
	left -= int64(len(c.rest))
	c.rest = nil
	if c.eof && c.err != nil {
		return c.err
	}
	var err error
	if s, ok := c.r.(io.Seeker); ok {
		_, err = s.Seek(left, io.SeekCurrent)
	} else if _, err = io.CopyN(io.Discard, c.r, left); err == io.EOF {
		err = nil // what is missing shows when it is read
	}
	return err
}
