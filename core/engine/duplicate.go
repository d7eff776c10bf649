package engine

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

// duplicateID is MongoDB's error of an _id that is there already.
func (t *Txn) duplicateID(c *Collection, id Value) error {
	return t.duplicateKey(c, idIndex, stage("_id", id))
}

// duplicateKey is MongoDB's error 11000. Its details are the fields keyPattern
// and keyValue, which stand beside errmsg in a write error.
func (t *Txn) duplicateKey(c *Collection, def *index.Definition, keyValue Doc) error {
	b := bsonraw.NewBuilder(nil)
	b.Doc("keyPattern", def.KeyPattern())
	b.Doc("keyValue", keyValue)
	return errs.New(errs.DuplicateKey, "E11000 duplicate key error collection: %s index: %s dup key: %s",
		t.namespace(c.Name), def.Name, index.Text(keyValue.Value())).WithDetails(b.Finish())
}
