package command

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// ErrorReply returns the reply document of an error:
//
//	{ok: 0, errmsg, code, codeName, category, remedy?, errInfo?, errorLabels?, writeConcernError?}
//
// For a duplicate key the fields keyPattern and keyValue stand beside code, as
// in MongoDB.
func ErrorReply(err error) bsonraw.Doc {
	e := asError(err)
	b := bsonraw.NewBuilder(make([]byte, 0, 256+len(e.Message)+len(e.Details)))
	if len(e.Labels) > 0 {
		appendLabels(b, e.Labels)
	}
	b.Double("ok", 0)
	b.String("errmsg", strings.ToValidUTF8(e.Message, "\uFFFD")) // it may show bytes from outside
	b.Int32("code", int32(e.Code))
	b.String("codeName", e.Code.Name())
	appendDetails(b, e)
	b.String("category", e.Code.Category().String())
	if r := e.RemedyText(); r != "" {
		b.String("remedy", r)
	}
	if e.Concern != nil {
		b.Doc("writeConcernError", e.Concern)
	}
	return b.Finish()
}

// appendDetails appends what an error carries besides its text. The details of
// a duplicate key are {keyPattern, keyValue}.
func appendDetails(b *bsonraw.Builder, e *errs.Error) {
	switch {
	case len(e.Details) == 0:
	case e.Code == errs.DuplicateKey:
		appendFields(b, e.Details)
	default:
		b.Doc("errInfo", e.Details)
	}
}

// ParseErrorReply is the way back from ErrorReply, for a client that gets its
// replies as bytes. Nil if the reply is not an error.
func ParseErrorReply(reply bsonraw.Doc) *errs.Error {
	if reply.Get("ok").Truthy() {
		return nil
	}
	code, _ := reply.Get("code").AsInt64()
	if code == 0 {
		code = int64(errs.Unknown)
	}
	e := errs.New(errs.Code(code), "%s", str(reply.Get("errmsg"), "the reply says nothing about its error"))
	e.Remedy = str(reply.Get("remedy"), "")
	if info := reply.Get("errInfo").Doc(); info != nil {
		e.Details = info.Clone()
	} else if keys := reply.Get("keyPattern"); e.Code == errs.DuplicateKey && !keys.IsMissing() {
		b := bsonraw.NewBuilder(nil)
		b.Value("keyPattern", keys)
		b.Value("keyValue", reply.Get("keyValue"))
		e.Details = b.Finish()
	}
	if concern := reply.Get("writeConcernError").Doc(); concern != nil {
		e.Concern = concern.Clone()
	}
	for _, l := range reply.Get("errorLabels").Doc().Values() {
		e.Labels = append(e.Labels, str(l, ""))
	}
	return e
}

// str returns the text of a string value, or other.
func str(v bsonraw.Value, other string) string {
	if v.Type == bsonraw.String {
		return v.Str()
	}
	return other
}

// writeErrors collects the failures of a batch's statements.
type writeErrors struct {
	list []writeError
}

type writeError struct {
	index int
	err   *errs.Error
}

// add takes the error of statement i. It returns false if the error is not of
// the statement but of the whole command: the disk, the context, a lost
// transaction.
func (w *writeErrors) add(i int, err error) bool {
	e := asError(err)
	switch e.Code.Category() {
	case errs.Invalid, errs.NotFound, errs.Exists, errs.Unsupported:
	default:
		return false
	}
	switch e.Code {
	case 40323, 40324: // of a pipeline that mongod cannot even read
		return false
	case errs.ProjectNotFound, errs.BranchNotFound, errs.StoreClosed, errs.TransactionTooLong, errs.NoSuchTransaction:
		return false
	}
	w.list = append(w.list, writeError{i, e})
	return true
}

// append puts the errors into a reply, if there are any.
func (w *writeErrors) append(b *bsonraw.Builder) {
	if len(w.list) == 0 {
		return
	}
	b.BeginArray("writeErrors")
	for i, we := range w.list {
		b.BeginDoc(bsonraw.Index(i))
		b.Int32("index", int32(we.index))
		b.Int32("code", int32(we.err.Code))
		b.String("errmsg", strings.ToValidUTF8(we.err.Message, "\uFFFD"))
		appendDetails(b, we.err)
		if r := we.err.RemedyText(); r != "" {
			b.String("remedy", r)
		}
		b.End()
	}
	b.End()
}

// maxBatch is the largest number of statements of one write, as in MongoDB.
const maxBatch = 100_000

func checkBatch(n int) error {
	if n < 1 || n > maxBatch {
		return errs.New(errs.InvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxBatch, n)
	}
	return nil
}
