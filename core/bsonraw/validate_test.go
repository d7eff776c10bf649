package bsonraw

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// slowly is Validate element by element, without skipValid's short cuts.
func slowly(d Doc, left int) error {
	rest, err := elements(d, left)
	for err == nil && len(rest) > 0 {
		_, _, rest, err = validateElement(rest, left)
	}
	return err
}

func variedDoc() Doc {
	inner := NewBuilder(nil)
	inner.String("ünï", "çödé")
	inner.BeginArray("list")
	inner.Bool(Index(0), true)
	inner.String(Index(1), "")
	inner.End()
	b := NewBuilder(nil)
	b.Int32("_id", 7)
	b.String("name", "customer 1234")
	b.Int64("a name of more than eight bytes", 1)
	b.Doc("in", inner.Finish())
	b.Bool("b", false)
	b.Value("n", Value{Type: Null})
	b.Value("bin", Value{Binary, []byte{3, 0, 0, 0, 0, 1, 2, 3}})
	b.Value("re", Value{Regex, []byte("a\x00i\x00")})
	b.String("t", "last")
	return b.Finish()
}

// sameVerdicts has Validate, StoredID and IDField decide as the slow way does.
func sameVerdicts(t *testing.T, d Doc) {
	if len(d) < 5 || d.Value().Doc() == nil || int(d[0])|int(d[1])<<8|int(d[2])<<16|int(d[3])<<24 != len(d) {
		require.Error(t, Validate(d))
		return
	}
	want := slowly(d, MaxDepth)
	start, end, again := IDField(d) // which any bytes may meet
	require.Equal(t, errs.CodeOf(want), errs.CodeOf(Validate(d)), "%x", []byte(d))
	id, err := StoredID(d)
	if want != nil {
		require.Error(t, err)
		return
	}
	it := d.Iter()
	ids := 0
	first := it.Next() && string(it.Key()) == "_id"
	for it = d.Iter(); it.Next(); {
		if string(it.Key()) == "_id" {
			ids++
		}
	}
	require.Equal(t, ids > 1, again, "%x", []byte(d))
	require.Equal(t, ids > 0, start > 0, "%x", []byte(d))
	if ids > 0 {
		require.Equal(t, d.Get("_id"), Value{Type(d[start]), d[start+5 : end : end]})
	}
	fits := first && ids == 1 && ValidateStored(d) == nil
	require.Equal(t, fits, err == nil, "%x: %v", []byte(d), err)
	if fits {
		require.Equal(t, d.Get("_id"), id)
	}
}

func TestValidateWithShortCuts(t *testing.T) {
	d := variedDoc()
	require.NoError(t, Validate(d))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		changed := d.Clone()
		for range 1 + rng.IntN(2) {
			changed[4+rng.IntN(len(changed)-4)] = []byte{0, 1, 2, 3, 5, 0x7F, 0x80, 0xC3, 0xFF, byte(rng.Uint32())}[rng.IntN(10)]
		}
		sameVerdicts(t, changed)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(variedDoc()))
	f.Add([]byte(EmptyDoc))
	f.Fuzz(func(t *testing.T, b []byte) { sameVerdicts(t, b) })
}
