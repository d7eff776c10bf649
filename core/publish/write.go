package publish

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Limits of one command of several statements.
const (
	commandStatements = 1000
	commandBytes      = 12 << 20
)

// write writes the steps of an attempt, in order: consecutive steps of one kind
// on one collection in one command.
func (a *attempt) write(ctx context.Context) error {
	todo := a.todo
	for len(todo) > 0 {
		n, size := 0, 0
		var list []bsonraw.Value
		first, _, _, _ := a.r.goal(a.b, todo[0])
		for n < len(todo) && n < commandStatements {
			s, _, _, _ := a.r.goal(a.b, todo[n])
			if s.coll != first.coll || s.verb() != first.verb() {
				break
			}
			st := s.statement(a.r.j.head.Guard)
			if n > 0 && size+len(st) > commandBytes {
				break
			}
			list = append(list, st.Value())
			size += len(st)
			n++
		}
		if err := a.send(ctx, first, list, todo[:n]); err != nil {
			return err
		}
		todo = todo[n:]
	}
	return nil
}

// verb is the command that does a step.
func (s *step) verb() string {
	switch {
	case s.post == nil:
		return "delete"
	case s.pre == nil && !emptyTimestamp(s.post):
		return "insert"
	}
	return "update"
}

// statement is a step in a command.
func (s *step) statement(how Guard) bsonraw.Doc {
	switch {
	case s.post == nil:
		return deleteOf(s.pre)
	case s.pre != nil:
		return updateOf(s.pre, s.post, how)
	case emptyTimestamp(s.post):
		return insertOf(s.post)
	}
	return s.post
}

// commandOf is the command of some statements of one verb. A concern is left out
// in a transaction.
func commandOf(verb, coll string, list []bsonraw.Value, concern bsonraw.Doc) bsonraw.Doc {
	field := map[string]string{"delete": "deletes", "insert": "documents", "update": "updates"}[verb]
	b := bsonraw.NewBuilder(nil)
	b.String(verb, coll)
	b.Array(field, bsonraw.ArrayOf(list...))
	if concern != nil {
		b.Doc("writeConcern", concern)
	}
	return b.Finish()
}

// send sends one command in the transaction. steps are the places of its
// statements. A statement that fails is a denial, or the transaction's end.
func (a *attempt) send(ctx context.Context, first step, list []bsonraw.Value, steps []int) error {
	n, failed, err := a.r.t.write(ctx, first.verb(), first.coll, list, nil)
	if err != nil {
		return err
	}
	if failed != nil && failed.code == int(errs.WriteConflict) {
		return mongo.CommandError{Code: int32(failed.code), Message: failed.message, Labels: []string{"TransientTransactionError"}}
	}
	if failed != nil {
		i := steps[failed.index]
		s, _, _, _ := a.r.goal(a.b, i)
		return &denial{i, s.refusedBy(failed)}
	}
	if n != len(list) {
		// The snapshot had every document as it should be. One whose filter does
		// not match all the same cannot be written so: which, shows one by one.
		return a.single(ctx, first, list, steps)
	}
	return nil
}

// single finds the first of several statements that does not match. Those before
// it have been written, and are not again: their guards do not hold any more.
func (a *attempt) single(ctx context.Context, first step, list []bsonraw.Value, steps []int) error {
	for i := range list {
		s, _, _, _ := a.r.goal(a.b, steps[i])
		live, err := a.r.t.read(ctx, s.coll, []bsonraw.Value{s.id()})
		if err != nil {
			return err
		}
		if doc := live[keyOf(s.id())]; !holds(s.post, doc, s.guarded(a.r.j.head.Guard)) {
			return &denial{steps[i], s.refusal(kindRefused, "the server does not match the document that it has, or stores another than it was given", nil)}
		}
	}
	return nil // what it says, it did not change
}

// failure is one statement that the server does not do.
type failure struct {
	index   int
	code    int
	message string
	details bsonraw.Doc
}

// write runs one command of writes. n is how many documents it wrote.
func (t *target) write(ctx context.Context, verb, coll string, list []bsonraw.Value, concern bsonraw.Doc) (n int, failed *failure, err error) {
	var reply bsonraw.Doc
	if verb == "insert" && len(list) == 1 && len(list[0].Data) > commandBytes {
		return t.insertLarge(ctx, coll, list[0])
	}
	reply, err = t.run(ctx, commandOf(verb, coll, list, concern))
	var we mongo.WriteException
	switch {
	case errors.As(err, &we) && len(we.WriteErrors) > 0:
		e := we.WriteErrors[0]
		return 0, &failure{e.Index, e.Code, e.Message, detailsOf(bsonraw.Doc(e.Details), bsonraw.Doc(e.Raw))}, nil
	case err != nil:
		return 0, commandFailure(err), notFailure(err)
	}
	written, _ := reply.Get("n").AsInt64()
	return int(written), nil, nil
}

// insertLarge inserts a document which, with a command around it, is too large
// for one document: the driver sends it beside the command.
func (t *target) insertLarge(ctx context.Context, coll string, doc bsonraw.Value) (int, *failure, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	_, err := t.db.Collection(coll).InsertOne(ctx, bson.Raw(doc.Data))
	var we mongo.WriteException
	switch {
	case errors.As(err, &we) && len(we.WriteErrors) > 0:
		e := we.WriteErrors[0]
		return 0, &failure{0, e.Code, e.Message, bsonraw.Doc(e.Details)}, nil
	case err != nil:
		return 0, commandFailure(err), notFailure(err)
	}
	return 1, nil, nil
}

// refusals are the codes of a command that one of its documents is to blame for,
// where the command is all that failed.
var refusals = map[int32]bool{10334: true, 2: true, 121: true, 11000: true, 66: true, 15: true, 22: true, 28: true, 52: true}

func commandFailure(err error) *failure {
	var server mongo.CommandError
	if errors.As(err, &server) && refusals[server.Code] && !server.HasErrorLabel("TransientTransactionError") {
		return &failure{0, int(server.Code), server.Message, nil}
	}
	return nil
}

func notFailure(err error) error {
	if commandFailure(err) != nil {
		return nil
	}
	return err
}

// detailsOf is what a write error says about its reasons.
func detailsOf(details, raw bsonraw.Doc) bsonraw.Doc {
	if len(details) > 0 {
		return details.Clone()
	}
	if len(raw) > 0 {
		if v := raw.Get("errInfo"); v.Type == bsonraw.Object {
			return v.Doc().Clone()
		}
	}
	return nil
}

// refusedBy is the conflict of a step that failed.
func (s *step) refusedBy(f *failure) Conflict {
	kind := kindRefused
	if f.code == int(errs.DuplicateKey) {
		kind = kindDuplicate
	}
	c := s.refusal(kind, f.message, f.details)
	if len(f.details) == 0 {
		c.ErrInfo = nil
	}
	return c
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration { return rand.N(d + 1) }
