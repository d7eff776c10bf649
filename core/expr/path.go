package expr

import (
	"bytes"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// rootPath is a field path of the root document.
type rootPath struct {
	leaf
	names [][]byte // at least one
}

func (p *rootPath) Eval(env *Env) (bsonraw.Value, error) {
	return walk(env, env.Root, p.names)
}

func (p *rootPath) dotted() string { return string(bytes.Join(p.names, []byte("."))) }

// variable is a user variable, or a path below one.
type variable struct {
	leaf
	slot  int
	names [][]byte
}

func (p *variable) Eval(env *Env) (bsonraw.Value, error) {
	return walk(env, env.get(p.slot), p.names)
}

// builtin is one of the variables that are always there, or a path below it.
type builtin struct {
	leaf
	get   func(env *Env) (bsonraw.Value, error)
	whole bool // reads the whole root document
	names [][]byte
}

func (p *builtin) Eval(env *Env) (bsonraw.Value, error) {
	v, err := p.get(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return walk(env, v, p.names)
}

var builtins = map[string]builtin{
	"ROOT":         {whole: true, get: func(env *Env) (bsonraw.Value, error) { return env.Root, nil }},
	"CURRENT":      {whole: true, get: func(env *Env) (bsonraw.Value, error) { return env.Root, nil }},
	"REMOVE":       {get: func(*Env) (bsonraw.Value, error) { return bsonraw.Value{}, nil }},
	"NOW":          {get: now},
	"CLUSTER_TIME": {get: clusterTime},
}

func now(env *Env) (bsonraw.Value, error) { return env.date(millis(env.Now)), nil }

func millis(t time.Time) int64 { return t.UnixMilli() }

func clusterTime(env *Env) (bsonraw.Value, error) {
	if env.ClusterTime.IsMissing() {
		return bsonraw.Value{}, errs.New(51144, "Builtin variable '$$CLUSTER_TIME' is not available")
	}
	return env.ClusterTime, nil
}

// walk follows a path of field names from v. An array on the way is replaced
// by the array of what its objects have there; names are never indexes.
func walk(env *Env, v bsonraw.Value, names [][]byte) (bsonraw.Value, error) {
	for i, name := range names {
		switch v.Type {
		case bsonraw.Object:
			v = lookup(bsonraw.Doc(v.Data), name)
		case bsonraw.Array:
			return walkArray(env, v, names[i:])
		default:
			return bsonraw.Value{}, nil
		}
	}
	return v, nil
}

func lookup(d bsonraw.Doc, name []byte) bsonraw.Value {
	it := d.Iter()
	for it.Next() {
		if bytes.Equal(it.Key(), name) {
			return it.Value()
		}
	}
	return bsonraw.Value{}
}

// walkArray collects what the objects of an array have at a path. Elements
// that are no objects, and objects without a value there, leave no trace.
func walkArray(env *Env, arr bsonraw.Value, names [][]byte) (bsonraw.Value, error) {
	at := env.open()
	n := 0
	it := arr.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Object {
			continue
		}
		v, err := walk(env, it.Value(), names)
		if err != nil {
			return bsonraw.Value{}, err
		}
		if !v.IsMissing() {
			env.element(n, v)
			n++
		}
	}
	return env.close(bsonraw.Array, at)
}

// fieldPath compiles "$a.b" or "$$var.a.b".
func (c *compiler) fieldPath(text string) (Expr, error) {
	if text == "$" {
		return nil, errs.New(16872, "'$' by itself is not a valid FieldPath")
	}
	if !strings.HasPrefix(text, "$$") {
		names, err := ParsePath(text[1:])
		if err != nil {
			return nil, err
		}
		if v := c.vars.lookup("CURRENT"); v != nil {
			return v.path(names), nil
		}
		return &rootPath{names: names}, nil
	}
	name, rest, dotted := strings.Cut(text[2:], ".")
	if err := validateVarRead(name); err != nil {
		return nil, err
	}
	var names [][]byte
	if dotted {
		var err error
		if names, err = ParsePath(rest); err != nil {
			return nil, err
		}
	}
	return c.variablePath(name, names)
}

func (c *compiler) variablePath(name string, names [][]byte) (Expr, error) {
	if v := c.vars.lookup(name); v != nil {
		return v.path(names), nil
	}
	if (name == "ROOT" || name == "CURRENT") && len(names) > 0 {
		return &rootPath{names: names}, nil
	}
	if b, ok := builtins[name]; ok {
		b.names = names
		return &b, nil
	}
	return nil, errs.New(17276, "Use of undefined variable: %s", name)
}

// path returns the expression for a path below a variable. A constant one is
// folded right away.
func (vs *Vars) path(names [][]byte) Expr {
	if vs.slot >= 0 {
		return &variable{slot: vs.slot, names: names}
	}
	if len(names) == 0 {
		return &constant{value: vs.constant}
	}
	v, err := walk(&Env{}, vs.constant, names)
	if err != nil {
		// Only a result over maxResult fails, and the constant is smaller.
		v = bsonraw.Value{}
	}
	return &constant{value: v}
}

// maxPath is the number of names that a path may have (BSON's depth limit in
// mongod).
const maxPath = 200

// ParsePath splits a dotted path and checks its names as mongod does.
func ParsePath(path string) ([][]byte, error) {
	switch {
	case path == "":
		return nil, errs.New(40352, "FieldPath cannot be constructed with empty string")
	case strings.HasSuffix(path, "."):
		return nil, errs.New(40353, "FieldPath must not end with a '.'.")
	}
	parts := strings.Split(path, ".")
	if len(parts) > maxPath {
		return nil, errs.New(errs.Overflow, "FieldPath is too long: %d names, the most is %d", len(parts), maxPath)
	}
	names := make([][]byte, len(parts))
	for i, part := range parts {
		if err := validateFieldName(part); err != nil {
			return nil, err
		}
		names[i] = []byte(part)
	}
	return names, nil
}

func validateFieldName(name string) error {
	switch {
	case name == "":
		return errs.New(15998, "FieldPath field names may not be empty strings.")
	case name[0] == '$' && name != "$id" && name != "$ref" && name != "$db":
		return errs.New(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
	case strings.IndexByte(name, 0) >= 0:
		return errs.New(16411, `FieldPath field names may not contain '\0'.`)
	case strings.IndexByte(name, '.') >= 0:
		return errs.New(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
	}
	return nil
}
