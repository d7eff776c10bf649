package pebblekv

import (
	"github.com/cockroachdb/pebble/v2"
)

// iterator is a kv.Iterator.
type iterator struct {
	it    *pebble.Iterator
	store *Store
}

func (i *iterator) SeekGE(key []byte) bool       { return i.it.SeekGE(key) }
func (i *iterator) SeekPrefixGE(key []byte) bool { return i.it.SeekPrefixGE(key) }
func (i *iterator) SeekLT(key []byte) bool       { return i.it.SeekLT(key) }
func (i *iterator) First() bool                  { return i.it.First() }
func (i *iterator) Last() bool                   { return i.it.Last() }
func (i *iterator) Next() bool                   { return i.it.Next() }
func (i *iterator) Prev() bool                   { return i.it.Prev() }
func (i *iterator) Valid() bool                  { return i.it.Valid() }
func (i *iterator) Key() []byte                  { return i.it.Key() }
func (i *iterator) SetBounds(lo, hi []byte)      { i.it.SetBounds(aboveOrdinal(lo), hi) }

func (i *iterator) Value() ([]byte, error) {
	v, err := i.it.ValueAndErr()
	if err != nil {
		return nil, i.store.translate(err)
	}
	return v, nil
}

func (i *iterator) Err() error {
	if err := i.it.Error(); err != nil {
		return i.store.translate(err)
	}
	return nil
}

func (i *iterator) Close() error {
	if err := i.it.Close(); err != nil {
		return i.store.translate(err)
	}
	return nil
}
