package engine

import "github.com/argon-lab/argon/core/refs"

// Nothing returns a view of a database that is not there: it is empty, and only
// a malformed query is an error, as in MongoDB.
func (s *Store) Nothing(ref refs.Ref) *Snapshot {
	return &Snapshot{reader{store: s, ref: ref, catalog: emptyCatalog(), now: s.clock()}}
}

// BypassValidation lets the documents of this transaction, from now on, pass
// their collections' validators.
func (t *Txn) BypassValidation() { t.bypass = true }
