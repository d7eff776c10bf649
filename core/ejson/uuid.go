package ejson

// AppendUUID appends 16 bytes as a UUID with dashes, in lower case.
func AppendUUID(dst []byte, id []byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// ParseUUID reads a UUID with its dashes.
func ParseUUID(text []byte) (id [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	at := 0
	for i := 0; i < 36; i += 2 {
		if text[i] == '-' {
			i++
		}
		a, ok1 := hexValue(text[i])
		b, ok2 := hexValue(text[i+1])
		if !ok1 || !ok2 {
			return id, false
		}
		id[at] = a<<4 | b
		at++
	}
	return id, true
}
