package arrowfile

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
)

// leafReader reads a leaf of one row group, some rows at a time.
type leafReader struct {
	column *column
	pages  *pageReader

	page    page // what is left of it
	entries int  // how many entries that are

	// What was read of the rows asked for.
	levels levels
	dense  denseValues
}

// levels are those of the entries of some rows.
type levels struct {
	reps, defs []byte
	n          int
}

// read reads the entries of a number of rows: all up to the beginning of the
// next one, which a page of the first version may cut in two.
func (r *leafReader) read(rows int) error {
	r.levels = levels{reps: r.levels.reps[:0], defs: r.levels.defs[:0]}
	r.dense = denseValues{}
	for started := 0; ; {
		if r.entries == 0 {
			if more, err := r.nextPage(); err != nil {
				return err
			} else if !more {
				if started < rows {
					return errParquet("column " + r.column.field.Name + " has fewer rows than the others")
				}
				return nil
			}
			continue
		}
		n := r.span(rows, &started)
		if err := r.take(n); err != nil {
			return err
		}
		if r.entries > 0 || (started == rows && r.column.rep == 0) {
			return nil
		}
	}
}

// span returns how many entries of the page belong to the rows asked for.
func (r *leafReader) span(rows int, started *int) int {
	if r.page.reps == nil {
		n := min(rows-*started, r.entries)
		*started += n
		return n
	}
	at := 0
	for {
		next := bytes.IndexByte(r.page.reps[at:r.entries], 0) // the next row
		if next < 0 {
			return r.entries
		}
		if *started == rows {
			return at + next
		}
		*started++
		at += next + 1
	}
}

// take moves entries of the page to what was read.
func (r *leafReader) take(n int) error {
	present := n
	if r.page.defs != nil {
		defs := r.page.defs[:n]
		present = bytes.Count(defs, []byte{r.column.def})
		r.levels.defs, r.page.defs = append(r.levels.defs, defs...), r.page.defs[n:]
	}
	if r.page.reps != nil {
		r.levels.reps, r.page.reps = append(r.levels.reps, r.page.reps[:n]...), r.page.reps[n:]
	}
	r.levels.n += n
	r.entries -= n
	if r.column.field.Type == arrow.Null {
		return nil
	}
	return r.dense.add(r.column, &r.page.values, present)
}

func (r *leafReader) nextPage() (bool, error) {
	p, err := r.pages.next()
	if err != nil || p == nil {
		return false, err
	}
	r.page, r.entries = *p, p.n
	return true, nil
}
