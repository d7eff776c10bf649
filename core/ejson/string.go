package ejson

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a JSON string and appends its text, unescaped, to dst.
func (p *Parser) string(dst []byte) ([]byte, error) {
	p.pos++ // the quote
	for {
		end, ascii := plainRun(p.src, p.pos)
		run := p.src[p.pos:end]
		if !ascii && !utf8.Valid(run) {
			return nil, p.fail("text that is not UTF-8")
		}
		dst = append(dst, run...)
		p.pos = end
		if end == len(p.src) {
			return nil, p.fail("a string without its closing quote")
		}
		switch c := p.src[end]; {
		case c == '"':
			p.pos++
			return dst, nil
		case c == '\\':
			var err error
			if dst, err = p.escape(dst); err != nil {
				return nil, err
			}
		default:
			return nil, p.fail("a control character %q inside a string", c)
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainRun returns where the run of bytes that stand for themselves ends: at a
// quote, a backslash, a control character or the end of src. It looks at eight
// bytes at once; a byte of b is zero exactly where (b-ones)&^b has its high bit.
func plainRun(src []byte, i int) (end int, ascii bool) {
	ascii = true
	for i+8 <= len(src) {
		w := binary.LittleEndian.Uint64(src[i:])
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		control := w - ones*0x20
		stop := (quote-ones)&^quote | (slash-ones)&^slash | control&^w
		if stop&highs != 0 {
			break
		}
		if w&highs != 0 {
			ascii = false
		}
		i += 8
	}
	for i < len(src) && src[i] >= 0x20 && src[i] != '"' && src[i] != '\\' {
		if src[i] >= utf8.RuneSelf {
			ascii = false
		}
		i++
	}
	return i, ascii
}

// escape reads one escape sequence.
func (p *Parser) escape(dst []byte) ([]byte, error) {
	if p.pos+1 >= len(p.src) {
		return nil, p.fail("a string without its closing quote")
	}
	c := p.src[p.pos+1]
	if c == 'u' {
		return p.unicodeEscape(dst)
	}
	r := escapes[c]
	if r == 0 {
		return nil, p.fail("an unknown escape \\%c", c)
	}
	p.pos += 2
	return append(dst, r), nil
}

var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '\'': '\'',
}

// unicodeEscape reads \uXXXX, or the two of a surrogate pair.
func (p *Parser) unicodeEscape(dst []byte) ([]byte, error) {
	r, ok := p.hex4(p.pos)
	if !ok {
		return nil, p.fail("\\u without four hexadecimal digits")
	}
	size := 6
	if utf16.IsSurrogate(r) {
		low, ok := p.hex4(p.pos + 6)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return nil, p.fail("a surrogate %s that has no partner", p.src[p.pos:p.pos+6])
		}
		size = 12
	}
	p.pos += size
	return utf8.AppendRune(dst, r), nil
}

// hex4 reads \uXXXX at an offset.
func (p *Parser) hex4(at int) (rune, bool) {
	if at+6 > len(p.src) || p.src[at] != '\\' || p.src[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range p.src[at+2 : at+6] {
		d, ok := hexValue(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexValue(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
