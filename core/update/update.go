package update

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// Options say what surrounds an update. Nil options are the empty ones.
type Options struct {
	// ArrayFilters are the conditions of $[identifier], in the order given.
	ArrayFilters []bsonraw.Doc
	// Vars are the variables of "let" in scope of a pipeline.
	Vars *expr.Vars
	// Let are further constants of a pipeline, the field "c" of an update
	// statement: name and literal value.
	Let bsonraw.Doc
	// Env evaluates a pipeline, with the variables that Vars leave to be bound.
	// Nil: one of the update's own, with Now.
	Env *expr.Env
	// Now is $currentDate and $$NOW: one moment for a whole command.
	Now time.Time
}

// Form is one of the three forms of an update.
type Form uint8

// The forms.
const (
	Operators   Form = iota // {$set: …, $inc: …}
	Replacement             // {a: 1, …}
	Pipeline                // [{$set: …}, …]
)

// Update is a compiled update. One goroutine uses it at a time.
type Update struct {
	form    Form
	usesPos bool
	now     time.Time

	root     *node         // Operators
	rewriter rewriter      // scratch of Operators
	replace  bsonraw.Doc   // Replacement
	pipeline *pipelineForm // Pipeline
}

// Compile compiles an update: a document of operators, a replacement document,
// or an array of pipeline stages. It keeps the bytes of v, which must not
// change as long as the Update and its results are used.
func Compile(v bsonraw.Value, o *Options) (*Update, error) {
	if o == nil {
		o = &Options{}
	}
	u := &Update{now: o.Now}
	var err error
	switch {
	case v.Type == bsonraw.Array:
		u.form = Pipeline
		u.pipeline, err = parsePipeline(v.Doc(), o)
	case v.Type != bsonraw.Object:
		err = errs.New(errs.FailedToParse, "Update argument must be either an object or an array, not %s", v.Type.Name())
	case beginsWithDollar(v.Doc()):
		var p *parser
		if p, err = parseOperators(v.Doc(), o); err == nil {
			u.root, u.usesPos, u.rewriter.expect = p.root, p.usesPos, p.leaves
		}
	default:
		u.form, u.replace = Replacement, v.Doc()
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

func beginsWithDollar(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && len(it.Key()) > 0 && it.Key()[0] == '$'
}

// Form returns which form of update this is. MongoDB refuses multi: true for a
// replacement; that is the command's to check.
func (u *Update) Form() Form { return u.form }

// NeedsPosition reports whether the update holds the positional operator $, so
// that Apply wants the array index from query.Filter.MatchPosition.
func (u *Update) NeedsPosition() bool { return u.usesPos }

// Result is what an update did to one document.
type Result struct {
	// Doc is the post-image: a new document in the dst given to Apply, or the
	// document itself when nothing was modified.
	Doc bsonraw.Doc
	// Modified is false for an update without effect (nModified 0). As in
	// MongoDB it is true for some that leave the same bytes, for example a
	// replacement by the same fields.
	Modified bool
	// Changes say what was done, in order. Operands point into Doc or into the
	// update; they are valid as long as both.
	Changes []Change
}

// Apply applies the update to doc. pos is the array index for the positional
// operator, -1 if the filter matched no array. The post-image is appended to
// dst[:0], which may be nil.
func (u *Update) Apply(doc bsonraw.Doc, pos int, dst []byte) (Result, error) {
	switch u.form {
	case Replacement:
		return u.applyReplacement(doc, dst)
	case Pipeline:
		return u.applyPipeline(doc, dst, false)
	}
	x := &u.rewriter
	x.pos, x.insert, x.stored, x.record = pos, false, true, true
	_, x.protectID = doc.Lookup("_id")
	post, err := x.run(u.root, doc, dst)
	if err != nil {
		return Result{}, err
	}
	return Result{Doc: post, Modified: x.edits > 0, Changes: x.changes}, nil
}
