package engine

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

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
		t.namespace(c.Name), def.Name, shellText(keyValue.Value())).WithDetails(b.Finish())
}

// shellText prints a value as MongoDB's messages do: { a: 1, b: "x" }.
func shellText(v Value) string {
	switch v.Type {
	case bsonraw.Object:
		var parts []string
		it := v.Doc().Iter()
		for it.Next() {
			parts = append(parts, string(it.Key())+": "+shellText(it.Value()))
		}
		return braces("{", parts, "}")
	case bsonraw.Array:
		var parts []string
		for _, e := range v.Doc().Values() {
			parts = append(parts, shellText(e))
		}
		return braces("[", parts, "]")
	case bsonraw.String, bsonraw.Symbol:
		return strconv.Quote(v.Str())
	case bsonraw.Null:
		return "null"
	case bsonraw.Boolean:
		return strconv.FormatBool(v.Bool())
	case bsonraw.Int32, bsonraw.Int64:
		n, _ := v.AsInt64()
		return strconv.FormatInt(n, 10)
	case bsonraw.Double:
		return doubleText(v.Double())
	case bsonraw.ObjectID:
		return "ObjectId('" + bson.ObjectID(v.Data).Hex() + "')"
	case bsonraw.DateTime:
		return "new Date(" + strconv.FormatInt(v.Int64(), 10) + ")"
	}
	return bson.RawValue{Type: bson.Type(v.Type), Value: v.Data}.String()
}

func doubleText(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.Trim(s, "-0123456789") == "" {
		s += ".0"
	}
	return s
}

func braces(open string, parts []string, end string) string {
	if len(parts) == 0 {
		return open + end
	}
	return open + " " + strings.Join(parts, ", ") + " " + end
}
