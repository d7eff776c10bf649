package main

import "github.com/spf13/cobra"

func newTags(a *app) *cobra.Command {
	cmd := group("tags", "Make, list and delete tags: immutable names for a moment",
		newTagsCreate(a), newTagsList(a), newTagsDelete(a))
	cmd.Aliases = []string{"tag"}
	return cmd
}
