package query

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// maxSortParts is how many fields a sort pattern may have.
const maxSortParts = 32

// SortPart is one field of a sort pattern.
type SortPart struct {
	Path string
	Desc bool
}

// Sort is a compiled sort pattern.
type Sort struct {
	parts []SortPart
	paths []Path
}

// CompileSort compiles a sort pattern such as {a: 1, "b.c": -1}. The pattern
// {$natural: ±1} has no parts: its order is that of the scan.
func CompileSort(spec bsonraw.Doc) (*Sort, error) {
	s := &Sort{}
	if _, ok := spec.Lookup("$natural"); ok {
		if spec.Len() > 1 {
			return nil, errs.New(errs.BadValue, "Cannot include '$natural' in compound sort: %s", valueText(spec.Value()))
		}
		return s, nil
	}
	it := spec.Iter()
	for it.Next() {
		part, err := sortPart(string(it.Key()), it.Value())
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, part)
		s.paths = append(s.paths, NewPath(part.Path))
	}
	if err := it.Err(); err != nil {
		return nil, err
	}
	if len(s.parts) > maxSortParts {
		return nil, errs.New(13103, "too many compound keys")
	}
	return s, nil
}

func sortPart(path string, v bsonraw.Value) (SortPart, error) {
	switch {
	case v.Type == bsonraw.Object:
		return SortPart{}, metaSort(v.Doc())
	case !v.IsNumber():
		return SortPart{}, errs.New(15974, "Illegal key in $sort specification: %s", element(path, v))
	}
	n, ok := truncate(v)
	if !ok || n != 1 && n != -1 {
		return SortPart{}, errs.New(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
	}
	return SortPart{Path: path, Desc: n < 0}, validateFieldPath(path)
}

// metaSort is the error of {$meta: …} in a sort: text scores need an index that
// no collection has.
func metaSort(d bsonraw.Doc) error {
	it := d.Iter()
	if !it.Next() || string(it.Key()) != "$meta" {
		return errs.New(17312, "$meta is the only expression supported by $sort right now")
	}
	v := it.Value()
	if v.Type != bsonraw.String {
		return errs.New(31138, "Illegal $meta sort: %s", element("$meta", v))
	}
	switch v.Str() {
	case "textScore":
		return errs.New(noTextScore, "query requires text score metadata, but it is not available")
	case "randVal", "searchScore", "searchHighlights", "geoNearDistance", "geoNearPoint", "recordId", "indexKey":
		return errs.New(errs.NotSupported, "a sort by {$meta: %q} is not supported", v.Str())
	}
	return errs.New(31138, "Illegal $meta sort: %s", element("$meta", v))
}

// Parts returns the fields of the pattern. Do not write to it.
func (s *Sort) Parts() []SortPart { return s.parts }

// Key appends the document's sort key to dst: keys ordered as bytes order the
// documents. Arrays that run in parallel are error 2.
//
// Of an array the key is that of its least element, or of its greatest where
// the order is descending; in a compound sort the element with the least key of
// all parts together.
func (s *Sort) Key(doc bsonraw.Doc, dst []byte) ([]byte, error) {
	start := len(dst)
	for i, p := range s.paths {
		v := p.objects(doc)
		if v.Type == bsonraw.Array {
			return s.arrayKey(doc, dst[:start])
		}
		dst = appendSortKey(dst, v, s.parts[i].Desc)
	}
	return dst, nil
}

// objects follows the path through objects. It stops at an array.
func (p Path) objects(doc bsonraw.Doc) bsonraw.Value {
	v := doc.Value()
	for i := range p.parts {
		if v.Type != bsonraw.Object {
			if v.Type == bsonraw.Array {
				return v
			}
			return bsonraw.Value{}
		}
		v = v.Doc().Get(p.parts[i].name)
	}
	return v
}

func appendSortKey(dst []byte, v bsonraw.Value, desc bool) []byte {
	if desc {
		return bsonraw.AppendKeyDesc(dst, v)
	}
	return bsonraw.AppendKey(dst, v)
}

// Compare orders two documents. Documents without a key (parallel arrays) are
// the caller's to find with Key; here they are equal.
func (s *Sort) Compare(a, b bsonraw.Doc) int {
	var bufA, bufB [128]byte
	keyA, errA := s.Key(a, bufA[:0])
	keyB, errB := s.Key(b, bufB[:0])
	if errA != nil || errB != nil {
		return 0
	}
	return bytes.Compare(keyA, keyB)
}
