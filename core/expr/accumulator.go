package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// AccumulatorFactory is a compiled accumulator of $group, for example
// {$sum: "$n"}. It is immutable; many goroutines may use it.
type AccumulatorFactory interface {
	// New returns an accumulator for one group. The count n of $firstN, $topN
	// and so on may depend on the group's key: env's root is the key where that
	// is an object, and an empty document otherwise. The accumulators without n
	// do not look at env, which may be nil for them.
	New(env *Env) (Accumulator, error)
	// AddDeps adds what the accumulator reads of each document to d.
	AddDeps(d *Deps)
}

// Accumulator folds the documents of one group. It copies what it keeps.
type Accumulator interface {
	// Add takes the document and variables of env in.
	Add(env *Env) error
	// Result returns the value over all that was added. It is valid until the
	// next call of any method; it may live in env's arena.
	Result(env *Env) (bsonraw.Value, error)
	// Reset makes it as it was when it was new, keeping its memory.
	Reset()
	// Size returns about how many bytes it holds, for memory limits.
	Size() int
}

// CompileAccumulator compiles the accumulator name ("$sum") with its argument.
// An unknown name is error 15952 with the name.
func CompileAccumulator(name string, arg bsonraw.Value, o *Options) (AccumulatorFactory, error) {
	parse, ok := accumulators[name]
	if !ok {
		if name == "$accumulator" {
			return nil, errs.New(errs.InvalidPipelineOperator, "unknown group operator '%s': server-side JavaScript is not supported", name)
		}
		return nil, errs.New(15952, "unknown group operator '%s'", name)
	}
	if arg.Type == bsonraw.Array {
		return nil, errs.New(40237, "The %s accumulator is a unary operator", name)
	}
	return parse(newCompiler(o), name, arg)
}

// IsAccumulator reports whether name ("$sum") is an accumulator.
func IsAccumulator(name string) bool {
	_, ok := accumulators[name]
	return ok
}

type accumulatorParser func(c *compiler, name string, arg bsonraw.Value) (AccumulatorFactory, error)

var accumulators = map[string]accumulatorParser{
	"$sum":          unaryAccumulator(func() fold1 { return &sumFold{} }),
	"$avg":          unaryAccumulator(func() fold1 { return &averageFold{} }),
	"$min":          unaryAccumulator(func() fold1 { return &extremeFold{sign: 1} }),
	"$max":          unaryAccumulator(func() fold1 { return &extremeFold{sign: -1} }),
	"$first":        unaryAccumulator(func() fold1 { return &firstFold{} }),
	"$last":         unaryAccumulator(func() fold1 { return &lastFold{} }),
	"$push":         unaryAccumulator(func() fold1 { return &pushFold{} }),
	"$addToSet":     unaryAccumulator(func() fold1 { return &setFold{} }),
	"$mergeObjects": unaryAccumulator(func() fold1 { return &mergeFold{} }),
	"$stdDevPop":    unaryAccumulator(func() fold1 { return &deviationFold{} }),
	"$stdDevSamp":   unaryAccumulator(func() fold1 { return &deviationFold{sample: true} }),
	"$count":        parseCount,
	"$firstN":       nthAccumulator(5787801, func(n int) fold1 { return &headFold{n: n} }),
	"$lastN":        nthAccumulator(5787801, func(n int) fold1 { return &tailFold{n: n} }),
	"$minN":         nthAccumulator(5787900, func(n int) fold1 { return &extremesFold{ranked{n: n}, 1} }),
	"$maxN":         nthAccumulator(5787900, func(n int) fold1 { return &extremesFold{ranked{n: n}, -1} }),
	"$top":          parseRanking,
	"$topN":         parseRanking,
	"$bottom":       parseRanking,
	"$bottomN":      parseRanking,
}

// fold1 is an accumulator of one value a document.
type fold1 interface {
	add(v bsonraw.Value) error
	result(env *Env) (bsonraw.Value, error)
	Reset()
	Size() int
}

// factory1 makes accumulators of one value; n is nil where none is taken.
type factory1 struct {
	arg, n Expr
	fresh  func(n int) fold1
}

func unaryAccumulator(fresh func() fold1) accumulatorParser {
	return func(c *compiler, _ string, arg bsonraw.Value) (AccumulatorFactory, error) {
		e, err := c.optimized(arg)
		return &factory1{arg: e, fresh: func(int) fold1 { return fresh() }}, err
	}
}

// optimized compiles and optimizes one value.
func (c *compiler) optimized(v bsonraw.Value) (Expr, error) {
	e, err := c.expr(v)
	if err != nil {
		return nil, err
	}
	return optimize(e)
}

// parseCount compiles $count, which is $sum of 1.
func parseCount(_ *compiler, _ string, arg bsonraw.Value) (AccumulatorFactory, error) {
	if arg.Type != bsonraw.Object || !arg.Doc().IsEmpty() {
		return nil, errs.New(errs.TypeMismatch, "$count takes no arguments, i.e. $count:{}")
	}
	one := constantOf(bsonraw.Int32Value(1))
	return &factory1{arg: one, fresh: func(int) fold1 { return &sumFold{} }}, nil
}

func nthAccumulator(notObject errs.Code, fresh func(n int) fold1) accumulatorParser {
	return func(c *compiler, name string, arg bsonraw.Value) (AccumulatorFactory, error) {
		parts, err := nthParts(name, notObject, arg)
		if err != nil {
			return nil, err
		}
		f := &factory1{fresh: fresh}
		if f.n, err = c.optimized(parts[0]); err != nil {
			return nil, err
		}
		f.arg, err = c.optimized(parts[1])
		return f, err
	}
}

// AddDeps implements AccumulatorFactory. The count n reads the key, not the
// documents.
func (f *factory1) AddDeps(d *Deps) { AddDeps(f.arg, d) }

// New implements AccumulatorFactory.
func (f *factory1) New(env *Env) (Accumulator, error) {
	n, err := evalN(env, f.n)
	if err != nil {
		return nil, err
	}
	return &accumulator1{f.fresh(n), f.arg}, nil
}

// evalN evaluates a count; without an expression it is 1.
func evalN(env *Env, e Expr) (int, error) {
	if e == nil {
		return 1, nil
	}
	v, err := e.Eval(env)
	if err != nil {
		return 0, err
	}
	return checkN(v)
}

type accumulator1 struct {
	fold1
	arg Expr
}

// Add implements Accumulator.
func (a *accumulator1) Add(env *Env) error {
	v, err := a.arg.Eval(env)
	if err != nil {
		return err
	}
	return a.add(v)
}

// Result implements Accumulator.
func (a *accumulator1) Result(env *Env) (bsonraw.Value, error) { return a.result(env) }

// maxHeld is how many bytes an accumulator may hold.
const maxHeld = 100 << 20

func checkHeld(name string, size int) error {
	if size > maxHeld {
		return errs.New(errs.ExceededMemoryLimit, "%s used too much memory and cannot spill to disk. Memory limit: %d bytes", name, maxHeld)
	}
	return nil
}

// held is a value with memory of its own, which it uses again.
type held struct {
	value bsonraw.Value
}

func (h *held) set(v bsonraw.Value) {
	h.value = bsonraw.Value{Type: v.Type, Data: append(h.value.Data[:0], v.Data...)}
}
