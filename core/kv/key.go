package kv

import "encoding/binary"

// The form of a key, as far as a backend has to know it. FROZEN: it decides
// what filters hold and how blocks are laid out on disk.
//
//	unversioned   [0 < kind < 0x80][anything]
//	versioned     [kind ≥ 0x80][at least 13 bytes, ..][00] @ [^version (7)][08]
//	               \_____________ prefix ______________/    \___ suffix ____/
//
// The suffix is the version, inverted so that the newest sorts first, and a
// byte 08 for its length. The 00 ends every prefix. So one look at the last
// byte tells a whole key from a bare prefix, which is a valid key too and sorts
// before all its versions. A prefix encoded without an end mark, or a suffix
// found by parsing the prefix, were rejected: the first cannot tell the two
// apart, the second costs time for every key of every compaction.
//
// Kind 0 belongs to the backend.
//
// Bounds between versioned keys may be cut anywhere if they are shorter than
// MinVersioned or end in 00.
const (
	// Versioned is the bit of the kind byte that versioned keys have.
	Versioned = 0x80
	// SuffixLen is the length of the version of a versioned key.
	SuffixLen = 8
	// MinVersioned is the least length of a versioned key.
	MinVersioned = 1 + 13 + 1 + SuffixLen
	// MaxVersion is the highest version that a key can have.
	MaxVersion = 1<<56 - 1

	prefixEnd = 0x00
	suffixEnd = SuffixLen
)

// Split returns the length of the prefix of a key; all of it if the key has no
// version.
func Split(key []byte) int {
	if len(key) < MinVersioned || key[0] < Versioned || key[len(key)-1] != suffixEnd {
		return len(key)
	}
	return len(key) - SuffixLen
}

// AppendVersion appends the end of a prefix and a version to a key.
func AppendVersion(key []byte, version uint64) []byte {
	key = append(key, prefixEnd)
	return binary.BigEndian.AppendUint64(key, ^version<<8|suffixEnd)
}

// PutVersion overwrites the last SuffixLen bytes of key with a version.
func PutVersion(key []byte, version uint64) {
	binary.BigEndian.PutUint64(key[len(key)-SuffixLen:], ^version<<8|suffixEnd)
}

// Version returns the version of a key that has one.
func Version(key []byte) uint64 {
	return ^(binary.BigEndian.Uint64(key[len(key)-SuffixLen:]) >> 8) & MaxVersion
}
