package expr

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// trim is $trim, $ltrim or $rtrim.
type trim struct {
	name         string
	left, right  bool
	input, chars Expr // chars may be nil
}

// blanks are trimmed where no characters are named.
const blanks = "\x00 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

func trimming(left, right bool) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		if arg.Type != bsonraw.Object {
			return nil, errs.New(50696, "%s only supports an object as an argument, found %s", name, arg.Type.Name())
		}
		parts, err := named(arg.Doc(), []string{"input", "chars"}, func(field string) error {
			return errs.New(50694, "%s found an unknown argument: %s", name, field)
		})
		if err != nil {
			return nil, err
		}
		if parts[0].IsMissing() {
			return nil, errs.New(50695, "%s requires an 'input' field", name)
		}
		x := &trim{name: name, left: left, right: right}
		return x, c.compileEach(parts, &x.input, &x.chars)
	}
}

func (x *trim) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.String:
		return bsonraw.Value{}, errs.New(50699, "%s requires its input to be a string, got %s (of type %s) instead.", x.name, show(input), input.Type.Name())
	}
	cutset := blanks
	if x.chars != nil {
		chars, err := x.chars.Eval(env)
		switch {
		case err != nil:
			return bsonraw.Value{}, err
		case chars.IsNullish():
			return null, nil
		case chars.Type != bsonraw.String:
			return bsonraw.Value{}, errs.New(50700, "%s requires 'chars' to be a string, got %s (of type %s) instead.", x.name, show(chars), chars.Type.Name())
		}
		cutset = chars.Str()
	}
	s := input.StringBytes()
	if x.left {
		s = bytes.TrimLeft(s, cutset)
	}
	if x.right {
		s = bytes.TrimRight(s, cutset)
	}
	return env.text(s)
}

func (x *trim) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.chars) }
func (x *trim) foldable() bool             { return true }

// replace is $replaceOne or $replaceAll.
type replace struct {
	name                     string
	count                    int // -1: all
	input, find, replacement Expr
}

func replacing(count int) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		if arg.Type != bsonraw.Object {
			return nil, errs.New(51751, "%s requires an object as an argument, found: %s", name, arg.Type.Name())
		}
		names := []string{"input", "find", "replacement"}
		parts, err := named(arg.Doc(), names, func(field string) error {
			return errs.New(51750, "%s found an unknown argument: %s", name, field)
		})
		if err != nil {
			return nil, err
		}
		for i, field := range names {
			if parts[i].IsMissing() {
				return nil, errs.New(51749-errs.Code(i), "%s requires '%s' to be specified", name, field)
			}
		}
		x := &replace{name: name, count: count}
		return x, c.compileEach(parts, &x.input, &x.find, &x.replacement)
	}
}

func (x *replace) Eval(env *Env) (bsonraw.Value, error) {
	var parts [3]bsonraw.Value
	for i, e := range [3]Expr{x.input, x.find, x.replacement} {
		v, err := e.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		parts[i] = v
	}
	anyNull := false
	for i, v := range parts {
		if v.Type != bsonraw.String && !v.IsNullish() {
			what := [3]string{"input", "find", "replacement"}[i]
			return bsonraw.Value{}, errs.New(51746-errs.Code(i), "%s requires that '%s' be a string, found: %s", x.name, what, show(v))
		}
		anyNull = anyNull || v.IsNullish()
	}
	if anyNull {
		return null, nil
	}
	s, old, with := parts[0].StringBytes(), parts[1].StringBytes(), parts[2].StringBytes()
	n := bytes.Count(s, old)
	if x.count >= 0 {
		n = min(n, x.count)
	}
	if size := len(s) + n*(len(with)-len(old)); size > maxResult {
		return bsonraw.Value{}, tooLarge(size)
	}
	// Empty text is replaced between characters; mongod's goes between bytes
	// and leaves broken UTF-8.
	return env.text(bytes.Replace(s, old, with, x.count))
}

func (x *replace) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.find, &x.replacement) }
