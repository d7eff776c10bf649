package number

import (
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// FormatDouble writes a double as $toString does: six significant digits, as
// C's %g.
func FormatDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

// FormatDecimal writes a decimal in scientific notation where its exponent is
// above zero or its value is small, and plainly otherwise (IEEE 754's
// to-scientific-string, which BSON prescribes).
func FormatDecimal(d bsonraw.Decimal) string {
	switch {
	case d.IsNaN():
		return "NaN"
	case d.IsInf() && d.Negative():
		return "-Infinity"
	case d.IsInf():
		return "Infinity"
	}
	negative, c, exponent := d.Parts()
	text := c.Text(10)
	adjusted := exponent + len(text) - 1
	sign := ""
	if negative {
		sign = "-"
	}
	switch {
	case exponent > 0 || adjusted < -6:
		if len(text) > 1 {
			text = text[:1] + "." + text[1:]
		}
		return sign + text + "E" + signed(adjusted)
	case exponent == 0:
		return sign + text
	}
	if point := len(text) + exponent; point > 0 {
		return sign + text[:point] + "." + text[point:]
	}
	return sign + "0." + strings.Repeat("0", -exponent-len(text)) + text
}

func signed(n int) string {
	if n >= 0 {
		return "+" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// Format writes a number of any type as $toString does.
func (n Number) Format() string {
	switch n.Type {
	case bsonraw.Double:
		return FormatDouble(n.Flt)
	case bsonraw.Decimal128:
		return FormatDecimal(n.Dec)
	}
	return strconv.FormatInt(n.Int, 10)
}

// ParseDecimal reads a decimal: digits with an optional sign, point and
// exponent, or inf, infinity or nan in any case. Digits behind the 34th are cut
// off. A number too large or too small is an Overflow, anything else
// FailedToParse.
func ParseDecimal(s string) (bsonraw.Decimal, error) {
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || !isDecimalBody(body) {
		return bsonraw.Decimal{}, errs.New(errs.FailedToParse, "Failed to parse string to decimal")
	}
	negative := s[0] == '-'
	switch strings.ToLower(body) {
	case "inf", "infinity":
		return infinity(negative), nil
	case "nan":
		return decimalNaN, nil
	}
	return parseFinite(body, negative)
}

func parseFinite(body string, negative bool) (bsonraw.Decimal, error) {
	mantissa, exp, _ := strings.Cut(strings.ToLower(body), "e")
	exponent := 0
	if exp != "" {
		n, err := strconv.Atoi(exp)
		if err != nil { // out of int64: any large number will do
			n = math.MaxInt32
			if exp[0] == '-' {
				n = -n
			}
		}
		exponent = max(-math.MaxInt32, min(n, math.MaxInt32))
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	var a apd.Decimal
	a.Coeff.SetString(whole+fraction, 10)
	if a.Coeff.Sign() == 0 {
		return encode(negative, 0, 0, min(max(exponent, minExponent), maxExponent)), nil
	}
	adjusted := int64(exponent) + a.NumDigits() - 1
	if adjusted > maxAdjusted {
		return infinity(negative), errs.New(errs.Overflow, "Conversion from string to decimal would overflow")
	}
	if adjusted < minExponent {
		return encode(negative, 0, 0, minExponent), errs.New(errs.Overflow, "Conversion from string to decimal would underflow")
	}
	a.Exponent, a.Negative = int32(exponent), negative
	c := decimalContext
	c.Rounding = apd.RoundDown
	cond, err := c.Round(&a, &a)
	switch {
	case err != nil:
		return decimalNaN, errs.Wrap(err, errs.FailedToParse, "decimal %.40q", body)
	case cond.Subnormal() && cond.Inexact():
		return decimalNaN, errs.New(errs.Overflow, "Conversion from string to decimal would underflow")
	}
	return fromAPD(&a), nil
}

// isDecimalBody checks what follows the sign of a decimal.
func isDecimalBody(s string) bool {
	switch strings.ToLower(s) {
	case "inf", "infinity", "nan":
		return true
	}
	mantissa, exp, hasExp := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return false
	}
	if !hasExp {
		return true
	}
	exp = strings.TrimPrefix(strings.TrimPrefix(exp, "+"), "-")
	return exp != "" && allDigits(exp)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
