package auth

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// RoleName names a role on a database. For a built-in role the database may be
// a pattern, and the role is about the branches that it matches.
type RoleName struct {
	Role string `bson:"role" json:"role"`
	DB   string `bson:"db" json:"db"`
}

// String is MongoDB's form, role@database.
func (r RoleName) String() string { return r.Role + "@" + r.DB }

// NewRoleName checks a role's name and writes its database in its one form.
func NewRoleName(role, db string) (RoleName, error) {
	if role == "" {
		return RoleName{}, errs.New(errs.BadValue, "a role's name is empty")
	}
	if err := ValidPattern(db); err != nil {
		return RoleName{}, err
	}
	return RoleName{role, canonical(db)}, nil
}

// Role is a role that somebody has defined.
type Role struct {
	Name       RoleName
	Privileges []Privilege
	Roles      []RoleName
}

// roleDoc is the stored form, that of MongoDB's system.roles. FROZEN.
type roleDoc struct {
	ID         string         `bson:"_id"`
	Role       string         `bson:"role"`
	DB         string         `bson:"db"`
	Privileges []privilegeDoc `bson:"privileges"`
	Roles      []RoleName     `bson:"roles"`
}

func (r *Role) doc() roleDoc {
	d := roleDoc{ID: r.Name.DB + "." + r.Name.Role, Role: r.Name.Role, DB: r.Name.DB, Privileges: []privilegeDoc{}, Roles: r.Roles}
	for _, p := range r.Privileges {
		d.Privileges = append(d.Privileges, p.doc())
	}
	if d.Roles == nil {
		d.Roles = []RoleName{}
	}
	return d
}

func decodeRole(raw bsonraw.Doc) (*Role, error) {
	var d roleDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	r := &Role{Name: RoleName{d.Role, d.DB}, Roles: d.Roles}
	for _, pd := range d.Privileges {
		p, err := pd.privilege()
		if err != nil {
			return nil, err
		}
		r.Privileges = append(r.Privileges, p)
	}
	return r, nil
}

// role returns a role, built in or defined.
func (t *tables) role(name RoleName) (*Role, bool) {
	if list, ok := builtin(name); ok {
		return &Role{Name: name, Privileges: list}, true
	}
	r := t.roles[name]
	return r, r != nil
}

func (t *tables) rolesExist(list []RoleName) error {
	for _, name := range list {
		if _, ok := t.role(name); !ok {
			return noRole(name)
		}
	}
	return nil
}

func noRole(name RoleName) error {
	return errs.New(errs.RoleNotFound, "Could not find role: %s", name)
}

// expand returns roles with all that they inherit, each once.
func (t *tables) expand(roots []RoleName) []*Role {
	var out []*Role
	seen := map[RoleName]bool{}
	todo := slices.Clone(roots)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if r, ok := t.role(name); ok {
			out = append(out, r)
			todo = append(todo, r.Roles...)
		}
	}
	return out
}

// RoleChange changes a role's parts. A nil result of a function is an error's.
type RoleChange struct {
	Privileges func([]Privilege) []Privilege
	Roles      func([]RoleName) []RoleName
}

// CreateRole defines a role.
func (a *Authority) CreateRole(ctx context.Context, role Role) error {
	switch {
	case strings.IndexByte(role.Name.DB, '*') >= 0 || role.Name.DB == externalDB || role.Name.DB == "local":
		return errs.New(errs.BadValue, "a role cannot be defined on %q", role.Name.DB)
	case isBuiltinName(role.Name):
		return errs.New(errs.BadValue, "Cannot create roles with the same name as a built-in role")
	}
	return a.update(ctx, func(t *tables) ([]write, error) {
		if t.roles[role.Name] != nil {
			return nil, errs.New(errs.RoleExists, "Role %q already exists", role.Name.String())
		}
		return t.putRole(&role)
	})
}

// ChangeRole changes a role that somebody has defined.
func (a *Authority) ChangeRole(ctx context.Context, name RoleName, change RoleChange) error {
	if isBuiltinName(name) {
		return builtinRole(name)
	}
	return a.update(ctx, func(t *tables) ([]write, error) {
		old := t.roles[name]
		if old == nil {
			return nil, noRole(name)
		}
		r := *old
		if change.Privileges != nil {
			r.Privileges = change.Privileges(slices.Clone(r.Privileges))
		}
		if change.Roles != nil {
			r.Roles = change.Roles(slices.Clone(r.Roles))
		}
		return t.putRole(&r)
	})
}

func builtinRole(name RoleName) error {
	return errs.New(errs.BadValue, "%s is a built-in role and cannot be modified", name)
}

// putRole checks a role and puts it into the tables.
func (t *tables) putRole(r *Role) ([]write, error) {
	r.Privileges, r.Roles = mergePrivileges(r.Privileges), dedupe(r.Roles)
	if err := t.rolesExist(r.Roles); err != nil {
		return nil, errs.New(errs.RoleNotFound, "Cannot grant roles to '%s': %s", r.Name, errs.As(err).Message)
	}
	for _, p := range r.Privileges {
		if !within(r.Name.DB, p.Resource) {
			return nil, errs.New(errs.InvalidRoleModification, "Roles on the '%s' database cannot be granted privileges that target other databases or the cluster", r.Name.DB)
		}
	}
	for _, name := range r.Roles {
		if !within(r.Name.DB, Resource{DB: name.DB}) {
			return nil, errs.New(errs.InvalidRoleModification, "Roles on the '%s' database cannot be granted roles from other databases", r.Name.DB)
		}
	}
	for _, inherited := range t.expand(r.Roles) {
		if inherited.Name == r.Name {
			return nil, errs.New(errs.InvalidRoleModification, "Granting roles to %s would introduce a cycle in the role graph", r.Name)
		}
	}
	t.roles[r.Name] = r
	return []write{{kindRole, r.Name.DB + "." + r.Name.Role, r.doc()}}, nil
}

// within reports whether a role of a database may be about a resource: one of
// admin about everything, another about its project.
func within(db string, r Resource) bool {
	if db == adminDB {
		return true
	}
	own, _ := splitDB(db)
	project, _ := splitDB(r.DB)
	return !r.Cluster && !r.Any && project == own
}

// DropRole removes a role, and from users and roles what they had of it.
func (a *Authority) DropRole(ctx context.Context, name RoleName) error {
	if isBuiltinName(name) {
		return builtinRole(name)
	}
	return a.update(ctx, func(t *tables) ([]write, error) {
		if t.roles[name] == nil {
			return nil, noRole(name)
		}
		return t.dropRoles([]RoleName{name}), nil
	})
}

// DropRoles removes all defined roles of a database.
func (a *Authority) DropRoles(ctx context.Context, db string) (n int, err error) {
	err = a.update(ctx, func(t *tables) ([]write, error) {
		var gone []RoleName
		for name := range t.roles {
			if name.DB == db {
				gone = append(gone, name)
			}
		}
		n = len(gone)
		return t.dropRoles(gone), nil
	})
	return n, err
}

func (t *tables) dropRoles(gone []RoleName) []write {
	var writes []write
	for _, u := range t.users {
		if roles := without(slices.Clone(u.Roles), gone); len(roles) != len(u.Roles) {
			next := *u
			next.Roles = roles
			writes = append(writes, t.putUser(&next)...)
		}
	}
	for _, k := range t.keys {
		if roles := without(slices.Clone(k.Roles), gone); len(roles) != len(k.Roles) {
			next := *k
			next.Roles = roles
			writes = append(writes, t.putKey(&next)...)
		}
	}
	for _, r := range t.roles {
		if roles := without(slices.Clone(r.Roles), gone); len(roles) != len(r.Roles) && !slices.Contains(gone, r.Name) {
			next := *r
			next.Roles = roles
			t.roles[r.Name] = &next
			writes = append(writes, write{kindRole, r.Name.DB + "." + r.Name.Role, next.doc()})
		}
	}
	for _, name := range gone { // last: what is stored half has roles too many, and then says so
		delete(t.roles, name)
		writes = append(writes, write{kind: kindRole, name: name.DB + "." + name.Role})
	}
	return writes
}

// RoleInfo is a role with what it inherits.
type RoleInfo struct {
	Role
	Builtin             bool
	InheritedRoles      []RoleName
	InheritedPrivileges []Privilege
}

// FindRole returns a role, or nil.
func (a *Authority) FindRole(ctx context.Context, name RoleName) (*RoleInfo, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := t.role(name)
	if !ok {
		return nil, nil
	}
	return t.describe(r), nil
}

func (t *tables) describe(r *Role) *RoleInfo {
	info := &RoleInfo{Role: *r, Builtin: isBuiltinName(r.Name)}
	info.InheritedPrivileges = slices.Clone(r.Privileges)
	for _, inherited := range t.expand(r.Roles) {
		info.InheritedRoles = append(info.InheritedRoles, inherited.Name)
		info.InheritedPrivileges = append(info.InheritedPrivileges, inherited.Privileges...)
	}
	return info
}

// Roles returns the roles of a database by name, the built-in ones too if asked.
// With "" it returns the defined roles of every database.
func (a *Authority) Roles(ctx context.Context, db string, builtins bool) ([]*RoleInfo, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	var list []*RoleInfo
	for name, r := range t.roles {
		if db == "" || name.DB == db {
			list = append(list, t.describe(r))
		}
	}
	if builtins {
		for _, name := range builtinNames(db) {
			r, _ := t.role(RoleName{name, db})
			list = append(list, t.describe(r))
		}
	}
	slices.SortFunc(list, func(x, y *RoleInfo) int {
		return strings.Compare(x.Name.DB+"."+x.Name.Role, y.Name.DB+"."+y.Name.Role)
	})
	return list, nil
}

// builtinNames lists the built-in roles of a database.
func builtinNames(db string) []string {
	var names []string
	for name := range databaseRoles {
		names = append(names, name)
	}
	if db == adminDB {
		for name := range adminRoles {
			names = append(names, name)
		}
	}
	return names
}

// Docs returns privileges in the form that they are shown in.
func Docs(list []Privilege) []any {
	out := make([]any, len(list))
	for i, p := range list {
		out[i] = p.doc()
	}
	return out
}

// CanonicalDB writes the name of a database that users or roles belong to in its
// one form.
func CanonicalDB(db string) (string, error) {
	if err := ValidPattern(db); err != nil {
		return "", err
	}
	return canonical(db), nil
}

// Revoke takes privileges away, resource by resource.
func Revoke(have, gone []Privilege) []Privilege {
	var out []Privilege
	for _, p := range have {
		for _, g := range gone {
			if g.Resource == p.Resource {
				p.Actions = p.Actions.Without(g.Actions)
			}
		}
		if !p.Actions.IsEmpty() {
			out = append(out, p)
		}
	}
	return out
}

// Without returns the roles of a list that are not among others.
func Without(list, gone []RoleName) []RoleName { return without(list, gone) }
