package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// What is stored holds no password and no key, and is enough after a restart.
func TestRecordsHoldNoSecretAndOutliveARestart(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "open sesame", RoleName{"readWrite", "shop~exp-*"})
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: RoleName{"auditor", "shop"}, Privileges: []Privilege{{Resource{DB: "shop~*"}, ActionsOf(ReadHistory)}}}))
	key, text, err := w.CreateKey(t.Context(), Key{Name: "etl", Roles: []RoleName{{"root", "admin"}}, CreatedBy: "ada"})
	require.NoError(t, err)
	secret := text[strings.LastIndexByte(text, '_')+1:]
	for name, doc := range w.store.docs {
		require.NotContains(t, string(doc), "open sesame", name)
		require.NotContains(t, string(doc), secret, name)
	}
	w.reopen()
	_, err = w.login(t, ScramSHA256, "ada", "open sesame", "here")
	require.NoError(t, err)
	c, _, done, err := w.Begin(t.Context(), Client{Private: true}, "$external", APIKey, []byte(text), false)
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, key.User(), c.Principal().Name)
	r, err := w.FindRole(t.Context(), RoleName{"auditor", "shop"})
	require.NoError(t, err)
	require.Equal(t, []string{"readHistory"}, r.Privileges[0].Actions.Names())
}

// The stored forms are frozen.
func TestRecordsGolden(t *testing.T) {
	u := &User{
		Name: UserName{"ada", "admin"}, ID: [16]byte{1, 2, 3}, Roles: []RoleName{{"read", "shop~*"}},
		credentials: map[string]credential{ScramSHA256: {15000, []byte{1}, []byte{2}, []byte{3}}},
	}
	k := &Key{
		ID: "0011223344556677", Name: "etl", Roles: []RoleName{{"root", "admin"}}, salt: []byte{1}, hash: []byte{2},
		Created: time.UnixMilli(1).UTC(), CreatedBy: "ada", Expires: time.UnixMilli(2).UTC(),
	}
	r := &Role{Name: RoleName{"auditor", "shop"}, Privileges: []Privilege{{Resource{DB: "shop~*", Collection: "x"}, ActionsOf(Find, ReadHistory)}, {Resource{Cluster: true}, ActionsOf(ServerStatus)}}}
	for _, c := range []struct {
		doc  any
		want string
	}{
		{u.doc(), `{"_id":"admin.ada","userId":{"$binary":{"base64":"AQIDAAAAAAAAAAAAAAAAAA==","subType":"04"}},"user":"ada","db":"admin","credentials":{"SCRAM-SHA-256":{"iterationCount":15000,"salt":"AQ==","storedKey":"Ag==","serverKey":"Aw=="}},"roles":[{"role":"read","db":"shop~*"}]}`},
		{k.doc(), `{"_id":"0011223344556677","name":"etl","salt":{"$binary":{"base64":"AQ==","subType":"00"}},"hash":{"$binary":{"base64":"Ag==","subType":"00"}},"roles":[{"role":"root","db":"admin"}],"created":{"$date":"1970-01-01T00:00:00.001Z"},"createdBy":"ada","expires":{"$date":"1970-01-01T00:00:00.002Z"}}`},
		{r.doc(), `{"_id":"shop.auditor","role":"auditor","db":"shop","privileges":[{"resource":{"db":"shop~*","collection":"x"},"actions":["find","readHistory"]},{"resource":{"cluster":true},"actions":["serverStatus"]}],"roles":[]}`},
	} {
		got, err := bson.MarshalExtJSON(c.doc, false, false)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
}

func TestDecodedRecordsAreTheSame(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	u, err := w.FindUser(t.Context(), UserName{"ada", "admin"})
	require.NoError(t, err)
	raw, err := bson.Marshal(u.doc())
	require.NoError(t, err)
	back, err := decodeUser(raw)
	require.NoError(t, err)
	require.Equal(t, u, back)
}

// A change that cannot be stored changes nothing.
func TestFailedChangesChangeNothing(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	w.store.fail = errs.New(errs.StoreIO, "the disk is gone")
	require.Error(t, w.GrantRoles(t.Context(), UserName{"ada", "admin"}, []RoleName{{"root", "admin"}}))
	require.Error(t, w.DropUser(t.Context(), UserName{"ada", "admin"}))
	u, err := w.FindUser(t.Context(), UserName{"ada", "admin"})
	require.NoError(t, err)
	require.Equal(t, []RoleName{{"read", "shop"}}, u.Roles)
}
