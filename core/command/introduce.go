package command

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// What a client says of itself in its hello, and how it begins to authenticate
// there.

type helloArgs struct {
	client      bsonraw.Doc
	user        *auth.UserName
	speculative bsonraw.Doc
}

// introduce takes down the name of the application. The first one stays.
func (s *Session) introduce(client bsonraw.Doc) {
	if client == nil || s.app.Load() != nil {
		return
	}
	app := client.Get("application")
	if app.Type != bsonraw.Object {
		return
	}
	if name := str(app.Doc().Get("name"), ""); name != "" {
		s.app.CompareAndSwap(nil, &name)
	}
}

// readMechsOf reads whom saslSupportedMechs is about.
func readMechsOf(a *helloArgs, v bsonraw.Value) error {
	if v.Type == bsonraw.Object {
		a.user = &auth.UserName{User: str(v.Doc().Get("user"), ""), DB: str(v.Doc().Get("db"), "")}
		return nil
	}
	db, name, ok := strings.Cut(v.Str(), ".")
	if !ok {
		return errs.New(errs.BadValue, "UserName must contain a '.' separated database.user pair")
	}
	a.user = &auth.UserName{User: name, DB: db}
	return nil
}

// mechanisms answers saslSupportedMechs.
func (c *call) mechanisms(ctx context.Context, user *auth.UserName) ([]string, error) {
	if user == nil {
		return nil, nil
	}
	return c.d.auth.Mechanisms(ctx, *user)
}

func appendStrings(b *bsonraw.Builder, key string, list []string) {
	if len(list) == 0 {
		return
	}
	b.BeginArray(key)
	for i, s := range list {
		b.String(bsonraw.Index(i), s)
	}
	b.End()
}

// speculate begins an authentication along with the hello. If it fails, the hello
// says nothing of it, and the client begins once more.
func (c *call) speculate(ctx context.Context, b *bsonraw.Builder, cmd bsonraw.Doc) {
	if cmd == nil {
		return
	}
	it := cmd.Iter()
	it.Next()
	db := str(cmd.Get("db"), adminDB)
	switch string(it.Key()) {
	case "saslStart":
		payload := bytesOf(cmd.Get("payload"))
		options := cmd.Get("options").Doc()
		out, done, err := c.saslStart(ctx, db, &saslStartArgs{
			mechanism: str(cmd.Get("mechanism"), ""), payload: payload,
			skipEmpty: options != nil && options.Get("skipEmptyExchange").Truthy(),
		})
		if err == nil {
			b.BeginDoc("speculativeAuthenticate")
			appendSasl(b, out, done)
			b.End()
		}
	case "authenticate":
		p, err := c.authenticate(ctx, &authenticateArgs{mechanism: str(cmd.Get("mechanism"), ""), user: str(cmd.Get("user"), "")})
		if err == nil {
			b.BeginDoc("speculativeAuthenticate")
			appendUser(b, p)
			b.End()
		}
	}
}

// bytesOf returns the bytes of a binary value, or none.
func bytesOf(v bsonraw.Value) []byte {
	if v.Type != bsonraw.Binary {
		return nil
	}
	_, data := v.Binary()
	return data
}
