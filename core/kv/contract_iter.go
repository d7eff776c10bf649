package kv

import "bytes"

// checkedIter follows what an iterator does from outside.
type checkedIter struct {
	it     Iterator
	store  *checkedStore
	lo, hi []byte
	last   []byte // the key before the move
	prefix []byte // after SeekPrefixGE
	closed bool
}

func (c *checkedIter) begin() {
	demand(!c.closed, "an iterator used behind Close")
	c.last = nil
	if c.it.Valid() {
		c.last = bytes.Clone(c.it.Key())
	}
}

// now returns the current key, nil at none.
func (c *checkedIter) now() []byte {
	if !c.it.Valid() {
		return nil
	}
	return c.it.Key()
}

// moved checks where a move has led.
func (c *checkedIter) moved(ok bool) bool {
	demand(ok == c.it.Valid(), "a move says %v, the iterator %v", ok, c.it.Valid())
	if !ok {
		_ = checkErr(c.it.Err())
		return false
	}
	key := c.it.Key()
	demand(c.lo == nil || bytes.Compare(key, c.lo) >= 0, "key %x below the bound %x", key, c.lo)
	demand(c.hi == nil || bytes.Compare(key, c.hi) < 0, "key %x not below the bound %x", key, c.hi)
	return true
}

func (c *checkedIter) seek(key []byte) {
	c.begin()
	demand(len(key) > 0, "an empty key")
	c.prefix = nil
}

func (c *checkedIter) SeekGE(key []byte) bool {
	c.seek(key)
	ok := c.moved(c.it.SeekGE(key))
	demand(!ok || bytes.Compare(c.it.Key(), key) >= 0, "SeekGE(%x) led to %x", key, c.now())
	return ok
}

func (c *checkedIter) SeekPrefixGE(key []byte) bool {
	c.seek(key)
	demand((c.lo == nil || bytes.Compare(key, c.lo) >= 0) && (c.hi == nil || bytes.Compare(key, c.hi) < 0), "SeekPrefixGE(%x) beyond the bounds", key)
	ok := c.moved(c.it.SeekPrefixGE(key))
	c.prefix = bytes.Clone(key[:Split(key)])
	demand(!ok || c.inPrefix() && bytes.Compare(c.it.Key(), key) >= 0, "SeekPrefixGE(%x) led to %x", key, c.now())
	return ok
}

func (c *checkedIter) inPrefix() bool {
	key := c.it.Key()
	return bytes.Equal(key[:Split(key)], c.prefix)
}

func (c *checkedIter) SeekLT(key []byte) bool {
	c.seek(key)
	ok := c.moved(c.it.SeekLT(key))
	demand(!ok || bytes.Compare(c.it.Key(), key) < 0, "SeekLT(%x) led to %x", key, c.now())
	return ok
}

func (c *checkedIter) First() bool {
	c.begin()
	c.prefix = nil
	return c.moved(c.it.First())
}

func (c *checkedIter) Last() bool {
	c.begin()
	c.prefix = nil
	return c.moved(c.it.Last())
}

func (c *checkedIter) Next() bool {
	c.begin()
	demand(c.last != nil, "Next from no key")
	ok := c.moved(c.it.Next())
	demand(!ok || bytes.Compare(c.it.Key(), c.last) > 0, "Next led from %x to %x", c.last, c.now())
	demand(!ok || c.prefix == nil || c.inPrefix(), "Next left the prefix %x", c.prefix)
	return ok
}

func (c *checkedIter) Prev() bool {
	c.begin()
	demand(c.last != nil, "Prev from no key")
	demand(c.prefix == nil, "Prev behind SeekPrefixGE")
	ok := c.moved(c.it.Prev())
	demand(!ok || bytes.Compare(c.it.Key(), c.last) < 0, "Prev led from %x to %x", c.last, c.now())
	return ok
}

func (c *checkedIter) Valid() bool { return c.it.Valid() }

func (c *checkedIter) Key() []byte {
	demand(!c.closed && c.it.Valid(), "Key of no key")
	return c.it.Key()
}

func (c *checkedIter) Value() ([]byte, error) {
	demand(!c.closed && c.it.Valid(), "Value of no key")
	v, err := c.it.Value()
	return v, checkErr(err)
}

func (c *checkedIter) Err() error { return checkErr(c.it.Err()) }

func (c *checkedIter) SetBounds(lo, hi []byte) {
	demand(!c.closed, "an iterator used behind Close")
	checkBounds(lo, hi)
	c.lo, c.hi, c.prefix = bytes.Clone(lo), bytes.Clone(hi), nil
	c.it.SetBounds(lo, hi)
	demand(!c.it.Valid(), "at a key behind SetBounds")
}

func (c *checkedIter) Close() error {
	demand(!c.closed, "an iterator closed twice")
	c.closed = true
	c.store.open.Add(-1)
	return checkErr(c.it.Close())
}
