package index

import "github.com/argon-lab/argon/core/bsonraw"

// A bound in bytes is a point between keys: it stands before every key that it
// is a prefix of. No encoded value is a prefix of another, so the bytes of a
// value stand before the keys with that value and successor of them behind
// those keys, whatever parts follow.

// appendKey appends the key of one part.
func appendKey(dst []byte, v bsonraw.Value, desc bool) []byte {
	if desc {
		return bsonraw.AppendKeyDesc(dst, v)
	}
	return bsonraw.AppendKey(dst, v)
}

// keySize returns the length of the encoded part at the start of key.
func keySize(key []byte, desc bool) (int, bool) {
	if desc {
		return bsonraw.KeySizeDesc(key)
	}
	return bsonraw.KeySize(key)
}

// successor returns the least byte string above everything that has b as a
// prefix; nil, which stands for no bound, if there is none.
func successor(b []byte) []byte {
	for n := len(b); n > 0; n-- {
		if b[n-1] != 0xFF {
			next := append([]byte(nil), b[:n]...)
			next[n-1]++
			return next
		}
	}
	return nil
}

// rangeOf returns the keys that have prefix and then a value of iv.
func rangeOf(prefix []byte, iv interval, desc bool) Range {
	if desc {
		iv = iv.reversed()
	}
	lo := appendKey(append([]byte(nil), prefix...), iv.lo, desc)
	if !iv.loIn {
		lo = successor(lo)
	}
	hi := appendKey(append([]byte(nil), prefix...), iv.hi, desc)
	if iv.hiIn {
		hi = successor(hi)
	}
	return Range{lo, hi}
}
