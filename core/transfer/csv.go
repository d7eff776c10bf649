package transfer

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/argon-lab/argon/core/errs"
)

// CSVOptions are what CSV and TSV need to know beyond ImportOptions.
type CSVOptions struct {
	// Fields names the columns; empty, the first line of the input does. A dot
	// in a name makes an embedded document: "address.city".
	Fields []string
	// Flat leaves dots in names alone.
	Flat bool
	// Types gives the BSON type of a column: "string", "int", "long", "double",
	// "decimal", "bool", "date", "objectId", "uuid", "binData" (base64) or
	// "json" (Extended JSON). A cell that is not of that type fails its line.
	// The other columns are typed by what the beginning of the input holds.
	Types map[string]string
	// Nulls are texts that stand for no value, for example "NA". An empty cell
	// always does, unless it is in quotes.
	Nulls []string
	// WriteNulls stores a null for a cell without a value. Otherwise its field
	// is left out.
	WriteNulls bool
	// Delimiter parts the cells; 0 is a comma, or a tab for TSV.
	Delimiter byte
}

// csvReader reads records of RFC 4180: cells parted by a delimiter, in quotes
// where they hold delimiters, line ends or (doubled) quotes.
type csvReader struct {
	*cutter
	o       CSVOptions
	columns []*column
	root    node
	mu      sync.Mutex
}

// column is one column of the input.
type column struct {
	name     string
	typ      cellType
	explicit bool
	broken   int64 // cells that did not keep to what the beginning promised
	first    int64 // line of the first of them
}

// node is a field of the documents: a column, or an embedded document.
type node struct {
	name   string
	column int // -1 for an embedded document
	fields []*node
}

func newCSVReader(r io.Reader, o ImportOptions) (*csvReader, error) {
	c := &csvReader{cutter: newCutter(r), o: o.CSV}
	if c.o.Delimiter == 0 {
		c.o.Delimiter = ','
		if o.Format == TSV {
			c.o.Delimiter = '\t'
		}
	}
	if err := c.skipBOM(); err != nil {
		return nil, err
	}
	names := c.o.Fields
	if len(names) == 0 {
		var err error
		if names, err = c.header(o.OnHeader); err != nil {
			return nil, err
		}
	}
	if err := c.plan(names); err != nil {
		return nil, err
	}
	if err := c.infer(); err != nil {
		return nil, err
	}
	return c, c.skipTo(o.From)
}

// header takes the first record off the input.
func (c *csvReader) header(tell func([]byte)) ([]string, error) {
	for {
		end := recordEnd(c.rest)
		if end == 0 && !c.eof {
			if len(c.rest) > maxLine {
				return nil, LineError{Line: 1, Excerpt: excerpt(c.rest), Err: errs.New(errs.ImportFailed, "a line of more than %d MiB", maxLine>>20)}
			}
			c.more()
			continue
		}
		if end == 0 && c.err != nil {
			return nil, c.err
		}
		if end == 0 {
			end = len(c.rest)
		}
		if end == 0 {
			return nil, nil
		}
		record := trimLineEnd(c.rest[:end])
		if len(record) == 0 { // blank lines before the header
			c.take(end)
			continue
		}
		cells, err := splitRecord(record, c.o.Delimiter, nil)
		if err != nil {
			return nil, LineError{Line: c.line, Excerpt: excerpt(record), Err: err}
		}
		var names []string
		for _, cell := range cells {
			names = append(names, strings.TrimSpace(string(cell.text)))
		}
		if tell != nil {
			tell(c.rest[:end])
		}
		c.take(end)
		return names, nil
	}
}

// plan makes the tree of fields from the names of the columns.
func (c *csvReader) plan(names []string) error {
	if len(names) == 0 {
		return errs.New(errs.ImportFailed, "the input is empty, where a line with the names of the columns must be")
	}
	types := make(map[string]bool, len(c.o.Types))
	for i, name := range names {
		if !validName(name) {
			return errs.New(errs.ImportFailed, "column %d has the name %q, which no field can have", i+1, name)
		}
		col := &column{name: name, typ: typeUnknown}
		if typ, ok := c.o.Types[name]; ok {
			t, known := typesByName[typ]
			if !known {
				return errs.New(errs.BadValue, "column %q: unknown type %q", name, typ)
			}
			col.typ, col.explicit = t, true
			types[name] = true
		}
		c.columns = append(c.columns, col)
		path := []string{name}
		if !c.o.Flat {
			path = strings.Split(name, ".")
		}
		if err := c.root.place(path, i); err != nil {
			return errs.New(errs.ImportFailed, "column %d, %q: %w", i+1, name, err)
		}
	}
	for name := range c.o.Types {
		if !types[name] {
			return errs.New(errs.BadValue, "a type is given for column %q, but the columns are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// place puts a column at a path below n.
func (n *node) place(path []string, column int) error {
	for _, f := range n.fields {
		if f.name != path[0] {
			continue
		}
		if len(path) == 1 || f.column >= 0 {
			return errs.New(errs.ImportFailed, "another column has this name, or a part of it")
		}
		return f.place(path[1:], column)
	}
	child := &node{name: path[0], column: column}
	n.fields = append(n.fields, child)
	if len(path) == 1 {
		return nil
	}
	child.column = -1
	return child.place(path[1:], column)
}

func validName(name string) bool {
	return name != "" && !strings.ContainsRune(name, 0) && !strings.ContainsRune(name, '\uFFFD') &&
		!strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") && !strings.Contains(name, "..")
}

// infer types the columns by the first block of records.
func (c *csvReader) infer() error {
	for len(c.rest) < blockBytes && !c.eof {
		c.more()
	}
	sample := c.rest
	if !c.eof {
		n, _ := wholeRecords(sample)
		sample = sample[:n]
	}
	seen := make([]cellTraits, len(c.columns))
	var cells []cell
	for len(sample) > 0 {
		end := recordEnd(sample)
		if end == 0 {
			end = len(sample)
		}
		var err error
		cells, err = splitRecord(trimLineEnd(sample[:end]), c.o.Delimiter, cells[:0])
		sample = sample[end:]
		if err != nil || len(cells) != len(seen) {
			continue // reported when its turn comes
		}
		for i, cell := range cells {
			if !c.isNull(cell) {
				seen[i] |= traitsOf(cell)
			}
		}
	}
	for i, col := range c.columns {
		if !col.explicit {
			col.typ = resolveType(seen[i])
		}
	}
	return nil
}

func (c *csvReader) isNull(cell cell) bool {
	if cell.quoted {
		return false
	}
	if len(cell.text) == 0 {
		return true
	}
	for _, n := range c.o.Nulls {
		if string(cell.text) == n {
			return true
		}
	}
	return false
}

func (c *csvReader) read(ctx context.Context) (*block, bool, error) {
	b, err := c.next(ctx, wholeRecords)
	return b, b != nil, err
}

func (c *csvReader) unit() string { return "" }

// notes says which columns broke the rule of their beginning.
func (c *csvReader) notes() (notes []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, col := range c.columns {
		if col.broken > 0 {
			notes = append(notes, fmt.Sprintf("column %q looked like %s, but %d cells, the first in line %d, are something else and were kept as text: give its type to have it otherwise",
				col.name, col.typ, col.broken, col.first))
		}
	}
	return notes
}

func (c *csvReader) breakRule(column int, line int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	col := c.columns[column]
	if col.broken++; col.first == 0 || line < col.first {
		col.first = line
	}
}

func (c *csvReader) parser() func(*block) (*parsed, error) {
	return func(b *block) (*parsed, error) {
		d := &csvBlock{reader: c, out: &parsed{size: len(b.data)}, arena: make([]byte, 0, 2*len(b.data))}
		d.records(b)
		return d.out, nil
	}
}
