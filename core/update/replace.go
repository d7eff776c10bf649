package update

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// applyReplacement puts the replacement in the place of all fields but _id.
func (u *Update) applyReplacement(doc bsonraw.Doc, dst []byte) (Result, error) {
	given := stampTimes(u.replace, u.now)
	for it := given.Iter(); it.Next(); {
		if name := it.Key(); len(name) > 0 && name[0] == '$' {
			return Result{}, dollarName(string(name), it.Value())
		}
	}
	return replaceBy(doc, given, dst, false)
}

// replaceBy returns doc with given's fields, _id first: given's, or else doc's,
// which may differ in their bits but not in value. insert says that doc is not
// stored yet.
func replaceBy(doc, given bsonraw.Doc, dst []byte, insert bool) (Result, error) {
	id, had := doc.Lookup("_id")
	own, ok := given.Lookup("_id")
	if !ok {
		own = id
	}
	if insert && own.Type == bsonraw.Array {
		return Result{}, errs.New(errs.NotSingleValueField, "After applying the update to the document, the (immutable) field '_id' was found to be an array or array descendant.")
	}
	if bytes.Equal(doc, given) {
		return Result{Doc: doc}, nil
	}
	if ok {
		if err := checkNewID(id, own, had, insert); err != nil {
			return Result{}, err
		}
		id = own
	}
	post, err := withID(id, given, dst)
	if err != nil {
		return Result{}, err
	}
	return Result{Doc: post, Modified: true, Changes: DiffDocs(doc, post)}, nil
}

// checkNewID refuses an _id that is not the one the document had, or none that
// could be. The order of the checks is mongod's.
func checkNewID(id, own bsonraw.Value, had, insert bool) error {
	invalid := bsonraw.ValidateID(own)
	if invalid != nil && !insert {
		return invalid
	}
	if had && !bsonraw.Equal(id, own) {
		return errs.New(errs.ImmutableField, "After applying the update, the (immutable) field '_id' was found to have been altered to %s", describeElement("_id", own))
	}
	return invalid
}

// withID returns a document of this _id, unless it is missing, and of all other
// fields of d.
func withID(id bsonraw.Value, d bsonraw.Doc, dst []byte) (bsonraw.Doc, error) {
	out := append(dst[:0], 0, 0, 0, 0)
	if !id.IsMissing() {
		out = append(appendElementHeader(out, id.Type, []byte("_id")), id.Data...)
	}
	first := true
	for it := d.Iter(); it.Next(); {
		if first && string(it.Key()) == "_id" {
			first = false
			continue
		}
		out = append(appendElementHeader(out, it.Value().Type, it.Key()), it.Value().Data...)
	}
	out = append(out, 0)
	if len(out) > bsonraw.MaxDocSize {
		return nil, tooLarge()
	}
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out, nil
}

// stampTimes returns d with the present in the place of each top-level timestamp
// of zero, which MongoDB takes for "now" in whole documents; d itself if there
// are none. The _id is left alone.
func stampTimes(d bsonraw.Doc, now time.Time) bsonraw.Doc {
	var stamped bsonraw.Doc
	offset := 4
	for it := d.Iter(); it.Next(); {
		offset = len(d) - it.Remaining()
		v := it.Value()
		if v.Type != bsonraw.Timestamp || string(it.Key()) == "_id" || binary.LittleEndian.Uint64(v.Data) != 0 {
			continue
		}
		if stamped == nil {
			stamped = d.Clone()
		}
		copy(stamped[offset-8:offset], timestampOf(now).Data)
	}
	if stamped == nil {
		return d
	}
	return stamped
}
