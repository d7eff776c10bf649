package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// What single commands need, where it depends on their fields.

// inBranch asks for a collection of a branch of the call's project.
func (n *needs) inBranch(branch, coll string, actions ...auth.Action) {
	t := n.c.target()
	if branch != "" {
		t.Branch = branch
	}
	t.Collection = coll
	n.add(t, actions)
}

// bypass asks for the right to pass a validator, where the command wants to.
func (n *needs) bypass(coll string, wanted bool) {
	if wanted {
		n.collection(coll, auth.BypassDocumentValidation)
	}
}

// upserts asks for insert where a statement of an update may insert.
func (n *needs) upserts(coll string, statements []bsonraw.Doc) {
	for _, s := range statements {
		if s.Get("upsert").Truthy() {
			n.collection(coll, auth.Insert)
			return
		}
	}
}

func needsOfFindAndModify(n *needs, a *findAndModifyArgs) {
	n.collection(a.coll, auth.Find)
	switch {
	case a.spec.Remove:
		n.collection(a.coll, auth.Remove)
	case a.spec.Upsert:
		n.collection(a.coll, auth.Insert, auth.Update)
	default:
		n.collection(a.coll, auth.Update)
	}
	n.bypass(a.coll, a.bypass)
}

// needsOfRename lets through who may rename in the whole database. Others have to
// be allowed to take the collection away, and to make the other one, as if they
// copied it.
func needsOfRename(n *needs, a *renameArgs) {
	db, from, err := splitNamespace(a.from)
	toDB, to, toErr := splitNamespace(a.to)
	if err != nil || toErr != nil {
		n.cluster(auth.AnyAction)
		return
	}
	if n.c.may(databaseTarget(db), auth.RenameCollectionSameDB) && db == toDB {
		return
	}
	n.database(db, from, auth.Find, auth.DropCollection)
	n.database(toDB, to, auth.Insert, auth.CreateIndex)
	if a.dropTarget {
		n.database(toDB, to, auth.DropCollection)
	}
}

// needsOfTagDelete asks about the branch that the tag is on. A tag that is not
// there is for who may drop tags everywhere to be told about.
func needsOfTagDelete(n *needs, a *nameArgs) {
	tags, err := n.c.d.store.Tags(n.ctx, n.c.ref.Project)
	if err != nil && !errs.Is(err, errs.ProjectNotFound) {
		n.err = err
		return
	}
	for _, t := range tags {
		if t.Name == a.name {
			n.branch(t.Branch, auth.DropTag)
			return
		}
	}
	n.project(n.c.ref.Project, auth.DropTag)
}

// explained asks for what the command inside an explain needs.
func (n *needs) explained(command bsonraw.Doc) {
	it := command.Iter()
	it.Next()
	cmd := n.c.d.commands[string(it.Key())]
	if cmd == nil || cmd.explain == nil || cmd.access.needs == nil {
		return // it will be refused
	}
	inner := newCall(n.c.d, n.c.sess, cmd, n.c.db, command)
	defer inner.release()
	if cmd.parse(inner) != nil {
		return
	}
	inner.ref, inner.who, inner.checked = n.c.ref, n.c.who, n.c.checked
	own := needs{ctx: n.ctx, c: inner}
	cmd.access.needs(&own)
	n.list, n.err = append(n.list, own.list...), own.err
}

// seesProject reports whether a project is to be listed to the client, which it is
// if one of its branches is.
func (c *call) seesProject(ctx context.Context, project string) (bool, error) {
	if c.sees(project, refs.Main) {
		return true, nil
	}
	branches, err := c.d.store.Branches(ctx, project)
	for _, br := range branches {
		if c.sees(project, br.Name) {
			return true, nil
		}
	}
	return false, err
}
