package command

import (
	"context"
	"crypto/sha256"
	"strings"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Who may run what. Each command declares in its definition what it needs:
// actions on its database, on its collection, on the cluster, or a function that
// finds out from its fields. The dispatcher asks twice, before anything of the
// command runs: admit, before the fields are read, refuses a client that has not
// authenticated; authorize, once it is known what the command is about, refuses
// what the client's roles do not grant. Sessions that need not authenticate pass
// both by one look at a flag.
//
// A command that declares nothing needs every action on everything, and a test
// fails for it.

// access is what a command declares.
type access[A any] struct {
	about string // for the reference
	free  bool   // clients that have not authenticated may run it
	first bool   // so may one on the same machine while there is nobody yet
	needs func(n *needs, a *A)
}

// declared is access without the type of the arguments.
type declared struct {
	free, first bool
	needs       func(n *needs)
}

// anybody is for commands that clients run before they authenticate.
func anybody[A any]() access[A] { return access[A]{about: "nothing", free: true} }

// anyUser is for commands that touch only what is the client's own.
func anyUser[A any]() access[A] {
	return access[A]{about: "a user", needs: func(*needs, *A) {}}
}

// onDatabase is for commands about the whole branch that they run on.
func onDatabase[A any](actions ...auth.Action) access[A] {
	return access[A]{about: list(actions) + " on the database", needs: func(n *needs, _ *A) { n.collection("", actions...) }}
}

// onCollection is for commands about one collection of the branch.
func onCollection[A any](name func(*A) string, actions ...auth.Action) access[A] {
	return access[A]{about: list(actions) + " on the collection", needs: func(n *needs, a *A) { n.collection(name(a), actions...) }}
}

// onCluster is for commands about the whole store.
func onCluster[A any](actions ...auth.Action) access[A] {
	return access[A]{about: list(actions) + " on the cluster", needs: func(n *needs, _ *A) { n.cluster(actions...) }}
}

// needing is for commands whose fields say what they need.
func needing[A any](about string, fn func(n *needs, a *A)) access[A] {
	return access[A]{about: about, needs: fn}
}

func list(actions []auth.Action) string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.String()
	}
	return strings.Join(names, ", ")
}

// needs collects what one call needs.
type needs struct {
	ctx  context.Context
	c    *call
	list []auth.Need
	err  error
}

func (n *needs) add(t auth.Target, actions []auth.Action) {
	for _, a := range actions {
		n.list = append(n.list, auth.Need{Target: t, Action: a})
	}
}

// collection asks for a collection of the call's own branch; "" is all of it.
func (n *needs) collection(name string, actions ...auth.Action) {
	t := n.c.target()
	t.Collection = name
	n.add(t, actions)
}

// branch asks for a whole branch of the call's project.
func (n *needs) branch(name string, actions ...auth.Action) {
	t := n.c.target()
	if name != "" {
		t.Branch = name
	}
	n.add(t, actions)
}

// project asks for every branch of a project.
func (n *needs) project(name string, actions ...auth.Action) {
	n.add(auth.Target{Project: name, Branch: "*"}, actions)
}

// database asks for what a database's name stands for.
func (n *needs) database(name, coll string, actions ...auth.Action) {
	t := databaseTarget(name)
	t.Collection = coll
	n.add(t, actions)
}

func (n *needs) cluster(actions ...auth.Action) { n.add(auth.Target{Cluster: true}, actions) }

// target is the branch that the call runs on.
func (c *call) target() auth.Target {
	if c.ref.Project != "" {
		return auth.Target{Project: c.ref.Project, Branch: c.ref.Branch}
	}
	return databaseTarget(c.db)
}

func databaseTarget(db string) auth.Target {
	if !isSystemDB(db) {
		if ref, err := refs.ParseDBName(db); err == nil {
			return auth.Target{Project: ref.Project, Branch: ref.Branch}
		}
	}
	return auth.DBTarget(db)
}

// identity is who a session has authenticated as, and what that allows. It is
// replaced as a whole.
type identity struct {
	principal *auth.Principal
	grants    *auth.Grants
	actor     string
	owner     [32]byte // stands in the ids of logical sessions, so that nobody has another's
}

func newIdentity(p *auth.Principal, g *auth.Grants) *identity {
	return &identity{principal: p, grants: g, actor: p.Name.Actor(), owner: ownerOf(p.Name)}
}

func ownerOf(name auth.UserName) [32]byte { return sha256.Sum256([]byte(name.String())) }

// user names who uses the session, for its cursors.
func (s *Session) user() string {
	if who := s.who.Load(); who != nil {
		return who.principal.Name.String()
	}
	return s.opts.User
}

// admit refuses a client that has to authenticate and has not. What the client
// may do is brought up to date here, once for each command.
func (c *call) admit(ctx context.Context) error {
	who := c.sess.who.Load()
	if who != nil {
		g, err := c.d.auth.Grants(ctx, who.principal, who.grants)
		switch {
		case err != nil:
			return err
		case g.Gone():
			c.sess.who.CompareAndSwap(who, nil)
			who = nil
		case g != who.grants:
			next := *who
			next.grants = g
			c.sess.who.CompareAndSwap(who, &next)
			who = &next
		}
	}
	c.who = who
	if who != nil {
		c.g.owner = &who.owner
	}
	if !c.sess.opts.Authenticate {
		return nil
	}
	if who != nil || c.cmd.access.free {
		c.checked = who != nil
		return nil
	}
	if c.cmd.access.first && c.sess.opts.Loopback && c.database() == adminDB {
		if empty, err := c.d.auth.IsEmpty(ctx); err != nil || empty {
			return err
		}
	}
	return errs.New(errs.Unauthorized, "command %s requires authentication", c.cmd.Name)
}

// authorize refuses what the client's roles do not grant.
func (c *call) authorize(ctx context.Context) error {
	if !c.checked {
		return nil
	}
	n := needs{ctx: ctx, c: c}
	if c.cmd.access.needs != nil {
		c.cmd.access.needs(&n)
	} else if !c.cmd.access.free {
		n.cluster(auth.AnyAction)
	}
	if n.err != nil {
		return n.err
	}
	if c.g.actor != "" && c.g.actor != c.who.actor {
		n.collection("", auth.ImpersonateActor)
	}
	if !c.who.allows(n.list) {
		return c.notAuthorized()
	}
	c.needs = n.list
	return nil
}

func (w *identity) allows(list []auth.Need) bool {
	for _, need := range list {
		if !w.grants.Allows(need.Target, need.Action) {
			return false
		}
	}
	return true
}

// may reports whether the client may do one more thing.
func (c *call) may(t auth.Target, a auth.Action) bool {
	return !c.checked || c.who.grants.Allows(t, a)
}

// sees reports whether a branch is to be listed to the client.
func (c *call) sees(project, branch string) bool {
	return !c.checked || c.who.grants.Sees(project, branch)
}

// notAuthorized is mongod's error.
func (c *call) notAuthorized() error {
	db := c.db
	if db == "" {
		db = c.database()
	}
	return errs.New(errs.Unauthorized, "not authorized on %s to execute command %s", db, Summary(c.raw)).
		WithRemedy("%s needs: %s", c.cmd.Name, c.cmd.Access)
}

// own returns the id of a logical session of this client.
func (c *call) own(id lsid) lsid {
	if c.g.owner != nil {
		id.uid = *c.g.owner
	}
	return id
}
