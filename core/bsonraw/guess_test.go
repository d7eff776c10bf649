package bsonraw_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// TestNextGuess checks that a guess, right or wrong, changes nothing but time.
func TestNextGuess(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	b.String("name", "Ada")
	b.Null("n")
	b.Int32("", 7)
	b.BeginDoc("nam")
	b.End()
	doc := b.Finish()
	for _, guess := range []string{"name", "nam", "n", "", "other", "name\x00"} {
		for cut := range len(doc) + 1 {
			want, got := doc[:cut].Iter(), doc[:cut].Iter()
			for {
				more := want.Next()
				ok, hit := got.NextGuess(guess)
				require.Equal(t, more, ok)
				if !more {
					break
				}
				require.Equal(t, string(want.Key()) == guess, hit)
				require.Equal(t, string(want.Key()), string(got.Key()))
				require.True(t, bsonraw.Identical(want.Value(), got.Value()))
			}
			require.Equal(t, want.Err() == nil, got.Err() == nil)
		}
	}
}
