package update

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// parser builds the tree of an operator document.
type parser struct {
	root    *node
	filters map[string]*arrayFilter
	query   *query.Options
	now     time.Time
	usesPos bool
	leaves  int
}

// parseOperators parses {$set: {…}, $inc: {…}, …}.
func parseOperators(doc bsonraw.Doc, o *Options) (*parser, error) {
	p := &parser{root: &node{}, query: &query.Options{Vars: o.Vars, Now: o.Now}, now: o.Now}
	var err error
	if p.filters, err = parseArrayFilters(o.ArrayFilters, p.query); err != nil {
		return nil, err
	}
	for it := doc.Iter(); it.Next(); {
		if err := p.operator(string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.filters)) {
		if !p.filters[id].used {
			return nil, errs.New(errs.FailedToParse, "The array filter for identifier '%s' was not used in the update %s", id, describeDoc(doc))
		}
	}
	p.root.seal(true)
	return p, nil
}

// operator parses one operator with all its fields.
func (p *parser) operator(name string, fields bsonraw.Value) error {
	if !isOperator(name) {
		return errs.New(errs.FailedToParse, "Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array", name)
	}
	if fields.Type != bsonraw.Object {
		return errs.New(errs.FailedToParse, "Modifiers operate on fields but we found type %s instead. For example: {$mod: {<field>: ...}} not {%s}",
			fields.Type.Name(), describeElement(name, fields))
	}
	for it := fields.Doc().Iter(); it.Next(); {
		if err := p.field(name, string(it.Key()), it.Value()); err != nil {
			return err
		}
	}
	return nil
}

var operatorNames = map[string]bool{
	"$set": true, "$unset": true, "$setOnInsert": true, "$inc": true, "$mul": true,
	"$min": true, "$max": true, "$currentDate": true, "$rename": true, "$push": true,
	"$addToSet": true, "$pull": true, "$pullAll": true, "$pop": true, "$bit": true,
}

func isOperator(name string) bool { return operatorNames[name] }

// field parses one field of one operator.
func (p *parser) field(name, path string, arg bsonraw.Value) error {
	parts, err := p.split(path)
	if err != nil {
		return err
	}
	if name == "$rename" {
		return p.rename(path, parts, arg)
	}
	op, err := p.leaf(name, path, arg)
	if err != nil {
		return err
	}
	return p.insert(path, parts, op)
}

// split takes the path of a field apart and checks the form of its parts.
func (p *parser) split(path string) ([]string, error) {
	parts, err := splitFieldPath(path)
	if err != nil {
		return nil, err
	}
	positional := 0
	for _, part := range parts {
		if part == "$" {
			positional++
		}
	}
	switch {
	case positional > 1:
		return nil, errs.New(errs.BadValue, "Too many positional (i.e. '$') elements found in path '%s'", path)
	case parts[0] == "$":
		return nil, errs.New(errs.BadValue, "Cannot have positional (i.e. '$') element in the first position in path '%s'", path)
	}
	p.usesPos = p.usesPos || positional > 0
	return parts, nil
}

// leaf parses the argument of an operator at a path.
func (p *parser) leaf(name, path string, arg bsonraw.Value) (operator, error) {
	switch name {
	case "$set":
		return newSet(arg), nil
	case "$setOnInsert":
		return setOnInsertOp{newSet(arg)}, nil
	case "$unset":
		return unsetOp{}, nil
	case "$currentDate":
		return parseCurrentDate(arg, p.now)
	case "$inc":
		return parseArith(Inc, path, arg)
	case "$mul":
		return parseArith(Mul, path, arg)
	case "$min":
		return extremeOp{kind: Min, operand: arg, depth: nestingOf(arg)}, nil
	case "$max":
		return extremeOp{kind: Max, operand: arg, depth: nestingOf(arg)}, nil
	case "$bit":
		return parseBit(arg)
	case "$push":
		return parsePush(arg)
	case "$addToSet":
		return parseAddToSet(arg)
	case "$pull":
		return parsePull(arg, p.query)
	case "$pullAll":
		return parsePullAll(arg)
	case "$pop":
		return parsePop(path, arg)
	}
	return nil, errs.New(errs.FailedToParse, "Unknown modifier: %s", name)
}

// rename puts one operator at the source, which keeps others away from it, and
// one at the target.
func (p *parser) rename(path string, parts []string, arg bsonraw.Value) error {
	if err := p.insert(path, parts, vacateOp{}); err != nil {
		return err
	}
	if arg.Type != bsonraw.String {
		return errs.New(errs.BadValue, "The 'to' field for $rename must be a string: %s", describeElement(path, arg))
	}
	target, err := p.split(arg.Str())
	if err != nil {
		return err
	}
	op, err := parseRename(path, arg)
	if err != nil {
		return err
	}
	return p.insert(op.target, target, op)
}

// insert puts an operator into the tree.
func (p *parser) insert(path string, parts []string, op operator) error {
	if isArrayFilter(parts[0]) {
		return errs.New(errs.BadValue, "Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '%s'", path)
	}
	at := p.root
	for i, part := range parts {
		last := i == len(parts)-1
		child, err := p.descend(at, part, path)
		if err != nil {
			return err
		}
		array := !last && isArrayFilter(parts[i+1])
		if child != nil && (last || child.op != nil || child.array != array) {
			return errs.New(errs.ConflictingUpdateOperators, "Updating the path '%s' would create a conflict at '%s'", path, strings.Join(parts[:i+1], "."))
		}
		if child == nil {
			child = &node{array: array, ofID: parts[0] == "_id", dynamic: at.dynamic || isOpen(part)}
			if last {
				p.leaves++
				child.op = op
				if _, ok := op.(vacateOp); ok {
					child.ofID = false // the error is the target's, in its turn
				}
				child.path = JoinPath(parts...)
			}
			p.attach(at, part, child)
		}
		at = child
	}
	return nil
}

// isOpen reports whether it depends on the document which name in a change the
// part becomes: "01" is the element 1 of an array, but the field 01 of an object.
func isOpen(part string) bool {
	return part == "$" || isArrayFilter(part) || arrayIndex(part) >= 0 && !isIndex(part)
}

// descend returns the child for a part of a path, nil if there is none yet.
func (p *parser) descend(at *node, part, path string) (*node, error) {
	if !at.array {
		return at.get(part), nil
	}
	id := part[2 : len(part)-1]
	if id != "" {
		f := p.filters[id]
		if f == nil {
			return nil, errs.New(errs.BadValue, "No array filter found for identifier '%s' in path '%s'", id, path)
		}
		f.used = true
	}
	if k := at.findFilter(id); k >= 0 {
		return at.filters[k].node, nil
	}
	return nil, nil
}

func (p *parser) attach(at *node, part string, child *node) {
	switch {
	case at.array:
		id := part[2 : len(part)-1]
		at.filters = append(at.filters, filterKid{id, p.filters[id], child})
		at.sortFilters()
	case part == "$":
		at.pos = child
	default:
		at.add(part, child)
	}
}
