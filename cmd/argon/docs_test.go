package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// shown matches a command in a block of code, up to what a shell would take from it
// or the text that a list of commands has beside them.
var shown = regexp.MustCompile(`^(?: {4}|\$ )?(argon [a-z].*?)(?:   .*| +[#>|].*)?$`)

// Every command that the documents show can be typed: its verb is there, and takes
// these flags and arguments.
func TestCommandsInDocumentsAreThere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "../../README.md", "../../CONTRIBUTING.md", "../../core/README.md")
	lines := 0
	for _, page := range pages {
		if filepath.Base(page) == "cli.md" {
			continue // made of the commands themselves
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		fenced := false
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			found := shown.FindStringSubmatch(line)
			if found == nil || !fenced && !strings.HasPrefix(line, "    ") {
				continue
			}
			lines++
			parses(t, page, found[1])
		}
	}
	require.Greater(t, lines, 40)
}

// parses checks a command as it is typed, and returns its verb.
func parses(t *testing.T, page, line string) *cobra.Command {
	args := words(line)[1:]
	root := newRoot(&app{io: &IO{}})
	found, rest, err := root.Find(args)
	require.NoError(t, err, "%s: %s", page, line)
	require.False(t, found.HasSubCommands(), "%s: %s: no such verb", page, line)
	require.NoError(t, found.ParseFlags(rest), "%s: %s", page, line)
	if found.Args != nil {
		require.NoError(t, found.Args(found, found.Flags().Args()), "%s: %s", page, line)
	}
	return found
}
