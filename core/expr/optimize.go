package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// folder is an expression that is replaced by its value once its children are
// constants. The others depend on more than their children, or mongod does not
// fold them.
type folder interface {
	Expr
	foldable() bool
}

// rewriter is an expression that simplifies itself once its children are
// optimized, beyond folding.
type rewriter interface {
	Expr
	rewrite() (Expr, error)
}

// selfOptimizer is an expression that optimizes its children itself, because it
// leaves some of them alone.
type selfOptimizer interface {
	Expr
	optimizeSelf() (Expr, error)
}

// unoptimized is an expression whose children mongod does not optimize, which
// shows in the order of sums and in when errors come.
type unoptimized interface {
	Expr
	isUnoptimized()
}

// optimize folds what is constant, from the leaves up, and returns the
// expression that remains. Errors of constant parts are errors of the whole,
// even where a condition would never reach them, as in mongod.
func optimize(e Expr) (Expr, error) {
	if s, ok := e.(selfOptimizer); ok {
		return s.optimizeSelf()
	}
	if _, ok := e.(unoptimized); ok {
		return e, nil
	}
	var failed error
	allConstant := true
	e.children(func(place *Expr) {
		if failed != nil {
			return
		}
		*place, failed = optimize(*place)
		if _, ok := (*place).(*constant); !ok {
			allConstant = false
		}
	})
	if failed != nil {
		return nil, failed
	}
	if f, ok := e.(folder); ok && allConstant && f.foldable() {
		return fold(e)
	}
	if r, ok := e.(rewriter); ok {
		return r.rewrite()
	}
	return e, nil
}

// fold evaluates an expression of constants.
func fold(e Expr) (Expr, error) {
	v, err := e.Eval(&Env{})
	if err != nil {
		if x := errs.As(err); x != nil {
			return nil, errs.New(x.Code, "Failed to optimize pipeline :: caused by :: %s", x.Message)
		}
		return nil, err
	}
	return &constant{value: v.Clone()}, nil
}

func (o *object) foldable() bool { return true }
func (a *array) foldable() bool  { return true }

// rearrange does what mongod does to the arguments of associative operators:
// those of a nested call of the same operator move up, and neighbouring
// constants (all of them where the order does not matter) are folded into one
// at the back. It shows in the last bits of sums and in the order of errors.
func (n nary) rearrange(args []Expr, nested func(Expr) []Expr, apply func(constants []Expr) (Expr, error)) ([]Expr, error) {
	var out, constants []Expr
	flush := func() error {
		if len(constants) > 1 {
			folded, err := apply(constants)
			if err != nil {
				return err
			}
			constants = []Expr{folded}
		}
		out = append(out, constants...)
		constants = nil
		return nil
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if _, ok := arg.(*constant); ok {
			constants = append(constants, arg)
			continue
		}
		if inner := nested(arg); inner != nil {
			args = append(append(append([]Expr(nil), args[:i]...), inner...), args[i+1:]...)
			i--
			continue
		}
		if !n.commutative {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		out = append(out, arg)
	}
	return out, flush()
}

// truth returns a constant's truth; known is false for other expressions.
func truth(e Expr) (t, known bool) {
	c, ok := e.(*constant)
	return ok && c.value.Truthy(), ok
}

func constantOf(v bsonraw.Value) *constant { return &constant{value: v} }
