package auth

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// What a principal may do follows changes at once, and a new user of an old name
// is another one.
func TestGrantsFollowChanges(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	p, err := w.login(t, ScramSHA256, "ada", "x", "here")
	require.NoError(t, err)
	var g *Grants
	allows := func(db string, a Action) bool {
		g, err = w.Grants(t.Context(), p, g)
		require.NoError(t, err)
		return g.Allows(DBTarget(db), a)
	}
	require.True(t, allows("shop", Find))
	require.False(t, allows("shop", Insert))
	same := g
	require.True(t, allows("shop", Find))
	require.Same(t, same, g, "nothing changed: nothing is computed")
	require.NoError(t, w.GrantRoles(t.Context(), p.Name, []RoleName{{"readWrite", "shop"}}))
	require.True(t, allows("shop", Insert))
	require.NoError(t, w.RevokeRoles(t.Context(), p.Name, []RoleName{{"readWrite", "shop"}}))
	require.False(t, allows("shop", Insert))
	require.NoError(t, w.DropUser(t.Context(), p.Name))
	require.False(t, allows("shop", Find))
	w.user(t, "ada", "y", RoleName{"root", "admin"})
	require.False(t, allows("shop", Find))
	require.True(t, g.Gone())
}

func TestRolesInheritAndStayTrees(t *testing.T) {
	w := newWorld()
	shop := func(name string) RoleName { return RoleName{name, "shop"} }
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: shop("a"), Roles: []RoleName{shop("read")}}))
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: shop("b"), Roles: []RoleName{shop("a")}, Privileges: []Privilege{{Resource{DB: "shop", Collection: "x"}, ActionsOf(Insert)}}}))
	err := w.ChangeRole(t.Context(), shop("a"), RoleChange{Roles: func([]RoleName) []RoleName { return []RoleName{shop("b")} }})
	require.Equal(t, errs.InvalidRoleModification, errs.CodeOf(err))
	for _, res := range []Resource{{DB: "other"}, {Cluster: true}, {Any: true}, {}} {
		err = w.CreateRole(t.Context(), Role{Name: shop("c"), Privileges: []Privilege{{res, ActionsOf(Find)}}})
		require.Equal(t, errs.InvalidRoleModification, errs.CodeOf(err), "%+v", res)
		require.NoError(t, w.CreateRole(t.Context(), Role{Name: RoleName{"c", "admin"}, Privileges: []Privilege{{res, ActionsOf(Find)}}}))
		require.NoError(t, w.DropRole(t.Context(), RoleName{"c", "admin"}))
	}
	w.user(t, "ada", "x", shop("b"))
	p, err := w.login(t, ScramSHA1, "ada", "x", "here")
	require.NoError(t, err)
	g, err := w.Grants(t.Context(), p, nil)
	require.NoError(t, err)
	require.True(t, g.Allows(DBTarget("shop"), Find))
	require.True(t, g.Allows(Target{Project: "shop", Branch: "main", Collection: "x"}, Insert))
	require.False(t, g.Allows(Target{Project: "shop", Branch: "main", Collection: "y"}, Insert))
	require.False(t, g.Allows(DBTarget("shop"), Insert))
	require.NoError(t, w.DropRole(t.Context(), shop("a")))
	g, err = w.Grants(t.Context(), p, g)
	require.NoError(t, err)
	require.False(t, g.Allows(DBTarget("shop"), Find), "what inherited the role has lost it")
}

func TestAnyActionIsEveryAction(t *testing.T) {
	all := ActionsOf(AnyAction)
	for name := range actionsByName {
		a, ok := ParseAction(name)
		require.True(t, ok)
		require.Equal(t, name, a.String())
		require.True(t, all.Has(a), name)
		require.Equal(t, []string{name}, ActionsOf(a).Names())
		if a != AnyAction {
			require.False(t, ActionsOf(Find, Insert).Without(ActionsOf(a)).Has(a))
		}
	}
}
