package command

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// attachAgain is restart for a client of Argon's own, which numbers everything.
func (d *door) attachAgain() {
	d.restart()
	d.sess = d.NewSession(SessionOptions{NumbersAll: true})
}

// onceSteps are commands that are one commit, and what each needs to be there.
var onceSteps = []struct{ db, command string }{
	{"p", `{"create": "new", "validator": {"n": {"$gt": 0}}`},
	{"p", `{"createIndexes": "c", "indexes": [{"key": {"n": 1}, "name": "n_1"}]`},
	{"p", `{"collMod": "c", "validationLevel": "off"`},
	{"p", `{"dropIndexes": "c", "index": "n_1"`},
	{"admin", `{"renameCollection": "p.new", "to": "p.old"`},
	{"p", `{"drop": "old"`},
	{"p", `{"aggregate": "c", "pipeline": [{"$out": "copy"}], "cursor": {}`},
	{"p", `{"argonImportBatch": "c", "documents": [{"_id": 1}, {"_id": 100}]`},
	{"p", `{"argonTagCreate": "t", "branch": "main"`},
	{"p", `{"argonTagDelete": "t"`},
	{"p", `{"argonBranchCreate": "b", "from": "main"`},
	{"p", `{"argonBranchProtect": "b"`},
	{"p", `{"argonBranchUnprotect": "b"`},
	{"p", `{"argonMerge": "theirs", "into": "main"`},
	{"p", `{"argonUndo": 1, "actor": "etl"`},
	{"p", `{"argonBranchRestore": "b", "at": "-1"`},
	{"p", `{"argonBranchDelete": "b"`},
	{"p", `{"dropDatabase": 1`},
	{"admin", `{"argonProjectCreate": "q"`},
	{"admin", `{"argonProjectDelete": "q"`},
	{"admin", `{"createUser": "ada", "pwd": "secret", "roles": []`},
	{"admin", `{"dropUser": "ada"`},
	{"admin", `{"createRole": "r", "roles": [], "privileges": []`},
	{"admin", `{"argonAPIKeyRevoke": "k"`},
}

// A command that is one commit is answered again with what it answered, by the
// process that ran it and by the next one, and done once.
func TestCommandsOfOneCommitAreRemembered(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"insert": "c", "documents": [{"_id": 1, "n": 1}, {"_id": 2}], "$argon": {"actor": "etl"}}`)
	d.run("p", `{"argonBranchCreate": "theirs"}`)
	d.run("p~theirs", `{"insert": "c", "documents": [{"_id": 3}]}`)
	d.run("admin", `{"argonAPIKeyCreate": "k", "roles": []}`)
	d.attachAgain()
	for i, step := range onceSteps {
		raw := step.command + ", " + numbers(i+1) + "}"
		require.True(t, Numbered(doc(t, raw)), raw)
		if step.db == "p" && step.command[:7] == `{"argonB` {
			d.run("p~b", `{"insert": "c", "documents": [{}]}`)
		}
		first := d.run(step.db, raw)
		at := d.store.LastLSN()
		require.Equal(t, jsonOf(first), jsonOf(d.run(step.db, raw)), "in the same process")
		d.attachAgain()
		require.Equal(t, jsonOf(first), jsonOf(d.run(step.db, raw)), "in the next process")
		require.Equal(t, at, d.store.LastLSN(), "%s was done twice", raw)
	}
}

// What fails, and what has nothing to do, is no commit and not remembered.
func TestWhatCommittedNothingIsRunAgain(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"create": "c"}`)
	d.attachAgain()
	create := `{"create": "c", ` + numbers(1) + `}`
	d.fail("p", create, errs.NamespaceExists)
	d.run("p", `{"drop": "c"}`)
	d.attachAgain()
	require.True(t, d.run("p", create).Get("ok").Truthy())
}

// Drivers cannot number what MongoDB's retryable writes are not.
func TestDriversNumberWritesOnly(t *testing.T) {
	d := newDoor(t)
	d.fail("p", `{"create": "c", `+numbers(1)+`}`, errs.NotARetryableWriteCommand)
}

// Of every command a client knows what to do when its answer is lost: it may be run
// again, it has a number, or there is a way to find out.
func TestEveryCommandCanLoseItsAnswer(t *testing.T) {
	var unknown []string
	for _, c := range Commands() {
		raw, err := exampleDoc(c.Example)
		require.NoError(t, err)
		if EffectOf(raw) == Once && !Numbered(raw) && Aftermath(raw) == "" && !ofAConnection[c.Name] {
			unknown = append(unknown, c.Name)
		}
	}
	require.Empty(t, unknown)
	for name := range aftermaths {
		require.NotNil(t, sharedRegistry()[name], name)
	}
	require.False(t, Numbered(doc(t, `{"argonUndo": 1, "dryRun": true}`)))
	require.False(t, Numbered(bsonraw.EmptyDoc))
	require.Empty(t, Aftermath(doc(t, fmt.Sprintf(`{"no": "%s"}`, "such"))))
}

// ofAConnection are commands that mean nothing on another connection.
var ofAConnection = map[string]bool{
	"getMore": true, "saslStart": true, "saslContinue": true, "authenticate": true, "shutdown": true,
	"configureFailPoint": true,
}
