package transfer

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

// cell is one cell of a record, without its quotes.
type cell struct {
	text   []byte
	quoted bool
}

// recordEnd returns where the first record of data ends, its line end included;
// 0 if it does not.
func recordEnd(data []byte) int {
	odd := false
	for from := 0; ; {
		at := bytes.IndexByte(data[from:], '\n')
		if at < 0 {
			return 0
		}
		at += from
		if bytes.Count(data[from:at], quote)&1 == 1 {
			odd = !odd
		}
		if !odd {
			return at + 1
		}
		from = at + 1
	}
}

func trimLineEnd(record []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(record, newline), []byte{'\r'})
}

// splitRecord appends the cells of a record. They point into it, except where
// doubled quotes had to be undone.
func splitRecord(record []byte, delimiter byte, cells []cell) ([]cell, error) {
	for {
		if len(record) > 0 && record[0] == '"' {
			text, rest, err := quotedCell(record[1:], delimiter)
			if err != nil {
				return cells, err
			}
			cells = append(cells, cell{text, true})
			if rest == nil {
				return cells, nil
			}
			record = rest
			continue
		}
		text, rest, more := cutByte(record, delimiter)
		if bytes.IndexByte(text, '"') >= 0 {
			return cells, errs.New(errs.ImportFailed, "a quote inside a cell that does not begin with one (cell %d)", len(cells)+1)
		}
		cells = append(cells, cell{text, false})
		if !more {
			return cells, nil
		}
		record = rest
	}
}

func cutByte(b []byte, sep byte) (before, after []byte, found bool) {
	if at := bytes.IndexByte(b, sep); at >= 0 {
		return b[:at], b[at+1:], true
	}
	return b, nil, false
}

// quotedCell reads a cell whose opening quote was read. The rest is nil at the
// end of the record.
func quotedCell(s []byte, delimiter byte) (text, rest []byte, err error) {
	for {
		at := bytes.IndexByte(s, '"')
		if at < 0 {
			return nil, nil, errs.New(errs.ImportFailed, "a cell whose closing quote is missing")
		}
		after := s[at+1:]
		if len(after) > 0 && after[0] == '"' {
			text = append(text, s[:at+1]...)
			s = after[1:]
			continue
		}
		if text == nil {
			text = s[:at:at]
		} else {
			text = append(text, s[:at]...)
		}
		switch {
		case len(after) == 0:
			return text, nil, nil
		case after[0] == delimiter:
			return text, after[1:], nil
		}
		return nil, nil, errs.New(errs.ImportFailed, "text behind the closing quote of a cell")
	}
}

func putInt32(b []byte, n int) { binary.LittleEndian.PutUint32(b, uint32(n)) }

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
