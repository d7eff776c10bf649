package command

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

type keyArgs struct {
	name    string
	roles   rolesArg
	expires time.Time
	span    time.Duration
}

func argonAPIKeyCreateCommand() *Command {
	type args = keyArgs
	return definition[args]{
		Command: Command{
			Name: "argonAPIKeyCreate", Group: Access, traits: adminOnly,
			Help:    "Makes an API key, an identity with roles for a program. The key is in this reply and cannot be had again: only a salted hash of it is stored.",
			Example: `{argonAPIKeyCreate: "nightly-etl", roles: [{role: "readWrite", db: "shop~*"}], expiresIn: "90d"}`, DB: "admin",
		},
		access: needing("createAPIKey on the cluster, grantRole on the database of each role", func(n *needs, a *args) {
			n.cluster(auth.CreateAPIKey)
			n.grantable(&a.roles, auth.GrantRole)
		}),
		fields: []field[args]{
			text("argonAPIKeyCreate", func(a *args) *string { return &a.name }).need().about("A name, which stands in the log as apikey:name."),
			roleList(func(a *args) *rolesArg { return &a.roles }).need(),
			timeField("expires", func(a *args) *time.Time { return &a.expires }).about("When it ends; else never."),
			span("expiresIn", func(a *args) *time.Duration { return &a.span }).about(`In how long it ends: "90d".`),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			roles, err := a.roles.names(adminDB)
			if err != nil {
				return nil, err
			}
			if a.span != 0 {
				a.expires = c.d.now().Add(a.span)
			}
			k, text, err := c.d.auth.CreateKey(ctx, auth.Key{Name: a.name, Roles: roles, Expires: a.expires, CreatedBy: c.meta().Actor})
			if err != nil {
				return nil, err
			}
			return c.okD(bson.D{{Key: "key", Value: text}, {Key: "apiKey", Value: describeKey(k)}})
		},
	}.build()
}

func describeKey(k *auth.Key) bson.D {
	doc := bson.D{
		{Key: "id", Value: k.ID},
		{Key: "name", Value: k.Name},
		{Key: "roles", Value: append([]auth.RoleName{}, k.Roles...)},
		{Key: "created", Value: k.Created},
		{Key: "createdBy", Value: k.CreatedBy},
		{Key: "expires", Value: nil},
	}
	if !k.Expires.IsZero() {
		doc[len(doc)-1].Value = k.Expires
	}
	return doc
}

func argonAPIKeyListCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonAPIKeyList", Group: Access, traits: adminOnly,
			Help:    "Lists the API keys by name, without what is secret of them.",
			Example: `{argonAPIKeyList: 1}`, DB: "admin",
		},
		access: onCluster[args](auth.ListAPIKeys),
		fields: []field[args]{one[args]("argonAPIKeyList", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			keys, err := c.d.auth.Keys(ctx)
			if err != nil {
				return nil, err
			}
			docs := []bson.D{}
			for _, k := range keys {
				docs = append(docs, describeKey(k))
			}
			return c.okD(bson.D{{Key: "apiKeys", Value: docs}})
		},
	}.build()
}

func argonAPIKeyRevokeCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonAPIKeyRevoke", Group: Access, traits: adminOnly | numbered,
			Help:    "Ends an API key. Its connections may do nothing more.",
			Example: `{argonAPIKeyRevoke: "nightly-etl"}`, DB: "admin",
		},
		access: onCluster[nameArgs](auth.RevokeAPIKey),
		fields: []field[nameArgs]{text("argonAPIKeyRevoke", func(a *nameArgs) *string { return &a.name }).need().about("The key's name or id.")},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			if err := c.d.auth.RevokeKey(ctx, a.name); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}
