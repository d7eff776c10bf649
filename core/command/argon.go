package command

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// What Argon's own commands have in common: refs, moments and times as fields,
// and the documents that describe projects, branches and tags.

// atMoment is the field that says when: an LSN, a time, a count of commits
// back, or a tag, in any of the forms that a client may have it in.
func atMoment[A any](name string, at func(*A) *refs.Moment) field[A] {
	types := []bsonraw.Type{bsonraw.String, bsonraw.Int64, bsonraw.Int32, bsonraw.Double, bsonraw.DateTime}
	return kind(name, "string, number or date", types, func(a *A, v bsonraw.Value) error {
		m, err := moment(v)
		*at(a) = m
		return err
	}).about("The moment: an LSN, a date, a tag, or -n for n commits back.")
}

// moment reads a moment from a value. A number below 0 counts back.
func moment(v bsonraw.Value) (refs.Moment, error) {
	switch v.Type {
	case bsonraw.String:
		return refs.ParseMoment(v.Str())
	case bsonraw.DateTime:
		return refs.Moment{Kind: refs.AtTime, Time: v.Time()}, nil
	}
	n, ok := v.AsInt64()
	switch {
	case !ok:
		return refs.Moment{}, errs.New(errs.InvalidMoment, "a number with a fraction is no moment")
	case n < 0:
		return refs.Moment{Kind: refs.Back, Back: uint64(-n)}, nil
	}
	return refs.Moment{Kind: refs.AtLSN, LSN: mvcc.LSN(n)}, nil
}

// refField is a branch, or a branch at a moment: "exp" or "exp@1024".
func refField[A any](name string, at func(*A) *refs.Ref) field[A] {
	return kind(name, "string", []bsonraw.Type{bsonraw.String}, func(a *A, v bsonraw.Value) error {
		r, err := refs.ParseRef(v.Str())
		*at(a) = r
		return err
	})
}

// lsnField is an LSN.
func lsnField[A any](name string, at func(*A) *mvcc.LSN) field[A] {
	return kind(name, "number", numeric, func(a *A, v bsonraw.Value) error {
		n, ok := v.AsInt64()
		if !ok || n < 0 {
			return errs.New(errs.InvalidMoment, "the field '%s' is not an LSN", name)
		}
		*at(a) = mvcc.LSN(n)
		return nil
	})
}

// timeField is a date, or a string as a moment has it.
func timeField[A any](name string, at func(*A) *time.Time) field[A] {
	types := []bsonraw.Type{bsonraw.DateTime, bsonraw.String}
	return kind(name, "date or string", types, func(a *A, v bsonraw.Value) error {
		m, err := moment(v)
		if err != nil {
			return err
		}
		if m.Kind != refs.AtTime {
			return errs.New(errs.InvalidMoment, "the field '%s' is not a time", name)
		}
		*at(a) = m.Time
		return nil
	})
}

// inProject returns the project of the command's database with this branch and
// moment; with no branch, the one that the database names.
func (c *call) inProject(r refs.Ref) refs.Ref {
	if r.Branch == "" {
		r.Branch, r.Moment = c.ref.Branch, c.ref.Moment
	}
	r.Project = c.ref.Project
	return r
}

// describeBranch puts a branch into a reply.
func describeBranch(b *bsonraw.Builder, key string, br *engine.Branch) {
	b.BeginDoc(key)
	b.String("name", br.Name)
	b.String("project", br.Project)
	if br.Parent == "" {
		b.Null("parent")
	} else {
		b.String("parent", br.Parent)
	}
	b.Int64("forkLSN", int64(br.ForkLSN))
	b.Int64("headLSN", int64(br.HeadLSN))
	b.Time("created", br.Created)
	b.String("actor", br.Actor)
	b.Bool("protected", br.Protected)
	b.String("takes", br.Takes)
	b.End()
}

func describeMove(b *bsonraw.Builder, key string, m *engine.Move) {
	b.BeginDoc(key)
	b.String("branch", m.Branch)
	b.String("op", m.Op)
	b.Int64("lsn", int64(m.LSN))
	b.Time("time", m.Time)
	b.String("actor", m.Actor)
	b.Int64("from", int64(m.From))
	b.Int64("to", int64(m.To))
	b.End()
}

func describeTag(b *bsonraw.Builder, key string, t *engine.Tag) {
	b.BeginDoc(key)
	b.String("name", t.Name)
	b.String("branch", t.Branch)
	b.Int64("lsn", int64(t.LSN))
	b.Time("time", t.Time)
	b.Time("created", t.Created)
	b.String("actor", t.Actor)
	b.End()
}

func describeProject(b *bsonraw.Builder, key string, p *engine.Project) {
	b.BeginDoc(key)
	b.String("name", p.Name)
	b.Time("created", p.Created)
	b.Int32("branches", int32(p.Branches))
	b.Int64("lsn", int64(p.LSN))
	b.End()
}
