package transfer

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// csvBlock is a block of records on its way to documents.
type csvBlock struct {
	reader *csvReader
	out    *parsed
	arena  []byte
	cells  []cell
	line   int64
}

func (d *csvBlock) records(b *block) {
	d.line = b.line
	for rest := b.data; len(rest) > 0; {
		end := recordEnd(rest)
		if end == 0 {
			end = len(rest)
		}
		record := trimLineEnd(rest[:end])
		if len(record) > 0 && !d.record(record) {
			// A quote too many joins lines that do not belong together: only the
			// first of them is broken.
			if at := bytes.IndexByte(rest, '\n'); at >= 0 {
				end = at + 1
			}
		}
		d.line += int64(bytes.Count(rest[:end], newline))
		rest = rest[end:]
	}
}

// record makes a document of one record, or reports false.
func (d *csvBlock) record(text []byte) bool {
	start := len(d.arena)
	err := d.document(text)
	if err != nil {
		d.arena = d.arena[:start]
		first, _, _ := bytes.Cut(text, newline)
		d.out.failed = append(d.out.failed, LineError{Line: d.line, Excerpt: excerpt(first), Err: err, Text: first})
		return false
	}
	end := len(d.arena)
	d.out.docs = append(d.out.docs, bsonraw.Doc(d.arena[start:end:end]))
	d.out.source = append(d.out.source, origin{d.line, text})
	return true
}

func (d *csvBlock) document(text []byte) (err error) {
	if d.cells, err = splitRecord(text, d.reader.o.Delimiter, d.cells[:0]); err != nil {
		return err
	}
	if len(d.cells) != len(d.reader.columns) {
		return errs.New(errs.ImportFailed, "%d cells, and %d columns", len(d.cells), len(d.reader.columns))
	}
	_, err = d.fields(&d.reader.root)
	return err
}

// fields appends a document of the fields of a node, and reports whether it has
// any.
func (d *csvBlock) fields(n *node) (some bool, err error) {
	at := len(d.arena)
	d.arena = append(d.arena, 0, 0, 0, 0)
	for _, f := range n.fields {
		start := len(d.arena)
		d.arena = append(append(append(d.arena, byte(bsonraw.Object)), f.name...), 0)
		var has bool
		if f.column < 0 {
			has, err = d.fields(f)
		} else {
			has, err = d.cell(f.column, start)
		}
		if err != nil {
			return false, err
		}
		if !has {
			d.arena = d.arena[:start]
		}
		some = some || has
	}
	d.arena = append(d.arena, 0)
	putInt32(d.arena[at:], len(d.arena)-at)
	return some, nil
}

// cell appends the value of a cell and sets its type byte at offset start.
func (d *csvBlock) cell(i, start int) (bool, error) {
	cell, col := d.cells[i], d.reader.columns[i]
	if d.reader.isNull(cell) {
		d.arena[start] = byte(bsonraw.Null)
		return d.reader.o.WriteNulls, nil
	}
	out, t, ok := appendCell(d.arena, cell, col.typ, !col.explicit)
	if !ok && col.explicit {
		return false, errs.New(errs.ImportFailed, "column %q: %q is not of type %s", col.name, cell.text, col.typ)
	}
	if !ok {
		d.reader.breakRule(i, d.line)
		out, t, ok = appendCell(d.arena, cell, typeString, true)
	}
	if !ok {
		return false, errs.New(errs.ImportFailed, "column %q: text that is not UTF-8", col.name)
	}
	d.arena = out
	d.arena[start] = byte(t)
	return true, nil
}
