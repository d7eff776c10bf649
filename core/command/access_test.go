package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Every command says what it needs. One that does not is open to root only:
// give its definition an access, as in find.go or argon_branch.go.
func TestEveryCommandDeclaresItsAccess(t *testing.T) {
	for _, c := range Commands() {
		require.True(t, c.access.free || c.access.needs != nil, "%s declares no access: see access.go", c.Name)
		require.NotEmpty(t, c.Access, c.Name)
	}
}

// guarded is a session that has to authenticate.
func (d *door) guarded(o SessionOptions) *Session {
	o.Authenticate = true
	return d.NewSession(o)
}

// as runs a command in a session.
func (d *door) as(s *Session, db, command string) (bsonraw.Doc, error) {
	d.t.Helper()
	return d.Run(context.Background(), s, db, doc(d.t, command))
}

// login authenticates a session by SCRAM-SHA-256, over commands.
func (d *door) login(s *Session, db, user, password string) error {
	client, err := scram.SHA256.NewClient(user, password, "")
	require.NoError(d.t, err)
	side := client.NewConversation()
	first, err := side.Step("")
	require.NoError(d.t, err)
	step := func(command string, payload string) (bsonraw.Doc, error) {
		b := bsonraw.NewBuilder(nil)
		b.Int32(command, 1)
		if command == "saslStart" {
			b.String("mechanism", "SCRAM-SHA-256")
		} else {
			b.Int32("conversationId", 1)
		}
		b.Value("payload", bsonraw.BinaryValue(0, []byte(payload)))
		return d.Run(context.Background(), s, db, b.Finish())
	}
	reply, err := step("saslStart", first)
	for err == nil && !reply.Get("done").Truthy() {
		_, payload := reply.Get("payload").Binary()
		next := ""
		if !side.Done() {
			next, err = side.Step(string(payload))
			require.NoError(d.t, err)
		}
		reply, err = step("saslContinue", next)
	}
	return err
}

// user makes a user and returns a session of it.
func (d *door) user(name string, roles string) *Session {
	d.run("admin", fmt.Sprintf(`{"createUser": %q, "pwd": "pwd-of-%s", "roles": [%s]}`, name, name, roles))
	s := d.guarded(SessionOptions{})
	require.NoError(d.t, d.login(s, "admin", name, "pwd-of-"+name))
	return s
}

func role(name, db string) string { return fmt.Sprintf(`{"role": %q, "db": %q}`, name, db) }

// Nothing but what is free runs before authentication, in whatever state the
// session is and whatever the fields are.
func TestNothingRunsWithoutAuthentication(t *testing.T) {
	d := newDoor(t)
	d.givePeople("")
	s := d.guarded(SessionOptions{Loopback: true})
	free := map[string]bool{}
	for _, c := range Commands() {
		raw, err := exampleDoc(c.Example)
		require.NoError(t, err)
		_, err = d.Run(t.Context(), s, c.DB, raw)
		if c.access.free {
			free[c.Name] = true
			continue
		}
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), c.Name)
		require.Contains(t, err.Error(), "command "+c.Name+" requires authentication")
		if c.open != nil {
			_, err = d.OpenCursor(t.Context(), s, c.DB, raw)
			require.Equal(t, errs.Unauthorized, errs.CodeOf(err), c.Name)
		}
	}
	require.Equal(t, map[string]bool{
		"hello": true, "ping": true, "buildInfo": true, "saslStart": true, "saslContinue": true,
		"authenticate": true, "logout": true, "connectionStatus": true,
	}, free, "what is open to everybody is a decision: make it here too")
}

// A user without roles may do nothing with anything that is not its own.
func TestNoRolesNoRights(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 3)
	d.givePeople("")
	nobody := d.user("nobody", "")
	for _, c := range Commands() {
		raw, err := exampleDoc(c.Example)
		require.NoError(t, err)
		reply, err := d.Run(t.Context(), nobody, c.DB, raw)
		if c.access.free || c.Access == "a user" || strings.HasPrefix(c.Access, "a user;") {
			for _, list := range []string{"databases", "projects", "branches", "tags"} {
				require.Zero(t, reply.Get(list).Doc().Len(), "%s lists what nobody may see", c.Name)
			}
			require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), c.Name)
			if c.Name == "logout" {
				require.NoError(t, d.login(nobody, "admin", "nobody", "pwd-of-nobody"))
			}
			continue
		}
		if builtinRolesInfo := c.Name == "rolesInfo"; builtinRolesInfo {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", c.Name, err)
		require.Contains(t, err.Error(), "not authorized on "+c.DB+" to execute command { "+c.Name)
	}
}

// Root may do everything: no example is refused for want of rights.
func TestRootMayDoEverything(t *testing.T) {
	for _, c := range Commands() {
		d := newDoor(t)
		d.insertN("shop", 1)
		root := d.user("root", `"root"`)
		raw, err := exampleDoc(c.Example)
		require.NoError(t, err)
		_, err = d.Run(t.Context(), root, c.DB, raw)
		require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", c.Name, err)
	}
}

// Nobody gets at another's cursors, sessions and transactions, by whatever id.
func TestSessionsBelongToTheirUser(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 5)
	ada, eve := d.user("ada", `"root"`), d.user("eve", `"root"`)
	txn := lsidA + `, "txnNumber": {"$numberLong": "1"}, "autocommit": false`
	_, err := d.as(ada, "shop", `{"insert": "c", "documents": [{"_id": "ada"}]`+txn+`, "startTransaction": true}`)
	require.NoError(t, err)
	reply, err := d.as(ada, "shop", `{"find": "c", "batchSize": 1`+lsidA+`}`)
	require.NoError(t, err)
	_, id := batch(reply)
	for command, code := range map[string]errs.Code{
		getMore(id, lsidA):                           errs.Unauthorized,
		`{"find": "c"` + txn + `}`:                   errs.NoSuchTransaction,
		`{"abortTransaction": 1` + txn + `}`:         errs.NoSuchTransaction,
		`{"find": "c", "noSuchField": 1` + txn + `}`: errs.UnknownField,
	} {
		db := "shop"
		if strings.Contains(command, "abort") {
			db = "admin"
		}
		_, err = d.as(eve, db, command)
		require.Equal(t, code, errs.CodeOf(err), "%s: %v", command, err)
	}
	_, err = d.as(eve, "admin", `{"endSessions": [{"id": {"$uuid": "11111111-1111-4111-8111-111111111111"}}]}`)
	require.NoError(t, err)
	_, err = d.as(ada, "shop", getMore(id, lsidA))
	require.NoError(t, err)
	_, err = d.as(ada, "admin", `{"commitTransaction": 1`+txn+`}`)
	require.NoError(t, err)
	d.sess.Close()
}

// While there is nobody, a client of the same machine may make the first user,
// and do nothing else.
func TestTheFirstUser(t *testing.T) {
	d := newDoor(t)
	near, far := d.guarded(SessionOptions{Loopback: true}), d.guarded(SessionOptions{})
	make := `{"createUser": "root", "pwd": "x", "roles": ["root"]}`
	for _, s := range []*Session{near, far} {
		_, err := d.as(s, "shop", `{"find": "c"}`)
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
		_, err = d.as(s, "shop", make)
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	}
	_, err := d.as(far, "admin", make)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	_, err = d.as(near, "admin", make)
	require.NoError(t, err)
	_, err = d.as(near, "admin", strings.Replace(make, "root", "second", 1))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "only the first one")
	require.NoError(t, d.login(near, "admin", "root", "x"))
	_, err = d.as(near, "shop", `{"find": "c"}`)
	require.NoError(t, err)
}

// Commits carry the user's name, and nobody acts under another one.
func TestActorsAreWhoTheyAre(t *testing.T) {
	d := newDoor(t)
	d.run("shop", `{"createUser": "bob", "pwd": "pwd-of-bob", "roles": ["readWrite"]}`)
	ada := d.user("ada", role("readWrite", "shop"))
	root := d.user("root", `"root"`)
	bob := d.guarded(SessionOptions{Actor: "the server"})
	require.NoError(t, d.login(bob, "shop", "bob", "pwd-of-bob"))
	plain := d.NewSession(SessionOptions{Actor: "the server"})
	app := d.NewSession(SessionOptions{Actor: "the server"})
	_, err := d.as(app, "admin", `{"hello": 1, "client": {"application": {"name": "billing"}, "driver": {"name": "x", "version": "1"}}}`)
	require.NoError(t, err)
	insert := `{"insert": "c", "documents": [{}]%s}`
	as := func(name string) string { return fmt.Sprintf(`, "$argon": {"actor": %q}`, name) }
	for _, c := range []struct {
		s         *Session
		more, who string
		code      errs.Code
	}{
		{plain, "", "the server", 0},
		{app, "", "billing", 0},
		{app, as("etl"), "etl", 0},
		{ada, "", "ada", 0},
		{ada, as("ada"), "ada", 0},
		{ada, as("root"), "", errs.Unauthorized},
		{bob, "", "bob@shop", 0},
		{root, as("etl"), "etl", 0},
	} {
		_, err := d.as(c.s, "shop", fmt.Sprintf(insert, c.more))
		require.Equal(t, c.code, errs.CodeOf(err), "%v", err)
		if c.code != 0 {
			continue
		}
		log, _ := batch(d.run("shop", `{"argonLog": 1, "limit": 1}`))
		require.Contains(t, log[0], fmt.Sprintf(`"actor":%q`, c.who))
	}
	log, _ := batch(d.run("shop", `{"argonLog": 1, "actor": "bob@shop"}`))
	require.Len(t, log, 1)
	d.run("shop", `{"argonUndo": 1, "actor": "bob@shop"}`)
}

func grantsOf(t require.TestingT, d *door, roles ...auth.RoleName) *auth.Grants {
	g, err := d.auth.GrantsOf(context.Background(), roles)
	require.NoError(t, err)
	return g
}

// BenchmarkAccess is what asking costs: off, and for a user with some roles.
func BenchmarkAccess(b *testing.B) {
	d := newDoor(b)
	d.insertN("shop", 1)
	d.run("shop", `{"argonBranchCreate": "exp-1"}`)
	for name, s := range map[string]*Session{
		"off":   d.NewSession(SessionOptions{}),
		"user":  d.user("ada", role("read", "other")+","+role("read", "shop~*")+","+role("readWrite", "shop~exp-*")),
		"admin": d.user("root", `"root"`),
	} {
		b.Run(name, func(b *testing.B) {
			raw := doc(b, `{"find": "c", "filter": {"_id": 0}}`)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Run(context.Background(), s, "shop~exp-1", raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
