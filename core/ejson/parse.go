package ejson

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Parser reads Extended JSON, canonical, relaxed or both at once, into BSON.
// The zero Parser is ready; it keeps its scratch memory from call to call, so
// use one for many documents, and not from two goroutines at once.
type Parser struct {
	src   []byte
	pos   int
	out   []byte
	text  []byte // scratch for the text inside a type wrapper
	depth int
}

// Document reads one document, which must be all of src but for white space,
// and appends its BSON to dst. At an error dst comes back as it was.
func (p *Parser) Document(dst, src []byte) ([]byte, error) {
	out, n, err := p.Next(dst, src)
	if err != nil {
		return dst, err
	}
	if p.pos = n; p.space() {
		return dst, p.fail("%s after the document", p.seen())
	}
	return out, nil
}

// Next reads the document at the beginning of src, appends its BSON to dst,
// and returns how many bytes of src it took.
func (p *Parser) Next(dst, src []byte) (out []byte, n int, err error) {
	p.begin(dst, src)
	if !p.space() || p.src[p.pos] != '{' {
		return dst, 0, p.fail("a document begins with {, not %s", p.seen())
	}
	if _, err := p.object(true); err != nil {
		return dst, 0, err
	}
	return p.out, p.pos, nil
}

// Value reads one value, which must be all of src but for white space. Its
// bytes are appended to dst and the value points into what is returned.
func (p *Parser) Value(dst, src []byte) (bsonraw.Value, []byte, error) {
	p.begin(dst, src)
	t, err := p.value()
	if err != nil {
		return bsonraw.Value{}, dst, err
	}
	if p.space() {
		return bsonraw.Value{}, dst, p.fail("%s after the value", p.seen())
	}
	return bsonraw.Value{Type: t, Data: p.out[len(dst):]}, p.out, nil
}

// ParseDoc reads one document from text.
func ParseDoc(text string) (bsonraw.Doc, error) {
	var p Parser
	return p.Document(nil, []byte(text))
}

// ParseValue reads one value from text.
func ParseValue(text string) (bsonraw.Value, error) {
	var p Parser
	v, _, err := p.Value(nil, []byte(text))
	return v, err
}

func (p *Parser) begin(dst, src []byte) {
	p.src, p.pos, p.out, p.depth = src, 0, dst, 0
}

// fail makes an error at the current position.
func (p *Parser) fail(format string, args ...any) error {
	return errs.New(errs.FailedToParse, "invalid Extended JSON at byte %d: %w",
		p.pos+1, errs.New(errs.FailedToParse, format, args...))
}

// seen describes what stands at the current position.
func (p *Parser) seen() string {
	if p.pos >= len(p.src) {
		return "the end"
	}
	end := p.pos
	for end < len(p.src) && end < p.pos+20 && p.src[end] > ' ' {
		end++
	}
	return string(AppendString(nil, p.src[p.pos:max(end, p.pos+1)]))
}

// space skips white space and reports whether anything follows.
func (p *Parser) space() bool {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\n', '\t', '\r':
			p.pos++
		default:
			return true
		}
	}
	return false
}

// value reads any value, appends its bytes and returns its type.
func (p *Parser) value() (bsonraw.Type, error) {
	if !p.space() {
		return 0, p.fail("a value is missing")
	}
	switch c := p.src[p.pos]; {
	case c == '"':
		return bsonraw.String, p.stringValue()
	case c == '{':
		return p.object(false)
	case c == '[':
		return bsonraw.Array, p.array()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't' && p.literal("true"):
		p.out = append(p.out, 1)
		return bsonraw.Boolean, nil
	case c == 'f' && p.literal("false"):
		p.out = append(p.out, 0)
		return bsonraw.Boolean, nil
	case c == 'n' && p.literal("null"):
		return bsonraw.Null, nil
	}
	return 0, p.fail("%s is no value", p.seen())
}

func (p *Parser) literal(word string) bool {
	if len(p.src)-p.pos < len(word) || string(p.src[p.pos:p.pos+len(word)]) != word {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *Parser) enter() error {
	if p.depth++; p.depth > bsonraw.MaxDepth {
		return errs.New(errs.Overflow, "invalid Extended JSON at byte %d: nested deeper than %d levels", p.pos+1, bsonraw.MaxDepth)
	}
	return nil
}

// object reads {…}. Unless it is the outermost, one that is a type wrapper
// becomes the value that it wraps.
func (p *Parser) object(outermost bool) (bsonraw.Type, error) {
	if err := p.enter(); err != nil {
		return 0, err
	}
	open, at := p.pos, len(p.out)
	p.out = append(p.out, 0, 0, 0, 0)
	p.pos++
	for first := true; ; first = false {
		done, err := p.separator('}', first)
		if err != nil {
			return 0, err
		}
		if done {
			break
		}
		element := len(p.out)
		p.out = append(p.out, 0)
		if err := p.key(); err != nil {
			return 0, err
		}
		if first && !outermost && isWrapper(p.out[element+1:]) {
			p.out = p.out[:at]
			p.pos = open
			p.depth--
			return p.wrapper()
		}
		p.out = append(p.out, 0)
		t, err := p.value()
		if err != nil {
			return 0, err
		}
		p.out[element] = byte(t)
	}
	p.close(at)
	return bsonraw.Object, nil
}

// array reads […].
func (p *Parser) array() error {
	if err := p.enter(); err != nil {
		return err
	}
	at := len(p.out)
	p.out = append(p.out, 0, 0, 0, 0)
	p.pos++
	for i := 0; ; i++ {
		done, err := p.separator(']', i == 0)
		if err != nil {
			return err
		}
		if done {
			break
		}
		element := len(p.out)
		p.out = append(p.out, 0)
		p.out = append(p.out, bsonraw.Index(i)...)
		p.out = append(p.out, 0)
		t, err := p.value()
		if err != nil {
			return err
		}
		p.out[element] = byte(t)
	}
	p.close(at)
	return nil
}

// close ends the document begun at offset at.
func (p *Parser) close(at int) {
	p.out = append(p.out, 0)
	putInt32(p.out, at, len(p.out)-at)
	p.depth--
}

// separator reads what stands before an element: nothing before the first, a
// comma before the others, or the closing bracket, which it reports.
func (p *Parser) separator(closing byte, first bool) (done bool, err error) {
	if !p.space() {
		return false, p.fail("%q is missing", closing)
	}
	c := p.src[p.pos]
	switch {
	case c == closing:
		p.pos++
		return true, nil
	case first:
		return false, nil
	case c == ',':
		p.pos++
		return false, nil
	}
	return false, p.fail("%s where a comma or %q must be", p.seen(), closing)
}

// key reads a field name and the colon behind it.
func (p *Parser) key() error {
	if !p.space() || p.src[p.pos] != '"' {
		return p.fail("%s where a field name must be", p.seen())
	}
	start, at := p.pos, len(p.out)
	out, err := p.string(p.out)
	if err != nil {
		return err
	}
	p.out = out
	for _, c := range p.out[at:] {
		if c == 0 {
			p.pos = start
			return p.fail("a field name with a zero byte")
		}
	}
	if !p.space() || p.src[p.pos] != ':' {
		return p.fail("%s where a colon must be", p.seen())
	}
	p.pos++
	return nil
}

// stringValue reads a string as a BSON string.
func (p *Parser) stringValue() error {
	at := len(p.out)
	out, err := p.string(append(p.out, 0, 0, 0, 0))
	if err != nil {
		return err
	}
	p.out = append(out, 0)
	putInt32(p.out, at, len(p.out)-at-4)
	return nil
}
