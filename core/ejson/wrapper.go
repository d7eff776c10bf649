package ejson

import "github.com/argon-lab/argon/core/bsonraw"

// isWrapper reports whether an object whose first field has this name stands
// for a value of a BSON type.
func isWrapper(key []byte) bool {
	if len(key) < 4 || key[0] != '$' {
		return false
	}
	_, ok := wrappers[string(key)]
	return ok
}

// wrappers holds the reader of each type wrapper, by its first field.
var wrappers map[string]func(*Parser, members) (bsonraw.Type, error)

func init() { // refers to itself through object
	wrappers = map[string]func(*Parser, members) (bsonraw.Type, error){
		"$oid":               (*Parser).objectID,
		"$numberInt":         (*Parser).numberInt,
		"$numberLong":        (*Parser).numberLong,
		"$numberDouble":      (*Parser).numberDouble,
		"$numberDecimal":     (*Parser).numberDecimal,
		"$date":              (*Parser).date,
		"$binary":            (*Parser).binary,
		"$uuid":              (*Parser).uuid,
		"$timestamp":         (*Parser).timestamp,
		"$regularExpression": (*Parser).regex,
		"$code":              (*Parser).code,
		"$scope":             (*Parser).scopeFirst,
		"$symbol":            (*Parser).symbol,
		"$dbPointer":         (*Parser).dbPointer,
		"$minKey":            (*Parser).minKey,
		"$maxKey":            (*Parser).maxKey,
		"$undefined":         (*Parser).undefined,
	}
}

// members are the fields of a type wrapper: their names, and where in src the
// text of each value begins. No wrapper has more than two.
type members struct {
	n    int
	keys [2]string
	at   [2]int
}

// has reports whether the names are exactly these.
func (m members) has(keys ...string) bool {
	if m.n != len(keys) {
		return false
	}
	for i, k := range keys {
		if m.keys[i] != k {
			return false
		}
	}
	return true
}

// find returns where the value of a field begins.
func (m members) find(key string) (int, bool) {
	for i := range m.n {
		if m.keys[i] == key {
			return m.at[i], true
		}
	}
	return 0, false
}

// wrapper reads the type wrapper at the current position.
func (p *Parser) wrapper() (bsonraw.Type, error) {
	open := p.pos
	m, err := p.members()
	if err != nil {
		return 0, err
	}
	end := p.pos
	t, err := wrappers[m.keys[0]](p, m)
	if err != nil {
		return 0, err
	}
	if t == 0 {
		p.pos = open
		return 0, p.fail("%s is not what %s takes", p.excerpt(open, end), m.keys[0])
	}
	p.pos = end
	return t, nil
}

func (p *Parser) excerpt(start, end int) string {
	if end-start > 60 {
		return string(p.src[start:start+57]) + "..."
	}
	return string(p.src[start:end])
}

// members reads the fields of the object at the current position, without
// reading their values, and leaves the position behind it.
func (p *Parser) members() (m members, err error) {
	open := p.pos
	p.pos++
	for {
		done, err := p.separator('}', m.n == 0)
		if err != nil || done {
			return m, err
		}
		at := len(p.out)
		if err := p.key(); err != nil {
			return m, err
		}
		name := internKey(p.out[at:])
		p.out = p.out[:at]
		if m.n == len(m.keys) {
			p.pos = open
			return m, p.fail("a %s with more than %d fields", m.keys[0], len(m.keys))
		}
		p.space()
		m.keys[m.n], m.at[m.n] = name, p.pos
		m.n++
		if err := p.skip(); err != nil {
			return m, err
		}
	}
}

// internKey is string without an allocation for the names that wrappers have.
func internKey(key []byte) string {
	if s, ok := interned[string(key)]; ok {
		return s
	}
	return string(key)
}

var interned = func() map[string]string {
	names := []string{
		"$oid", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$date",
		"$binary", "base64", "subType", "$type", "$uuid", "$timestamp", "t", "i",
		"$regularExpression", "pattern", "options", "$code", "$scope", "$symbol",
		"$dbPointer", "$ref", "$id", "$minKey", "$maxKey", "$undefined",
	}
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}()

// skip moves behind the value at the current position, without looking into it
// further than its strings and brackets.
func (p *Parser) skip() error {
	depth := 0
	for p.space() {
		switch c := p.src[p.pos]; c {
		case '"':
			if err := p.skipString(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			p.pos++
			continue
		case '}', ']':
			if depth == 0 {
				return p.fail("a value is missing")
			}
			depth--
			p.pos++
		case ',', ':':
			if depth == 0 {
				return p.fail("a value is missing")
			}
			p.pos++
			continue
		default:
			p.skipWord()
		}
		if depth == 0 {
			return nil
		}
	}
	return p.fail("a value is cut off")
}

func (p *Parser) skipString() error {
	for i := p.pos + 1; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			i++
		case '"':
			p.pos = i + 1
			return nil
		}
	}
	return p.fail("a string without its closing quote")
}

func (p *Parser) skipWord() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\n', '\t', '\r', ',', ':', '{', '}', '[', ']', '"':
			return
		}
		p.pos++
	}
}

// textAt reads the string at an offset into the scratch; false if there is
// something else. The text is valid until the next call.
func (p *Parser) textAt(at int) ([]byte, bool) {
	if at >= len(p.src) || p.src[at] != '"' {
		return nil, false
	}
	p.pos = at
	text, err := p.string(p.text[:0])
	if err != nil {
		return nil, false
	}
	p.text = text
	return text, true
}

// intAt reads an integer at an offset, plain or in quotes.
func (p *Parser) intAt(at int) (int64, bool) {
	if text, ok := p.textAt(at); ok {
		return parseInt(text)
	}
	p.pos = at
	end, integer := p.scanNumber()
	if !integer {
		return 0, false
	}
	return parseInt(p.src[at:end])
}

// fieldsAt reads the fields of the object at an offset.
func (p *Parser) fieldsAt(at int) (members, bool) {
	if at >= len(p.src) || p.src[at] != '{' {
		return members{}, false
	}
	p.pos = at
	m, err := p.members()
	return m, err == nil
}
