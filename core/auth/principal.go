package auth

import (
	"context"
	"slices"
	"time"
)

// Principal is who a client has proved to be.
type Principal struct {
	Name  UserName
	id    [16]byte // the user's, so that a new user of the same name is another
	keyID string   // of an API key, or ""
}

// Grants are what a principal may do, as the tables stood. Immutable.
type Grants struct {
	from    *tables
	gone    bool // the user or key is not there any more
	expires time.Time
	roles   []RoleName
	list    []grant
}

// Grants returns what a principal may do now. last is what was returned before,
// or nil, and is returned again unless something has changed.
func (a *Authority) Grants(ctx context.Context, p *Principal, last *Grants) (*Grants, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	if last == nil || last.from != t {
		last = t.grants(p)
	}
	if last.gone || !last.expires.IsZero() && !a.now().Before(last.expires) {
		return &Grants{from: t, gone: true}, nil
	}
	return last, nil
}

func (t *tables) grants(p *Principal) *Grants {
	g := &Grants{from: t}
	if p.keyID != "" {
		k := t.keys[p.keyID]
		if k == nil {
			g.gone = true
			return g
		}
		g.roles, g.expires = k.Roles, k.Expires
	} else {
		u := t.users[p.Name]
		if u == nil || u.ID != p.id {
			g.gone = true
			return g
		}
		g.roles = u.Roles
	}
	g.compile()
	return g
}

// compile prepares what the roles grant.
func (g *Grants) compile() {
	for _, r := range g.from.expand(g.roles) {
		for _, priv := range r.Privileges {
			g.list = append(g.list, priv.compile())
		}
	}
}

// GrantsOf returns what a list of roles amounts to.
func (a *Authority) GrantsOf(ctx context.Context, roles []RoleName) (*Grants, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	g := &Grants{from: t, roles: slices.Clone(roles)}
	g.compile()
	return g, nil
}

// Gone reports that the user or the key has been removed since, or has expired.
func (g *Grants) Gone() bool { return g.gone }

// Allows reports whether an action is granted on a target.
func (g *Grants) Allows(t Target, action Action) bool {
	for i := range g.list {
		if g.list[i].allows(&t, action) {
			return true
		}
	}
	return false
}

// Sees reports whether a branch has anything that may be read.
func (g *Grants) Sees(project, branch string) bool {
	for i := range g.list {
		gr := &g.list[i]
		whole := Target{Project: project, Branch: branch, Collection: gr.collection}
		if gr.allows(&whole, Find) || gr.allows(&whole, ListCollections) || gr.allows(&whole, ListBranches) {
			return true
		}
	}
	return false
}

// Roles returns the roles with what they inherit.
func (g *Grants) Roles() []RoleName {
	if g.from == nil {
		return nil
	}
	var names []RoleName
	for _, r := range g.from.expand(g.roles) {
		names = append(names, r.Name)
	}
	return names
}

// Privileges returns all that is granted, by resource.
func (g *Grants) Privileges() []Privilege {
	if g.from == nil {
		return nil
	}
	return g.from.privileges(g.roles)
}

func (t *tables) privileges(roles []RoleName) []Privilege {
	var list []Privilege
	for _, r := range t.expand(roles) {
		list = append(list, r.Privileges...)
	}
	return mergePrivileges(list)
}
