package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/regex"
)

// regexCache keeps what patterns of documents compile to: they tend to repeat.
type regexCache map[string]*regex.Regex

const maxRegexes = 64

func (c *regexCache) get(name, pattern, options string) (*regex.Regex, error) {
	key := pattern + "\x00" + options
	if r, ok := (*c)[key]; ok {
		return r, nil
	}
	r, err := compileRegex(name, pattern, options)
	if err != nil {
		return nil, err
	}
	if *c == nil || len(*c) >= maxRegexes {
		*c = make(regexCache)
	}
	(*c)[key] = r
	return r, nil
}

func compileRegex(name, pattern, options string) (*regex.Regex, error) {
	if strings.IndexByte(pattern, 0) >= 0 {
		return nil, errs.New(51109, "%s: regular expression cannot contain an embedded null byte", name)
	}
	if strings.IndexByte(options, 0) >= 0 {
		return nil, errs.New(51110, "%s: regular expression options cannot contain an embedded null byte", name)
	}
	if c, bad := regex.InvalidOption(options); bad {
		return nil, errs.New(51108, "%s invalid flag in regex options: %c", name, c)
	}
	r, err := regex.Compile(pattern, options)
	if err != nil {
		return nil, errs.New(51111, "Invalid Regex in %s: %s", name, strings.TrimPrefix(errs.As(err).Message, "Regular expression is invalid: "))
	}
	return r, nil
}

// regexCall is $regexMatch, $regexFind or $regexFindAll.
type regexCall struct {
	name                  string
	input, regex, options Expr // options may be nil
	result                func(env *Env, r *regex.Regex, s []byte) (bsonraw.Value, error)
	none                  func(env *Env) (bsonraw.Value, error) // for null input or regex

	constant bool         // regex and options are; they are in compiled
	compiled *regex.Regex // nil for a null regex
}

func regexOperator(result func(*Env, *regex.Regex, []byte) (bsonraw.Value, error), none func(*Env) (bsonraw.Value, error)) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		if arg.Type != bsonraw.Object {
			return nil, errs.New(51103, "%s expects an object of named arguments but found: %s", name, arg.Type.Name())
		}
		parts, err := named(arg.Doc(), []string{"input", "regex", "options"}, func(field string) error {
			return errs.New(31024, "%s found an unknown argument: %s", name, field)
		})
		switch {
		case err != nil:
			return nil, err
		case parts[0].IsMissing():
			return nil, errs.New(31022, "%s requires 'input' parameter", name)
		case parts[1].IsMissing():
			return nil, errs.New(31023, "%s requires 'regex' parameter", name)
		}
		x := &regexCall{name: name, result: result, none: none}
		return x, c.compileEach(parts, &x.input, &x.regex, &x.options)
	}
}

func (x *regexCall) children(visit func(*Expr)) {
	visitSome(visit, &x.input, &x.regex, &x.options)
}

// rewrite compiles a constant regular expression once.
func (x *regexCall) rewrite() (Expr, error) {
	pattern, known := Constant(x.regex)
	options := bsonraw.Value{}
	if x.options != nil && known {
		options, known = Constant(x.options)
	}
	if !known {
		return x, nil
	}
	r, err := x.prepare(&Env{}, pattern, options)
	if err != nil {
		return nil, errs.New(errs.CodeOf(err), "Failed to optimize pipeline :: caused by :: %s", errs.As(err).Message)
	}
	x.constant, x.compiled = true, r
	return x, nil
}

// prepare checks and compiles the regular expression; nil for null.
func (x *regexCall) prepare(env *Env, v, options bsonraw.Value) (*regex.Regex, error) {
	var pattern, flags string
	switch {
	case v.Type == bsonraw.String:
		pattern = v.Str()
	case v.Type == bsonraw.Regex:
		pattern, flags = v.Regex()
	case !v.IsNullish():
		return nil, errs.New(51105, "%s needs 'regex' to be of type string or regex", x.name)
	}
	switch {
	case options.IsNullish():
	case options.Type != bsonraw.String:
		return nil, errs.New(51106, "%s needs 'options' to be of type string", x.name)
	case flags != "":
		return nil, errs.New(51107, "%s: found regex option(s) specified in both 'regex' and 'option' fields", x.name)
	default:
		flags = options.Str()
	}
	if v.IsNullish() {
		if c, bad := regex.InvalidOption(flags); bad {
			return nil, errs.New(51108, "%s invalid flag in regex options: %c", x.name, c)
		}
		return nil, nil
	}
	return env.regexes.get(x.name, pattern, flags)
}

func (x *regexCall) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	var pattern, options bsonraw.Value
	if !x.constant {
		if pattern, err = x.regex.Eval(env); err != nil {
			return bsonraw.Value{}, err
		}
		if options, err = evalOr(env, x.options, options); err != nil {
			return bsonraw.Value{}, err
		}
	}
	if input.Type != bsonraw.String && !input.IsNullish() {
		return bsonraw.Value{}, errs.New(51104, "%s needs 'input' to be of type string", x.name)
	}
	r := x.compiled
	if !x.constant {
		if r, err = x.prepare(env, pattern, options); err != nil {
			return bsonraw.Value{}, err
		}
	}
	if r == nil || input.IsNullish() {
		return x.none(env)
	}
	return x.result(env, r, input.StringBytes())
}

func regexMatch(_ *Env, r *regex.Regex, s []byte) (bsonraw.Value, error) {
	ok, err := r.Match(s)
	return boolean(ok), err
}

func regexFind(env *Env, r *regex.Regex, s []byte) (bsonraw.Value, error) {
	m, err := r.Find(s, 0)
	if err != nil || m == nil {
		return null, err
	}
	return env.match(s, m, utf8.RuneCount(s[:m[0]]))
}

func regexFindAll(env *Env, r *regex.Regex, s []byte) (bsonraw.Value, error) {
	all, err := r.FindAll(s)
	if err != nil {
		return bsonraw.Value{}, err
	}
	at := env.open()
	index, last := 0, 0
	for i, m := range all {
		index += utf8.RuneCount(s[last:m[0]])
		last = m[0]
		v, err := env.match(s, m, index)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, v)
	}
	return env.close(bsonraw.Array, at)
}

// match makes {match, idx, captures} of a match.
func (env *Env) match(s []byte, m []int, index int) (bsonraw.Value, error) {
	texts := make([]bsonraw.Value, 0, len(m)/2)
	for i := 0; i < len(m); i += 2 {
		if m[i] < 0 {
			texts = append(texts, null)
			continue
		}
		v, err := env.text(s[m[i]:m[i+1]])
		if err != nil {
			return bsonraw.Value{}, err
		}
		texts = append(texts, v)
	}
	captures, err := env.array(texts[1:])
	if err != nil {
		return bsonraw.Value{}, err
	}
	at := env.open()
	env.field([]byte("match"), texts[0])
	env.field([]byte("idx"), env.int32(index))
	env.field([]byte("captures"), captures)
	return env.close(bsonraw.Object, at)
}

func noMatch(*Env) (bsonraw.Value, error)       { return boolean(false), nil }
func noFind(*Env) (bsonraw.Value, error)        { return null, nil }
func noFindAll(env *Env) (bsonraw.Value, error) { return env.array(nil) }
