package expr

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
)

// fieldList builds an object in which a field that is set again keeps its place
// and takes the new value.
type fieldList struct {
	env    *Env
	names  [][]byte
	values []bsonraw.Value
	index  map[string]int // by name, once there are many
}

func newFieldList(env *Env) *fieldList { return &fieldList{env: env} }

// fewFields is up to how many fields are searched one by one.
const fewFields = 16

func (l *fieldList) find(name []byte) int {
	if l.index != nil {
		if i, ok := l.index[string(name)]; ok {
			return i
		}
		return -1
	}
	for i := range l.names {
		if bytes.Equal(l.names[i], name) {
			return i
		}
	}
	return -1
}

func (l *fieldList) set(name []byte, v bsonraw.Value) {
	if i := l.find(name); i >= 0 {
		l.values[i] = v
		return
	}
	if l.index != nil {
		l.index[string(name)] = len(l.names)
	}
	l.names, l.values = append(l.names, name), append(l.values, v)
	if l.index == nil && len(l.names) > fewFields {
		l.index = make(map[string]int, 2*len(l.names))
		for i, n := range l.names {
			l.index[string(n)] = i
		}
	}
}

// setAll sets every field of a document.
func (l *fieldList) setAll(d bsonraw.Doc) {
	it := d.Iter()
	for it.Next() {
		l.set(it.Key(), it.Value())
	}
}

func (l *fieldList) finish() (bsonraw.Value, error) {
	at := l.env.open()
	for i, name := range l.names {
		l.env.field(name, l.values[i])
	}
	return l.env.close(bsonraw.Object, at)
}
