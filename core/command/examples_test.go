package command

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

var bareKey = regexp.MustCompile(`([{,]\s*)([$\w]+):`)

// exampleDoc reads an example, whose keys have no quotes.
func exampleDoc(text string) (bsonraw.Doc, error) {
	return ejson.ParseDoc(bareKey.ReplaceAllString(text, `$1"$2":`))
}

// Every example of the reference runs on a store that has what they speak of,
// or fails for the reason given here.
func TestExamplesRun(t *testing.T) {
	mayFail := map[string]errs.Code{
		"getMore":           errs.CursorNotFound,
		"commitTransaction": errs.NoSuchTransaction,
		"logRotate":         errs.NotSupported,
		"shutdown":          errs.NotSupported,
		"abortTransaction":  errs.NoSuchTransaction,
		"argonImport":       errs.CommandNotSupported,
		"argonExport":       errs.CommandNotSupported,
		"argonImportEnd":    errs.BranchNotFound,
		"saslContinue":      errs.NoConversation,
		"authenticate":      errs.AuthenticationFailed,
		"argonCancel":       errs.IllegalOperation,

		"argonPublish":         errs.CommandNotSupported,
		"argonPublishPlan":     errs.CommandNotSupported,
		"argonPublishResume":   errs.CommandNotSupported,
		"argonPublishRollback": errs.CommandNotSupported,
		"argonPublishList":     errs.CommandNotSupported,
		"argonPublishForget":   errs.CommandNotSupported,
		"argonRestoreTo":       errs.CommandNotSupported,

		"argonMirrorAdd": errs.NotSupported, "argonMirrorRemove": errs.NotSupported, "argonMirrorList": errs.NotSupported,
		"argonMirrorStart": errs.NotSupported, "argonMirrorStop": errs.NotSupported, "argonMirrorStatus": errs.NotSupported,
		"argonMirrorVerify": errs.NotSupported, "argonMirrorRole": errs.NotSupported,
	}
	for _, c := range Commands() {
		t.Run(c.Name, func(t *testing.T) {
			d := newDoor(t)
			d.EnableTestCommands()
			d.run("shop", `{"insert": "users", "documents": [{"_id": 1, "name": "Ada", "age": 36, "country": "UK"}, {"_id": 3, "name": "x"}], "$argon": {"actor": "etl"}}`)
			d.run("shop", `{"createIndexes": "users", "indexes": [{"key": {"age": 1, "name": 1}, "name": "age_1_name_1"}]}`)
			d.run("shop", `{"argonTagCreate": "v1"}`)
			d.run("shop", `{"argonBranchCreate": "experiment-1"}`)
			d.run("shop~experiment-1", `{"update": "users", "updates": [{"q": {"_id": 1}, "u": {"$set": {"age": 37}}}]}`)
			if c.Group == Access {
				d.givePeople(c.Name)
			}
			switch c.Name {
			case "argonProjectCreate":
				d.run("admin", `{"argonProjectDelete": "shop"}`)
			case "argonBranchCreate":
				d.run("shop", `{"argonBranchDelete": "experiment-1"}`)
			case "argonTagCreate":
				d.run("shop", `{"argonTagDelete": "v1"}`)
			case "insert", "create":
				d.run("shop", `{"drop": "users"}`)
			}
			raw, err := exampleDoc(c.Example)
			require.NoError(t, err, c.Example)
			it := raw.Iter()
			require.True(t, it.Next())
			require.Equal(t, c.Name, string(it.Key()))
			reply, err := d.Run(t.Context(), d.sess, c.DB, raw)
			if code, ok := mayFail[c.Name]; ok {
				require.Equal(t, code, errs.CodeOf(err))
				return
			}
			require.NoError(t, err, c.Example)
			require.True(t, reply.Get("ok").Truthy())
			require.True(t, reply.Get("writeErrors").IsMissing(), jsonOf(reply))
		})
	}
}

// givePeople makes the user, the role and the key that examples speak of, but for
// the one that the command itself makes.
func (d *door) givePeople(command string) {
	if command != "createUser" {
		d.run("admin", `{"createUser": "ada", "pwd": "correct horse", "roles": ["root"]}`)
	}
	if command != "createRole" {
		d.run("shop", `{"createRole": "auditor", "privileges": [{"resource": {"db": "shop~*", "collection": ""}, "actions": ["listBranches", "find"]}], "roles": ["read"]}`)
	}
	if command != "argonAPIKeyCreate" {
		d.run("admin", `{"argonAPIKeyCreate": "nightly-etl", "roles": ["root"]}`)
	}
}

// Every command refuses a field that it does not know, and every required field
// that is missing, with MongoDB's codes.
func TestEveryCommandChecksItsFields(t *testing.T) {
	d := newDoor(t)
	d.EnableTestCommands()
	for _, c := range Commands() {
		if c.has(loose) {
			continue
		}
		raw, err := exampleDoc(c.Example)
		require.NoError(t, err)
		b := bsonraw.NewBuilder(nil)
		appendFields(b, raw)
		b.Int32("notAField", 1)
		_, err = d.Run(t.Context(), d.sess, c.DB, b.Finish())
		require.Equal(t, errs.UnknownField, errs.CodeOf(err), "%s: %v", c.Name, err)
		require.Contains(t, err.Error(), "notAField")
		for _, f := range c.Fields[1:] {
			if f.Required {
				_, err = d.Run(t.Context(), d.sess, c.DB, without(raw, f.Name))
				require.Equal(t, errs.MissingRequiredField, errs.CodeOf(err), "%s without %s: %v", c.Name, f.Name, err)
				require.True(t, strings.Contains(err.Error(), f.Name))
			}
		}
	}
}

func without(doc bsonraw.Doc, name string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := doc.Iter()
	for it.Next() {
		if string(it.Key()) != name {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}
