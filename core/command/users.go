package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// Users belong to the database that the command runs on.

type userArgs struct {
	user  string
	spec  auth.UserSpec
	roles rolesArg
}

// rolesArg is a list of roles as given: a name stands for a role of the
// command's own database, which is not known while fields are read.
type rolesArg struct {
	given bool
	list  []bsonraw.Value
}

// roleList is the field roles.
func roleList[A any](at func(*A) *rolesArg) field[A] {
	return kind("roles", "array", []bsonraw.Type{bsonraw.Array}, func(a *A, v bsonraw.Value) error {
		r := at(a)
		r.given = true
		it := v.Doc().Iter()
		for it.Next() {
			if t := it.Value().Type; t != bsonraw.String && t != bsonraw.Object {
				return errs.New(errs.BadValue, "Role name must be either a document or string")
			}
			r.list = append(r.list, it.Value())
		}
		return nil
	}).about(`Roles: "read", or {role: "readWrite", db: "shop~exp-*"}. The db is a pattern on project~branch; a bare name is a role of this database.`)
}

// names returns the roles that were given.
func (r *rolesArg) names(db string) ([]auth.RoleName, error) {
	out := []auth.RoleName{}
	for _, v := range r.list {
		name, err := roleName(v, db)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

func roleName(v bsonraw.Value, db string) (auth.RoleName, error) {
	if v.Type == bsonraw.String {
		return auth.NewRoleName(v.Str(), db)
	}
	role, in := v.Doc().Get("role"), v.Doc().Get("db")
	switch {
	case role.Type != bsonraw.String:
		return auth.RoleName{}, errs.New(errs.BadValue, "RoleName must contain a field named: role")
	case in.Type != bsonraw.String:
		return auth.RoleName{}, errs.New(errs.BadValue, "RoleName must contain a field named: db")
	}
	return auth.NewRoleName(role.Str(), in.Str())
}

// grantable asks for the right to give or take roles, on the database of each.
func (n *needs) grantable(r *rolesArg, action auth.Action) {
	names, err := r.names(n.c.db)
	if err != nil {
		n.err = err
		return
	}
	for _, name := range names {
		n.add(auth.DBTarget(name.DB), []auth.Action{action})
	}
}

// home is the database of the command in its one form.
func (c *call) home() (string, error) { return auth.CanonicalDB(c.db) }

func (c *call) userName(user string) (auth.UserName, error) {
	db, err := c.home()
	return auth.UserName{User: user, DB: db}, err
}

// userFields are those that createUser and updateUser have in common.
func userFields(name string) []field[userArgs] {
	return []field[userArgs]{
		text(name, func(a *userArgs) *string { return &a.user }).need().about("The user's name; on $external, the subject of a certificate."),
		kind("pwd", "string", []bsonraw.Type{bsonraw.String}, func(a *userArgs, v bsonraw.Value) error {
			pwd := v.Str()
			a.spec.Password = &pwd
			return nil
		}).about("The password. Only its SCRAM credentials are stored."),
		kind("customData", "object", []bsonraw.Type{bsonraw.Object}, func(a *userArgs, v bsonraw.Value) error {
			doc := v.Doc()
			a.spec.CustomData = &doc
			return nil
		}).about("Anything to remember of the user."),
		roleList(func(a *userArgs) *rolesArg { return &a.roles }),
		kind("mechanisms", "array", []bsonraw.Type{bsonraw.Array}, func(a *userArgs, v bsonraw.Value) error {
			a.spec.Mechanisms = []string{}
			for _, m := range v.Doc().Values() {
				a.spec.Mechanisms = append(a.spec.Mechanisms, str(m, m.Type.Name()))
			}
			return nil
		}).about("SCRAM-SHA-256 and SCRAM-SHA-1, or one of them."),
		kind("digestPassword", "bool", []bsonraw.Type{bsonraw.Boolean}, func(_ *userArgs, v bsonraw.Value) error {
			if !v.Bool() {
				return errs.New(errs.BadValue, "Use of SCRAM-SHA-256 requires undigested passwords")
			}
			return nil
		}).about("true: the server makes the credentials."),
		noRestrictions[userArgs](),
	}
}

// noRestrictions is the field that limits from where a user may come.
func noRestrictions[A any]() field[A] {
	return refused[A]("authenticationRestrictions", "limit in the network who can reach the server")
}

func createUserCommand() *Command {
	fields := userFields("createUser")
	for i := range fields {
		fields[i].Required = fields[i].Required || fields[i].Name == "roles"
	}
	return definition[userArgs]{
		Command: Command{
			Name: "createUser", Group: Access, traits: numbered,
			Help:    "Makes a user on this database, which is where it authenticates (authSource). Its roles may be about any database or branches.",
			Example: `{createUser: "ada", pwd: "correct horse", roles: [{role: "read", db: "shop~*"}, {role: "readWrite", db: "shop~exp-*"}]}`, DB: "admin",
		},
		access: access[userArgs]{
			about: "createUser on the database, grantRole on that of each role", first: true,
			needs: func(n *needs, a *userArgs) {
				n.home(auth.CreateUser)
				n.grantable(&a.roles, auth.GrantRole)
			},
		},
		fields: fields,
		run: func(ctx context.Context, c *call, a *userArgs) (bsonraw.Doc, error) {
			return c.changeUser(ctx, a, c.d.auth.CreateUser)
		},
	}.build()
}

// home asks about the database that users and roles of this command belong to.
func (n *needs) home(actions ...auth.Action) { n.add(auth.DBTarget(n.c.db), actions) }

func updateUserCommand() *Command {
	return definition[userArgs]{
		Command: Command{
			Name: "updateUser", Group: Access,
			Help:    "Changes a user's password, roles (all of them) or data. Connections of the user stay, with the new roles.",
			Example: `{updateUser: "ada", roles: ["root"]}`, DB: "admin",
		},
		access: needing("changePassword (changeOwnPassword for one's own), changeCustomData, revokeRole and grantRole, by what is changed", needsOfUpdateUser),
		fields: userFields("updateUser"),
		run: func(ctx context.Context, c *call, a *userArgs) (bsonraw.Doc, error) {
			if a.spec.Password == nil && a.spec.CustomData == nil && a.spec.Mechanisms == nil && !a.roles.given {
				return nil, errs.New(errs.BadValue, "Must specify at least one field to update in updateUser")
			}
			return c.changeUser(ctx, a, c.d.auth.UpdateUser)
		},
	}.build()
}

func needsOfUpdateUser(n *needs, a *userArgs) {
	name, err := n.c.userName(a.user)
	if err != nil {
		n.err = err
		return
	}
	own := n.c.who != nil && n.c.who.principal.Name == name
	either := func(self, other auth.Action) {
		if !own || !n.c.may(auth.DBTarget(n.c.db), self) {
			n.home(other)
		}
	}
	if a.spec.Password != nil || a.spec.Mechanisms != nil {
		either(auth.ChangeOwnPassword, auth.ChangePassword)
	}
	if a.spec.CustomData != nil {
		either(auth.ChangeOwnCustomData, auth.ChangeCustomData)
	}
	if a.roles.given {
		n.grantable(&a.roles, auth.GrantRole)
		u, err := n.c.d.auth.FindUser(n.ctx, name)
		if err != nil {
			n.err = err
		} else if u != nil {
			for _, r := range u.Roles {
				n.add(auth.DBTarget(r.DB), []auth.Action{auth.RevokeRole})
			}
		}
	}
}

func (c *call) changeUser(ctx context.Context, a *userArgs, change func(context.Context, auth.UserName, auth.UserSpec) error) (bsonraw.Doc, error) {
	name, err := c.userName(a.user)
	if err != nil {
		return nil, err
	}
	if a.roles.given {
		roles, err := a.roles.names(name.DB)
		if err != nil {
			return nil, err
		}
		a.spec.Roles = &roles
	}
	if err := change(ctx, name, a.spec); err != nil {
		return nil, err
	}
	return c.okWith(bsonraw.EmptyDoc), nil
}

func dropUserCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "dropUser", Group: Access, traits: numbered,
			Help:    "Removes a user. Its connections may do nothing more.",
			Example: `{dropUser: "ada"}`, DB: "admin",
		},
		access: needing("dropUser on the database", func(n *needs, _ *nameArgs) { n.home(auth.DropUser) }),
		fields: []field[nameArgs]{text("dropUser", func(a *nameArgs) *string { return &a.name }).need().about("The user's name.")},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			name, err := c.userName(a.name)
			if err == nil {
				err = c.d.auth.DropUser(ctx, name)
			}
			if err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func dropAllUsersCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "dropAllUsersFromDatabase", Group: Access,
			Help:    "Removes all users of this database.",
			Example: `{dropAllUsersFromDatabase: 1}`, DB: "shop",
		},
		access: needing("dropUser on the database", func(n *needs, _ *args) { n.home(auth.DropUser) }),
		fields: []field[args]{one[args]("dropAllUsersFromDatabase", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			db, err := c.home()
			if err != nil {
				return nil, err
			}
			n, err := c.d.auth.DropUsers(ctx, db)
			if err != nil {
				return nil, err
			}
			return c.okD(bson.D{{Key: "n", Value: int32(n)}})
		},
	}.build()
}

// userRoles is grantRolesToUser and revokeRolesFromUser.
func userRoles(name, help, example string, action auth.Action, change func(*auth.Authority, context.Context, auth.UserName, []auth.RoleName) error) *Command {
	type args = userArgs
	return definition[args]{
		Command: Command{Name: name, Group: Access, Help: help, Example: example, DB: "admin"},
		access:  needing(action.String()+" on the database of each role", func(n *needs, a *args) { n.grantable(&a.roles, action) }),
		fields: []field[args]{
			text(name, func(a *args) *string { return &a.user }).need().about("The user's name."),
			roleList(func(a *args) *rolesArg { return &a.roles }).need(),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			if len(a.roles.list) == 0 {
				return nil, errs.New(errs.BadValue, `%s command requires a non-empty "roles" array`, name)
			}
			user, err := c.userName(a.user)
			if err != nil {
				return nil, err
			}
			roles, err := a.roles.names(user.DB)
			if err != nil {
				return nil, err
			}
			if err := change(c.d.auth, ctx, user, roles); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func grantRolesToUserCommand() *Command {
	return userRoles("grantRolesToUser", "Gives a user roles, from its next command on.",
		`{grantRolesToUser: "ada", roles: [{role: "readWrite", db: "shop~exp-*"}]}`, auth.GrantRole, (*auth.Authority).GrantRoles)
}

func revokeRolesFromUserCommand() *Command {
	return userRoles("revokeRolesFromUser", "Takes roles from a user, from its next command on.",
		`{revokeRolesFromUser: "ada", roles: ["root"]}`, auth.RevokeRole, (*auth.Authority).RevokeRoles)
}

type usersInfoArgs struct {
	which      bsonraw.Value
	privileges bool
	filter     bsonraw.Doc
}

func usersInfoCommand() *Command {
	type args = usersInfoArgs
	return definition[args]{
		Command: Command{
			Name: "usersInfo", Group: Access,
			Help:    "Describes users: one, several, all of this database (1), or all ({forAllDBs: true}). Credentials are never shown.",
			Example: `{usersInfo: 1}`, DB: "admin",
		},
		access: needing("viewUser on the database, except for oneself", needsOfUsersInfo),
		fields: []field[args]{
			anything("usersInfo", func(a *args) *bsonraw.Value { return &a.which }).need().about(`1, "name", {user, db}, a list of those, or {forAllDBs: true}.`),
			flag("showPrivileges", func(a *args) *bool { return &a.privileges }).about("Also what the roles inherit and grant; for named users only."),
			refused[args]("showCredentials", "credentials do not leave the store"),
			ignored[args]("showCustomData", "It is always shown.", bsonraw.Boolean),
			ignored[args]("showAuthenticationRestrictions", "There are none.", bsonraw.Boolean),
			object("filter", func(a *args) *bsonraw.Doc { return &a.filter }).about("A filter on what is listed."),
		},
		run: runUsersInfo,
	}.build()
}

func needsOfUsersInfo(n *needs, a *usersInfoArgs) {
	if all(a.which) {
		n.cluster(auth.ViewUser)
		return
	}
	names, err := n.c.usersNamed(a.which)
	if err != nil {
		n.err = err
		return
	}
	for _, name := range names {
		if n.c.who == nil || name != n.c.who.principal.Name {
			n.add(auth.DBTarget(name.DB), []auth.Action{auth.ViewUser})
		}
	}
	if names == nil {
		n.home(auth.ViewUser)
	}
}

// all reports whether users of every database are asked for.
func all(v bsonraw.Value) bool { return v.Type == bsonraw.Object && v.Doc().Get("forAllDBs").Truthy() }

// usersNamed reads which users are asked for; nil stands for all of the database.
func (c *call) usersNamed(v bsonraw.Value) ([]auth.UserName, error) {
	switch {
	case v.Type == bsonraw.Array:
		out := []auth.UserName{}
		for _, one := range v.Doc().Values() {
			names, err := c.usersNamed(one)
			if err != nil {
				return nil, err
			}
			out = append(out, names...)
		}
		return out, nil
	case v.Type == bsonraw.String:
		name, err := c.userName(v.Str())
		return []auth.UserName{name}, err
	case v.Type == bsonraw.Object:
		user, db := v.Doc().Get("user"), v.Doc().Get("db")
		if user.Type != bsonraw.String || db.Type != bsonraw.String {
			return nil, errs.New(errs.BadValue, "UserName must contain a field named: user, and one named: db")
		}
		canonical, err := auth.CanonicalDB(db.Str())
		return []auth.UserName{{User: user.Str(), DB: canonical}}, err
	}
	if n, ok := v.AsInt64(); ok && n == 1 {
		return nil, nil
	}
	return nil, errs.New(errs.BadValue, "UserName must be either a string or an object")
}

func runUsersInfo(ctx context.Context, c *call, a *usersInfoArgs) (bsonraw.Doc, error) {
	filter, err := query.Compile(orEmpty(a.filter), nil)
	if err != nil {
		return nil, err
	}
	users, named, err := c.findUsers(ctx, a.which)
	if err != nil {
		return nil, err
	}
	if a.privileges && !named {
		return nil, errs.New(errs.IllegalOperation, "Privilege or restriction details require exact-match usersInfo queries")
	}
	docs := []bson.Raw{}
	for _, u := range users {
		doc, err := c.describeUser(ctx, u, a.privileges)
		if err != nil {
			return nil, err
		}
		ok, err := filter.Match(bsonraw.Doc(doc))
		if err != nil {
			return nil, err
		}
		if ok {
			docs = append(docs, doc)
		}
	}
	return c.okD(bson.D{{Key: "users", Value: docs}})
}

func (c *call) findUsers(ctx context.Context, which bsonraw.Value) (users []*auth.User, named bool, err error) {
	if all(which) {
		users, err = c.d.auth.Users(ctx, "")
		return users, false, err
	}
	names, err := c.usersNamed(which)
	if err != nil {
		return nil, false, err
	}
	if names == nil {
		db, err := c.home()
		if err != nil {
			return nil, false, err
		}
		users, err = c.d.auth.Users(ctx, db)
		return users, false, err
	}
	for _, name := range names {
		u, err := c.d.auth.FindUser(ctx, name)
		if err != nil {
			return nil, true, err
		}
		if u != nil {
			users = append(users, u)
		}
	}
	return users, true, nil
}

func (c *call) describeUser(ctx context.Context, u *auth.User, privileges bool) (bson.Raw, error) {
	roles := append([]auth.RoleName{}, u.Roles...)
	doc := bson.D{
		{Key: "_id", Value: u.Name.ID()},
		{Key: "userId", Value: bson.Binary{Subtype: 4, Data: u.ID[:]}},
		{Key: "user", Value: u.Name.User},
		{Key: "db", Value: u.Name.DB},
	}
	if u.CustomData != nil {
		doc = append(doc, bson.E{Key: "customData", Value: bson.Raw(u.CustomData)})
	}
	doc = append(doc, bson.E{Key: "roles", Value: roles}, bson.E{Key: "mechanisms", Value: u.Mechanisms()})
	if privileges {
		g, err := c.d.auth.GrantsOf(ctx, roles)
		if err != nil {
			return nil, err
		}
		doc = append(
			doc, bson.E{Key: "inheritedRoles", Value: append([]auth.RoleName{}, g.Roles()...)},
			bson.E{Key: "inheritedPrivileges", Value: auth.Docs(g.Privileges())}, bson.E{Key: "inheritedAuthenticationRestrictions", Value: bson.A{}},
		)
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "the user does not encode")
	}
	return raw, nil
}
