package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

func newRoles(a *app) *cobra.Command {
	cmd := group("roles", "List the roles that users and API keys can have", newRolesList(a))
	cmd.Aliases = []string{"role"}
	return cmd
}

func newRolesList(a *app) *cobra.Command {
	var db string
	cmd := &cobra.Command{
		Use: "list", Short: "List the roles of a database", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Long: `List the roles of a database: the built-in ones and those that createRole has defined.
With --json each has its privileges. Define one with
argon run '{createRole: …}' -p PROJECT; argon run '{listCommands: 1}' shows how.`,
		Example: example(`
argon roles list
argon roles list --db shop --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runRolesList(cmd.Context(), a, db) },
	}
	cmd.Flags().StringVar(&db, "db", "admin", "the database")
	return cmd
}

func runRolesList(ctx context.Context, a *app, db string) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.Users().Roles(ctx, db)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"roles": list})
	}
	rows := make([][]string, len(list))
	for i, r := range list {
		kind := "defined"
		if r.Builtin {
			kind = "built in"
		}
		rows[i] = []string{r.Role, kind, resources(r.Privileges)}
	}
	return a.table([]string{"ROLE", "KIND", "ABOUT"}, rows)
}

// resources says in short what a role is about.
func resources(list []client.PrivilegeInfo) string {
	var parts []string
	for _, p := range list {
		var r struct {
			DB, Collection       string
			Cluster, AnyResource bool
		}
		text, err := p.Resource.MarshalJSON()
		if err != nil || json.Unmarshal(text, &r) != nil {
			continue
		}
		switch {
		case r.AnyResource:
			parts = append(parts, "everything")
		case r.Cluster:
			parts = append(parts, "the store")
		case r.DB == "" && r.Collection == "":
			parts = append(parts, "every database")
		case r.Collection == "":
			parts = append(parts, r.DB)
		default:
			parts = append(parts, r.DB+"."+r.Collection)
		}
	}
	return strings.Join(parts, ", ")
}
