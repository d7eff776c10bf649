package command

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// A table is what a command, or a document inside one, may hold: each field
// with its types and where its value goes in A. It is built once; reading with
// it walks the document once and allocates nothing.
type table[A any] struct {
	owner    string // MongoDB's name of the structure, as it stands in messages
	fields   []field[A]
	byName   map[string]int
	required uint64 // bit i: field i must be there
}

// field is one row of a table.
type field[A any] struct {
	FieldInfo
	types []bsonraw.Type
	read  func(a *A, v bsonraw.Value) error
	wrong func(v bsonraw.Value) error // the error of another type, where MongoDB has its own
}

// FieldInfo describes a field for the generated reference.
type FieldInfo struct {
	Name     string
	Type     string // "string", "object", "number" …
	Required bool
	Help     string
}

const (
	wrongType      = "BSON field '%s.%s' is the wrong type '%s', expected type%s"
	duplicateField = errs.Code(40413)
	outOfRange     = errs.Code(51024)
)

// newTable checks the rows (they come from this package only) and indexes them.
func newTable[A any](owner string, fields []field[A]) *table[A] {
	t := &table[A]{owner: owner, fields: fields, byName: make(map[string]int, len(fields))}
	for i, f := range fields {
		t.byName[f.Name] = i
		if f.Required {
			t.required |= 1 << i
		}
	}
	return t
}

// read fills a from doc. A field that the table does not have goes to other,
// which reports whether it knows it; other may be nil.
func (t *table[A]) read(a *A, doc bsonraw.Doc, other func(key []byte, v bsonraw.Value) (bool, error)) error {
	var seen uint64
	it := doc.Iter()
	for it.Next() {
		i, ok := t.byName[string(it.Key())]
		if !ok {
			if err := t.readOther(it.Key(), it.Value(), other); err != nil {
				return err
			}
			continue
		}
		if seen&(1<<i) != 0 {
			return errs.New(duplicateField, "BSON field '%s.%s' is a duplicate field", t.owner, it.Key())
		}
		seen |= 1 << i
		if err := t.readField(a, &t.fields[i], it.Value()); err != nil {
			return err
		}
	}
	if missing := t.required &^ seen; missing != 0 {
		return t.missing(missing)
	}
	return nil
}

func (t *table[A]) readOther(key []byte, v bsonraw.Value, other func([]byte, bsonraw.Value) (bool, error)) error {
	if other != nil {
		if known, err := other(key, v); known || err != nil {
			return err
		}
	}
	return errs.New(errs.UnknownField, "BSON field '%s.%s' is an unknown field.", t.owner, key).
		WithRemedy("%s", t.suggest(string(key)))
}

// readField checks the type of one value and hands it on.
func (t *table[A]) readField(a *A, f *field[A], v bsonraw.Value) error {
	if f.types == nil {
		return f.read(a, v)
	}
	for _, want := range f.types {
		if v.Type == want {
			return f.read(a, v)
		}
	}
	if f.wrong != nil {
		return f.wrong(v)
	}
	if v.IsNullish() {
		return t.readNull(f)
	}
	return errs.New(errs.TypeMismatch, wrongType, t.owner, f.Name, v.Type.Name(), typeList(f.types))
}

// readNull takes a null for no field, except for an array, as mongod does.
func (t *table[A]) readNull(f *field[A]) error {
	switch {
	case f.types[0] == bsonraw.Array:
		return errs.New(10065, "invalid parameter: expected an object (%s)", f.Name)
	case f.Required:
		return t.missingField(f)
	}
	return nil
}

func (t *table[A]) missingField(f *field[A]) error {
	return errs.New(errs.MissingRequiredField, "BSON field '%s.%s' is missing but a required field", t.owner, f.Name)
}

func (t *table[A]) missing(bits uint64) error {
	for i, f := range t.fields {
		if bits&(1<<i) != 0 {
			return t.missingField(&f)
		}
	}
	return nil
}

// suggest names the nearest field, or none.
func (t *table[A]) suggest(key string) string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.Name
	}
	return didYouMean(key, names)
}

// infos returns the rows for the generated reference.
func (t *table[A]) infos() []FieldInfo {
	out := make([]FieldInfo, len(t.fields))
	for i, f := range t.fields {
		out[i] = f.FieldInfo
	}
	return out
}

// typeList words the types as MongoDB does, to its last bracket.
func typeList(types []bsonraw.Type) string {
	if len(types) == 1 {
		return " '" + types[0].Name() + "'"
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name()
	}
	return "s '[" + strings.Join(names, ", ") + "']"
}

// The kinds of fields. Each takes a function that says where in A the value
// goes; need and about complete a row.

var numeric = []bsonraw.Type{bsonraw.Int64, bsonraw.Int32, bsonraw.Decimal128, bsonraw.Double}

func kind[A any](name, what string, types []bsonraw.Type, read func(*A, bsonraw.Value) error) field[A] {
	return field[A]{FieldInfo: FieldInfo{Name: name, Type: what}, types: types, read: read}
}

// need makes a field required.
func (f field[A]) need() field[A] {
	f.Required = true
	return f
}

// about documents a field.
func (f field[A]) about(help string) field[A] {
	f.Help = help
	return f
}

// orError replaces the error of a wrong type; null counts as wrong then.
func (f field[A]) orError(code errs.Code, format string) field[A] {
	f.wrong = func(v bsonraw.Value) error {
		if strings.Contains(format, "%s") {
			return errs.New(code, format, v.Type.Name())
		}
		return errs.New(code, "%s", format)
	}
	return f
}

func text[A any](name string, at func(*A) *string) field[A] {
	return kind(name, "string", []bsonraw.Type{bsonraw.String}, func(a *A, v bsonraw.Value) error {
		*at(a) = v.Str()
		return nil
	})
}

// object is a document. The bytes are the command's own.
func object[A any](name string, at func(*A) *bsonraw.Doc) field[A] {
	return kind(name, "object", []bsonraw.Type{bsonraw.Object}, func(a *A, v bsonraw.Value) error {
		*at(a) = v.Doc()
		return nil
	})
}

func flag[A any](name string, at func(*A) *bool) field[A] {
	return kind(name, "bool", []bsonraw.Type{bsonraw.Boolean}, func(a *A, v bsonraw.Value) error {
		*at(a) = v.Bool()
		return nil
	})
}

// looseFlag is a boolean that may come as a number.
func looseFlag[A any](name string, at func(*A) *bool) field[A] {
	types := append([]bsonraw.Type{bsonraw.Boolean}, numeric...)
	return kind(name, "bool", types, func(a *A, v bsonraw.Value) error {
		*at(a) = v.Truthy()
		return nil
	})
}

// triFlag is a boolean whose absence means something too.
func triFlag[A any](name string, at func(*A) **bool) field[A] {
	return kind(name, "bool", []bsonraw.Type{bsonraw.Boolean}, func(a *A, v bsonraw.Value) error {
		b := v.Bool()
		*at(a) = &b
		return nil
	})
}

// long is an int64 and nothing else.
func long[A any](name string, at func(*A) *int64) field[A] {
	return kind(name, "long", []bsonraw.Type{bsonraw.Int64}, func(a *A, v bsonraw.Value) error {
		*at(a) = v.Int64()
		return nil
	})
}

// integer is a number of any type, cut to an integer, that may be negative.
func integer[A any](name string, at func(*A) *int64) field[A] {
	return kind(name, "number", numeric, func(a *A, v bsonraw.Value) error {
		*at(a) = truncated(v)
		return nil
	})
}

// natural is an integer of at least 0.
func natural[A any](name string, at func(*A) *int64) field[A] {
	return kind(name, "number", numeric, func(a *A, v bsonraw.Value) error {
		n := truncated(v)
		if n < 0 {
			return errs.New(outOfRange, "BSON field '%s' value must be >= 0, actual value '%d'", name, n)
		}
		*at(a) = n
		return nil
	})
}

// optionalNatural is a natural whose absence means something else than 0.
func optionalNatural[A any](name string, at func(*A) **int64) field[A] {
	f := natural[A](name, nil)
	f.read = func(a *A, v bsonraw.Value) error {
		n := truncated(v)
		if n < 0 {
			return errs.New(outOfRange, "BSON field '%s' value must be >= 0, actual value '%d'", name, n)
		}
		*at(a) = &n
		return nil
	}
	return f
}

// anything is a value of any type, null among them.
func anything[A any](name string, at func(*A) *bsonraw.Value) field[A] {
	return kind(name, "any", nil, func(a *A, v bsonraw.Value) error {
		*at(a) = v
		return nil
	})
}

// objects is an array of documents; path is the table's owner and the field.
func objects[A any](name, path string, at func(*A) *[]bsonraw.Doc) field[A] {
	return kind(name, "array", []bsonraw.Type{bsonraw.Array}, func(a *A, v bsonraw.Value) error {
		return readObjects(v.Doc(), path, at(a))
	})
}

func readObjects(array bsonraw.Doc, path string, out *[]bsonraw.Doc) error {
	it := array.Iter()
	for it.Next() {
		v := it.Value()
		if v.Type != bsonraw.Object {
			return errs.New(errs.TypeMismatch, wrongType, path, it.Key(), v.Type.Name(), " 'object'")
		}
		*out = append(*out, v.Doc())
	}
	return nil
}

// ignored is a field that MongoDB's clients send and that has no meaning here;
// why says so in the reference.
func ignored[A any](name string, why string, types ...bsonraw.Type) field[A] {
	return kind(name, "ignored", types, func(*A, bsonraw.Value) error { return nil }).about(why)
}

// refused is a field that MongoDB has and Argon has not: false, null and an
// empty value pass.
func refused[A any](name, instead string, types ...bsonraw.Type) field[A] {
	f := kind(name, "refused", types, func(_ *A, v bsonraw.Value) error {
		if !v.Truthy() || v.Doc() != nil && v.Doc().IsEmpty() {
			return nil
		}
		return errs.New(errs.NotSupported, "the field '%s' is not supported", name).WithRemedy("%s", instead)
	})
	return f.about("Not supported: " + instead)
}

// truncated cuts a number to an integer as MongoDB's safeNumberLong does:
// towards zero, NaN to 0, and what is out of range to the nearest end.
func truncated(v bsonraw.Value) int64 {
	if n, ok := v.AsInt64(); ok {
		return n
	}
	f, _ := v.AsFloat64()
	switch {
	case f != f:
		return 0
	case f >= 1<<63:
		return 1<<63 - 1
	case f < -(1 << 63):
		return -1 << 63
	}
	return int64(f)
}
