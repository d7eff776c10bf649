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
	// do not look at env.
	New(env *Env) (Accumulator, error)
	// AddDeps adds what the accumulator reads of each document to d.
	AddDeps(d *Deps)
}

// Accumulator folds the documents of one group. It copies what it keeps.
type Accumulator interface {
	// Add takes the document and variables of env in.
	Add(env *Env) error
	// Result returns the value over all that was added. The value is valid
	// until the next call; it may live in env's arena.
	Result(env *Env) (bsonraw.Value, error)
	// Reset makes it as it was when it was new, keeping its memory.
	Reset()
	// Size returns about how many bytes it holds, for memory limits.
	Size() int
}

// CompileAccumulator compiles the accumulator name ("$sum") with its argument.
// An unknown name is error 15952 with the name.
func CompileAccumulator(name string, arg bsonraw.Value, o *Options) (AccumulatorFactory, error) {
	return nil, errs.New(15952, "unknown group operator '%s'", name)
}

// IsAccumulator reports whether name ("$sum") is an accumulator.
func IsAccumulator(name string) bool { return false }
