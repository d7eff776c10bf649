package ejson

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Readers of one type each. They return type zero for a wrapper that does not
// have the form it must have.

func (p *Parser) objectID(m members) (bsonraw.Type, error) {
	text, ok := p.textAt(m.at[0])
	if !ok || m.n != 1 || len(text) != 24 {
		return 0, nil
	}
	out, err := hex.AppendDecode(p.out, text)
	if err != nil {
		return 0, nil
	}
	p.out = out
	return bsonraw.ObjectID, nil
}

func (p *Parser) numberInt(m members) (bsonraw.Type, error) {
	n, ok := p.intAt(m.at[0])
	if !ok || m.n != 1 || n != int64(int32(n)) {
		return 0, nil
	}
	p.out = binary.LittleEndian.AppendUint32(p.out, uint32(n))
	return bsonraw.Int32, nil
}

func (p *Parser) numberLong(m members) (bsonraw.Type, error) {
	n, ok := p.intAt(m.at[0])
	if !ok || m.n != 1 {
		return 0, nil
	}
	p.out = binary.LittleEndian.AppendUint64(p.out, uint64(n))
	return bsonraw.Int64, nil
}

func (p *Parser) numberDouble(m members) (bsonraw.Type, error) {
	text, ok := p.textAt(m.at[0])
	if !ok {
		p.pos = m.at[0]
		end, _ := p.scanNumber()
		text = p.src[m.at[0]:end]
	}
	f, ok := parseDouble(text)
	if !ok || m.n != 1 {
		return 0, nil
	}
	p.appendDouble(f)
	return bsonraw.Double, nil
}

func parseDouble(text []byte) (float64, bool) {
	switch string(text) {
	case "NaN":
		return bsonraw.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	for _, c := range text { // not Go's hexadecimal or underscored forms
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c|0x20 != 'e' {
			return 0, false
		}
	}
	return parseFloat(text)
}

func (p *Parser) numberDecimal(m members) (bsonraw.Type, error) {
	text, ok := p.textAt(m.at[0])
	if !ok || m.n != 1 {
		return 0, nil
	}
	d, ok := ParseDecimal(text)
	if !ok {
		return 0, nil
	}
	hi, lo := d.Halves()
	p.out = binary.LittleEndian.AppendUint64(p.out, lo)
	p.out = binary.LittleEndian.AppendUint64(p.out, hi)
	return bsonraw.Decimal128, nil
}

// date reads an ISO date, {"$numberLong": milliseconds}, or milliseconds.
func (p *Parser) date(m members) (bsonraw.Type, error) {
	if m.n != 1 {
		return 0, nil
	}
	ms, ok := int64(0), false
	if text, isText := p.textAt(m.at[0]); isText {
		ms, ok = ParseDate(text)
	} else if inner, isObject := p.fieldsAt(m.at[0]); isObject {
		if inner.has("$numberLong") {
			ms, ok = p.intAt(inner.at[0])
		}
	} else {
		ms, ok = p.intAt(m.at[0])
	}
	if !ok {
		return 0, nil
	}
	p.out = binary.LittleEndian.AppendUint64(p.out, uint64(ms))
	return bsonraw.DateTime, nil
}

// binary reads {"$binary": {"base64", "subType"}}, or version 1's {"$binary":
// base64, "$type": subtype}.
func (p *Parser) binary(m members) (bsonraw.Type, error) {
	data, subtype := m.at[0], 0
	if inner, ok := p.fieldsAt(m.at[0]); ok {
		at, ok1 := inner.find("base64")
		sub, ok2 := inner.find("subType")
		if !ok1 || !ok2 || m.n != 1 {
			return 0, nil
		}
		data, subtype = at, sub
	} else if m.has("$binary", "$type") {
		subtype = m.at[1]
	} else {
		return 0, nil
	}
	text, ok := p.textAt(subtype)
	if !ok {
		return 0, nil
	}
	sub, ok := parseSubtype(text)
	if !ok {
		return 0, nil
	}
	if text, ok = p.textAt(data); !ok {
		return 0, nil
	}
	return p.appendBase64(sub, text)
}

func parseSubtype(text []byte) (byte, bool) {
	var sub byte
	for _, c := range text {
		d, ok := hexValue(c)
		if !ok {
			return 0, false
		}
		sub = sub<<4 | d
	}
	return sub, len(text) == 1 || len(text) == 2
}

func (p *Parser) appendBase64(subtype byte, text []byte) (bsonraw.Type, error) {
	at := len(p.out)
	p.out = append(p.out, 0, 0, 0, 0, subtype)
	if subtype == 2 {
		p.out = append(p.out, 0, 0, 0, 0)
	}
	start := len(p.out)
	out, err := base64.StdEncoding.AppendDecode(p.out, text)
	if err != nil {
		p.out = p.out[:at]
		return 0, nil
	}
	p.out = out
	if subtype == 2 {
		putInt32(p.out, at+5, len(p.out)-start)
	}
	putInt32(p.out, at, len(p.out)-at-5)
	return bsonraw.Binary, nil
}

func (p *Parser) uuid(m members) (bsonraw.Type, error) {
	text, ok := p.textAt(m.at[0])
	if !ok || m.n != 1 {
		return 0, nil
	}
	id, ok := ParseUUID(text)
	if !ok {
		return 0, nil
	}
	p.out = append(p.out, 16, 0, 0, 0, 4)
	p.out = append(p.out, id[:]...)
	return bsonraw.Binary, nil
}

func (p *Parser) timestamp(m members) (bsonraw.Type, error) {
	inner, ok := p.fieldsAt(m.at[0])
	if !ok || m.n != 1 || inner.n != 2 {
		return 0, nil
	}
	at, ok1 := inner.find("t")
	bt, ok2 := inner.find("i")
	if !ok1 || !ok2 {
		return 0, nil
	}
	t, ok1 := p.intAt(at)
	i, ok2 := p.intAt(bt)
	if !ok1 || !ok2 || t < 0 || t > math.MaxUint32 || i < 0 || i > math.MaxUint32 {
		return 0, nil
	}
	p.out = binary.LittleEndian.AppendUint64(p.out, uint64(t)<<32|uint64(i))
	return bsonraw.Timestamp, nil
}

func (p *Parser) regex(m members) (bsonraw.Type, error) {
	inner, ok := p.fieldsAt(m.at[0])
	if !ok || m.n != 1 || inner.n != 2 {
		return 0, nil
	}
	for _, name := range [...]string{"pattern", "options"} {
		at, found := inner.find(name)
		if !found {
			return 0, nil
		}
		text, ok := p.textAt(at)
		if !ok {
			return 0, nil
		}
		for _, c := range text {
			if c == 0 {
				return 0, nil
			}
		}
		p.out = append(append(p.out, text...), 0)
	}
	return bsonraw.Regex, nil
}

// code reads {"$code"} and {"$code", "$scope"}.
func (p *Parser) code(m members) (bsonraw.Type, error) {
	withScope := m.has("$code", "$scope")
	if !withScope && m.n != 1 {
		return 0, nil
	}
	at := len(p.out)
	if withScope {
		p.out = append(p.out, 0, 0, 0, 0)
	}
	if t := p.textValue(m.at[0], bsonraw.JavaScript); t == 0 || !withScope {
		return t, nil
	}
	if p.pos = m.at[1]; p.src[p.pos] != '{' {
		return 0, nil
	}
	if _, err := p.object(true); err != nil {
		return 0, err
	}
	putInt32(p.out, at, len(p.out)-at)
	return bsonraw.CodeWithScope, nil
}

// textValue appends the string at an offset as a value of a text type.
func (p *Parser) textValue(at int, t bsonraw.Type) bsonraw.Type {
	text, ok := p.textAt(at)
	if !ok {
		return 0
	}
	p.out = binary.LittleEndian.AppendUint32(p.out, uint32(len(text)+1))
	p.out = append(append(p.out, text...), 0)
	return t
}

func (p *Parser) scopeFirst(members) (bsonraw.Type, error) {
	return 0, p.fail("$scope must come behind its $code")
}

func (p *Parser) symbol(m members) (bsonraw.Type, error) {
	if m.n != 1 {
		return 0, nil
	}
	return p.textValue(m.at[0], bsonraw.Symbol), nil
}

func (p *Parser) dbPointer(m members) (bsonraw.Type, error) {
	inner, ok := p.fieldsAt(m.at[0])
	if !ok || m.n != 1 || inner.n != 2 {
		return 0, nil
	}
	ref, ok1 := inner.find("$ref")
	id, ok2 := inner.find("$id")
	if !ok1 || !ok2 {
		return 0, nil
	}
	if p.textValue(ref, bsonraw.DBPointer) == 0 {
		return 0, nil
	}
	target, ok := p.fieldsAt(id)
	if !ok || !target.has("$oid") {
		return 0, nil
	}
	if t, err := p.objectID(target); t == 0 {
		return 0, err
	}
	return bsonraw.DBPointer, nil
}

func (p *Parser) minKey(m members) (bsonraw.Type, error) { return p.keyOne(m, bsonraw.MinKey) }
func (p *Parser) maxKey(m members) (bsonraw.Type, error) { return p.keyOne(m, bsonraw.MaxKey) }

func (p *Parser) keyOne(m members, t bsonraw.Type) (bsonraw.Type, error) {
	if n, ok := p.intAt(m.at[0]); !ok || n != 1 || m.n != 1 {
		return 0, nil
	}
	return t, nil
}

func (p *Parser) undefined(m members) (bsonraw.Type, error) {
	if p.pos = m.at[0]; m.n != 1 || !p.literal("true") {
		return 0, nil
	}
	return bsonraw.Undefined, nil
}
