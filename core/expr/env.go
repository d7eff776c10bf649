package expr

import (
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Env is what an expression is evaluated against: a root document, variables
// and the moment that $$NOW stands for. One goroutine uses it at a time.
//
//	env := expr.NewEnv(now)
//	for each document {
//		env.Reset(doc)
//		v, err := e.Eval(env)
//	}
type Env struct {
	// Now is $$NOW. It stays the same for one whole command.
	Now time.Time
	// ClusterTime is $$CLUSTER_TIME, a timestamp; missing where there is none.
	ClusterTime bsonraw.Value
	// Root is $$ROOT, and $$CURRENT unless a variable of that name is in scope.
	Root bsonraw.Value

	vars  []bsonraw.Value // by slot, see Vars
	arena arena
}

// NewEnv returns an Env for one command. Reset gives it a document.
func NewEnv(now time.Time) *Env { return &Env{Now: now} }

// Reset sets the root document and frees the memory of earlier results, which
// must not be used any more. Variables stay as they are.
func (env *Env) Reset(root bsonraw.Doc) {
	env.arena.reset()
	env.Root = bsonraw.Value{Type: bsonraw.Object, Data: root}
}

// Set binds the variable of this slot (Vars.With) to a value, which is not
// copied. A missing value is a variable without a value.
func (env *Env) Set(slot int, v bsonraw.Value) {
	for slot >= len(env.vars) {
		env.vars = append(env.vars, bsonraw.Value{})
	}
	env.vars[slot] = v
}

// get returns the value of a slot; a slot that was never set is missing.
func (env *Env) get(slot int) bsonraw.Value {
	if slot < len(env.vars) {
		return env.vars[slot]
	}
	return bsonraw.Value{}
}
