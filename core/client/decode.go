package client

import (
	"context"
	"reflect"

	"github.com/argon-lab/argon/core/errs"
)

// All decodes the rest of the stream into a pointer to a slice, and closes it.
func (d *Documents) All(ctx context.Context, out any) error {
	defer d.Close()
	ptr := reflect.ValueOf(out)
	if ptr.Kind() != reflect.Pointer || ptr.Elem().Kind() != reflect.Slice {
		return errs.New(errs.BadValue, "All needs a pointer to a slice, got a %T", out)
	}
	slice := ptr.Elem()
	slice.SetLen(0)
	for d.Next(ctx) {
		elem := reflect.New(slice.Type().Elem())
		if raw, ok := elem.Interface().(*Document); ok {
			*raw = append(Document(nil), d.Current()...)
		} else if err := d.Decode(elem.Interface()); err != nil {
			return err
		}
		slice.Set(reflect.Append(slice, elem.Elem()))
	}
	return d.Err()
}
