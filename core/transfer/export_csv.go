package transfer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// maxCSVFields bounds the columns that an export finds by itself.
const maxCSVFields = 10000

// csv writes a header and a record for every document. Embedded documents
// become columns with dots in their names; arrays, and documents where another
// document has a plain value, become Extended JSON in one cell.
func (x *exporter) csv(ctx context.Context, open OpenFunc) error {
	fields := x.o.Fields
	if len(fields) == 0 {
		var err error
		if fields, err = findFields(ctx, open); err != nil {
			return err
		}
	}
	w := &csvWriter{delimiter: x.o.Delimiter, values: make([]bsonraw.Value, len(fields))}
	if w.delimiter == 0 {
		w.delimiter = ','
		if x.o.Format == TSV {
			w.delimiter = '\t'
		}
	}
	for i, f := range fields {
		if i > 0 {
			x.line = append(x.line, w.delimiter)
		}
		x.line = w.text(x.line, []byte(f))
		w.root.add(f, i)
	}
	x.line = append(x.line, '\n')
	return x.each(ctx, open, func(d bsonraw.Doc) { x.line = w.record(x.line, d) })
}

// fieldNode is a level of the tree of columns.
type fieldNode struct {
	column int // -1: no column ends here
	fields map[string]*fieldNode
	order  []string
}

// add puts a column at its path, and at its whole name, for a field with a dot.
func (n *fieldNode) add(path string, column int) {
	n.child(path).column = column
	for {
		name, rest, dotted := strings.Cut(path, ".")
		if !dotted {
			n.child(name).column = column
			return
		}
		n, path = n.child(name), rest
	}
}

func (n *fieldNode) child(name string) *fieldNode {
	if n.fields == nil {
		n.fields = map[string]*fieldNode{}
	}
	c := n.fields[name]
	if c == nil {
		c = &fieldNode{column: -1}
		n.fields[name] = c
		n.order = append(n.order, name)
	}
	return c
}

// findFields reads the stream for its fields, in the order in which they first
// come. A field that is a document here and a value there is one column.
func findFields(ctx context.Context, open OpenFunc) ([]string, error) {
	it, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	root, count := &fieldNode{column: -1}, 0
	for {
		d, ok, err := it.Next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			return unique(root.names("", nil)), nil
		}
		if count += root.learn(d); count > maxCSVFields {
			return nil, errs.New(errs.BadValue, "the documents have more than %d different fields", maxCSVFields).
				WithRemedy("name the fields that the CSV file shall have")
		}
	}
}

// learn adds the fields of a document and returns how many were new.
func (n *fieldNode) learn(d bsonraw.Doc) (added int) {
	it := d.Iter()
	for it.Next() {
		before := len(n.order)
		c := n.child(string(it.Key()))
		added += len(n.order) - before
		if v := it.Value(); v.Type == bsonraw.Object && !v.Doc().IsEmpty() {
			added += c.learn(v.Doc())
		} else if v.Type != bsonraw.Null {
			c.column = 0
		}
	}
	return added
}

func (n *fieldNode) names(prefix string, names []string) []string {
	for _, name := range n.order {
		c := n.fields[name]
		if c.column >= 0 || len(c.order) == 0 {
			names = append(names, prefix+name)
		} else {
			names = c.names(prefix+name+".", names)
		}
	}
	return names
}

// unique drops the second of a field "a.b" and a field b inside a, which share
// a column.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

// csvWriter writes records.
type csvWriter struct {
	delimiter byte
	root      fieldNode
	values    []bsonraw.Value
	cell      []byte
}

func (w *csvWriter) record(dst []byte, d bsonraw.Doc) []byte {
	clear(w.values)
	w.collect(&w.root, d)
	for i, v := range w.values {
		if i > 0 {
			dst = append(dst, w.delimiter)
		}
		dst = w.value(dst, v)
	}
	return append(dst, '\n')
}

// collect finds the values of the columns, the first where a name comes twice.
func (w *csvWriter) collect(n *fieldNode, d bsonraw.Doc) {
	it := d.Iter()
	for it.Next() {
		c := n.fields[string(it.Key())]
		if c == nil {
			continue
		}
		v := it.Value()
		if c.column >= 0 && w.values[c.column].IsMissing() {
			w.values[c.column] = v
		}
		if v.Type == bsonraw.Object && len(c.order) > 0 {
			w.collect(c, v.Doc())
		}
	}
}

// value writes a cell. Null and missing are nothing, an empty string is "".
func (w *csvWriter) value(dst []byte, v bsonraw.Value) []byte {
	cell := w.cell[:0]
	switch v.Type {
	case bsonraw.Missing, bsonraw.Null:
		return dst
	case bsonraw.String, bsonraw.Symbol, bsonraw.JavaScript:
		return w.text(dst, v.StringBytes())
	case bsonraw.ObjectID:
		return hex.AppendEncode(dst, v.Data)
	case bsonraw.Int32, bsonraw.Int64:
		n, _ := v.AsInt64()
		return strconv.AppendInt(dst, n, 10)
	case bsonraw.Double:
		return ejson.AppendDouble(dst, v.Double())
	case bsonraw.Decimal128:
		return ejson.AppendDecimal(dst, v.Decimal())
	case bsonraw.Boolean:
		return strconv.AppendBool(dst, v.Bool())
	case bsonraw.DateTime:
		if ejson.DateHasISO(v.Int64()) {
			return ejson.AppendDate(dst, v.Int64())
		}
	case bsonraw.Binary:
		subtype, data := v.Binary()
		if subtype == 4 && len(data) == 16 {
			return ejson.AppendUUID(dst, data)
		}
		if subtype == 0 {
			cell = base64.StdEncoding.AppendEncode(cell, data)
			w.cell = cell
			return w.text(dst, cell)
		}
	}
	w.cell = ejson.AppendValue(cell, v, ejson.Relaxed)
	return w.text(dst, w.cell)
}

// text writes a cell of text, in quotes where it must be: an empty text too, to
// tell it from no value.
func (w *csvWriter) text(dst, s []byte) []byte {
	if len(s) > 0 && bytes.IndexByte(s, w.delimiter) < 0 && !bytes.ContainsAny(s, "\"\n\r") && s[0] != ' ' && s[len(s)-1] != ' ' {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		at := bytes.IndexByte(s, '"')
		if at < 0 {
			break
		}
		dst = append(append(dst, s[:at+1]...), '"')
		s = s[at+1:]
	}
	return append(append(dst, s...), '"')
}
