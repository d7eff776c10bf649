package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Example: example(`argon version --json`),
		RunE:    func(*cobra.Command, []string) error { return runVersion(a) },
	}
}

func runVersion(a *app) error {
	if a.json {
		return a.printJSON(map[string]string{
			"version": client.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	a.printf("argon %s (%s, %s/%s)\n", client.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
