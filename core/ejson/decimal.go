package ejson

import (
	"math/bits"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Limits of decimal128.
const (
	maxDecimalDigits   = 34
	minDecimalExponent = -6176
	maxDecimalExponent = 6111
)

// AppendDecimal appends a decimal as MongoDB prints it: plain digits while the
// exponent is at most zero and the number is not tiny, scientific otherwise.
func AppendDecimal(dst []byte, d bsonraw.Decimal) []byte {
	if d.IsNaN() {
		return append(dst, "NaN"...)
	}
	if d.Negative() {
		dst = append(dst, '-')
	}
	if d.IsInf() {
		return append(dst, "Infinity"...)
	}
	hi, lo, exponent := DecimalParts(d)
	var buf [40]byte
	digits := appendUint128(buf[:0], hi, lo)
	adjusted := exponent + len(digits) - 1
	switch {
	case exponent > 0 || adjusted < -6:
		return appendScientific(dst, digits, adjusted)
	case exponent == 0:
		return append(dst, digits...)
	case adjusted < 0:
		dst = append(dst, '0', '.')
		for range -adjusted - 1 {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	point := len(digits) + exponent
	dst = append(dst, digits[:point]...)
	return append(append(dst, '.'), digits[point:]...)
}

func appendScientific(dst, digits []byte, adjusted int) []byte {
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	dst = append(dst, 'E')
	if adjusted >= 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(adjusted), 10)
}

// DecimalParts returns the coefficient, in two halves, and the exponent of a
// finite decimal. A coefficient that is not canonical counts as zero.
func DecimalParts(d bsonraw.Decimal) (hi, lo uint64, exponent int) {
	hi, lo = d.Halves()
	if hi>>61&3 == 3 {
		return 0, 0, int(hi>>47&0x3FFF) + minDecimalExponent
	}
	exponent = int(hi>>49&0x3FFF) + minDecimalExponent
	hi &= 1<<49 - 1
	if hi > maxCoefficientHi || hi == maxCoefficientHi && lo > maxCoefficientLo {
		return 0, 0, exponent
	}
	return hi, lo, exponent
}

// 10^34 - 1.
const (
	maxCoefficientHi = 0x1ED09BEAD87C0
	maxCoefficientLo = 0x378D8E63FFFFFFFF
)

func appendUint128(dst []byte, hi, lo uint64) []byte {
	if hi == 0 {
		return strconv.AppendUint(dst, lo, 10)
	}
	const ten19 = 1e19
	q, r := bits.Div64(hi%ten19, lo, ten19)
	dst = strconv.AppendUint(dst, q, 10)
	var low [19]byte
	for i := len(low) - 1; i >= 0; i-- {
		low[i] = byte('0' + r%10)
		r /= 10
	}
	return append(dst, low[:]...)
}

// MakeDecimal builds a decimal from a coefficient below 10^34 and an exponent.
func MakeDecimal(negative bool, hi, lo uint64, exponent int) bsonraw.Decimal {
	hi |= uint64(exponent-minDecimalExponent) << 49
	if negative {
		hi |= 1 << 63
	}
	return bsonraw.NewDecimal(hi, lo)
}

// ParseDecimal reads a decimal in any of the forms that MongoDB's tools write.
// It reports false where the text is no number, or one that decimal128 cannot
// hold exactly.
func ParseDecimal(s []byte) (bsonraw.Decimal, bool) {
	negative, rest := cutSign(s)
	switch {
	case equalFold(rest, "nan"):
		return bsonraw.NewDecimal(0x7C<<56, 0), true
	case equalFold(rest, "inf"), equalFold(rest, "infinity"):
		hi := uint64(0x78 << 56)
		if negative {
			hi |= 1 << 63
		}
		return bsonraw.NewDecimal(hi, 0), true
	}
	digits, exponent, ok := scanDecimal(rest)
	if !ok {
		return bsonraw.Decimal{}, false
	}
	return fitDecimal(negative, digits, exponent)
}

func cutSign(s []byte) (negative bool, rest []byte) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		return s[0] == '-', s[1:]
	}
	return false, s
}

func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if c|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// scanDecimal splits 12.34E-5 into the digits 1234, without leading zeros, and
// the exponent of the last one.
func scanDecimal(s []byte) (digits []byte, exponent int, ok bool) {
	seen, point := false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		if point {
			exponent--
		}
		if c != '0' || len(digits) > 0 {
			digits = append(digits, c)
		}
	}
	if !seen {
		return nil, 0, false
	}
	if i == len(s) {
		return digits, exponent, true
	}
	if s[i]|0x20 != 'e' {
		return nil, 0, false
	}
	e, err := strconv.Atoi(string(s[i+1:]))
	if err != nil || e > 1<<20 || e < -1<<20 {
		return nil, 0, false
	}
	return digits, exponent + e, true
}

// fitDecimal moves zeros between the digits and the exponent until both fit.
func fitDecimal(negative bool, digits []byte, exponent int) (bsonraw.Decimal, bool) {
	if len(digits) == 0 {
		exponent = min(max(exponent, minDecimalExponent), maxDecimalExponent)
		return MakeDecimal(negative, 0, 0, exponent), true
	}
	for len(digits) > 1 && digits[len(digits)-1] == '0' && (len(digits) > maxDecimalDigits || exponent < minDecimalExponent) {
		digits = digits[:len(digits)-1]
		exponent++
	}
	for exponent > maxDecimalExponent && len(digits) < maxDecimalDigits {
		digits = append(digits, '0')
		exponent--
	}
	if len(digits) > maxDecimalDigits || exponent < minDecimalExponent || exponent > maxDecimalExponent {
		return bsonraw.Decimal{}, false
	}
	var hi, lo uint64
	for _, c := range digits {
		h, l := bits.Mul64(lo, 10)
		var carry uint64
		lo, carry = bits.Add64(l, uint64(c-'0'), 0)
		hi = hi*10 + h + carry
	}
	return MakeDecimal(negative, hi, lo, exponent), true
}
