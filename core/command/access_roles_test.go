package command

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/errs"
)

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
