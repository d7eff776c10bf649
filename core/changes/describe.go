package changes

import (
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// Description is what an update did, as change streams tell it.
type Description struct {
	Updated   []Field
	Removed   []Path
	Truncated []Truncation
}

// Field is a path and its new value.
type Field struct {
	Path  Path
	Value bsonraw.Value
}

// Truncation is an array that was cut.
type Truncation struct {
	Path Path
	Size int32
}

// Path is where something is in a document, from the top.
type Path []Step

// Step is a field's name, or the index of an element.
type Step struct {
	Name  string
	Index bool
}

// String joins the steps with dots, as updatedFields has them.
func (p Path) String() string {
	if len(p) == 1 {
		return p[0].Name
	}
	names := make([]string, len(p))
	for i, s := range p {
		names[i] = s.Name
	}
	return strings.Join(names, ".")
}

// ambiguous reports whether the joined path does not tell what the steps are.
func (p Path) ambiguous() bool {
	for _, s := range p {
		if s.Index || strings.IndexByte(s.Name, '.') >= 0 || isNumeric(s.Name) {
			return true
		}
	}
	return false
}

func isNumeric(name string) bool {
	if name == "" || len(name) > 1 && name[0] == '0' {
		return false
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return true
}

// step appends a step; p's own steps are not shared.
func (p Path) step(name string, index bool) Path {
	return append(p[:len(p):len(p)], Step{name, index})
}

// FromChanges describes an update from what its operators touched. A path whose
// parent is new comes as the topmost new parent, as MongoDB has it. Values point
// into post.
func FromChanges(pre, post bsonraw.Doc, list []update.Change) *Description {
	d := &Description{}
	seen := map[string]bool{}
	for _, c := range list {
		names := update.SplitPath(c.Path)
		if len(names) == 0 {
			return FromDocs(pre, post)
		}
		d.note(pre, post, names, c, seen)
	}
	return d
}

// note describes one change.
func (d *Description) note(pre, post bsonraw.Doc, names []string, c update.Change, seen map[string]bool) {
	var path Path
	before, after := pre.Value(), post.Value()
	for i, name := range names {
		path = path.step(name, after.Type == bsonraw.Array)
		before, after = before.Doc().Get(name), after.Doc().Get(name)
		if before.IsMissing() || after.IsMissing() || i < len(names)-1 && after.Doc() == nil {
			break
		}
	}
	key := path.String()
	if seen[key] {
		return
	}
	if c.Kind == update.Push && before.Type == bsonraw.Array && !before.Doc().IsEmpty() && after.Type == bsonraw.Array {
		d.pushed(path, before, after)
		return
	}
	seen[key] = true
	if after.IsMissing() {
		d.Removed = append(d.Removed, path)
		return
	}
	d.Updated = append(d.Updated, Field{path, after})
}

// pushed describes elements appended to an array that had some.
func (d *Description) pushed(path Path, before, after bsonraw.Value) {
	n := before.Doc().Len()
	for i, v := range after.Doc().Values() {
		if i >= n {
			d.Updated = append(d.Updated, Field{path.step(strconv.Itoa(i), true), v})
		}
	}
}

// Append appends the body of an updateDescription. MongoDB 6.0 has no
// disambiguatedPaths; later versions give it among the expanded events only.
func (d *Description) Append(b *bsonraw.Builder, name string, expanded bool) {
	b.BeginDoc(name)
	b.BeginDoc("updatedFields")
	for _, f := range d.Updated {
		b.Value(f.Path.String(), f.Value)
	}
	b.End()
	b.BeginArray("removedFields")
	for i, p := range d.Removed {
		b.String(bsonraw.Index(i), p.String())
	}
	b.End()
	b.BeginArray("truncatedArrays")
	for i, t := range d.Truncated {
		b.BeginDoc(bsonraw.Index(i))
		b.String("field", t.Path.String())
		b.Int32("newSize", t.Size)
		b.End()
	}
	b.End()
	if expanded {
		d.appendDisambiguated(b)
	}
	b.End()
}

func (d *Description) appendDisambiguated(b *bsonraw.Builder) {
	b.BeginDoc("disambiguatedPaths")
	one := func(p Path) {
		if !p.ambiguous() {
			return
		}
		b.BeginArray(p.String())
		for i, s := range p {
			n, err := strconv.ParseInt(s.Name, 10, 32)
			if s.Index && err == nil {
				b.Int32(bsonraw.Index(i), int32(n))
			} else {
				b.String(bsonraw.Index(i), s.Name)
			}
		}
		b.End()
	}
	for _, f := range d.Updated {
		one(f.Path)
	}
	for _, p := range d.Removed {
		one(p)
	}
	for _, t := range d.Truncated {
		one(t.Path)
	}
	b.End()
}
