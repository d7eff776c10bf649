package pipeline

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// compileFill is $fill: a $setWindowFields with $locf and $linearFill for the
// fields that have a method, and an $addFields for those that have a value.
func compileFill(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "The $fill stage specification must be an object, found %s", v.Type.Name())
	}
	f := &fillParser{}
	it := v.Doc().Iter()
	for it.Next() {
		if err := f.option(string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	if f.output == nil {
		return nil, errs.New(errs.MissingRequiredField, "BSON field '$fill.output' is missing but a required field")
	}
	if f.byFields && !f.partition.IsMissing() {
		return nil, errs.New(6050204, "Maximum one of 'partitionBy' and 'partitionByFields can be specified in '$fill'")
	}
	return f.compile(c)
}

type fillParser struct {
	partition bsonraw.Value
	fields    []string
	byFields  bool
	sortBy    bsonraw.Doc
	output    bsonraw.Doc
}

func (f *fillParser) option(name string, v bsonraw.Value) error {
	want := bsonraw.Object
	switch name {
	case "partitionByFields":
		want = bsonraw.Array
	case "partitionBy", "sortBy", "output":
	default:
		return errs.New(errs.UnknownField, "BSON field '$fill.%s' is an unknown field.", name)
	}
	if v.Type != want {
		return errs.New(errs.TypeMismatch, "BSON field '$fill.%s' is the wrong type '%s', expected type '%s'", name, v.Type.Name(), want.Name())
	}
	switch name {
	case "partitionBy":
		f.partition = v
	case "sortBy":
		f.sortBy = v.Doc()
	case "output":
		f.output = v.Doc()
	case "partitionByFields":
		f.byFields = true
		for i, e := range v.Doc().Values() {
			if e.Type != bsonraw.String {
				return errs.New(errs.TypeMismatch, "BSON field '$fill.partitionByFields.%d' is the wrong type '%s', expected type 'string'", i, e.Type.Name())
			}
			f.fields = append(f.fields, e.Str())
		}
	}
	return nil
}

// compile writes the stages that a $fill stands for.
func (f *fillParser) compile(c *compiler) (stage, error) {
	if f.output.IsEmpty() {
		return nil, errs.New(6050203, "The output field in '$fill' must contain an object with at least one element")
	}
	windows, values := bsonraw.NewBuilder(nil), bsonraw.NewBuilder(nil)
	hasWindows, hasValues := false, false
	it := f.output.Iter()
	for it.Next() {
		path, spec := string(it.Key()), it.Value()
		if spec.Type != bsonraw.Object || spec.Doc().Len() > 2 {
			return nil, errs.New(6050200, "Each fill output specification must be an object with exactly one field")
		}
		method, v, err := fillOutput(spec.Doc())
		switch {
		case err != nil:
			return nil, err
		case method != "":
			hasWindows = true
			windows.BeginDoc(path)
			windows.String(method, "$"+path)
			windows.End()
		case !v.IsMissing():
			hasValues = true
			values.BeginDoc(path)
			values.Array("$ifNull", bsonraw.ArrayOf(bsonraw.StringValue("$"+path), v))
			values.End()
		}
	}
	var stages []bsonraw.Doc
	if hasWindows {
		stages = append(stages, one("$setWindowFields", f.windows(windows.Finish()).Value()))
	}
	if hasValues {
		stages = append(stages, one("$addFields", values.Finish().Value()))
	}
	return compileChain(c, stages...)
}

// fillOutput reads {value: …} or {method: …} and returns the window function of
// the method.
func fillOutput(spec bsonraw.Doc) (method string, v bsonraw.Value, err error) {
	it := spec.Iter()
	for it.Next() {
		switch name := string(it.Key()); name {
		case "value":
			v = it.Value()
		case "method":
			if it.Value().Type == bsonraw.String {
				method = map[string]string{"locf": "$locf", "linear": "$linearFill"}[it.Value().Str()]
			}
			if method == "" {
				return "", v, errs.New(6050202, "Method must be either locf or linear")
			}
		default:
			return "", v, errs.New(errs.UnknownField, "BSON field '$fill.%s' is an unknown field.", name)
		}
	}
	if method != "" && !v.IsMissing() {
		return "", v, errs.New(6050201, "Each fill output specification must have exactly one of 'method' or 'value' fields, not both")
	}
	return method, v, nil
}

// windows writes the $setWindowFields.
func (f *fillParser) windows(output bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("partitionBy", f.partition)
	if len(f.fields) > 0 {
		b.BeginDoc("partitionBy")
		for _, name := range f.fields {
			b.String(name, "$"+name)
		}
		b.End()
	}
	if f.sortBy != nil {
		b.Doc("sortBy", f.sortBy)
	}
	b.Doc("output", output)
	return b.Finish()
}
