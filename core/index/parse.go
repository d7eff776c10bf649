package index

import (
	"math"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// maxParts is how many fields a compound index may have.
const maxParts = 32

// parser reads one specification of createIndexes.
type parser struct {
	spec bsonraw.Doc
	def  *Definition
	key  bsonraw.Doc
	name bool
	v    bsonraw.Value
}

// ParseDefinition checks one specification of createIndexes, {key: {a: 1},
// name: "a_1", unique: true, …}, and returns the definition, whose bytes are
// copies. A missing name, which mongod leaves to drivers, is made of the keys.
func ParseDefinition(spec bsonraw.Doc) (*Definition, error) {
	p := &parser{spec: spec.Clone(), def: &Definition{}}
	it := p.spec.Iter()
	for it.Next() {
		name := string(it.Key())
		option, ok := options[name]
		if !ok {
			return nil, p.fail(errs.InvalidIndexOption, "The field '%s' is not valid for an index specification. Specification: %s", name, text(p.spec.Value()))
		}
		if err := option(p, name, it.Value()); err != nil {
			return nil, err
		}
	}
	if p.key == nil {
		return nil, p.fail(errs.FailedToParse, "The 'key' field is a required property of an index specification")
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.def, nil
}

// fail makes an error that shows the specification, as mongod's do.
func (p *parser) fail(code errs.Code, format string, args ...any) error {
	return errs.New(code, "Error in specification "+strings.ReplaceAll(text(p.spec.Value()), "%", "%%")+" :: caused by :: "+format, args...)
}

// options are the fields that a specification may have.
var options map[string]func(p *parser, name string, v bsonraw.Value) error

func init() {
	options = map[string]func(p *parser, name string, v bsonraw.Value) error{
		"v": (*parser).version, "key": (*parser).keys, "name": (*parser).named,
		"ns": (*parser).ignore, "dropDups": (*parser).ignore,
		"background":              (*parser).flag,
		"unique":                  (*parser).flag,
		"sparse":                  (*parser).flag,
		"hidden":                  (*parser).flag,
		"partialFilterExpression": (*parser).filter,
		"collation":               (*parser).collation,
		"storageEngine":           (*parser).storageEngine,
		"expireAfterSeconds":      (*parser).unsupported,
		"clustered":               (*parser).unsupported,
		"prepareUnique":           (*parser).unsupported,
		"wildcardProjection":      otherType("wildcard"),
		"weights":                 otherType("text"),
		"default_language":        otherType("text"),
		"language_override":       otherType("text"),
		"textIndexVersion":        otherType("text"),
		"2dsphereIndexVersion":    otherType("2dsphere"),
		"bits":                    otherType("2d"),
		"min":                     otherType("2d"),
		"max":                     otherType("2d"),
		"bucketSize":              otherType("geoHaystack"),
	}
}

func (p *parser) ignore(string, bsonraw.Value) error { return nil }

func (p *parser) unsupported(name string, v bsonraw.Value) error {
	if name == "expireAfterSeconds" {
		return errs.New(errs.NotSupported, "TTL indexes (expireAfterSeconds: %s) are not supported", text(v)).
			WithRemedy("create the index without expireAfterSeconds, and delete old documents yourself")
	}
	return errs.New(errs.NotSupported, "the index option %s: %s is not supported", name, text(v))
}

// otherType refuses an option that only a type of index has that is not there;
// such an index is refused by its key, so the key here is another.
func otherType(kind string) func(p *parser, name string, v bsonraw.Value) error {
	return func(p *parser, name string, _ bsonraw.Value) error {
		return p.fail(errs.CannotCreateIndex, "Invalid index specification %s; the field '%s' can only be specified with %s indexes", text(p.spec.Value()), name, kind)
	}
}

func (p *parser) version(_ string, v bsonraw.Value) error {
	if !v.IsNumber() {
		return p.fail(errs.TypeMismatch, "The field 'v' must be a number, but got %s", v.Type.Name())
	}
	if n, ok := v.AsInt64(); !ok || n != 1 && n != 2 {
		return p.fail(errs.CannotCreateIndex, "Invalid index specification %s; cannot create an index with v=%s", text(p.spec.Value()), text(v))
	}
	p.v = v
	return nil
}

func (p *parser) named(_ string, v bsonraw.Value) error {
	if v.Type != bsonraw.String {
		return p.fail(errs.TypeMismatch, "The field 'name' must be a string, but got %s", v.Type.Name())
	}
	p.def.Name, p.name = v.Str(), true
	switch {
	case p.def.Name == "":
		return p.fail(errs.CannotCreateIndex, "index name cannot be empty")
	case strings.Contains(p.def.Name, "\x00"):
		return p.fail(errs.CannotCreateIndex, "index name cannot contain NUL bytes")
	case p.def.Name == "*":
		return errs.New(errs.BadValue, "The index name '*' is not valid.")
	}
	return nil
}

func (p *parser) flag(name string, v bsonraw.Value) error {
	if v.Type != bsonraw.Boolean && !v.IsNumber() {
		return p.fail(errs.TypeMismatch, "The field '%s has value %s: %s, which is not convertible to bool", name, name, text(v))
	}
	switch name {
	case "unique":
		p.def.Unique = v.Truthy()
	case "sparse":
		p.def.Sparse = v.Truthy()
	case "hidden":
		p.def.Hidden = v.Truthy()
	}
	return nil
}

func (p *parser) collation(_ string, v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return p.fail(errs.TypeMismatch, "The field 'collation' must be an object, but got %s", v.Type.Name())
	}
	if locale := v.Doc().Get("locale"); locale.Type != bsonraw.String || locale.Str() != "simple" {
		return errs.New(errs.BadValue, "an index with collation %s is not supported, only {locale: \"simple\"}", text(v))
	}
	return nil
}

func (p *parser) storageEngine(_ string, v bsonraw.Value) error {
	switch {
	case v.Type != bsonraw.Object:
		return p.fail(errs.CannotCreateIndex, `"storageEngine" options must be a document if present`)
	case v.Doc().IsEmpty():
		return p.fail(errs.CannotCreateIndex, `Empty "storageEngine" options are invalid. Please remove the field or include valid options.`)
	}
	return nil
}

func (p *parser) keys(_ string, v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return p.fail(errs.TypeMismatch, "The field 'key' must be an object, but got %s", v.Type.Name())
	}
	if v.Doc().IsEmpty() {
		return p.fail(errs.CannotCreateIndex, "Index keys cannot be empty.")
	}
	it := v.Doc().Iter()
	for it.Next() {
		desc, err := p.direction(string(it.Key()), it.Value())
		if err == nil {
			err = p.path(string(it.Key()))
		}
		if err != nil {
			return err
		}
		p.def.Keys = append(p.def.Keys, KeyPart{string(it.Key()), desc})
		p.def.paths = append(p.def.paths, query.NewPath(string(it.Key())))
	}
	if len(p.def.Keys) > maxParts {
		return errs.New(13103, "too many compound keys: %d, at most %d", len(p.def.Keys), maxParts)
	}
	p.key = v.Doc()
	return nil
}

// direction checks the value of one field of the key.
func (p *parser) direction(path string, v bsonraw.Value) (desc bool, err error) {
	if v.IsNumber() {
		f, _ := v.AsFloat64()
		switch {
		case math.IsNaN(f):
			return false, p.fail(errs.CannotCreateIndex, "Values in the index key pattern cannot be NaN.")
		case f == 0:
			return false, p.fail(errs.CannotCreateIndex, "Values in the index key pattern cannot be 0.")
		case path == "$**" || strings.HasSuffix(path, ".$**"):
			return false, errs.New(errs.NotSupported, "wildcard indexes (%s) are not supported", path)
		}
		return f < 0, nil
	}
	if v.Type != bsonraw.String {
		return false, p.fail(errs.CannotCreateIndex, "Values in v:2 index key pattern cannot be of type %s. Only numbers > 0, numbers < 0, and strings are allowed.", v.Type.Name())
	}
	switch kind := v.Str(); kind {
	case "":
		return false, p.fail(errs.CannotCreateIndex, "Values in the index key pattern cannot be empty strings")
	case "text", "2d", "2dsphere", "hashed", "geoHaystack", "wildcard":
		return false, errs.New(errs.NotSupported, "%s indexes (%s: %q) are not supported", kind, path, kind)
	default:
		return false, p.fail(errs.CannotCreateIndex, "Unknown index plugin '%s'", kind)
	}
}

// path checks the name of one field of the key.
func (p *parser) path(path string) error {
	if path == "" {
		return p.fail(errs.CannotCreateIndex, "Index keys cannot be an empty field.")
	}
	for i, name := range strings.Split(path, ".") {
		switch {
		case name == "":
			return p.fail(errs.CannotCreateIndex, "Index keys cannot contain an empty field.")
		case name[0] != '$' || i > 0 && (name == "$id" || name == "$ref" || name == "$db"):
		default:
			return p.fail(errs.CannotCreateIndex, "Index key contains an illegal field name: field name starts with '$'.")
		}
	}
	return nil
}

func (p *parser) filter(_ string, v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return p.fail(errs.TypeMismatch, "The field 'partialFilterExpression' must be an object, but got %s", v.Type.Name())
	}
	f, err := query.Compile(v.Doc(), nil)
	if err != nil {
		return p.fail(errs.CodeOf(err), "%s", messageOf(err))
	}
	if f.HasExpr() {
		return p.fail(errs.QueryFeatureNotAllowed, "$expr is not allowed in this context")
	}
	if what := notPartial(v.Doc(), 0); what != "" {
		return p.fail(errs.CannotCreateIndex, "Expression not supported in partial index: %s", what)
	}
	p.def.Partial, p.def.partial, p.def.condition = v.Doc(), f, analyze(v.Doc())
	return nil
}

func messageOf(err error) string {
	if e := errs.As(err); e != nil {
		return e.Message
	}
	return err.Error()
}

// notPartial returns the first clause of a filter that a partial index may not
// have, or "".
func notPartial(filter bsonraw.Doc, depth int) string {
	it := filter.Iter()
	for it.Next() {
		name, v := string(it.Key()), it.Value()
		if !strings.HasPrefix(name, "$") {
			if what := notPartialField(name, v); what != "" {
				return what
			}
			continue
		}
		if name != "$and" && name != "$or" && name != "$comment" || depth > maxNesting {
			return name
		}
		for _, branch := range v.Doc().Values() {
			if what := notPartial(branch.Doc(), depth+1); what != "" {
				return what
			}
		}
	}
	return ""
}

func notPartialField(path string, v bsonraw.Value) string {
	if v.Type == bsonraw.Regex {
		return path + " regex " + text(v)
	}
	if !isOperators(v) {
		return ""
	}
	it := v.Doc().Iter()
	for it.Next() {
		switch op := string(it.Key()); op {
		case "$eq", "$gt", "$gte", "$lt", "$lte", "$in", "$type", "$all", "$comment":
		case "$exists":
			if !it.Value().Truthy() {
				return "$not " + path + " exists"
			}
		default:
			return path + " " + op
		}
	}
	return ""
}

// finish checks the options together and writes the specification that
// listIndexes shows.
func (p *parser) finish() error {
	d := p.def
	if !p.name {
		d.Name = defaultName(p.key)
	}
	if d.Sparse && d.Partial != nil {
		return p.fail(errs.CannotCreateIndex, `cannot mix "partialFilterExpression" and "sparse" options`)
	}
	if err := p.checkID(); err != nil {
		return err
	}
	d.Options = p.listed()
	return nil
}

// listed writes the specification in the order of fields that listIndexes has.
func (p *parser) listed() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	version := int64(2)
	if !p.v.IsMissing() {
		version, _ = p.v.AsInt64()
	}
	b.Int32("v", int32(version))
	b.Doc("key", p.key)
	b.String("name", p.def.Name)
	for _, name := range []string{"background", "unique", "hidden", "partialFilterExpression", "sparse", "storageEngine"} {
		v, given := p.spec.Lookup(name)
		switch {
		case !given || (name == "unique" || name == "hidden") && !v.Truthy():
		case v.Type == bsonraw.Object:
			b.Value(name, v)
		default:
			b.Bool(name, v.Truthy())
		}
	}
	return b.Finish()
}

// checkID checks what is special about an index that begins with _id.
func (p *parser) checkID() error {
	d := p.def
	switch {
	case d.IsID():
	case len(d.Keys) == 1 && d.Keys[0].Path == "_id":
		return errs.New(errs.BadValue, "The field 'key' for an _id index must be {_id: 1}, but got %s", text(p.key.Value()))
	case d.Name == idName:
		return errs.New(errs.BadValue, "The index name '_id_' is reserved for the _id index, which must have key pattern {_id: 1}, found key: %s", text(p.key.Value()))
	default:
		return nil
	}
	it := p.spec.Iter()
	for it.Next() {
		switch name := string(it.Key()); name {
		case "unique", "sparse", "partialFilterExpression", "hidden", "background":
			return errs.New(errs.InvalidIndexOption, "The field '%s' is not valid for an _id index specification. Specification: %s", name, text(p.spec.Value()))
		}
	}
	d.Name = idName
	return nil
}
