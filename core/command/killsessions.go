package command

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func killSessionsCommand() *Command {
	return definition[sessionsArgs]{
		Command: Command{
			Name: "killSessions", Group: Transactions,
			Help:    "Ends logical sessions: their transactions are aborted, their cursors closed. No session named: all that have done something, as killAllSessions.",
			Example: `{killSessions: [{id: {$uuid: "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}]}`, DB: "admin",
		},
		access: anyUser[sessionsArgs](),
		fields: []field[sessionsArgs]{lsids("killSessions", "KillSessionsCmd.killSessions")},
		run: func(ctx context.Context, c *call, a *sessionsArgs) (bsonraw.Doc, error) {
			for _, id := range a.ids {
				if err := c.d.endSession(ctx, c.own(id)); err != nil {
					return nil, err
				}
			}
			if len(a.ids) == 0 {
				c.killAll(func(id lsid) bool { return c.who == nil || id.uid == c.who.owner })
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

// sessionPattern is what a session has to be, to be chosen: all that is given.
type sessionPattern struct {
	lsid   *lsid
	owners [][32]byte
}

func (p *sessionPattern) match(id lsid) bool {
	return (p.lsid == nil || *p.lsid == id) && (p.owners == nil || slices.Contains(p.owners, id.uid))
}

type killAllArgs struct{ patterns []sessionPattern }

// chosen reports whether some pattern matches; with none all do.
func (a *killAllArgs) chosen(id lsid) bool {
	return len(a.patterns) == 0 || slices.ContainsFunc(a.patterns, func(p sessionPattern) bool { return p.match(id) })
}

func killAllSessionsCommand() *Command {
	return killAllBy("killAllSessions", "Ends every logical session, whoever's it is, or those of some users: transactions are aborted, cursors closed.",
		`{killAllSessions: []}`, "[]: all of them; or [{user, db}].",
		func(p *sessionPattern, v bsonraw.Value) error {
			owner, err := sessionOwner(v, "KillAllSessionsCmd.killAllSessions")
			p.owners = [][32]byte{owner}
			return err
		})
}

func killAllSessionsByPatternCommand() *Command {
	return killAllBy("killAllSessionsByPattern", "Ends the logical sessions that match one of the patterns, all where there is none: transactions are aborted, cursors closed.",
		`{killAllSessionsByPattern: [{users: [{user: "ada", db: "admin"}]}]}`, "[]: all of them; or documents of lsid, uid and users, all of which a session has to match.",
		readSessionPattern)
}

// killAllBy makes a command that takes an array of patterns.
func killAllBy(name, help, example, about string, read func(*sessionPattern, bsonraw.Value) error) *Command {
	return definition[killAllArgs]{
		Command: Command{Name: name, Group: Transactions, Help: help, Example: example, DB: "admin"},
		access:  onCluster[killAllArgs](auth.KillAnySession),
		fields: []field[killAllArgs]{
			kind(name, "array", []bsonraw.Type{bsonraw.Array}, func(a *killAllArgs, v bsonraw.Value) error {
				for i, one := range v.Doc().Values() {
					if one.Type != bsonraw.Object {
						return errs.New(errs.TypeMismatch, wrongType, name, bsonraw.Index(i), one.Type.Name(), " 'object'")
					}
					var p sessionPattern
					if err := read(&p, one); err != nil {
						return err
					}
					a.patterns = append(a.patterns, p)
				}
				return nil
			}).need().about(about),
		},
		run: func(_ context.Context, c *call, a *killAllArgs) (bsonraw.Doc, error) {
			c.killAll(a.chosen)
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

var patternTable = newTable("killAllSessionsByPattern", []field[sessionPattern]{
	kind("lsid", "object", []bsonraw.Type{bsonraw.Object}, func(p *sessionPattern, v bsonraw.Value) error {
		id, err := parseLsid(v.Doc(), "KillAllSessionsByPatternCmd.killAllSessionsByPattern.lsid")
		p.lsid = &id
		return err
	}),
	kind("uid", "binData", []bsonraw.Type{bsonraw.Binary}, func(p *sessionPattern, v bsonraw.Value) error {
		_, digest := v.Binary()
		if len(digest) != sha256.Size {
			return errs.New(errs.BadValue, "uid is a digest of %d bytes, got %d", sha256.Size, len(digest))
		}
		p.owners = append(p.owners, [32]byte(digest))
		return nil
	}),
	kind("users", "array", []bsonraw.Type{bsonraw.Array}, func(p *sessionPattern, v bsonraw.Value) error {
		for _, one := range v.Doc().Values() {
			owner, err := sessionOwner(one, "KillAllSessionsByPatternCmd.killAllSessionsByPattern.users")
			if err != nil {
				return err
			}
			p.owners = append(p.owners, owner)
		}
		return nil
	}),
	refused[sessionPattern]("roles", "name the users"),
})

func readSessionPattern(p *sessionPattern, v bsonraw.Value) error {
	return patternTable.read(p, v.Doc(), nil)
}

// sessionOwner reads {user, db} and returns what stands in the ids of that user's
// sessions.
func sessionOwner(v bsonraw.Value, path string) ([32]byte, error) {
	for _, name := range []string{"user", "db"} {
		if v.Doc().Get(name).Type != bsonraw.String {
			return [32]byte{}, errs.New(errs.MissingRequiredField, "BSON field '%s.%s' is missing but a required field", path, name)
		}
	}
	db, err := auth.CanonicalDB(v.Doc().Get("db").Str())
	return ownerOf(auth.UserName{User: v.Doc().Get("user").Str(), DB: db}), err
}

// killAll ends the cursors and transactions of sessions.
func (c *call) killAll(which func(lsid) bool) {
	c.d.cursors.killWhere(func(cur *cursor) bool { return cur.hasLsid && which(cur.lsid) })
	for _, s := range c.d.logical.where(func(s *logicalSession) bool { return which(s.id) }) {
		s.tryAbort(c.d)
	}
}
