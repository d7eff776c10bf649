package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

type roleArgs struct {
	role       string
	privileges []auth.Privilege
	hasPrivs   bool
	roles      rolesArg
}

func privilegeList(at func(*roleArgs) *[]auth.Privilege) field[roleArgs] {
	return kind("privileges", "array", []bsonraw.Type{bsonraw.Array}, func(a *roleArgs, v bsonraw.Value) error {
		a.hasPrivs = true
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.Object {
				return errs.New(errs.TypeMismatch, wrongType, "privileges", it.Key(), it.Value().Type.Name(), " 'object'")
			}
			p, err := auth.ParsePrivilege(it.Value().Doc())
			if err != nil {
				return err
			}
			*at(a) = append(*at(a), p)
		}
		return nil
	}).about(`[{resource: {db: "shop~exp-*", collection: ""}, actions: ["find"]}]; the db is a pattern on project~branch, "" is every database or collection.`)
}

func roleFields(name string) []field[roleArgs] {
	return []field[roleArgs]{
		text(name, func(a *roleArgs) *string { return &a.role }).need().about("The role's name."),
		privilegeList(func(a *roleArgs) *[]auth.Privilege { return &a.privileges }),
		roleList(func(a *roleArgs) *rolesArg { return &a.roles }),
		noRestrictions[roleArgs](),
	}
}

// grantablePrivileges asks for the right to give away privileges: on the database
// that each is about, or on admin where it is about more.
func (n *needs) grantablePrivileges(list []auth.Privilege, action auth.Action) {
	for _, p := range list {
		db := p.Resource.DB
		if db == "" {
			db = adminDB
		}
		n.add(auth.DBTarget(db), []auth.Action{action})
	}
}

func (c *call) roleName(role string) (auth.RoleName, error) { return auth.NewRoleName(role, c.db) }

func createRoleCommand() *Command {
	fields := roleFields("createRole")
	for i := range fields {
		fields[i].Required = fields[i].Name != "authenticationRestrictions"
	}
	return definition[roleArgs]{
		Command: Command{
			Name: "createRole", Group: Access, traits: numbered,
			Help:    "Defines a role on this database: privileges, and other roles that it inherits. One on admin may be about everything, another about its project.",
			Example: `{createRole: "auditor", privileges: [{resource: {db: "shop~*", collection: ""}, actions: ["readHistory", "listBranches"]}], roles: []}`, DB: "shop",
		},
		access: needing("createRole on the database, grantRole on that of each role and privilege", func(n *needs, a *roleArgs) {
			n.home(auth.CreateRole)
			n.grantablePrivileges(a.privileges, auth.GrantRole)
			n.grantable(&a.roles, auth.GrantRole)
		}),
		fields: fields,
		run: func(ctx context.Context, c *call, a *roleArgs) (bsonraw.Doc, error) {
			name, err := c.roleName(a.role)
			if err != nil {
				return nil, err
			}
			roles, err := a.roles.names(name.DB)
			if err != nil {
				return nil, err
			}
			if err := c.d.auth.CreateRole(ctx, auth.Role{Name: name, Privileges: a.privileges, Roles: roles}); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func updateRoleCommand() *Command {
	return definition[roleArgs]{
		Command: Command{
			Name: "updateRole", Group: Access,
			Help:    "Replaces a role's privileges or the roles that it inherits. Who has it has the new ones from the next command on.",
			Example: `{updateRole: "auditor", roles: ["read"]}`, DB: "shop",
		},
		access: needing("revokeRole on the database, grantRole on that of each role and privilege", func(n *needs, a *roleArgs) {
			n.home(auth.RevokeRole)
			n.grantablePrivileges(a.privileges, auth.GrantRole)
			n.grantable(&a.roles, auth.GrantRole)
		}),
		fields: roleFields("updateRole"),
		run: func(ctx context.Context, c *call, a *roleArgs) (bsonraw.Doc, error) {
			if !a.hasPrivs && !a.roles.given {
				return nil, errs.New(errs.BadValue, "Must specify at least one field to update in updateRole")
			}
			return c.changeRole(ctx, a, func(roles []auth.RoleName) auth.RoleChange {
				var change auth.RoleChange
				if a.hasPrivs {
					change.Privileges = func([]auth.Privilege) []auth.Privilege { return a.privileges }
				}
				if a.roles.given {
					change.Roles = func([]auth.RoleName) []auth.RoleName { return roles }
				}
				return change
			})
		},
	}.build()
}

func (c *call) changeRole(ctx context.Context, a *roleArgs, change func(roles []auth.RoleName) auth.RoleChange) (bsonraw.Doc, error) {
	name, err := c.roleName(a.role)
	if err != nil {
		return nil, err
	}
	roles, err := a.roles.names(name.DB)
	if err != nil {
		return nil, err
	}
	if err := c.d.auth.ChangeRole(ctx, name, change(roles)); err != nil {
		return nil, err
	}
	return c.okWith(bsonraw.EmptyDoc), nil
}

func dropRoleCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "dropRole", Group: Access,
			Help:    "Removes a role that somebody has defined, also from users and roles that have it.",
			Example: `{dropRole: "auditor"}`, DB: "shop",
		},
		access: needing("dropRole on the database", func(n *needs, _ *nameArgs) { n.home(auth.DropRole) }),
		fields: []field[nameArgs]{text("dropRole", func(a *nameArgs) *string { return &a.name }).need().about("The role's name.")},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			name, err := c.roleName(a.name)
			if err == nil {
				err = c.d.auth.DropRole(ctx, name)
			}
			if err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func dropAllRolesCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "dropAllRolesFromDatabase", Group: Access,
			Help:    "Removes all roles that are defined on this database.",
			Example: `{dropAllRolesFromDatabase: 1}`, DB: "shop",
		},
		access: needing("dropRole on the database", func(n *needs, _ *args) { n.home(auth.DropRole) }),
		fields: []field[args]{one[args]("dropAllRolesFromDatabase", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			db, err := c.home()
			if err != nil {
				return nil, err
			}
			n, err := c.d.auth.DropRoles(ctx, db)
			if err != nil {
				return nil, err
			}
			return c.okD(bson.D{{Key: "n", Value: int32(n)}})
		},
	}.build()
}

// rolePart is one of the commands that add to a role or take from it.
func rolePart(name, help, example, part string, action auth.Action, change func(a *roleArgs, roles []auth.RoleName) auth.RoleChange) *Command {
	row := roleList(func(a *roleArgs) *rolesArg { return &a.roles })
	if part == "privileges" {
		row = privilegeList(func(a *roleArgs) *[]auth.Privilege { return &a.privileges })
	}
	return definition[roleArgs]{
		Command: Command{Name: name, Group: Access, Help: help, Example: example, DB: "shop"},
		access: needing(action.String()+" on the database of each", func(n *needs, a *roleArgs) {
			n.grantablePrivileges(a.privileges, action)
			n.grantable(&a.roles, action)
		}),
		fields: []field[roleArgs]{text(name, func(a *roleArgs) *string { return &a.role }).need().about("The role's name."), row.need()},
		run: func(ctx context.Context, c *call, a *roleArgs) (bsonraw.Doc, error) {
			if len(a.roles.list)+len(a.privileges) == 0 {
				return nil, errs.New(errs.BadValue, `%s command requires a non-empty "%s" array`, name, part)
			}
			return c.changeRole(ctx, a, func(roles []auth.RoleName) auth.RoleChange { return change(a, roles) })
		},
	}.build()
}

func grantPrivilegesToRoleCommand() *Command {
	return rolePart("grantPrivilegesToRole", "Adds privileges to a role.",
		`{grantPrivilegesToRole: "auditor", privileges: [{resource: {db: "shop", collection: "orders"}, actions: ["find"]}]}`,
		"privileges", auth.GrantRole, func(a *roleArgs, _ []auth.RoleName) auth.RoleChange {
			return auth.RoleChange{Privileges: func(have []auth.Privilege) []auth.Privilege { return append(have, a.privileges...) }}
		})
}

func revokePrivilegesFromRoleCommand() *Command {
	return rolePart("revokePrivilegesFromRole", "Takes privileges from a role, resource by resource.",
		`{revokePrivilegesFromRole: "auditor", privileges: [{resource: {db: "shop~*", collection: ""}, actions: ["listBranches"]}]}`,
		"privileges", auth.RevokeRole, func(a *roleArgs, _ []auth.RoleName) auth.RoleChange {
			return auth.RoleChange{Privileges: func(have []auth.Privilege) []auth.Privilege { return auth.Revoke(have, a.privileges) }}
		})
}

func grantRolesToRoleCommand() *Command {
	return rolePart("grantRolesToRole", "Lets a role inherit other roles.",
		`{grantRolesToRole: "auditor", roles: ["read"]}`,
		"roles", auth.GrantRole, func(_ *roleArgs, roles []auth.RoleName) auth.RoleChange {
			return auth.RoleChange{Roles: func(have []auth.RoleName) []auth.RoleName { return append(have, roles...) }}
		})
}

func revokeRolesFromRoleCommand() *Command {
	return rolePart("revokeRolesFromRole", "Ends that a role inherits other roles.",
		`{revokeRolesFromRole: "auditor", roles: ["read"]}`,
		"roles", auth.RevokeRole, func(_ *roleArgs, roles []auth.RoleName) auth.RoleChange {
			return auth.RoleChange{Roles: func(have []auth.RoleName) []auth.RoleName { return auth.Without(have, roles) }}
		})
}

type rolesInfoArgs struct {
	which      bsonraw.Value
	privileges bool
	fragment   bool
	builtin    bool
}

func rolesInfoCommand() *Command {
	type args = rolesInfoArgs
	return definition[args]{
		Command: Command{
			Name: "rolesInfo", Group: Access,
			Help:    "Describes roles: one, several, or all that are defined on this database (1).",
			Example: `{rolesInfo: "readWrite", showPrivileges: true}`, DB: "shop",
		},
		access: needing("viewRole on the database, except for built-in roles and one's own", needsOfRolesInfo),
		fields: []field[args]{
			anything("rolesInfo", func(a *args) *bsonraw.Value { return &a.which }).need().about(`1, "name", {role, db}, or a list of those.`),
			kind("showPrivileges", "bool", []bsonraw.Type{bsonraw.Boolean, bsonraw.String}, func(a *args, v bsonraw.Value) error {
				a.fragment = v.Type == bsonraw.String && string(v.StringBytes()) == "asUserFragment"
				if v.Type == bsonraw.String && !a.fragment {
					return errs.New(errs.BadValue, "Failed to parse 'showPrivileges'. 'showPrivileges' should either be a boolean or the string 'asUserFragment', given: showPrivileges: %q", v.StringBytes())
				}
				a.privileges = v.Truthy()
				return nil
			}).about(`Also what they grant; "asUserFragment": as one user with these roles.`),
			flag("showBuiltinRoles", func(a *args) *bool { return &a.builtin }).about("With 1: the built-in roles too."),
			ignored[args]("showAuthenticationRestrictions", "There are none.", bsonraw.Boolean),
		},
		run: runRolesInfo,
	}.build()
}

// rolesNamed reads which roles are asked for; nil stands for all of the database.
func (c *call) rolesNamed(v bsonraw.Value) ([]auth.RoleName, error) {
	var list []bsonraw.Value
	switch v.Type {
	case bsonraw.Array:
		list = v.Doc().Values()
	case bsonraw.String, bsonraw.Object:
		list = []bsonraw.Value{v}
	default:
		if n, ok := v.AsInt64(); ok && n == 1 {
			return nil, nil
		}
		return nil, errs.New(errs.BadValue, "RoleName must be either a string or an object")
	}
	out := []auth.RoleName{}
	for _, one := range list {
		if one.Type != bsonraw.String && one.Type != bsonraw.Object {
			return nil, errs.New(errs.BadValue, "RoleName must be either a string or an object")
		}
		name, err := roleName(one, c.db)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

func needsOfRolesInfo(n *needs, a *rolesInfoArgs) {
	names, err := n.c.rolesNamed(a.which)
	if err != nil {
		n.err = err
		return
	}
	if names == nil {
		n.home(auth.ViewRole)
	}
	own := map[auth.RoleName]bool{}
	if n.c.who != nil {
		for _, r := range n.c.who.grants.Roles() {
			own[r] = true
		}
	}
	for _, name := range names {
		r, err := n.c.d.auth.FindRole(n.ctx, name)
		if err != nil {
			n.err = err
			return
		}
		if !own[name] && (r == nil || !r.Builtin) {
			n.add(auth.DBTarget(name.DB), []auth.Action{auth.ViewRole})
		}
	}
}

func runRolesInfo(ctx context.Context, c *call, a *rolesInfoArgs) (bsonraw.Doc, error) {
	names, err := c.rolesNamed(a.which)
	if err != nil {
		return nil, err
	}
	if a.fragment {
		return c.userFragment(ctx, names)
	}
	var list []*auth.RoleInfo
	if names == nil {
		db, err := c.home()
		if err != nil {
			return nil, err
		}
		if list, err = c.d.auth.Roles(ctx, db, a.builtin); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		r, err := c.d.auth.FindRole(ctx, name)
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r)
		}
	}
	docs := []bson.D{}
	for _, r := range list {
		docs = append(docs, describeRole(r, a.privileges))
	}
	return c.okD(bson.D{{Key: "roles", Value: docs}})
}

func describeRole(r *auth.RoleInfo, privileges bool) bson.D {
	var doc bson.D
	if !r.Builtin {
		doc = append(doc, bson.E{Key: "_id", Value: r.Name.DB + "." + r.Name.Role})
	}
	doc = append(doc, bson.E{Key: "role", Value: r.Name.Role}, bson.E{Key: "db", Value: r.Name.DB})
	if privileges {
		doc = append(doc, bson.E{Key: "privileges", Value: auth.Docs(r.Privileges)})
	}
	doc = append(
		doc, bson.E{Key: "roles", Value: append([]auth.RoleName{}, r.Roles...)},
		bson.E{Key: "inheritedRoles", Value: append([]auth.RoleName{}, r.InheritedRoles...)},
	)
	if privileges {
		doc = append(doc, bson.E{Key: "inheritedPrivileges", Value: auth.Docs(r.InheritedPrivileges)})
	}
	return append(doc, bson.E{Key: "isBuiltin", Value: r.Builtin})
}

func (c *call) userFragment(ctx context.Context, names []auth.RoleName) (bsonraw.Doc, error) {
	if names == nil {
		return nil, errs.New(errs.IllegalOperation, "Cannot get user fragment for all roles in a database")
	}
	g, err := c.d.auth.GrantsOf(ctx, names)
	if err != nil {
		return nil, err
	}
	return c.okD(bson.D{{Key: "userFragment", Value: bson.D{
		{Key: "roles", Value: names},
		{Key: "inheritedRoles", Value: append([]auth.RoleName{}, g.Roles()...)},
		{Key: "inheritedPrivileges", Value: auth.Docs(g.Privileges())},
	}}})
}
