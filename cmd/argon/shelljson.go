package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/ejson"
)

// On a command line people write documents as in mongosh: {age: {$gt: 30}},
// 'single quotes', ObjectId("…"), trailing commas. shellJSON rewrites that into
// Extended JSON, which is valid input too and passes unchanged but for space.

// parseDoc reads a document.
func parseDoc(text string) (bsonraw.Doc, error) {
	strict, err := shellJSON(text)
	if err != nil {
		return nil, err
	}
	return ejson.ParseDoc(strict)
}

// parseValue reads any value.
func parseValue(text string) (client.Value, error) {
	strict, err := shellJSON(text)
	if err != nil {
		return client.Value{}, err
	}
	v, err := ejson.ParseValue(strict)
	if err != nil {
		return client.Value{}, err
	}
	return client.RawValue(v), nil
}

// parseID reads an _id: a value, or else the text itself as a string. The note
// says how to go on where no document has it.
func parseID(text string) (id client.Value, note string) {
	if v, err := parseValue(text); err == nil {
		return v, ""
	}
	if len(text) == 24 && strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		note = fmt.Sprintf("the string %q was looked for; an ObjectId is written 'ObjectId(%q)'", text, text)
	}
	return client.RawValue(bsonraw.StringValue(text)), note
}

// rewriter turns shell syntax into Extended JSON, token by token.
type rewriter struct {
	src string
	pos int
	out strings.Builder
	// comma is a comma that was read and not written yet: in front of a closing
	// bracket it is dropped.
	comma bool
}

func shellJSON(text string) (string, error) {
	r := &rewriter{src: text}
	for r.space(); r.pos < len(r.src); r.space() {
		if err := r.token(); err != nil {
			return "", err
		}
	}
	if r.comma {
		return "", fmt.Errorf("it ends with a comma")
	}
	return r.out.String(), nil
}

func (r *rewriter) space() {
	for r.pos < len(r.src) && strings.IndexByte(" \t\r\n", r.src[r.pos]) >= 0 {
		r.pos++
	}
}

func (r *rewriter) token() error {
	c := r.src[r.pos]
	switch {
	case c == ',':
		if r.comma {
			return fmt.Errorf("two commas at byte %d", r.pos+1)
		}
		r.comma = true
		r.pos++
		return nil
	case c == '}' || c == ']':
		r.comma = false
	}
	if r.comma {
		r.out.WriteByte(',')
		r.comma = false
	}
	switch {
	case c == '"' || c == '\'':
		text, err := r.quoted()
		if err == nil {
			r.writeString(text)
		}
		return err
	case isNameStart(c):
		return r.name()
	case c == '/':
		return r.regex()
	case c == '-' || c >= '0' && c <= '9':
		r.number()
		return nil
	}
	r.out.WriteByte(c)
	r.pos++
	return nil
}

// number copies a number, so that its exponent is not taken for a name.
func (r *rewriter) number() {
	const negInfinity = "-Infinity"
	if strings.HasPrefix(r.src[r.pos:], negInfinity) {
		r.pos += len(negInfinity)
		r.out.WriteString(`{"$numberDouble":"-Infinity"}`)
		return
	}
	begin := r.pos
	for r.pos < len(r.src) && strings.IndexByte("+-.0123456789eE", r.src[r.pos]) >= 0 {
		r.pos++
	}
	r.out.WriteString(r.src[begin:r.pos])
}

func isNameStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// word reads a bare name; dots belong to it, as in {address.city: 1}.
func (r *rewriter) word() string {
	begin := r.pos
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		// An exponent's sign or a minus does not continue a name.
		if !isNameStart(c) && c != '.' && (c < '0' || c > '9') {
			break
		}
		r.pos++
	}
	return r.src[begin:r.pos]
}

// quoted reads a string in single or double quotes and returns the text between
// them as JSON has it.
func (r *rewriter) quoted() (string, error) {
	begin, quote := r.pos, r.src[r.pos]
	var out strings.Builder
	for r.pos++; r.pos < len(r.src); r.pos++ {
		switch c := r.src[r.pos]; {
		case c == quote:
			r.pos++
			return out.String(), nil
		case c == '\\' && r.pos+1 < len(r.src):
			r.pos++
			if e := r.src[r.pos]; e != '\'' {
				out.WriteByte('\\')
				out.WriteByte(e)
			} else {
				out.WriteByte(e)
			}
		case c == '"':
			out.WriteString(`\"`)
		default:
			out.WriteByte(c)
		}
	}
	return "", fmt.Errorf("a string that begins at byte %d has no end", begin+1)
}

// writeString writes text that is escaped for JSON already.
func (r *rewriter) writeString(text string) { r.out.WriteString(`"` + text + `"`) }

// constants are the bare words that stand for values.
var constants = map[string]string{
	"true": "true", "false": "false", "null": "null",
	"NaN": `{"$numberDouble":"NaN"}`, "Infinity": `{"$numberDouble":"Infinity"}`,
	"undefined": `{"$undefined":true}`, "MinKey": `{"$minKey":1}`, "MaxKey": `{"$maxKey":1}`,
}

// name reads a bare key, a constant, or a call of a type's constructor.
func (r *rewriter) name() error {
	at, word := r.pos, r.word()
	if word == "new" {
		r.space()
		at, word = r.pos, r.word()
	}
	r.space()
	next := byte(0)
	if r.pos < len(r.src) {
		next = r.src[r.pos]
	}
	switch {
	case next == ':':
		r.writeString(word)
		return nil
	case next == '(':
		return r.call(word, at)
	}
	value, ok := constants[word]
	if !ok {
		return fmt.Errorf("%q at byte %d is no value; strings need quotes", word, at+1)
	}
	r.out.WriteString(value)
	return nil
}

// call reads the arguments of a constructor and writes its value.
func (r *rewriter) call(name string, at int) error {
	args, err := r.arguments()
	if err != nil {
		return err
	}
	value, err := construct(name, args)
	if err != nil {
		return fmt.Errorf("%s at byte %d: %w", name, at+1, err)
	}
	r.out.WriteString(value)
	return nil
}

// arguments reads (a, b): strings without their quotes, and numbers.
func (r *rewriter) arguments() ([]string, error) {
	var args []string
	for r.pos++; ; {
		r.space()
		if r.pos >= len(r.src) {
			return nil, fmt.Errorf("a call has no closing bracket")
		}
		switch c := r.src[r.pos]; {
		case c == ')':
			r.pos++
			return args, nil
		case c == ',':
			r.pos++
		case c == '"' || c == '\'':
			text, err := r.quoted()
			if err != nil {
				return nil, err
			}
			args = append(args, text)
		default:
			begin := r.pos
			for r.pos < len(r.src) && strings.IndexByte(",) \t\r\n", r.src[r.pos]) < 0 {
				r.pos++
			}
			args = append(args, r.src[begin:r.pos])
		}
	}
}

// construct makes the Extended JSON of a constructor's value.
func construct(name string, args []string) (string, error) {
	want := 1
	switch name {
	case "Timestamp", "BinData":
		want = 2
	case "MinKey", "MaxKey":
		want = 0
	}
	if len(args) != want {
		return "", fmt.Errorf("takes %d arguments, got %d", want, len(args))
	}
	switch name {
	case "ObjectId":
		return `{"$oid":"` + args[0] + `"}`, nil
	case "NumberLong", "Long":
		return `{"$numberLong":"` + args[0] + `"}`, nil
	case "NumberInt", "Int32":
		return `{"$numberInt":"` + args[0] + `"}`, nil
	case "NumberDecimal", "Decimal128":
		return `{"$numberDecimal":"` + args[0] + `"}`, nil
	case "Double":
		return `{"$numberDouble":"` + args[0] + `"}`, nil
	case "UUID":
		return `{"$uuid":"` + args[0] + `"}`, nil
	case "Timestamp":
		return `{"$timestamp":{"t":` + args[0] + `,"i":` + args[1] + `}}`, nil
	case "BinData":
		sub, err := strconv.ParseUint(args[0], 10, 8)
		return fmt.Sprintf(`{"$binary":{"base64":"%s","subType":"%02x"}}`, args[1], sub), err
	case "MinKey", "MaxKey":
		return constants[name], nil
	case "ISODate", "Date":
		return date(args[0])
	}
	return "", fmt.Errorf("is no type that there is")
}

func date(text string) (string, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return fmt.Sprintf(`{"$date":{"$numberLong":"%d"}}`, t.UnixMilli()), nil
		}
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return fmt.Sprintf(`{"$date":{"$numberLong":"%d"}}`, ms), nil
	}
	return "", fmt.Errorf("%q is no date", text)
}

// regex reads /pattern/options.
func (r *rewriter) regex() error {
	begin := r.pos
	var pattern strings.Builder
	for r.pos++; r.pos < len(r.src) && r.src[r.pos] != '/'; r.pos++ {
		c := r.src[r.pos]
		if c == '\\' && r.pos+1 < len(r.src) {
			r.pos++
			if r.src[r.pos] != '/' {
				pattern.WriteString(`\\`)
			}
			c = r.src[r.pos]
		}
		if c == '"' || c == '\\' {
			pattern.WriteByte('\\')
		}
		pattern.WriteByte(c)
	}
	if r.pos == len(r.src) {
		return fmt.Errorf("a regular expression that begins at byte %d has no end", begin+1)
	}
	r.pos++
	options := r.pos
	for r.pos < len(r.src) && r.src[r.pos] >= 'a' && r.src[r.pos] <= 'z' {
		r.pos++
	}
	fmt.Fprintf(&r.out, `{"$regularExpression":{"pattern":"%s","options":"%s"}}`, pattern.String(), r.src[options:r.pos])
	return nil
}
