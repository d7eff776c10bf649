package mirror

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
)

// TestJoinOfSplitEvents cuts events as $changeStreamSplitLargeEvent does, their
// fields over several documents with tokens of their own, and joins them.
func TestJoinOfSplitEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &feedReader{}
		for range rapid.IntRange(1, 3).Draw(t, "events") {
			fields := rapid.IntRange(1, 8).Draw(t, "fields")
			of := rapid.IntRange(1, fields).Draw(t, "fragments")
			want := bsonraw.NewBuilder(nil)
			want.String("_id", fmt.Sprint("token ", of))
			at := 0
			for n := 1; n <= of; n++ {
				b := bsonraw.NewBuilder(nil)
				b.String("_id", fmt.Sprint("token ", n))
				if of > 1 {
					b.BeginDoc("splitEvent")
					b.Int32("fragment", int32(n))
					b.Int32("of", int32(of))
					b.End()
				}
				for left := fields - at - (of - n); left > 0 && (n == of || left == fields-at-(of-n)); left-- {
					b.Int32(fmt.Sprint("f", at), int32(at))
					want.Int32(fmt.Sprint("f", at), int32(at))
					at++
				}
				doc := r.join(b.Finish())
				require.Equal(t, n < of, doc == nil)
				require.Equal(t, n < of, r.fragments != nil, "no token may be kept in between")
				if n == of {
					require.Equal(t, want.Finish(), doc)
				}
			}
		}
	})
}
