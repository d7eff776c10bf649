package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// Commands that are one commit and no write of documents: an index, a branch, a
// tag, a merge. Argon's own clients number them as drivers number writes, and the
// commit carries what was answered, so that who asks again, the next process on the
// store too, gets the answer, and nothing is done twice. One that committed nothing
// is run again.

// onceKey is under what the context of such a command has its call, for commits that
// do not know of CommitMeta: those of users and roles.
type onceKey struct{}

// runOnce runs the command, unless it was carried out under its number before.
func (c *call) runOnce(ctx context.Context) (bsonraw.Doc, error) {
	s := c.logical
	if st, done := s.done.find(0); done {
		return c.answerAgain(ctx, st.reply)
	}
	c.once = &once{}
	reply, err := c.runPlain(context.WithValue(ctx, onceKey{}, c))
	switch o := c.once; {
	case err != nil:
		s.recalled = false // the store knows whether it was carried out
	case o.committed:
		s.done.add(0, o.statement)
		s.lsn = o.lsn
	}
	return reply, err
}

// once is what is known of a command that runs under a number.
type once struct {
	statement
	lsn       mvcc.LSN
	committed bool
}

// remember is CommitMeta.Memory of such a command.
func (c *call) remember(lsn mvcc.LSN, result bsonraw.Doc) engine.SettingWrite {
	o := c.once
	o.lsn, o.committed = lsn, true
	if result == nil {
		result = c.answer
	}
	if result != nil {
		o.reply = result.Clone()
	}
	var list results
	list.add(0, o.statement)
	return engine.SettingWrite{
		Kind: sessionKind, Name: c.logical.id.name(), Doc: c.logical.encode(lsn, c.d.now(), false, list.list),
	}
}

// answers sets what the command answers besides its LSN. A commit that is to carry
// it comes later.
func (c *call) answers(fill func(b *bsonraw.Builder)) {
	b := bsonraw.NewBuilder(nil)
	fill(b)
	c.answer = b.Finish()
}

// answered is the reply of what answers has set.
func (c *call) answered(lsn mvcc.LSN) bsonraw.Doc {
	b := c.reply(len(c.answer) + 32)
	appendFields(b, c.answer)
	c.appendLSN(b, lsn)
	return c.ok()
}

// answerAgain is the reply of a command that was carried out before.
func (c *call) answerAgain(ctx context.Context, answer bsonraw.Doc) (bsonraw.Doc, error) {
	switch {
	case c.cmd.again != nil:
		return c.cmd.again(ctx, c, answer)
	case c.cmd.has(writes|mayWrite) && answer.Get("lsn").IsMissing(), c.cmd.Group == Catalog:
		c.answer = answer
		return c.answered(c.logical.lsn), nil
	}
	return c.okWith(answer), nil
}

// branchAgain answers with a branch as it is now, and what is known besides.
func branchAgain(name func(c *call) string) func(context.Context, *call, bsonraw.Doc) (bsonraw.Doc, error) {
	return func(ctx context.Context, c *call, rest bsonraw.Doc) (bsonraw.Doc, error) {
		br, err := c.d.store.Branch(ctx, c.ref.Project, name(c))
		if err != nil {
			return nil, err
		}
		b := c.reply(256)
		describeBranch(b, "branch", br)
		appendFields(b, rest)
		return c.ok(), nil
	}
}

func tagAgain(ctx context.Context, c *call, _ bsonraw.Doc) (bsonraw.Doc, error) {
	name := c.args.(*tagCreateArgs).name
	list, err := c.d.store.Tags(ctx, c.ref.Project)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Name == name {
			b := c.reply(256)
			describeTag(b, "tag", t)
			return c.ok(), nil
		}
	}
	return nil, errs.New(errs.TagNotFound, "the tag %q was made, and is deleted again", name)
}

func projectAgain(ctx context.Context, c *call, _ bsonraw.Doc) (bsonraw.Doc, error) {
	name := c.args.(*nameArgs).name
	list, err := c.d.store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.Name == name {
			b := c.reply(128)
			describeProject(b, "project", p)
			return c.ok(), nil
		}
	}
	return nil, errs.New(errs.ProjectNotFound, "the project %q was made, and is deleted again", name)
}
