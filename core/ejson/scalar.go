package ejson

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"unsafe"

	"github.com/argon-lab/argon/core/bsonraw"
)

// number reads a plain number: an int where it fits, else a long, and a double
// where it has a point or an exponent.
func (p *Parser) number() (bsonraw.Type, error) {
	start := p.pos
	end, integer := p.scanNumber()
	text := p.src[start:end]
	p.pos = end
	if end == start || text[len(text)-1] == '-' {
		p.pos = start
		return 0, p.fail("%s is no number", p.seen())
	}
	if !integer {
		return p.doubleText(start, text)
	}
	if n, ok := parseInt(text); ok {
		return p.appendInteger(n), nil
	}
	return p.hugeInteger(start, text)
}

// scanNumber returns where the number at the current position ends, by JSON's
// grammar; at the current position itself if there is none.
func (p *Parser) scanNumber() (end int, integer bool) {
	i := p.pos
	if i < len(p.src) && p.src[i] == '-' {
		i++
	}
	first := i
	i = p.digits(i)
	if i == first || i > first+1 && p.src[first] == '0' {
		return p.pos, false
	}
	integer = true
	if i < len(p.src) && p.src[i] == '.' {
		fraction := p.digits(i + 1)
		if fraction == i+1 {
			return p.pos, false
		}
		i, integer = fraction, false
	}
	if i < len(p.src) && p.src[i]|0x20 == 'e' {
		j := i + 1
		if j < len(p.src) && (p.src[j] == '+' || p.src[j] == '-') {
			j++
		}
		exponent := p.digits(j)
		if exponent == j {
			return p.pos, false
		}
		i, integer = exponent, false
	}
	return i, integer
}

func (p *Parser) digits(i int) int {
	for i < len(p.src) && p.src[i] >= '0' && p.src[i] <= '9' {
		i++
	}
	return i
}

// parseInt reads an integer of 64 bits.
func parseInt(s []byte) (int64, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

// appendInteger appends an integer in the narrower width that holds it.
func (p *Parser) appendInteger(n int64) bsonraw.Type {
	if n == int64(int32(n)) {
		p.out = binary.LittleEndian.AppendUint32(p.out, uint32(n))
		return bsonraw.Int32
	}
	p.out = binary.LittleEndian.AppendUint64(p.out, uint64(n))
	return bsonraw.Int64
}

func (p *Parser) doubleText(start int, text []byte) (bsonraw.Type, error) {
	f, ok := parseFloat(text)
	if !ok {
		p.pos = start
		return 0, p.fail("%s is outside the range of a double", p.seen())
	}
	p.appendDouble(f)
	return bsonraw.Double, nil
}

func (p *Parser) appendDouble(f float64) {
	p.out = binary.LittleEndian.AppendUint64(p.out, math.Float64bits(f))
}

func parseFloat(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return f, err == nil
}

// hugeInteger reads an integer past 64 bits as a double, if that is exact.
func (p *Parser) hugeInteger(start int, text []byte) (bsonraw.Type, error) {
	f, ok := parseFloat(text)
	if ok && len(text) <= 310 {
		n, _ := new(big.Int).SetString(string(text), 10)
		if whole, accuracy := new(big.Float).SetFloat64(f).Int(nil); accuracy == big.Exact && whole.Cmp(n) == 0 {
			p.appendDouble(f)
			return bsonraw.Double, nil
		}
	}
	p.pos = start
	return 0, p.fail(`the integer %s has more than 64 bits; write {"$numberDecimal":"…"}, or a point behind it for the nearest double`, p.seen())
}
