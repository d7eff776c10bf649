package update

import (
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// setOp is $set.
type setOp struct {
	creator
	value bsonraw.Value
	depth int
}

func newSet(v bsonraw.Value) setOp { return setOp{value: v, depth: nestingOf(v)} }

func (o setOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if bsonraw.Identical(v, o.value) {
		return effect{}, nil
	}
	return o.missing(x)
}

func (o setOp) missing(*rewriter) (effect, error) {
	e := set(o.value, o.depth)
	e.operand = o.value
	return e, nil
}

// setOnInsertOp is $setOnInsert: $set in an upsert, and nothing else.
type setOnInsertOp struct{ setOp }

func (o setOnInsertOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if !x.insert {
		return effect{}, nil
	}
	return o.setOp.existing(x, v)
}

func (o setOnInsertOp) missing(x *rewriter) (effect, error) {
	if !x.insert {
		return effect{}, nil
	}
	return o.setOp.missing(x)
}

func (o setOnInsertOp) blocked(x *rewriter, b block) error {
	if !x.insert {
		return nil
	}
	return o.setOp.blocked(x, b)
}

// unsetOp is $unset.
type unsetOp struct{ idle }

func (unsetOp) existing(*rewriter, bsonraw.Value) (effect, error) {
	return effect{action: remove, kind: Unset}, nil
}

// currentDateOp is $currentDate. It has an effect even where the value is the
// same already, as mongod's has.
type currentDateOp struct {
	creator
	value bsonraw.Value
}

func parseCurrentDate(arg bsonraw.Value, now time.Time) (operator, error) {
	switch arg.Type {
	case bsonraw.Boolean:
		return currentDateOp{value: bsonraw.TimeValue(now)}, nil
	case bsonraw.Object:
	default:
		return nil, errs.New(errs.BadValue, "%s is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).", arg.Type.Name())
	}
	kind := ""
	it := arg.Doc().Iter()
	for it.Next() {
		if string(it.Key()) != "$type" {
			return nil, errs.New(errs.BadValue, "Unrecognized $currentDate option: %s", it.Key())
		}
		if it.Value().Type == bsonraw.String {
			kind = it.Value().Str()
		}
	}
	switch kind {
	case "date":
		return currentDateOp{value: bsonraw.TimeValue(now)}, nil
	case "timestamp":
		return currentDateOp{value: timestampOf(now)}, nil
	}
	return nil, errs.New(errs.BadValue, "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}")
}

// timestampOf returns the timestamp of a moment. Its increment counts the
// commits of one second in MongoDB; here it is the second's microseconds plus
// one, so that later moments have greater timestamps.
func timestampOf(now time.Time) bsonraw.Value {
	return bsonraw.TimestampValue(uint32(now.Unix()), uint32(now.Nanosecond()/1000)+1)
}

func (o currentDateOp) existing(x *rewriter, _ bsonraw.Value) (effect, error) { return o.missing(x) }

func (o currentDateOp) missing(*rewriter) (effect, error) {
	e := set(o.value, 0)
	e.operand = o.value
	return e, nil
}

// renameOp stands at the target of a $rename; vacateOp stands at the source,
// where it also keeps other operators from the path.
type renameOp struct {
	source []string
	dotted string // of the source
	target string
}

// parseRename checks the paths of {$rename: {source: target}}, target being a
// string, against each other and returns target's operator.
func parseRename(source string, arg bsonraw.Value) (renameOp, error) {
	target := arg.Str()
	if strings.IndexByte(target, 0) >= 0 {
		return renameOp{}, errs.New(errs.BadValue, "The 'to' field for $rename cannot contain an embedded null byte")
	}
	switch what := describeElement(source, arg); {
	case source == target:
		return renameOp{}, errs.New(errs.BadValue, "The source and target field for $rename must differ: %s", what)
	case strings.HasPrefix(source, target+".") || strings.HasPrefix(target, source+"."):
		return renameOp{}, errs.New(errs.BadValue, "The source and target field for $rename must not be on the same path: %s", what)
	case isDynamic(source):
		return renameOp{}, errs.New(errs.BadValue, "The source field for $rename may not be dynamic: %s", source)
	case isDynamic(target):
		return renameOp{}, errs.New(errs.BadValue, "The destination field for $rename may not be dynamic: %s", target)
	}
	return renameOp{source: strings.Split(source, "."), dotted: source, target: target}, nil
}

func isDynamic(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if part == "$" || isArrayFilter(part) {
			return true
		}
	}
	return false
}

func (o renameOp) existing(x *rewriter, _ bsonraw.Value) (effect, error) {
	v, err := o.find(x)
	if err != nil || v.IsMissing() {
		return effect{}, err
	}
	if x.inArray != nil {
		return effect{}, o.throughArray(x, "destination", o.target, x.inArray)
	}
	if x.protectID && o.source[0] == "_id" {
		return effect{}, immutableID(o.dotted)
	}
	return set(v, nestingOf(v)), nil
}

func (o renameOp) missing(x *rewriter) (effect, error) { return o.existing(x, bsonraw.Value{}) }

func (o renameOp) blocked(x *rewriter, b block) error {
	v, err := o.find(x)
	if err != nil || v.IsMissing() {
		return err
	}
	if b.elem.Type == bsonraw.Array {
		return o.throughArray(x, "destination", o.target, b.name)
	}
	if x.inArray != nil {
		return o.throughArray(x, "destination", o.target, x.inArray)
	}
	return creator{}.blocked(x, b)
}

// find returns the value at the source, missing if there is none.
func (o renameOp) find(x *rewriter) (bsonraw.Value, error) {
	v := x.src.Value()
	var array string // the innermost array gone through
	for i, part := range o.source {
		ok := false
		switch {
		case v.Type == bsonraw.Object:
			v, ok = v.Doc().Lookup(part)
		case v.Type == bsonraw.Array && arrayIndex(part) >= 0:
			array = o.source[i-1]
			v, ok = elementAt(v.Doc(), arrayIndex(part))
		default:
			return v, errs.New(errs.PathNotViable, "cannot use the part (%s of %s) to traverse the element ({%s})",
				o.source[i-1], o.dotted, describeElement(o.source[i-1], v))
		}
		if !ok {
			return bsonraw.Value{}, nil
		}
	}
	if array != "" {
		return v, o.throughArray(x, "source", o.dotted, []byte(array))
	}
	return v, nil
}

func (o renameOp) throughArray(x *rewriter, which, path string, array []byte) error {
	return errs.New(errs.BadValue, "The %s field cannot be an array element, '%s' in doc with %s has an array field called '%s'",
		which, path, describeID(x.src), array)
}

// elementAt returns the i-th element of an array.
func elementAt(array bsonraw.Doc, i int) (bsonraw.Value, bool) {
	it := array.Iter()
	for ; it.Next(); i-- {
		if i == 0 {
			return it.Value(), true
		}
	}
	return bsonraw.Value{}, false
}

// vacateOp takes away the source of a $rename.
type vacateOp struct{ unsetOp }
