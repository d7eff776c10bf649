package query

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// SortPart is one field of a sort pattern.
type SortPart struct {
	Path string
	Desc bool
}

// Sort is a compiled sort pattern.
type Sort struct {
	parts []SortPart
}

// CompileSort compiles a sort pattern such as {a: 1, "b.c": -1}. The pattern
// {$natural: ±1} is one without parts, see Natural.
func CompileSort(spec bsonraw.Doc) (*Sort, error) {
	return nil, errs.New(errs.NotSupported, "sorts")
}

// Parts returns the fields of the pattern. Do not write to it.
func (s *Sort) Parts() []SortPart { return s.parts }

// Natural returns 1 or -1 for {$natural: …}, and 0 otherwise.
func (s *Sort) Natural() int { return 0 }

// Key appends the document's sort key to dst: keys ordered as bytes order the
// documents. Two arrays that run in parallel are error 2.
func (s *Sort) Key(doc bsonraw.Doc, dst []byte) ([]byte, error) { return dst, nil }

// Compare orders two documents. Documents without a key (parallel arrays) are
// the caller's to find with Key; here they are equal.
func (s *Sort) Compare(a, b bsonraw.Doc) int { return 0 }

// KeyPaths are the dotted paths of an index or sort, prepared for KeyPaths.Each.
type KeyPaths struct{}

// NewKeyPaths prepares paths.
func NewKeyPaths(paths []string) *KeyPaths { return &KeyPaths{} }

// Each calls emit with every key of doc: one value for each path, where an
// array stands for each of its elements, [] for undefined, and what is missing
// for null. A key may come several times. The slice is reused; its values
// point into doc. Multikey reports whether an array took part, paths says
// which ones. Arrays that run in parallel are error 171.
func (k *KeyPaths) Each(doc bsonraw.Doc, emit func(key []bsonraw.Value) error) (multikey bool, err error) {
	return false, nil
}
