package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// Document is one document as the store has it.
type Document = bson.Raw

// Value is a BSON value in a result. As JSON it is relaxed Extended JSON.
type Value struct {
	bson.RawValue
}

// UnmarshalBSONValue keeps a copy of the value.
func (v *Value) UnmarshalBSONValue(t byte, data []byte) error {
	v.Type, v.RawValue.Value = bson.Type(t), append([]byte(nil), data...)
	return nil
}

// MarshalBSONValue gives the value back.
func (v Value) MarshalBSONValue() (byte, []byte, error) {
	if v.Type == 0 {
		return byte(bson.TypeNull), nil, nil
	}
	return byte(v.Type), v.RawValue.Value, nil
}

// MarshalJSON writes relaxed Extended JSON; a missing value is null.
func (v Value) MarshalJSON() ([]byte, error) {
	return ejson.AppendValue(nil, v.Raw(), ejson.Relaxed), nil
}

// IsMissing reports whether there is no value.
func (v Value) IsMissing() bool { return v.Type == 0 }

// Raw returns the value as the engine's type.
func (v Value) Raw() bsonraw.Value {
	return bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.RawValue.Value}
}

// ValueOf makes a Value of what bson.MarshalValue takes.
func ValueOf(v any) (Value, error) {
	if v, ok := v.(Value); ok {
		return v, nil
	}
	t, data, err := bson.MarshalValue(v)
	if err != nil {
		return Value{}, errs.Wrap(err, errs.BadValue, "cannot write a %T as BSON", v)
	}
	return Value{bson.RawValue{Type: t, Value: data}}, nil
}

// marshal turns a document of any form that bson takes into bytes.
func marshal(v any) (bsonraw.Doc, error) {
	switch v := v.(type) {
	case nil:
		return bsonraw.EmptyDoc, nil
	case bsonraw.Doc:
		return v, nil
	case bson.Raw:
		return bsonraw.Doc(v), nil
	}
	data, err := bson.Marshal(v)
	if err != nil {
		return nil, errs.Wrap(err, errs.BadValue, "cannot write a %T as a BSON document", v)
	}
	return bsonraw.Doc(data), nil
}

// run runs a command made of fields and decodes its reply into out, which may
// be nil.
func (c *Client) run(ctx context.Context, db string, cmd bson.D, out any) error {
	raw, err := marshal(cmd)
	if err != nil {
		return err
	}
	reply, err := c.RunCommand(ctx, db, raw)
	if err != nil || out == nil {
		return err
	}
	if err := bson.Unmarshal(reply, out); err != nil {
		return errs.Wrap(err, errs.InternalError, "the reply to %s has an unexpected form", cmd[0].Key)
	}
	return nil
}

// fields builds a command field by field, leaving out what is not set.
type fields struct {
	doc bson.D
	err error
}

func newFields(name string, arg any) *fields {
	return &fields{doc: bson.D{{Key: name, Value: arg}}}
}

func (f *fields) set(key string, v any) *fields {
	f.doc = append(f.doc, bson.E{Key: key, Value: v})
	return f
}

func (f *fields) str(key, v string) *fields {
	if v != "" {
		f.set(key, v)
	}
	return f
}

func (f *fields) num(key string, v int64) *fields {
	if v != 0 {
		f.set(key, v)
	}
	return f
}

func (f *fields) flag(key string, v bool) *fields {
	if v {
		f.set(key, true)
	}
	return f
}

func (f *fields) time(key string, v time.Time) *fields {
	if !v.IsZero() {
		f.set(key, v)
	}
	return f
}

// document sets a field to a document, if there is one.
func (f *fields) document(key string, v any) *fields {
	if v == nil || f.err != nil {
		return f
	}
	var doc bsonraw.Doc
	if doc, f.err = marshal(v); f.err == nil {
		f.set(key, bson.Raw(doc))
	}
	return f
}

// value sets a field to any value.
func (f *fields) value(key string, v any) *fields {
	var out Value
	if f.err == nil {
		if out, f.err = ValueOf(v); f.err == nil {
			f.set(key, out)
		}
	}
	return f
}
