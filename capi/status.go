package main

import (
	"context"
	"errors"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// status is what a function of argon.h returns.
type status int32

// The statuses, with the numbers of argon.h.
const (
	ok       status = 0
	failed   status = 1
	tooSmall status = 2
	running  status = 3
)

// answer is the outcome of a call: its status, the document for the caller's
// buffer, and the handle that the call made.
type answer struct {
	status status
	doc    []byte
	need   int // with tooSmall: the size of the document
	handle int64
}

// failure is the answer of a call that ended with err.
func failure(err error) answer { return answer{status: failed, doc: errorDocument(err)} }

// errorDocument translates an error into the document of argon.h's rule 4. This
// is the only place where errors are translated for C.
func errorDocument(err error) bsonraw.Doc {
	e := errs.As(err)
	switch {
	case e != nil:
	case errors.Is(err, context.Canceled):
		e = errs.Wrap(err, errs.Interrupted, "the operation was stopped")
	case errors.Is(err, context.DeadlineExceeded):
		e = errs.Wrap(err, errs.MaxTimeMSExpired, "the operation took too long")
	default:
		e = errs.New(errs.InternalError, "%w", err)
	}
	b := bsonraw.NewBuilder(nil)
	b.Double("ok", 0)
	b.Int32("code", int32(e.Code))
	b.String("codeName", e.Code.Name())
	b.String("errmsg", e.Message)
	b.String("category", e.Code.Category().String())
	if r := e.RemedyText(); r != "" {
		b.String("remedy", r)
	}
	if len(e.Details) > 0 {
		b.Doc("errInfo", e.Details)
	}
	if len(e.Labels) > 0 {
		b.BeginArray("errorLabels")
		for i, label := range e.Labels {
			b.String(bsonraw.Index(i), label)
		}
		b.End()
	}
	return b.Finish()
}
