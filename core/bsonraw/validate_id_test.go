package bsonraw

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

func TestDollarNamesAreRefusedAtAnyLevelOfAnID(t *testing.T) {
	inner := func(name string) Doc {
		b := NewBuilder(nil)
		b.Int32(name, 1)
		return b.Finish()
	}
	wrap := func(array bool, d Doc) Doc {
		b := NewBuilder(nil)
		if array {
			b.BeginArray("a")
			b.Doc(Index(0), d)
			b.End()
		} else {
			b.Doc("a", d)
		}
		return b.Finish()
	}
	for name, code := range map[string]errs.Code{"$b": errs.DollarPrefixedFieldName, "b": 0, "b$": 0, "": 0} {
		for _, d := range []Doc{inner(name), wrap(false, inner(name)), wrap(true, inner(name)), wrap(true, wrap(false, inner(name)))} {
			err := ValidateID(d.Value())
			if code == 0 {
				require.NoError(t, err, name)
				continue
			}
			require.Equal(t, code, errs.CodeOf(err), name)
		}
	}
}
