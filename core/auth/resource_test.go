package auth

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A name or pattern is matched as the regular expression that it stands for.
func TestGlobIsWhatItSays(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*-")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern := text.Draw(t, "pattern")
		name := strings.ReplaceAll(text.Draw(t, "name"), "*", "c")
		want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(name)
		require.Equal(t, want, glob(pattern, name), "%q on %q", pattern, name)
	})
}

// A pattern that covers another one matches every name that the other matches.
func TestCoveringIsSound(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		wide, narrow := text.Draw(t, "wide"), text.Draw(t, "narrow")
		name := strings.ReplaceAll(text.Draw(t, "name"), "*", "")
		if glob(wide, narrow) && glob(narrow, name) {
			require.True(t, glob(wide, name), "%q covers %q, which matches %q", wide, narrow, name)
		}
	})
}

func TestPatternsAreChecked(t *testing.T) {
	for _, good := range []string{"shop", "shop~exp-*", "*", "*~*", "sh*p~main", "admin", "$external", "shop~*"} {
		require.NoError(t, ValidPattern(good), good)
	}
	for _, bad := range []string{"", "shop~", "~x", "a b", "shop~a~b", "shop~*~*", "sh/op", "shop~\x00"} {
		require.Error(t, ValidPattern(bad), bad)
	}
}
