package transfer

import (
	"bytes"
	"context"
	"io"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// jsonReader reads Extended JSON in one of three layouts, told apart by the
// beginning of the input: lines of documents, which are what mongoexport
// writes; documents over several lines; one array of documents.
type jsonReader struct {
	*cutter
	layout layout
	state  arrayState
}

type layout int

const (
	lineLayout   layout = iota // every document begins and ends on one line
	streamLayout               // documents one behind the other, anyhow
	arrayLayout                // [document, document, …]
)

// arrayState is what may come next in an array.
type arrayState int

const (
	atOpening arrayState = iota
	atFirst              // a document or the end
	atComma              // a comma or the end
	atNext               // a document
	atEnd                // nothing
)

func newJSONReader(r io.Reader, from Point) (*jsonReader, error) {
	j := &jsonReader{cutter: newCutter(r)}
	if err := j.skipBOM(); err != nil {
		return nil, err
	}
	j.layout = layoutOf(j.rest)
	j.state = arrayState(from.State)
	return j, j.skipTo(from)
}

// layoutOf looks at the first block. A first line that does not end its
// document is broken if the next line begins a document, since inside one that
// cannot be; otherwise documents take several lines.
func layoutOf(data []byte) layout {
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(text) > 0 && text[0] == '[':
		return arrayLayout
	case len(text) == 0 || text[0] != '{':
		return lineLayout
	}
	line, after, found := bytes.Cut(text, newline)
	if documentEnd(line) > 0 || !found {
		return lineLayout
	}
	if after = bytes.TrimLeft(after, " \t\r\n"); len(after) > 0 && after[0] == '{' {
		return lineLayout
	}
	return streamLayout
}

// documentEnd returns where the document that begins data ends; 0 if it does
// not. It counts brackets and knows strings, and nothing else of JSON.
func documentEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := stringEnd(data[i+1:])
			if n < 0 {
				return 0
			}
			i += n + 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// stringEnd returns the place of the quote that closes a string, or -1.
func stringEnd(s []byte) int {
	for from := 0; ; {
		at := bytes.IndexByte(s[from:], '"')
		if at < 0 {
			return -1
		}
		at += from
		slashes := 0
		for at-slashes > 0 && s[at-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
		from = at + 1
	}
}

func (j *jsonReader) notes() []string { return nil }

func (j *jsonReader) unit() string { return "" }

func (j *jsonReader) read(ctx context.Context) (*block, bool, error) {
	if j.layout == lineLayout {
		b, err := j.next(ctx, wholeLines)
		return b, b != nil, err
	}
	var spans []span
	b, err := j.next(ctx, func(data []byte) (end int, err error) {
		spans, end, err = j.documents(data)
		return end, err
	})
	if b == nil && err == nil && j.layout == arrayLayout && j.state != atEnd {
		err = LineError{Line: j.line, Excerpt: "", Err: errs.New(errs.ImportFailed, "the array does not end")}
	}
	if b != nil {
		b.spans, b.end.State = spans, int(j.state)
	}
	return b, b != nil, err
}

// documents finds the documents that are whole in data, and where the last of
// them ends. At the end of the input everything must be used up.
func (j *jsonReader) documents(data []byte) (spans []span, end int, err error) {
	state, line, counted := j.state, j.line, 0
	at := 0
	for {
		for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t') {
			at++
		}
		if at == len(data) {
			j.state = state
			return spans, at, nil
		}
		line += int64(bytes.Count(data[counted:at], newline))
		counted = at
		if next, ok := j.punctuation(state, data[at]); ok {
			state = next
			at++
			continue
		}
		n := 0
		if data[at] == '{' && j.mayBegin(state) {
			n = documentEnd(data[at:])
		}
		if n == 0 && (data[at] != '{' || !j.mayBegin(state) || j.eof) {
			if len(spans) > 0 {
				break // what came before first, then the error
			}
			return nil, 0, LineError{Line: line, Excerpt: excerpt(data[at:]), Err: j.expected(state, data[at])}
		}
		if n == 0 {
			break
		}
		spans = append(spans, span{at, at + n, line})
		state = atComma
		at += n
	}
	j.state = state
	return spans, at, nil
}

// punctuation reads the brackets and commas of an array.
func (j *jsonReader) punctuation(s arrayState, c byte) (arrayState, bool) {
	if j.layout != arrayLayout {
		return s, false
	}
	switch {
	case s == atOpening && c == '[':
		return atFirst, true
	case s == atComma && c == ',':
		return atNext, true
	case (s == atComma || s == atFirst) && c == ']':
		return atEnd, true
	}
	return s, false
}

func (j *jsonReader) mayBegin(s arrayState) bool {
	return j.layout == streamLayout || s == atFirst || s == atNext
}

func (j *jsonReader) expected(s arrayState, c byte) error {
	switch {
	case c == '{' && j.mayBegin(s):
		return errs.New(errs.ImportFailed, "a document that does not end")
	case j.layout == streamLayout || s == atFirst || s == atNext:
		return errs.New(errs.ImportFailed, "a document must begin here")
	case s == atEnd:
		return errs.New(errs.ImportFailed, "something behind the end of the array")
	}
	return errs.New(errs.ImportFailed, "a comma or the end of the array must come here")
}

// parser parses the documents of blocks.
func (j *jsonReader) parser() func(*block) (*parsed, error) {
	var p ejson.Parser
	return func(b *block) (*parsed, error) {
		out := &parsed{size: len(b.data)}
		d := &jsonBlock{parser: &p, out: out, arena: make([]byte, 0, len(b.data)+len(b.data)/4)}
		if j.layout == lineLayout {
			d.lines(b)
			return out, nil
		}
		for _, s := range b.spans {
			d.document(b.data[s.start:s.end], s.line)
		}
		return out, nil
	}
}

// jsonBlock is a block on its way to documents. They lie one behind the other
// in an arena; one that grows leaves those before where they are.
type jsonBlock struct {
	parser *ejson.Parser
	out    *parsed
	arena  []byte
}

func (d *jsonBlock) lines(b *block) {
	line := b.line
	for rest := b.data; len(rest) > 0; line++ {
		text := rest
		if at := bytes.IndexByte(rest, '\n'); at >= 0 {
			text, rest = rest[:at], rest[at+1:]
		} else {
			rest = nil
		}
		for text = trimSpace(text); len(text) > 0; text = trimSpace(text) {
			n := d.document(text, line)
			if n == 0 {
				break // the rest of the line is part of the error
			}
			text = text[n:]
		}
	}
}

func trimSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r") }

// document parses the document that begins text and returns its length, or
// 0 where it failed.
func (d *jsonBlock) document(text []byte, line int64) int {
	start := len(d.arena)
	out, n, err := d.parser.Next(d.arena, text)
	if err != nil {
		d.out.failed = append(d.out.failed, LineError{Line: line, Excerpt: excerpt(text), Err: err, Text: text})
		return 0
	}
	d.arena = out
	d.out.docs = append(d.out.docs, bsonraw.Doc(out[start:len(out):len(out)]))
	d.out.source = append(d.out.source, origin{line, text[:n]})
	return n
}
