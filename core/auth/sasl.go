package auth

import (
	"context"
	"crypto/x509"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/argon-lab/argon/core/errs"
)

// Client is what is known of a client that wants to authenticate.
type Client struct {
	// Source is where it comes from, without the port: guesses are counted by it.
	Source string
	// Private says that nobody can read the connection: TLS, loopback, a socket.
	Private bool
	// Certificate is the one that the client has shown and the server verified.
	Certificate *x509.Certificate
}

// Conversation is one try to authenticate. It is used by one goroutine at a time.
type Conversation struct {
	a         *Authority
	t         *tables
	client    Client
	user      UserName
	principal *Principal
	scram     *scram.ServerConversation
	known     *User
	skipEmpty bool // the client does not want to confirm the server's last message
	proved    bool // the proof was right, and the client has to confirm
}

// errFailed is the answer to everything that is wrong about a try.
func errFailed() error { return errs.New(errs.AuthenticationFailed, "Authentication failed.") }

// Begin starts a conversation: saslStart. It returns the server's message and
// whether the conversation is over, and Principal is set.
func (a *Authority) Begin(ctx context.Context, client Client, db, mechanism string, payload []byte, skipEmpty bool) (*Conversation, []byte, bool, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	c := &Conversation{a: a, t: t, client: client, skipEmpty: skipEmpty, user: UserName{DB: canonical(db)}}
	switch mechanism {
	case ScramSHA1, ScramSHA256:
		out, err := c.beginScram(mechanism, payload)
		return c, out, false, err
	case Plain:
		return c, nil, true, c.plain(ctx, payload)
	case APIKey:
		return c, nil, true, c.key(ctx, string(payload))
	}
	return nil, nil, false, errs.New(errs.MechanismUnavailable, "Received authentication for mechanism %s which is not enabled", mechanism)
}

// Principal returns who the client is, once the conversation is over.
func (c *Conversation) Principal() *Principal { return c.principal }

func (c *Conversation) beginScram(mechanism string, payload []byte) ([]byte, error) {
	gen, _ := hashOf(mechanism)
	server, err := gen.NewServer(func(name string) (scram.StoredCredentials, error) {
		c.user.User = name
		cred, ok := credential{}, false
		if u := c.t.users[c.user]; u != nil {
			if cred, ok = u.credentials[mechanism]; !ok {
				// Drivers begin with one mechanism while they ask for those that the
				// user has. That there is such a user Mechanisms tells them anyway.
				return scram.StoredCredentials{}, errFailed()
			}
			c.known = u
		}
		fake := c.a.fake(c.t.secret, c.user, mechanism)
		if !ok {
			cred = fake
		}
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(cred.salt), Iters: cred.iterations},
			StoredKey:  cred.storedKey, ServerKey: cred.serverKey,
		}, nil
	})
	if err != nil {
		return nil, errs.Wrap(err, errs.InternalError, "SCRAM cannot begin")
	}
	c.scram = server.NewConversation()
	out, err := c.scram.Step(string(payload))
	if err != nil {
		return nil, errFailed() // the library's text may quote what the client sent
	}
	return []byte(out), nil
}

// Continue takes the client's next message: saslContinue.
func (c *Conversation) Continue(ctx context.Context, payload []byte) ([]byte, bool, error) {
	switch {
	case c.proved && len(payload) == 0:
		return nil, true, nil
	case c.proved || c.scram == nil:
		return nil, false, errFailed()
	}
	out, err := c.try(ctx, func() (string, *Principal) {
		out, err := c.scram.Step(string(payload))
		if err != nil || !c.scram.Valid() || c.known == nil {
			return "", nil
		}
		return out, &Principal{Name: c.known.Name, id: c.known.ID}
	})
	c.proved = err == nil
	return []byte(out), err == nil && c.skipEmpty, err
}

// try looks at one proof, in its turn, and takes down how it went.
func (c *Conversation) try(ctx context.Context, check func() (string, *Principal)) (string, error) {
	s := source{c.user, c.client.Source}
	if err := c.a.throttle.wait(ctx, s); err != nil {
		return "", err
	}
	out, p := check()
	c.a.throttle.result(s, p != nil)
	if p == nil {
		return "", errFailed()
	}
	c.principal = p
	return out, nil
}

// plain takes a user's name and password in clear text, which are those of an
// API key. A user's password is proved with SCRAM only.
func (c *Conversation) plain(ctx context.Context, payload []byte) error {
	parts := strings.Split(string(payload), "\x00")
	if len(parts) != 3 || parts[1] != KeyUser || parts[0] != "" && parts[0] != KeyUser {
		return errFailed()
	}
	return c.key(ctx, parts[2])
}

func (c *Conversation) key(ctx context.Context, text string) error {
	if !c.client.Private {
		return errs.New(errs.AuthenticationFailed, "an API key is not taken over a connection that others can read").
			WithRemedy("connect with TLS (tls=true), and make a new key in place of this one")
	}
	c.user = UserName{KeyUser, externalDB}
	_, err := c.try(ctx, func() (string, *Principal) {
		k := c.t.checkKey(text, c.a.now())
		if k == nil {
			return "", nil
		}
		return "", &Principal{Name: k.User(), keyID: k.ID}
	})
	return err
}

// Certificate authenticates a client by the certificate that it has shown. name,
// if not empty, has to be its subject.
func (a *Authority) Certificate(ctx context.Context, client Client, name string) (*Principal, error) {
	if client.Certificate == nil {
		return nil, errs.New(errs.AuthenticationFailed, "No verified subject name available from client").
			WithRemedy("connect with TLS and a client certificate that the server's authority has signed")
	}
	subject, err := Subject(client.Certificate)
	if err != nil {
		return nil, err
	}
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	u := t.users[UserName{subject, externalDB}]
	if u == nil || name != "" && name != subject {
		return nil, errs.New(errs.AuthenticationFailed, "There is no x.509 client certificate matching the user.")
	}
	return &Principal{Name: u.Name, id: u.ID}, nil
}

// Mechanisms returns how a user can authenticate, strongest first. A user that
// is not there has those that new users get.
func (a *Authority) Mechanisms(ctx context.Context, name UserName) ([]string, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	u := t.users[name]
	var list []string
	for _, m := range []string{ScramSHA256, ScramSHA1} {
		if u == nil {
			list = append(list, m)
		} else if _, ok := u.credentials[m]; ok {
			list = append(list, m)
		}
	}
	return list, nil
}
