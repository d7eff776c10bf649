package engine

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// validator is a collection's validator, compiled; the zero one takes everything.
type validator struct {
	filter *query.Filter
	// moderate lets a document that did not pass before stay that way.
	moderate bool
	warn     bool // validationAction: warn
}

// validator compiles the validator of a collection.
func (t *Txn) validator(c *Collection) (*validator, error) {
	spec := c.Options.Get("validator").Doc()
	level := c.Options.Get("validationLevel")
	if t.bypass || spec.IsEmpty() || level.Type == bsonraw.String && level.Str() == "off" {
		return &validator{}, nil
	}
	f, err := query.Compile(spec, &query.Options{Now: t.now})
	if err != nil {
		return nil, err
	}
	action := c.Options.Get("validationAction")
	return &validator{
		filter:   f,
		moderate: level.Type == bsonraw.String && level.Str() == "moderate",
		warn:     action.Type == bsonraw.String && action.Str() == "warn",
	}, nil
}

// check fails with MongoDB's error 121 for a document that does not pass.
func (v *validator) check(doc Doc) error {
	if v.filter == nil || v.warn {
		return nil
	}
	ok, err := v.filter.Match(doc)
	if err != nil || ok {
		return err
	}
	details, err := v.filter.Explain(doc)
	if err != nil {
		return err
	}
	b := bsonraw.NewBuilder(nil)
	b.Value("failingDocumentId", doc.Get("_id"))
	b.Doc("details", details)
	return errs.New(errs.DocumentValidationFailure, "Document failed validation").WithDetails(b.Finish())
}

// checkUpdate is check for a document that was there before.
func (v *validator) checkUpdate(before, after Doc) error {
	if v.filter != nil && v.moderate {
		if ok, err := v.filter.Match(before); err == nil && !ok {
			return nil
		}
	}
	return v.check(after)
}
