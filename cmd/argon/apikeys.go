package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newAPIKeys(a *app) *cobra.Command {
	cmd := group("apikeys", "Make, list and revoke API keys: identities for programs",
		newAPIKeysCreate(a), newAPIKeysList(a), newAPIKeysRevoke(a))
	cmd.Aliases = []string{"apikey", "api-keys"}
	return cmd
}

type apiKeysOptions struct {
	name, expires string
	roles         []string
	yes           bool
}

func newAPIKeysCreate(a *app) *cobra.Command {
	var o apiKeysOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make an API key and print it, once",
		Long: `Make an API key, an identity with roles for a program. It is printed this once: only a
salted hash of it is stored. What it writes has the actor apikey:NAME.

A driver gives it as the password of the user apikey, over TLS or on this machine:
mongodb://apikey:KEY@HOST/shop?authMechanism=PLAIN&authSource=$external`,
		Example: example(`
argon apikeys create nightly-etl --role 'readWrite@shop~*' --expires-in 90d
argon apikeys create ci --role readAnyDatabase --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runAPIKeysCreate(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	rolesFlag(cmd, &o.roles)
	cmd.Flags().StringVar(&o.expires, "expires-in", "", "in how long it ends: 90d, 2w, 12h; else never")
	return cmd
}

func runAPIKeysCreate(ctx context.Context, a *app, o *apiKeysOptions) error {
	roles, err := parseRoles(o.roles)
	if err != nil {
		return err
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	info, key, err := c.APIKeys().Create(ctx, o.name, roles, o.expires)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"key": key, "apiKey": info})
	}
	a.printf("%s\n", key)
	return nil
}

func newAPIKeysList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the API keys", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`argon apikeys list`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAPIKeysList(cmd.Context(), a) },
	}
}

func runAPIKeysList(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.APIKeys().List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"apiKeys": list})
	}
	rows := make([][]string, len(list))
	for i, k := range list {
		expires := "never"
		if k.Expires != nil {
			expires = when(*k.Expires)
		}
		rows[i] = []string{k.Name, k.ID, roleNames(k.Roles), when(k.Created), k.CreatedBy, expires}
	}
	return a.table([]string{"NAME", "ID", "ROLES", "CREATED", "BY", "EXPIRES"}, rows)
}

func newAPIKeysRevoke(a *app) *cobra.Command {
	var o apiKeysOptions
	cmd := &cobra.Command{
		Use: "revoke NAME", Short: "End an API key", Aliases: []string{"delete", "rm"},
		Long:    "End an API key, named by its name or id. Its connections may do nothing more.",
		Example: example(`argon apikeys revoke nightly-etl --yes`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAPIKeysRevoke(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	yesFlag(cmd, &o.yes)
	return cmd
}

func runAPIKeysRevoke(ctx context.Context, a *app, o *apiKeysOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(o.yes, "End the API key "+o.name+"?"); err != nil {
		return err
	}
	if err := c.APIKeys().Revoke(ctx, o.name); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"revoked": o.name})
	}
	a.printf("Ended the API key %s.\n", o.name)
	return nil
}
