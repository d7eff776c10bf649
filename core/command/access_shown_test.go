package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Only what may be read is listed.
func TestListsShowWhatMayBeSeen(t *testing.T) {
	d := newDoor(t)
	for _, p := range []string{"shop", "other", "third"} {
		d.insertN(p, 1)
	}
	d.run("shop", `{"argonBranchCreate": "exp-1"}`)
	d.run("shop", `{"argonBranchCreate": "hidden"}`)
	d.run("shop", `{"argonTagCreate": "seen", "branch": "exp-1"}`)
	d.run("shop", `{"argonTagCreate": "unseen", "branch": "hidden"}`)
	s := d.user("ada", role("read", "shop~exp-*")+","+role("read", "other"))
	names := func(db, command, list, field string) (out []string) {
		reply, err := d.as(s, db, command)
		require.NoError(t, err)
		for _, v := range reply.Get(list).Doc().Values() {
			out = append(out, v.Doc().Get(field).Str())
		}
		return out
	}
	require.Equal(t, []string{"other", "shop~exp-1"}, names("admin", `{"listDatabases": 1}`, "databases", "name"))
	require.Equal(t, []string{"other", "shop"}, names("admin", `{"argonProjectList": 1}`, "projects", "name"))
	require.Equal(t, []string{"exp-1"}, names("shop", `{"argonBranchList": 1}`, "branches", "name"))
	require.Equal(t, []string{"seen"}, names("shop", `{"argonTagList": 1}`, "tags", "name"))
	_, err := d.as(s, "admin", `{"listDatabases": 1, "authorizedDatabases": false}`)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
}

// No error and no reply shows what is secret.
func TestNothingSecretIsShown(t *testing.T) {
	const pwd = "tr0ub4dor-and-3"
	d := newDoor(t)
	d.insertN("shop", 1)
	d.givePeople("")
	s := d.user("ada2", role("userAdmin", "shop"))
	var said []string
	note := func(reply bsonraw.Doc, err error) {
		if err != nil {
			reply = ErrorReply(err)
		}
		said = append(said, jsonOf(reply))
	}
	for _, sess := range []*Session{s, d.guarded(SessionOptions{}), d.sess} {
		for _, command := range []string{
			`{"createUser": "x", "pwd": "` + pwd + `", "roles": ["root"]}`,
			`{"createUser": "x", "pwd": "` + pwd + `", "roles": 5}`,
			`{"createUser": "x", "pwd": {"is": "` + pwd + `"}, "roles": []}`,
			`{"createUser": "x", "pwd": "` + pwd + `\u200b\ufffe\u0080", "roles": []}`,
			`{"updateUser": "x", "pwd": "` + pwd + `"}`,
			`{"updateUser": "x", "pwd": "` + pwd + `", "mechanisms": ["` + "X" + `"]}`,
			`{"createUser": "x", "password": "` + pwd + `", "roles": []}`,
			`{"saslStart": 1, "mechanism": "PLAIN", "payload": {"$binary": {"base64": "AHgAdHIwdWI0ZG9yLWFuZC0z", "subType": "00"}}}`,
			`{"saslStart": 1, "mechanism": "ARGON-APIKEY", "payload": "` + pwd + `"}`,
			`{"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": "` + pwd + `"}`,
			`{"saslContinue": 1, "conversationId": 1, "payload": "` + pwd + `"}`,
			`{"hello": 1, "speculativeAuthenticate": {"saslStart": 1, "mechanism": "ARGON-APIKEY", "payload": "` + pwd + `"}}`,
			`{"argonImport": "mongodb://u:` + pwd + `@host/db"}`,
			`{"usersInfo": 1, "showCredentials": true}`,
			`{"usersInfo": {"user": "x", "db": "admin"}}`,
			`{"usersInfo": {"forAllDBs": true}}`,
			`{"argonLog": 1}`,
			`{"argonAPIKeyList": 1}`,
		} {
			for _, db := range []string{"admin", "shop"} {
				reply, err := d.as(sess, db, command)
				note(reply, err)
			}
		}
	}
	all := strings.Join(said, "\n")
	require.NotContains(t, all, pwd)
	require.NotContains(t, all, "storedKey")
	require.NotContains(t, all, "hash")
	require.Contains(t, all, `pwd: \"xxx\"`)
}

func TestSummaries(t *testing.T) {
	for command, want := range map[string]string{
		`{"createUser": "a", "pwd": "b", "roles": [1], "lsid": {"id": 1}, "$db": "x"}`: `{ createUser: "a", pwd: "xxx", roles: [ … ], $db: "x" }`,
		`{"insert": "users", "documents": [{"ssn": 1}], "ordered": true}`:              `{ insert: "users", documents: [ … ], ordered: true }`,
		`{"argonMirrorAdd": "m", "from": "mongodb+srv://u:p@h/?a=b@c"}`:                `{ argonMirrorAdd: "m", from: "mongodb+srv://xxx@h/?a=b@c" }`,
		`{"from": "mongodb://u:p%40@h1,h2"}`:                                           `{ from: "mongodb://xxx@h1,h2" }`,
		`{"from": "mongodb://h/p?x=a@b"}`:                                              `{ from: "mongodb://h/p?x=a@b" }`,
	} {
		require.Equal(t, want, Summary(doc(t, command)))
	}
}
