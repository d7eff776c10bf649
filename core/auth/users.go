package auth

import (
	"context"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// UserName names a user: it belongs to the database that it was made on and
// authenticates there, whatever it may do elsewhere.
type UserName struct {
	User string `bson:"user" json:"user"`
	DB   string `bson:"db" json:"db"`
}

// String is MongoDB's form, user@database.
func (n UserName) String() string { return n.User + "@" + n.DB }

// ID is the form of the key, database.user.
func (n UserName) ID() string { return n.DB + "." + n.User }

// Actor is what stands in the log for the user's commits: the name, and the
// database unless it is admin or the directory of certificates and keys.
func (n UserName) Actor() string {
	if n.DB == adminDB || n.DB == externalDB {
		return n.User
	}
	return n.String()
}

// User is a user's record.
type User struct {
	Name       UserName
	ID         [16]byte // of this user and no other one of the same name
	Roles      []RoleName
	CustomData bsonraw.Doc

	credentials map[string]credential // by mechanism; none for a user of $external
}

// Mechanisms returns how the user can authenticate, sorted.
func (u *User) Mechanisms() []string {
	if u.Name.DB == externalDB {
		return []string{"external"}
	}
	var list []string
	for m := range u.credentials {
		list = append(list, m)
	}
	sort.Strings(list)
	return list
}

// userDoc is the stored form, that of MongoDB's system.users. FROZEN.
type userDoc struct {
	ID          string                   `bson:"_id"`
	UserID      bson.Binary              `bson:"userId"`
	User        string                   `bson:"user"`
	DB          string                   `bson:"db"`
	Credentials map[string]credentialDoc `bson:"credentials,omitempty"`
	CustomData  bson.Raw                 `bson:"customData,omitempty"`
	Roles       []RoleName               `bson:"roles"`
}

func (u *User) doc() userDoc {
	d := userDoc{
		ID: u.Name.ID(), UserID: bson.Binary{Subtype: 4, Data: u.ID[:]}, User: u.Name.User, DB: u.Name.DB,
		CustomData: bson.Raw(u.CustomData), Roles: u.Roles,
	}
	if d.Roles == nil {
		d.Roles = []RoleName{}
	}
	for m, c := range u.credentials {
		if d.Credentials == nil {
			d.Credentials = map[string]credentialDoc{}
		}
		d.Credentials[m] = c.doc()
	}
	return d
}

func decodeUser(raw bsonraw.Doc) (*User, error) {
	var d userDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	u := &User{Name: UserName{d.User, d.DB}, Roles: d.Roles, CustomData: bsonraw.Doc(d.CustomData), credentials: map[string]credential{}}
	copy(u.ID[:], d.UserID.Data)
	for m, c := range d.Credentials {
		cred, err := c.credential()
		if err != nil {
			return nil, err
		}
		u.credentials[m] = cred
	}
	return u, nil
}

// UserSpec is what a user is made of or changed to. Nil fields stay as they are.
type UserSpec struct {
	Password   *string
	Mechanisms []string // nil: SCRAM-SHA-1 and SCRAM-SHA-256
	Roles      *[]RoleName
	CustomData *bsonraw.Doc
}

// CreateUser makes a user.
func (a *Authority) CreateUser(ctx context.Context, name UserName, spec UserSpec) error {
	if err := validUser(name); err != nil {
		return err
	}
	switch {
	case name.DB == externalDB && spec.Password != nil:
		return errs.New(errs.BadValue, "Cannot set the password for users defined on the '$external' database")
	case name.DB != externalDB && spec.Password == nil:
		return errs.New(errs.BadValue, "Must provide a 'pwd' field for all user documents, except those with '$external' as the user's source db")
	}
	return a.changeUser(ctx, name, spec, func(t *tables) (*User, error) {
		if t.users[name] != nil {
			return nil, errs.New(errs.UserExists, "User %q already exists", name.String())
		}
		u := &User{Name: name}
		copy(u.ID[:], random(16))
		u.ID[6], u.ID[8] = u.ID[6]&0x0F|0x40, u.ID[8]&0x3F|0x80
		return u, nil
	})
}

// UpdateUser changes a user.
func (a *Authority) UpdateUser(ctx context.Context, name UserName, spec UserSpec) error {
	if name.DB == externalDB && spec.Password != nil {
		return errs.New(errs.BadValue, "Cannot set the password for users defined on the '$external' database")
	}
	if spec.Mechanisms != nil && spec.Password == nil {
		return a.dropMechanisms(ctx, name, spec)
	}
	return a.changeUser(ctx, name, spec, func(t *tables) (*User, error) {
		if t.users[name] == nil {
			return nil, errs.New(errs.UserNotFound, "User %s not found", name)
		}
		u := *t.users[name]
		return &u, nil
	})
}

// dropMechanisms takes mechanisms from a user whose password stays. To give it
// one, the password is needed.
func (a *Authority) dropMechanisms(ctx context.Context, name UserName, spec UserSpec) error {
	if err := validMechanisms(spec.Mechanisms); err != nil {
		return err
	}
	return a.changeUser(ctx, name, spec, func(t *tables) (*User, error) {
		if t.users[name] == nil {
			return nil, errs.New(errs.UserNotFound, "User %s not found", name)
		}
		u := *t.users[name]
		kept := map[string]credential{}
		for _, m := range spec.Mechanisms {
			c, ok := u.credentials[m]
			if !ok {
				return nil, errs.New(errs.BadValue, "mechanisms field must be a subset of previously set mechanisms")
			}
			kept[m] = c
		}
		u.credentials = kept
		return &u, nil
	})
}

// changeUser stores what find returns with the changes of spec. Deriving
// credentials takes time, so it is done before the lock is taken.
func (a *Authority) changeUser(ctx context.Context, name UserName, spec UserSpec, find func(*tables) (*User, error)) error {
	var creds map[string]credential
	if spec.Password != nil {
		var err error
		if creds, err = a.derive(name, *spec.Password, spec.Mechanisms); err != nil {
			return err
		}
	}
	return a.update(ctx, func(t *tables) ([]write, error) {
		u, err := find(t)
		if err != nil {
			return nil, err
		}
		if creds != nil {
			u.credentials = creds
		}
		if spec.Roles != nil {
			if err := t.rolesExist(*spec.Roles); err != nil {
				return nil, err
			}
			u.Roles = dedupe(*spec.Roles)
		}
		if spec.CustomData != nil {
			u.CustomData = spec.CustomData.Clone()
		}
		return t.putUser(u), nil
	})
}

func (t *tables) putUser(u *User) []write {
	t.users[u.Name] = u
	return []write{{kindUser, u.Name.ID(), u.doc()}}
}

// GrantRoles and RevokeRoles change the roles of a user.
func (a *Authority) GrantRoles(ctx context.Context, name UserName, roles []RoleName) error {
	return a.regrant(ctx, name, roles, func(have []RoleName) []RoleName { return dedupe(append(have, roles...)) })
}

// RevokeRoles takes roles from a user.
func (a *Authority) RevokeRoles(ctx context.Context, name UserName, roles []RoleName) error {
	return a.regrant(ctx, name, roles, func(have []RoleName) []RoleName { return without(have, roles) })
}

func (a *Authority) regrant(ctx context.Context, name UserName, roles []RoleName, change func([]RoleName) []RoleName) error {
	return a.update(ctx, func(t *tables) ([]write, error) {
		old := t.users[name]
		if old == nil {
			return nil, errs.New(errs.UserNotFound, "Could not find user %q for db %q", name.User, name.DB)
		}
		if err := t.rolesExist(roles); err != nil {
			return nil, err
		}
		u := *old
		u.Roles = change(slices.Clone(u.Roles))
		return t.putUser(&u), nil
	})
}

// DropUser removes a user.
func (a *Authority) DropUser(ctx context.Context, name UserName) error {
	return a.update(ctx, func(t *tables) ([]write, error) {
		if t.users[name] == nil {
			return nil, errs.New(errs.UserNotFound, "User '%s' not found", name)
		}
		delete(t.users, name)
		return []write{{kind: kindUser, name: name.ID()}}, nil
	})
}

// DropUsers removes all users of a database and returns how many there were.
func (a *Authority) DropUsers(ctx context.Context, db string) (n int, err error) {
	err = a.update(ctx, func(t *tables) ([]write, error) {
		var writes []write
		for name := range t.users {
			if name.DB == db {
				delete(t.users, name)
				writes = append(writes, write{kind: kindUser, name: name.ID()})
			}
		}
		n = len(writes)
		return writes, nil
	})
	return n, err
}

// Users returns the users of a database, or with "" all, by name.
func (a *Authority) Users(ctx context.Context, db string) ([]*User, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	var list []*User
	for name, u := range t.users {
		if db == "" || name.DB == db {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(x, y *User) int { return strings.Compare(x.Name.ID(), y.Name.ID()) })
	return list, nil
}

// FindUser returns a user, or nil.
func (a *Authority) FindUser(ctx context.Context, name UserName) (*User, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	return t.users[name], nil
}

func validUser(name UserName) error {
	switch {
	case name.User == "":
		return errs.New(errs.BadValue, "User document needs 'user' field to be non-empty")
	case len(name.User) > 1024:
		return errs.New(errs.BadValue, "a user's name has %d bytes, at most 1024 are allowed", len(name.User))
	case !utf8.ValidString(name.User) || strings.IndexByte(name.User, 0) >= 0:
		return errs.New(errs.BadValue, "the user's name %q is not text", name.User)
	case name.DB == "local":
		return errs.New(errs.BadValue, "Cannot create users in the local database")
	case strings.HasPrefix(name.User, keyPrefix):
		return errs.New(errs.BadValue, "the user's name %q is of the form that API keys have", name.User)
	}
	if strings.IndexByte(name.DB, '*') >= 0 {
		return errs.New(errs.BadValue, "a user belongs to one database, got the pattern %q", name.DB)
	}
	return ValidPattern(name.DB)
}

func dedupe(list []RoleName) []RoleName {
	var out []RoleName
	for _, r := range list {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func without(list, gone []RoleName) []RoleName {
	return slices.DeleteFunc(list, func(r RoleName) bool { return slices.Contains(gone, r) })
}
