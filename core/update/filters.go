package update

import (
	"encoding/binary"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// arrayFilter is one of arrayFilters: which elements $[id] stands for. The
// filter is on a document {id: element}, so that {"id.a": 1, id: {$ne: 2}} needs
// no translation.
type arrayFilter struct {
	id     string
	filter *query.Filter
	used   bool
}

// parseArrayFilters compiles arrayFilters.
func parseArrayFilters(specs []bsonraw.Doc, o *query.Options) (map[string]*arrayFilter, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	filters := make(map[string]*arrayFilter, len(specs))
	for _, spec := range specs {
		f, err := parseArrayFilter(spec, o)
		if err != nil {
			return nil, err
		}
		if filters[f.id] != nil {
			return nil, errs.New(errs.FailedToParse, "Found multiple array filters with the same top-level field name %s", f.id)
		}
		filters[f.id] = f
	}
	return filters, nil
}

func parseArrayFilter(spec bsonraw.Doc, o *query.Options) (*arrayFilter, error) {
	filter, err := query.Compile(spec, o)
	if err != nil {
		return nil, causedBy(err, "Error parsing array filter")
	}
	id, err := filterID(spec, "")
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, errs.New(errs.FailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
	}
	if !isIdentifier(id) {
		return nil, errs.New(errs.BadValue, "Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '%s'", id)
	}
	return &arrayFilter{id: id, filter: filter}, nil
}

// causedBy puts a context before the message of an error, as mongod does.
func causedBy(err error, context string) error {
	e := errs.As(err)
	if e == nil {
		return err
	}
	return errs.New(e.Code, "%s :: caused by :: %s", context, e.Message)
}

// filterID returns the first name of all paths of a filter, which must be one.
func filterID(spec bsonraw.Doc, id string) (string, error) {
	var err error
	for it := spec.Iter(); it.Next() && err == nil; {
		key := string(it.Key())
		switch {
		case key == "$and" || key == "$or" || key == "$nor":
			for _, clause := range it.Value().Doc().Values() {
				if id, err = filterID(clause.Doc(), id); err != nil {
					return "", err
				}
			}
			continue
		case key == "$expr":
			return "", errs.New(errs.QueryFeatureNotAllowed, "Error parsing array filter :: caused by :: $expr is not allowed in this context")
		case strings.HasPrefix(key, "$"):
			continue
		}
		name, _, _ := strings.Cut(key, ".")
		if id != "" && id != name {
			return "", errs.New(errs.FailedToParse, "Error parsing array filter :: caused by :: Expected a single top-level field name, found '%s' and '%s'", id, name)
		}
		id = name
	}
	return id, err
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !('A' <= c && c <= 'Z' || '0' <= c && c <= '9')) {
			return false
		}
	}
	return s != ""
}

// matches reports whether an element of an array satisfies the filter.
func (f *arrayFilter) matches(x *rewriter, v bsonraw.Value) (bool, error) {
	x.wrap = append(x.wrap[:0], 0, 0, 0, 0, byte(v.Type))
	x.wrap = append(append(x.wrap, f.id...), 0)
	x.wrap = append(append(x.wrap, v.Data...), 0)
	binary.LittleEndian.PutUint32(x.wrap, uint32(len(x.wrap)))
	return f.filter.Match(x.wrap)
}

// arrayElements applies an array node to the value at src[base:], which must be
// an array. level is the array's.
func (x *rewriter) arrayElements(n *node, base int, name []byte, v bsonraw.Value, level int) error {
	if v.Type != bsonraw.Array {
		return errs.New(errs.BadValue, "Cannot apply array updates to non-array element %s", describeElement(name, v))
	}
	defer func(outer []byte) { x.inArray = outer }(x.inArray)
	x.inArray = name
	lengthAt := len(x.out) + base - x.pend
	before := x.edits
	end := base + 4
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		start := end
		end = base + len(v.Data) - it.Remaining()
		child, err := n.child(x, it.Value(), i)
		if err != nil {
			return err
		}
		if child == nil {
			continue
		}
		if err := x.element(child, start, end, elementName(it.Key(), i), it.Value(), true, level); err != nil {
			return err
		}
	}
	if x.edits != before {
		binary.LittleEndian.PutUint32(x.out[lengthAt:], uint32(len(x.out)+base+len(v.Data)-x.pend-lengthAt))
	}
	return it.Err()
}

// child returns what is to be applied to the i-th element of an array: the child
// whose filter it satisfies, several of them as one, or nil.
func (n *node) child(x *rewriter, v bsonraw.Value, i int) (*node, error) {
	var chosen *node
	var which uint64
	for k := range n.filters {
		f := &n.filters[k]
		if f.id != "" {
			ok, err := f.filter.matches(x, v)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		which |= 1 << (k & 63)
		if chosen == nil {
			chosen = f.node
			continue
		}
		merged, err := n.merged(x, chosen, f.node, which, i)
		if err != nil {
			return nil, err
		}
		chosen = merged
	}
	return chosen, nil
}

// merged is merge with a memory: which is the set of children merged so far.
func (n *node) merged(x *rewriter, a, b *node, which uint64, i int) (*node, error) {
	remember := len(n.filters) <= 64
	if m := n.mergeCache[which]; m != nil && remember {
		return m, nil
	}
	m, err := merge(a, b, string(appendIndex(append(x.path, '.'), i)))
	if err != nil || !remember {
		return m, err
	}
	if n.mergeCache == nil || len(n.mergeCache) > 1000 {
		n.mergeCache = map[uint64]*node{}
	}
	n.mergeCache[which] = m
	return m, nil
}
