package command

import (
	"context"
	"encoding/base64"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Authentication. A session is in the middle of one conversation at most; its
// identity changes when one has gone well, and not before.

type saslStartArgs struct {
	mechanism string
	payload   []byte
	skipEmpty bool
}

// payloadField is bytes, or a string of base64 as old clients send it.
func payloadField[A any](at func(*A) *[]byte) field[A] {
	return kind("payload", "binData", []bsonraw.Type{bsonraw.Binary, bsonraw.String}, func(a *A, v bsonraw.Value) error {
		if v.Type == bsonraw.Binary {
			_, *at(a) = v.Binary()
			return nil
		}
		out, err := base64.StdEncoding.DecodeString(v.Str())
		if err != nil { // not wrapped: it may be a key
			return errs.New(errs.FailedToParse, "the payload is neither bytes nor base64")
		}
		*at(a) = out
		return nil
	}).need().about("The client's message.")
}

func saslStartCommand() *Command {
	type args = saslStartArgs
	return definition[args]{
		Command: Command{
			Name: "saslStart", Group: Access,
			Help:    "Begins to authenticate. Drivers do it. Mechanisms: SCRAM-SHA-256, SCRAM-SHA-1; for API keys PLAIN (on $external, user apikey, the key as password) and ARGON-APIKEY (the payload is the key).",
			Example: `{saslStart: 1, mechanism: "SCRAM-SHA-256", payload: {$binary: {base64: "biwsbj1hZGEscj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0w=", subType: "00"}}, options: {skipEmptyExchange: true}}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{
			one[args]("saslStart", 0, ""),
			text("mechanism", func(a *args) *string { return &a.mechanism }).need().about("How."),
			payloadField(func(a *args) *[]byte { return &a.payload }),
			kind("options", "object", []bsonraw.Type{bsonraw.Object}, func(a *args, v bsonraw.Value) error {
				a.skipEmpty = v.Doc().Get("skipEmptyExchange").Truthy()
				return nil
			}).about("{skipEmptyExchange: true} spares a round trip."),
			ignored[args]("autoAuthorize", "Of old drivers: the client is authorized in any case."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			out, done, err := c.saslStart(ctx, c.db, a)
			if err != nil {
				return nil, err
			}
			b := c.reply(len(out) + 96)
			appendSasl(b, out, done)
			return c.ok(), nil
		},
	}.build()
}

func (c *call) saslStart(ctx context.Context, db string, a *saslStartArgs) (payload []byte, done bool, err error) {
	s := c.sess
	s.saslMu.Lock()
	defer s.saslMu.Unlock()
	s.sasl = nil
	conv, out, done, err := c.d.auth.Begin(ctx, s.opts.Client, db, a.mechanism, a.payload, a.skipEmpty)
	if err != nil {
		return nil, false, err
	}
	if done {
		return out, true, c.become(ctx, conv.Principal())
	}
	s.sasl = conv
	return out, false, nil
}

// appendSasl appends the server's message. A session has one conversation: its
// id is 1.
func appendSasl(b *bsonraw.Builder, payload []byte, done bool) {
	b.Int32("conversationId", 1)
	b.Bool("done", done)
	b.Value("payload", bsonraw.BinaryValue(0, payload))
}

// become gives the session an identity.
func (c *call) become(ctx context.Context, p *auth.Principal) error {
	g, err := c.d.auth.Grants(ctx, p, nil)
	switch {
	case err != nil:
		return err
	case g.Gone(): // removed in this very moment
		return errs.New(errs.AuthenticationFailed, "Authentication failed.")
	}
	c.sess.who.Store(newIdentity(p, g))
	return nil
}

type saslContinueArgs struct {
	id      int64
	payload []byte
}

func saslContinueCommand() *Command {
	type args = saslContinueArgs
	return definition[args]{
		Command: Command{
			Name: "saslContinue", Group: Access,
			Help:    "Goes on with what saslStart began. Drivers do it.",
			Example: `{saslContinue: 1, conversationId: 1, payload: {$binary: {base64: "", subType: "00"}}}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{
			one[args]("saslContinue", 0, ""),
			integer("conversationId", func(a *args) *int64 { return &a.id }).need().about("Of the reply to saslStart."),
			payloadField(func(a *args) *[]byte { return &a.payload }),
		},
		run: runSaslContinue,
	}.build()
}

func runSaslContinue(ctx context.Context, c *call, a *saslContinueArgs) (bsonraw.Doc, error) {
	s := c.sess
	s.saslMu.Lock()
	defer s.saslMu.Unlock()
	if s.sasl == nil {
		return nil, errs.New(errs.NoConversation, "No SASL session state found")
	}
	if a.id != 1 {
		return nil, errs.New(errs.NoConversation, "sasl: Mismatched conversation id")
	}
	out, done, err := s.sasl.Continue(ctx, a.payload)
	if err == nil && done {
		err = c.become(ctx, s.sasl.Principal())
	}
	if err != nil || done {
		s.sasl = nil
	}
	if err != nil {
		return nil, err
	}
	b := c.reply(len(out) + 96)
	appendSasl(b, out, done)
	return c.ok(), nil
}

type authenticateArgs struct {
	mechanism, user string
}

func authenticateCommand() *Command {
	type args = authenticateArgs
	return definition[args]{
		Command: Command{
			Name: "authenticate", Group: Access,
			Help:    "Authenticates by the client certificate of the connection, with the mechanism MONGODB-X509: as the user on $external whose name is the certificate's subject. Drivers do it.",
			Example: `{authenticate: 1, mechanism: "MONGODB-X509"}`, DB: "$external",
		},
		access: anybody[args](),
		fields: []field[args]{
			one[args]("authenticate", 0, ""),
			text("mechanism", func(a *args) *string { return &a.mechanism }).about("MONGODB-X509."),
			text("user", func(a *args) *string { return &a.user }).about("The subject; the certificate says it too."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			p, err := c.authenticate(ctx, a)
			if err != nil {
				return nil, err
			}
			b := c.reply(128)
			appendUser(b, p)
			return c.ok(), nil
		},
	}.build()
}

func (c *call) authenticate(ctx context.Context, a *authenticateArgs) (*auth.Principal, error) {
	if a.mechanism != auth.X509 {
		return nil, errs.New(errs.MechanismUnavailable, "Received authentication for mechanism %s which is not enabled", a.mechanism)
	}
	p, err := c.d.auth.Certificate(ctx, c.sess.opts.Client, a.user)
	if err != nil {
		return nil, err
	}
	return p, c.become(ctx, p)
}

func appendUser(b *bsonraw.Builder, p *auth.Principal) {
	b.String("dbname", p.Name.DB)
	b.String("user", p.Name.User)
}

func logoutCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "logout", Group: Access,
			Help:    "Forgets who the client has authenticated as.",
			Example: `{logout: 1}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{one[args]("logout", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			c.sess.saslMu.Lock()
			c.sess.sasl = nil
			c.sess.saslMu.Unlock()
			c.sess.who.Store(nil)
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

type connectionStatusArgs struct {
	privileges bool
}

func connectionStatusCommand() *Command {
	type args = connectionStatusArgs
	return definition[args]{
		Command: Command{
			Name: "connectionStatus", Group: Access,
			Help:    "Says who the client has authenticated as, with which roles, and if asked what they grant.",
			Example: `{connectionStatus: 1, showPrivileges: true}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{
			one[args]("connectionStatus", 0, ""),
			looseFlag("showPrivileges", func(a *args) *bool { return &a.privileges }).about("List what the roles grant."),
		},
		run: func(_ context.Context, c *call, a *args) (bsonraw.Doc, error) {
			users, roles := []auth.UserName{}, []auth.RoleName{}
			var privileges []auth.Privilege
			if c.who != nil {
				users = append(users, c.who.principal.Name)
				roles = append(roles, c.who.grants.Roles()...)
				privileges = c.who.grants.Privileges()
			}
			info := bson.D{{Key: "authenticatedUsers", Value: users}, {Key: "authenticatedUserRoles", Value: roles}}
			if a.privileges {
				info = append(info, bson.E{Key: "authenticatedUserPrivileges", Value: auth.Docs(privileges)})
			}
			return c.okD(bson.D{{Key: "authInfo", Value: info}})
		},
	}.build()
}

// okD is a reply of the fields of a document.
func (c *call) okD(fields bson.D) (bsonraw.Doc, error) {
	raw, err := bson.Marshal(append(fields, bson.E{Key: "ok", Value: 1.0}))
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "the reply does not encode")
	}
	return bsonraw.Doc(raw), nil
}
