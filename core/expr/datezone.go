package expr

import "strings"

// zoneHours holds the offsets in hours of the zone abbreviations that a date's
// text may name.
var zoneHours = map[string]float64{
	"utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2,
	"eet": 2, "eest": 3, "msk": 3, "sast": 2, "ist": 2, "pkt": 5, "jst": 9, "kst": 9,
	"hkt": 8, "sgt": 8, "awst": 8, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11,
	"nzst": 12, "nzdt": 13, "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
	"pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "hdt": -9, "sst": -11,
	// Military zones: A to M without J east, N to Y west.
	"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "k": 10,
	"l": 11, "m": 12, "n": -1, "o": -2, "p": -3, "q": -4, "r": -5, "s": -6, "t": -7,
	"u": -8, "v": -9, "w": -10, "x": -11, "y": -12,
}

// setZone takes the zone of a text in.
func (p *parsedDate) setZone(start int, text string) error {
	if p.hasZone {
		return p.fail(start, "Double timezone specification")
	}
	at := p.at
	p.at = at - len(text)
	err := p.zone()
	if err == nil && p.at != at {
		err = p.fail(p.at, "Unexpected character")
	}
	return err
}

// zone reads a zone: an abbreviation, or an offset ±H, ±HH, ±HHMM or ±HH:MM,
// maybe behind GMT.
func (p *parsedDate) zone() error {
	rest := p.text[p.at:]
	if len(rest) > 3 && strings.EqualFold(rest[:3], "gmt") && (rest[3] == '+' || rest[3] == '-') {
		p.at += 3
		rest = rest[3:]
	}
	if rest[0] == '+' || rest[0] == '-' {
		return p.signedZone(rest[0] == '-')
	}
	word := strings.ToLower(rest[:wordEnd(rest)])
	hours, ok := zoneHours[word]
	if !ok {
		return p.fail(p.at, "passing a time zone identifier as part of the string is not allowed")
	}
	p.zoneName = strings.ToUpper(word)
	p.offset, p.hasZone = int(hours*3600), true
	p.at += len(word)
	return nil
}

func wordEnd(s string) int {
	n := 0
	for n < len(s) && (s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return n
}

func (p *parsedDate) signedZone(negative bool) error {
	start := p.at
	p.at++
	begin := p.at
	n, ok := p.digits(1, 4)
	if !ok {
		return p.fail(start, "The timezone could not be found in the database")
	}
	minutes := n * 60
	switch width := p.at - begin; {
	case width > 2:
		minutes = n/100*60 + n%100
	case p.at < len(p.text) && p.text[p.at] == ':':
		p.at++
		m, ok := p.digits(1, 2)
		if !ok {
			return p.fail(p.at, "Unexpected character")
		}
		minutes += m
	}
	if negative {
		minutes = -minutes
	}
	p.offset, p.hasZone = minutes*60, true
	return nil
}
