package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Expr is a compiled expression.
type Expr interface {
	// Eval returns the expression's value for the document and variables of
	// env; a missing Value where it has none. The doc comment of the package
	// says how long the value lives.
	Eval(env *Env) (bsonraw.Value, error)
}

// Options say what surrounds an expression.
type Options struct {
	// Vars are the user variables in scope, of "let" and the like.
	Vars *Vars
}

// Compile compiles any value that stands where an expression may: a "$a.b"
// string, a "$$var", an {$op: …} object, an object or array of expressions, or
// a literal. Nil options are the empty ones. v is copied where it is kept.
func Compile(v bsonraw.Value, o *Options) (Expr, error) {
	return nil, errs.New(errs.NotSupported, "expression %s", v.Type.Name())
}

// Constant returns the value of an expression that is the same for every
// document, and false for any other.
func Constant(e Expr) (bsonraw.Value, bool) {
	return bsonraw.Value{}, false
}

// Deps are the parts of the root document that an expression reads.
type Deps struct {
	// Paths are dotted paths, each once; possibly some below others.
	Paths []string
	// Whole says that it reads the whole document ($$ROOT, $$CURRENT).
	Whole bool
}

// AddDeps adds what e reads to d.
func AddDeps(e Expr, d *Deps) {}

// Path returns the dotted path, without "$", of an expression that is nothing
// but a field path of the root document.
func Path(e Expr) (string, bool) { return "", false }
