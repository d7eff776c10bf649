package mongotest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Doc returns the document that Extended JSON (relaxed or canonical) stands
// for. It panics on anything else: it is for literals in tests.
func Doc(extJSON string) bsonraw.Doc {
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(extJSON), false, &d); err != nil {
		panic(fmt.Sprintf("mongotest.Doc(%s): %v", extJSON, err))
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("mongotest.Doc(%s): %v", extJSON, err))
	}
	return raw
}

// Docf is Doc of a formatted text.
func Docf(format string, args ...any) bsonraw.Doc { return Doc(fmt.Sprintf(format, args...)) }

// Value returns the value that Extended JSON stands for.
func Value(extJSON string) bsonraw.Value { return Doc(`{"v": ` + extJSON + `}`).Get("v") }

// JSON returns a document as canonical Extended JSON, for messages of tests.
func JSON(d bsonraw.Doc) string {
	b, err := bson.MarshalExtJSON(bson.Raw(d), true, false)
	if err != nil {
		return fmt.Sprintf("%x (%v)", []byte(d), err)
	}
	return string(b)
}

// ValueJSON returns a value as canonical Extended JSON.
func ValueJSON(v bsonraw.Value) string {
	if v.IsMissing() {
		return "missing"
	}
	b := bsonraw.NewBuilder(nil)
	b.Value("v", v)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(JSON(b.Finish())), &fields); err != nil {
		return fmt.Sprintf("%s %x", v.Type.Name(), v.Data)
	}
	return string(fields["v"])
}

// ByName returns a value as a text that does not tell in which order fields are.
func ByName(v bsonraw.Value) string {
	if v.Type != bsonraw.Object && v.Type != bsonraw.Array {
		return fmt.Sprintf("%x:%x", v.Type, v.Data)
	}
	var parts []string
	for it := v.Doc().Iter(); it.Next(); {
		parts = append(parts, string(it.Key())+"="+ByName(it.Value()))
	}
	slices.Sort(parts)
	return fmt.Sprint(v.Type, parts)
}
