package client

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// RoleRef names a role: a built-in one on a database or a pattern of
// project~branch, or one that somebody has defined on a database.
type RoleRef struct {
	Role string `bson:"role" json:"role"`
	DB   string `bson:"db" json:"db"`
}

// String writes a role as ParseRole reads it.
func (r RoleRef) String() string { return r.Role + "@" + r.DB }

// ParseRole reads ROLE@DB, as in readWrite@shop~exp-*; without a database the
// role is one of admin.
func ParseRole(text string) (RoleRef, error) {
	role, db, ok := strings.Cut(text, "@")
	if !ok {
		db = adminDB
	}
	if role == "" || db == "" {
		return RoleRef{}, errs.New(errs.BadValue, "%q is not of the form ROLE@DATABASE, as in readWrite@shop~exp-*", text)
	}
	return RoleRef{role, db}, nil
}

// UserInfo describes a user.
type UserInfo struct {
	User       string    `bson:"user" json:"user"`
	DB         string    `bson:"db" json:"db"`
	Roles      []RoleRef `bson:"roles" json:"roles"`
	Mechanisms []string  `bson:"mechanisms" json:"mechanisms"`
}

// Users are the users of the store, by the database where they authenticate;
// "" is admin.
type Users struct {
	c *Client
}

// Users returns the users of the store.
func (c *Client) Users() Users { return Users{c} }

func userDB(db string) string {
	if db == "" {
		return adminDB
	}
	return db
}

// Create makes a user. On $external, for certificates, there is no password.
func (u Users) Create(ctx context.Context, db, name, password string, roles []RoleRef) error {
	cmd := newFields("createUser", name).str("pwd", password).set("roles", append([]RoleRef{}, roles...))
	return u.c.run(ctx, userDB(db), cmd.doc, nil)
}

// SetPassword gives a user another password.
func (u Users) SetPassword(ctx context.Context, db, name, password string) error {
	return u.c.run(ctx, userDB(db), bson.D{{Key: "updateUser", Value: name}, {Key: "pwd", Value: password}}, nil)
}

// List lists the users of a database, or with "" all of the store.
func (u Users) List(ctx context.Context, db string) ([]UserInfo, error) {
	which := any(1)
	if db == "" {
		which = bson.D{{Key: "forAllDBs", Value: true}}
	}
	var reply struct{ Users []UserInfo }
	err := u.c.run(ctx, userDB(db), bson.D{{Key: "usersInfo", Value: which}}, &reply)
	return reply.Users, err
}

// Delete removes a user.
func (u Users) Delete(ctx context.Context, db, name string) error {
	return u.c.run(ctx, userDB(db), bson.D{{Key: "dropUser", Value: name}}, nil)
}

// Grant gives a user roles.
func (u Users) Grant(ctx context.Context, db, name string, roles []RoleRef) error {
	return u.c.run(ctx, userDB(db), bson.D{{Key: "grantRolesToUser", Value: name}, {Key: "roles", Value: roles}}, nil)
}

// Revoke takes roles from a user.
func (u Users) Revoke(ctx context.Context, db, name string, roles []RoleRef) error {
	return u.c.run(ctx, userDB(db), bson.D{{Key: "revokeRolesFromUser", Value: name}, {Key: "roles", Value: roles}}, nil)
}

// RoleInfo describes a role.
type RoleInfo struct {
	Role           string          `bson:"role" json:"role"`
	DB             string          `bson:"db" json:"db"`
	Builtin        bool            `bson:"isBuiltin" json:"builtin"`
	Roles          []RoleRef       `bson:"roles" json:"roles"`
	InheritedRoles []RoleRef       `bson:"inheritedRoles" json:"inheritedRoles"`
	Privileges     []PrivilegeInfo `bson:"privileges" json:"privileges"`
}

// PrivilegeInfo is a resource and what may be done with it.
type PrivilegeInfo struct {
	Resource Value    `bson:"resource" json:"resource"`
	Actions  []string `bson:"actions" json:"actions"`
}

// Roles lists the roles of a database ("" is admin), the built-in ones too.
func (u Users) Roles(ctx context.Context, db string) ([]RoleInfo, error) {
	cmd := newFields("rolesInfo", 1).flag("showBuiltinRoles", true).flag("showPrivileges", true)
	var reply struct{ Roles []RoleInfo }
	err := u.c.run(ctx, userDB(db), cmd.doc, &reply)
	return reply.Roles, err
}

// APIKeyInfo describes an API key, without what is secret of it.
type APIKeyInfo struct {
	ID        string     `bson:"id" json:"id"`
	Name      string     `bson:"name" json:"name"`
	Roles     []RoleRef  `bson:"roles" json:"roles"`
	Created   time.Time  `bson:"created" json:"created"`
	CreatedBy string     `bson:"createdBy" json:"createdBy"`
	Expires   *time.Time `bson:"expires" json:"expires"` // nil: never
}

// APIKeys are the API keys of the store.
type APIKeys struct {
	c *Client
}

// APIKeys returns the API keys of the store.
func (c *Client) APIKeys() APIKeys { return APIKeys{c} }

// Create makes a key and returns its text, which cannot be had again. expiresIn
// ("90d") may be "".
func (k APIKeys) Create(ctx context.Context, name string, roles []RoleRef, expiresIn string) (*APIKeyInfo, string, error) {
	cmd := newFields("argonAPIKeyCreate", name).set("roles", append([]RoleRef{}, roles...)).str("expiresIn", expiresIn)
	var reply struct {
		Key    string
		APIKey APIKeyInfo `bson:"apiKey"`
	}
	err := k.c.run(ctx, adminDB, cmd.doc, &reply)
	return &reply.APIKey, reply.Key, err
}

// List lists the keys by name.
func (k APIKeys) List(ctx context.Context) ([]APIKeyInfo, error) {
	var reply struct {
		Keys []APIKeyInfo `bson:"apiKeys"`
	}
	err := k.c.run(ctx, adminDB, bson.D{{Key: "argonAPIKeyList", Value: 1}}, &reply)
	return reply.Keys, err
}

// Revoke ends a key, named by its name or id.
func (k APIKeys) Revoke(ctx context.Context, nameOrID string) error {
	return k.c.run(ctx, adminDB, bson.D{{Key: "argonAPIKeyRevoke", Value: nameOrID}}, nil)
}
