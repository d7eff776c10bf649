package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

func newUsers(a *app) *cobra.Command {
	cmd := group("users", "Make, list and delete users, and give them roles",
		newUsersCreate(a), newUsersList(a), newUsersDelete(a), newUsersPassword(a), newUsersGrant(a), newUsersRevoke(a))
	cmd.Aliases = []string{"user"}
	return cmd
}

// usersOptions are what the verbs of users take.
type usersOptions struct {
	name, db string
	roles    []string
	password passwordOptions
	yes      bool
}

func (o *usersOptions) dbFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.db, "db", "admin", "the database where the user authenticates (authSource); $external for certificates")
}

// rolesFlag is a list of roles.
func rolesFlag(cmd *cobra.Command, at *[]string) {
	cmd.Flags().StringArrayVar(at, "role", nil, "ROLE@DATABASE, as in readWrite@shop~exp-* or read@shop~*; root and the like without a database; may be repeated")
}

func parseRoles(list []string) ([]client.RoleRef, error) {
	roles := make([]client.RoleRef, 0, len(list))
	for _, text := range list {
		r, err := client.ParseRole(text)
		if err != nil {
			return nil, usage("--role %v", err)
		}
		roles = append(roles, r)
	}
	return roles, nil
}

func roleNames(list []client.RoleRef) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.String()
	}
	return strings.Join(names, " ")
}

func newUsersCreate(a *app) *cobra.Command {
	var o usersOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a user",
		Long: `Make a user, for clients that have to authenticate: argon serve --auth. The password
is asked for, or read from --password-file or $ARGON_PASSWORD; it is never an
argument, which other users of the machine could see. Only SCRAM credentials of it
are stored.

A role is about a database's name or a pattern of project~branch: shop is the branch
main, shop~exp-* the branches whose names begin so, shop~* all of them.`,
		Example: example(`
argon users create root --role root
argon users create ada --role 'read@shop~*' --role 'readWrite@shop~exp-*'
argon users create 'CN=etl,O=Example' --db '$external' --role readWrite@shop`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runUsersCreate(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	o.dbFlag(cmd)
	rolesFlag(cmd, &o.roles)
	o.password.flags(cmd)
	return cmd
}

func runUsersCreate(ctx context.Context, a *app, o *usersOptions) error {
	roles, err := parseRoles(o.roles)
	if err != nil {
		return err
	}
	password := ""
	if o.db != "$external" {
		if password, err = o.password.read(a, "Password of "+o.name); err != nil {
			return err
		}
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := c.Users().Create(ctx, o.db, o.name, password, roles); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"user": o.name, "db": o.db, "roles": roles})
	}
	a.printf("Created user %s on %s.\n", o.name, o.db)
	if len(roles) == 0 {
		a.printf("It has no roles yet: argon users grant %s --role …\n", o.name)
	}
	return nil
}

func newUsersList(a *app) *cobra.Command {
	var o usersOptions
	cmd := &cobra.Command{
		Use: "list", Short: "List the users", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`
argon users list
argon users list --db shop --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runUsersList(cmd.Context(), a, &o) },
	}
	cmd.Flags().StringVar(&o.db, "db", "", "only users of this database")
	return cmd
}

func runUsersList(ctx context.Context, a *app, o *usersOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.Users().List(ctx, o.db)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"users": list})
	}
	rows := make([][]string, len(list))
	for i, u := range list {
		rows[i] = []string{u.User, u.DB, roleNames(u.Roles), strings.Join(u.Mechanisms, " ")}
	}
	return a.table([]string{"USER", "DATABASE", "ROLES", "MECHANISMS"}, rows)
}

func newUsersDelete(a *app) *cobra.Command {
	var o usersOptions
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a user", Aliases: []string{"rm"},
		Long:    "Delete a user. Its connections may do nothing more; what it has written stays.",
		Example: example(`argon users delete ada --yes`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runUsersDelete(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	o.dbFlag(cmd)
	yesFlag(cmd, &o.yes)
	return cmd
}

func runUsersDelete(ctx context.Context, a *app, o *usersOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(o.yes, "Delete user "+o.name+" of "+o.db+"?"); err != nil {
		return err
	}
	if err := c.Users().Delete(ctx, o.db, o.name); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"deleted": o.name, "db": o.db})
	}
	a.printf("Deleted user %s of %s.\n", o.name, o.db)
	return nil
}

func newUsersPassword(a *app) *cobra.Command {
	var o usersOptions
	cmd := &cobra.Command{
		Use: "password NAME", Short: "Give a user another password", Aliases: []string{"passwd"},
		Example: example(`
argon users password ada
argon users password ada --password-file new.txt`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runUsersPassword(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	o.dbFlag(cmd)
	o.password.flags(cmd)
	return cmd
}

func runUsersPassword(ctx context.Context, a *app, o *usersOptions) error {
	password, err := o.password.read(a, "New password of "+o.name)
	if err != nil {
		return err
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := c.Users().SetPassword(ctx, o.db, o.name, password); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"user": o.name, "db": o.db})
	}
	a.printf("User %s of %s has another password.\n", o.name, o.db)
	return nil
}

func newUsersGrant(a *app) *cobra.Command {
	return userRoles(a, "grant", "Give a user roles", "has", client.Users.Grant)
}

func newUsersRevoke(a *app) *cobra.Command {
	return userRoles(a, "revoke", "Take roles from a user", "has no more", client.Users.Revoke)
}

// userRoles is grant and revoke.
func userRoles(a *app, verb, short, now string, change func(client.Users, context.Context, string, string, []client.RoleRef) error) *cobra.Command {
	var o usersOptions
	cmd := &cobra.Command{
		Use: verb + " NAME", Short: short,
		Long:    short + ", from its next command on, also on connections that are open.",
		Example: example("argon users " + verb + " ada --role 'readWrite@shop~exp-*'"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			roles, err := parseRoles(o.roles)
			if err != nil {
				return err
			}
			c, err := a.open(ctx)
			if err != nil {
				return err
			}
			if err := change(c.Users(), ctx, o.db, o.name, roles); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"user": o.name, "db": o.db, "roles": roles})
			}
			a.printf("User %s of %s %s: %s\n", o.name, o.db, now, roleNames(roles))
			return nil
		},
	}
	nameArg(cmd, &o.name)
	o.dbFlag(cmd)
	rolesFlag(cmd, &o.roles)
	return cmd
}
