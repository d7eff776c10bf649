package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Vars is the chain of variables in scope when an expression is compiled. It is
// immutable: With returns a longer chain and leaves the receiver as it is, so
// that sibling scopes share their outer part. Nil is the empty scope. The
// built-in variables (ROOT, NOW, REMOVE …) are always there.
type Vars struct {
	name     string
	outer    *Vars
	slot     int           // where Env keeps the value; -1 for a constant
	constant bsonraw.Value // when slot is -1
	slots    int           // slots used up to here
}

// With adds a variable whose value the caller binds for each evaluation with
// Env.Set(slot, …).
func (vs *Vars) With(name string) (inner *Vars, slot int) {
	slot = vs.numSlots()
	return &Vars{name: name, outer: vs, slot: slot, slots: slot + 1}, slot
}

// WithConstant adds a variable whose value is known already; expressions on it
// are folded at compile time. The value is copied.
func (vs *Vars) WithConstant(name string, v bsonraw.Value) *Vars {
	return &Vars{name: name, outer: vs, slot: -1, constant: v.Clone(), slots: vs.numSlots()}
}

func (vs *Vars) numSlots() int {
	if vs == nil {
		return 0
	}
	return vs.slots
}

// lookup returns the innermost variable of this name.
func (vs *Vars) lookup(name string) *Vars {
	for ; vs != nil; vs = vs.outer {
		if vs.name == name {
			return vs
		}
	}
	return nil
}

// ValidateVarName checks the name of a variable that a user defines, in let,
// $let.vars, $map.as and so on.
func ValidateVarName(name string) error {
	if name == "CURRENT" {
		return nil
	}
	if err := validateVarRead(name); err != nil {
		return err
	}
	if c := name[0]; 'A' <= c && c <= 'Z' {
		return errs.New(errs.FailedToParse, "'%s' starts with an invalid character for a user variable name", name)
	}
	return nil
}

// validateVarRead checks the name of a variable that is read: it may also be a
// built-in one.
func validateVarRead(name string) error {
	if name == "" {
		return errs.New(errs.FailedToParse, "empty variable names are not allowed")
	}
	if c := name[0]; c < 0x80 && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
		return errs.New(errs.FailedToParse, "'%s' starts with an invalid character for a variable name", name)
	}
	for i := 1; i < len(name); i++ {
		if c := name[i]; c < 0x80 && !isWordByte(c) {
			return errs.New(errs.FailedToParse, "'%s' contains an invalid character for a variable name: '%c'", name, c)
		}
	}
	return nil
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}
