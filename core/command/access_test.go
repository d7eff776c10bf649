package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
	"pgregory.net/rapid"

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

// The table: role × command × database.
func TestRolesTable(t *testing.T) {
	const (
		find    = `{"find": "c"}`
		insert  = `{"insert": "c", "documents": [{}]}`
		update  = `{"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"x": 1}}}]}`
		upsert  = `{"update": "c", "updates": [{"q": {"_id": 77}, "u": {"$set": {"x": 1}}, "upsert": true}]}`
		del     = `{"delete": "c", "deletes": [{"q": {"_id": 99}, "limit": 1}]}`
		fam     = `{"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}}}`
		out     = `{"aggregate": "c", "pipeline": [{"$out": "c2"}], "cursor": {}}`
		index   = `{"createIndexes": "c", "indexes": [{"key": {"z": 1}, "name": "z"}]}`
		drop    = `{"drop": "nothing"}`
		dropDB  = `{"dropDatabase": 1}`
		log     = `{"argonLog": 1}`
		history = `{"argonHistory": "c", "id": 1}`
		branch  = `{"argonBranchCreate": "%s", "from": "%s"}`
		restore = `{"argonBranchRestore": "%s", "at": -1}`
		undo    = `{"argonUndo": 1, "actor": "x", "dryRun": true}`
		merge   = `{"argonMerge": "exp-1", "into": "main"}`
		into    = `{"argonMerge": "main", "into": "exp-1"}`
		tag     = `{"argonTagCreate": "t"}`
		user    = `{"createUser": "u", "pwd": "x", "roles": []}`
		keep    = `{"argonRetention": 1, "keep": "30d"}`
		status  = `{"serverStatus": 1}`
		gc      = `{"argonGC": 1}`
		fsck    = `{"argonFsck": 1}`
		anyRole = `{"createUser": "u", "pwd": "x", "roles": [{"role": "root", "db": "admin"}]}`
	)
	on := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	type try struct{ db, command string }
	for _, c := range []struct {
		roles   string
		allowed []try
		refused []try
	}{
		{
			role("read", "shop"),
			[]try{{"shop", find}, {"shop~main", find}, {"shop~main~-1", find}, {"shop", log}, {"shop", history}},
			[]try{{"shop~exp-1", find}, {"other", find}, {"shop", insert}, {"shop", out}, {"shop", on(branch, "b", "main")}, {"shop", undo}, {"admin", status}, {"shop", tag}},
		},
		{
			role("read", "shop~*"),
			[]try{{"shop", find}, {"shop~exp-1", find}, {"shop~exp-1", log}, {"shop", `{"argonMergePlan": "exp-1", "into": "main"}`}, {"shop~exp-1", `{"argonDiff": "main"}`}},
			[]try{{"shop~exp-1", insert}, {"shop", merge}, {"shop2", find}},
		},
		{
			role("read", "shop~*") + "," + role("readWrite", "shop~exp-*"),
			[]try{{"shop", find}, {"shop~exp-1", insert}, {"shop~exp-1", update}, {"shop~exp-1", upsert}, {"shop~exp-1", del}, {"shop~exp-1", fam}, {"shop~exp-1", out}, {"shop~exp-1", index}, {"shop", on(branch, "exp-3", "main")}, {"shop", into}, {"shop~exp-1", tag}, {"shop~exp-1", undo}},
			[]try{{"shop", insert}, {"shop", upsert}, {"shop", del}, {"shop", fam}, {"shop", out}, {"shop", index}, {"shop", drop}, {"shop~other", insert}, {"shop", on(branch, "b", "main")}, {"shop", merge}, {"shop", undo}, {"shop", tag}, {"shop", on(restore, "exp-1")}, {"shop", `{"argonBranchDelete": "exp-1"}`}, {"shop~exp-1", dropDB}, {"shop", keep}},
		},
		{
			role("readWrite", "shop"),
			[]try{{"shop", insert}, {"shop", find}, {"shop", drop}},
			[]try{{"shop~exp-1", insert}, {"shop", merge}, {"shop", dropDB}, {"shop", user}, {"shop", on(restore, "main")}, {"new", insert}, {"new", find}},
		},
		{
			role("dbOwner", "shop~exp-*"),
			[]try{{"shop~exp-1", insert}, {"shop~exp-1", dropDB}, {"shop~exp-1", user}, {"shop", on(restore, "exp-1")}, {"shop", `{"argonBranchDelete": "exp-2"}`}},
			[]try{{"shop", find}, {"shop", on(restore, "main")}, {"shop", `{"argonBranchDelete": "other"}`}, {"admin", `{"argonProjectDelete": "shop"}`}, {"shop~exp-1", anyRole}, {"shop", user}},
		},
		{
			role("dbOwner", "shop~*"),
			[]try{{"shop", find}, {"shop", merge}, {"shop", keep}, {"admin", `{"argonProjectDelete": "shop"}`}},
			[]try{{"other", find}, {"admin", `{"argonProjectDelete": "other"}`}, {"admin", gc}},
		},
		{
			role("userAdmin", "shop"),
			[]try{{"shop", user}, {"shop", `{"usersInfo": 1}`}, {"shop", `{"createUser": "v", "pwd": "x", "roles": ["read"]}`}},
			[]try{{"shop", find}, {"other", user}, {"admin", user}, {"shop", anyRole}, {"shop", `{"createUser": "v", "pwd": "x", "roles": [{"role": "read", "db": "shop~*"}]}`}, {"shop", `{"createRole": "r", "privileges": [{"resource": {"anyResource": true}, "actions": ["find"]}], "roles": []}`}},
		},
		{
			role("dbAdmin", "shop"),
			[]try{{"shop", index}, {"shop", dropDB}, {"shop", drop}},
			[]try{{"shop", find}, {"shop", insert}, {"shop", user}, {"shop", out}},
		},
		{
			`"readAnyDatabase"`,
			[]try{{"shop", find}, {"other", find}, {"shop~exp-1", log}},
			[]try{{"shop", insert}, {"admin", status}, {"shop", user}},
		},
		{
			`"readWriteAnyDatabase"`,
			[]try{{"shop", insert}, {"brand-new", insert}, {"shop", merge}},
			[]try{{"shop", user}, {"admin", gc}, {"shop", on(restore, "main")}, {"shop", dropDB}},
		},
		{`"dbAdminAnyDatabase"`, []try{{"other", index}, {"shop", keep}}, []try{{"shop", find}, {"admin", gc}}},
		{`"userAdminAnyDatabase"`, []try{{"other", user}, {"admin", anyRole}, {"admin", `{"usersInfo": {"forAllDBs": true}}`}, {"admin", `{"argonAPIKeyList": 1}`}}, []try{{"shop", find}, {"admin", status}}},
		{`"clusterMonitor"`, []try{{"admin", status}, {"admin", `{"argonMetrics": 1}`}}, []try{{"admin", gc}, {"shop", find}, {"admin", `{"argonCompact": 1}`}}},
		{`"hostManager"`, []try{{"admin", `{"argonCompact": 1}`}}, []try{{"admin", gc}, {"shop", find}}},
		{`"clusterManager"`, []try{{"admin", gc}, {"admin", fsck}}, []try{{"shop", find}, {"shop", user}}},
		{`"clusterAdmin"`, []try{{"admin", gc}, {"admin", status}, {"shop", dropDB}}, []try{{"shop", find}, {"shop", user}, {"shop", insert}}},
		{`"backup"`, []try{{"shop", find}, {"shop~exp-1", find}}, []try{{"shop", insert}, {"admin", gc}}},
		{`"restore"`, []try{{"shop", insert}, {"shop", index}, {"other", user}}, []try{{"shop", find}, {"shop", update}, {"admin", gc}}},
		{`"root"`, []try{{"shop", find}, {"other", insert}, {"admin", anyRole}, {"admin", gc}}, nil},
	} {
		t.Run(c.roles, func(t *testing.T) {
			d := newDoor(t)
			d.insertN("shop", 3)
			d.insertN("other", 1)
			for _, b := range []string{"exp-1", "exp-2", "other"} {
				d.run("shop", fmt.Sprintf(`{"argonBranchCreate": %q}`, b))
			}
			s := d.user("someone", c.roles)
			for _, r := range c.refused {
				_, err := d.as(s, r.db, r.command)
				require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%s on %s: %v", r.command, r.db, err)
			}
			for _, r := range c.allowed {
				_, err := d.as(s, r.db, r.command)
				require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s on %s: %v", r.command, r.db, err)
			}
		})
	}
}

// Every collection that a pipeline touches has to be granted, wherever it stands.
func TestPipelinesNeedWhatTheyTouch(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 1)
	d.run("shop", `{"insert": "secret", "documents": [{}]}`)
	grant := func(coll string, actions string) string {
		return fmt.Sprintf(`{"resource": {"db": "shop", "collection": %q}, "actions": [%s]}`, coll, actions)
	}
	d.run("shop", `{"createRole": "narrow", "roles": [], "privileges": [`+grant("c", `"find"`)+`,`+grant("ok", `"find", "insert", "remove"`)+`,`+grant("v", `"createCollection"`)+`]}`)
	s := d.user("ada", role("narrow", "shop"))
	aggregate := func(stage string) error {
		_, err := d.as(s, "shop", `{"aggregate": "c", "pipeline": [`+stage+`], "cursor": {}}`)
		return err
	}
	for _, stage := range []string{
		`{"$lookup": {"from": "%s", "localField": "a", "foreignField": "b", "as": "x"}}`,
		`{"$lookup": {"from": "%s", "pipeline": [], "as": "x"}}`,
		`{"$lookup": {"from": "c", "as": "x", "pipeline": [{"$lookup": {"from": "%s", "pipeline": [], "as": "y"}}]}}`,
		`{"$graphLookup": {"from": "%s", "startWith": "$a", "connectFromField": "a", "connectToField": "b", "as": "x"}}`,
		`{"$unionWith": "%s"}`,
		`{"$unionWith": {"coll": "%s", "pipeline": []}}`,
		`{"$unionWith": {"coll": "c", "pipeline": [{"$unionWith": "%s"}]}}`,
		`{"$facet": {"a": [{"$lookup": {"from": "%s", "pipeline": [], "as": "x"}}]}}`,
		`{"$out": "%s"}`,
		`{"$out": {"db": "shop", "coll": "%s"}}`,
	} {
		err := aggregate(strings.Replace(stage, "%s", "secret", 1))
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
		err = aggregate(strings.Replace(stage, "%s", "ok", 1))
		require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
	}
	require.Equal(t, errs.Unauthorized, errs.CodeOf(aggregate(`{"$merge": "ok"}`)), "it may update too")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(aggregate(`{"$merge": {"into": {"db": "other", "coll": "ok"}}}`)))
	for command, allowed := range map[string]bool{
		`{"create": "v", "viewOn": "secret", "pipeline": []}`:                                        false,
		`{"create": "v", "viewOn": "c", "pipeline": [{"$unionWith": "secret"}]}`:                     false,
		`{"create": "v", "viewOn": "c", "pipeline": []}`:                                             true,
		`{"explain": {"find": "secret"}}`:                                                            false,
		`{"explain": {"aggregate": "c", "pipeline": [{"$unionWith": "secret"}], "cursor": {}}}`:      false,
		`{"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 1}]}}`:                           false,
		`{"explain": {"find": "c"}}`:                                                                 true,
		`{"find": "c"}`:                                                                              true,
		`{"find": "secret"}`:                                                                         false,
		`{"argonDiff": "main", "collection": "c"}`:                                                   false,
		`{"insert": "ok", "documents": [{}], "bypassDocumentValidation": true}`:                      false,
		`{"insert": "ok", "documents": [{}]}`:                                                        true,
		`{"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}`:                      false,
		`{"aggregate": 1, "pipeline": [{"$documents": []}, {"$unionWith": "secret"}], "cursor": {}}`: false,
		`{"aggregate": "c", "pipeline": [], "cursor": {}, "explain": true}`:                          true,
		`{"findAndModify": "ok", "query": {}, "remove": true}`:                                       true,
		`{"findAndModify": "ok", "query": {}, "update": {"$set": {"x": 1}}}`:                         false,
		`{"listCollections": 1}`:                                                                     false,
		`{"listIndexes": "c"}`:                                                                       false,
	} {
		_, err := d.as(s, "shop", command)
		require.Equal(t, !allowed, errs.CodeOf(err) == errs.Unauthorized, "%s: %v", command, err)
	}
}

// Stages that are about the server show nothing of others to who may not see it.
func TestServerStagesNeedTheirActions(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 1)
	reader, monitor := d.user("reader", role("read", "shop")), d.user("monitor", `"clusterMonitor"`)
	for stage, limited := range map[string]bool{
		`{"$currentOp": {"allUsers": true}}`: true, `{"$currentOp": {}}`: false,
		`{"$listLocalSessions": {}}`: true, `{"$listSessions": {"allUsers": true}}`: true,
	} {
		command := `{"aggregate": 1, "pipeline": [` + stage + `], "cursor": {}}`
		_, err := d.as(reader, "admin", command)
		require.Equal(t, limited, errs.CodeOf(err) == errs.Unauthorized, "%s: %v", stage, err)
		_, err = d.as(monitor, "admin", command)
		require.NotEqual(t, errs.Unauthorized, errs.CodeOf(err), "%s: %v", stage, err)
	}
	stats := `{"aggregate": "c", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}`
	_, err := d.as(reader, "shop", stats)
	require.NoError(t, err)
	_, err = d.as(reader, "other", stats)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
}

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

// Changes of users and roles hold from the next command on, also for cursors.
func TestRightsAreTakenAtOnce(t *testing.T) {
	d := newDoor(t)
	d.insertN("shop", 5)
	s := d.user("ada", role("read", "shop"))
	reply, err := d.as(s, "shop", `{"find": "c", "batchSize": 1}`)
	require.NoError(t, err)
	_, id := batch(reply)
	_, err = d.as(s, "shop", getMore(id, `, "batchSize": 1`))
	require.NoError(t, err)
	d.run("admin", `{"updateUser": "ada", "roles": []}`)
	_, err = d.as(s, "shop", getMore(id, ""))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	d.run("admin", `{"grantRolesToUser": "ada", "roles": [{"role": "readWrite", "db": "shop"}]}`)
	_, err = d.as(s, "shop", getMore(id, ""))
	require.NoError(t, err)
	d.run("admin", `{"dropUser": "ada"}`)
	_, err = d.as(s, "shop", `{"find": "c"}`)
	require.Contains(t, err.Error(), "command find requires authentication")
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

// A decision is the same however the rights are put together: what one role
// grants, several grant that contain it, and nothing is granted that none does.
func TestRolesAddUp(t *testing.T) {
	d := newDoor(t)
	dbs := []string{"shop", "shop~*", "shop~exp-*", "other"}
	rapid.Check(t, func(t *rapid.T) {
		var single []*auth.Grants
		var names []auth.RoleName
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			name := auth.RoleName{
				Role: rapid.SampledFrom([]string{"read", "readWrite", "dbAdmin", "userAdmin", "dbOwner"}).Draw(t, "role"),
				DB:   rapid.SampledFrom(dbs).Draw(t, "db"),
			}
			names = append(names, name)
			single = append(single, grantsOf(t, d, name))
		}
		together := grantsOf(t, d, names...)
		target := auth.DBTarget(rapid.SampledFrom([]string{"shop", "shop~exp-1", "shop~x", "other", "other~exp-1", "admin"}).Draw(t, "target"))
		action := rapid.SampledFrom([]auth.Action{auth.Find, auth.Insert, auth.DropBranch, auth.CreateUser, auth.MergeBranch}).Draw(t, "action")
		want := false
		for _, g := range single {
			want = want || g.Allows(target, action)
		}
		require.Equal(t, want, together.Allows(target, action))
	})
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
