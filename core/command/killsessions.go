package command

import (
	"context"

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

type killAllArgs struct{}

func killAllSessionsCommand() *Command {
	return definition[killAllArgs]{
		Command: Command{
			Name: "killAllSessions", Aliases: []string{"killAllSessionsByPattern"}, Group: Transactions,
			Help:    "Ends every logical session, whoever's it is: transactions are aborted, cursors closed. Users or patterns to choose by are accepted when empty only.",
			Example: `{killAllSessions: []}`, DB: "admin",
		},
		access: onCluster[killAllArgs](auth.KillAnySession),
		fields: []field[killAllArgs]{
			kind("killAllSessions", "array", []bsonraw.Type{bsonraw.Array}, func(_ *killAllArgs, v bsonraw.Value) error {
				return noPatterns(v)
			}).need().about("[]: all of them."),
		},
		run: func(_ context.Context, c *call, _ *killAllArgs) (bsonraw.Doc, error) {
			c.killAll(func(lsid) bool { return true })
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

// noPatterns refuses to choose among sessions.
func noPatterns(v bsonraw.Value) error {
	if v.Doc().IsEmpty() {
		return nil
	}
	return errs.New(errs.NotSupported, "sessions cannot be chosen by user or pattern").
		WithRemedy("end sessions by their ids with killSessions, or all with killAllSessions: []")
}

// killAll ends the cursors and transactions of sessions.
func (c *call) killAll(which func(lsid) bool) {
	c.d.cursors.killWhere(func(cur *cursor) bool { return cur.hasLsid && which(cur.lsid) })
	for _, s := range c.d.logical.where(func(s *logicalSession) bool { return which(s.id) }) {
		s.tryAbort(c.d)
	}
}
