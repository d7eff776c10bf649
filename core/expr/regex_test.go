package expr

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// patterns and subjects are crossed with each other and with options.
var patterns = []string{
	`abc`, `^abc`, `abc$`, `^abc$`, `a|b`, `(a)|(b)`, `(a(b)?)+`, `a.c`, `.`, `.*`, `.+?`, `a*`, `a*?b`, `[abc]`, `[^abc]`, `[a-c]+`, `[]a]`, `[^]a]`, `[a\]b]`, `[\d-x]`,
	`\d+`, `\D`, `\w+`, `\W`, `\s`, `\S+`, `[\s]`, `[^\s]+`, `\h`, `\v`, `\N`, `\R`, `\bb`, `\Bb`, `\Aab`, `c\z`, `c\Z`, `$`, `^`, `\n$`, `a$|b`, `(a|b$)`, `(?:^|x)a`,
	`(?i)AB`, `(?i:A)b`, `(?s).`, `(?m)^b`, `(?m)a$`, `(?x) a b # c`, `(?-i)A`, `(?#x)a`, `(?=a)`, `a(?=b)`, `a(?!b)`, `(?<=a)b`, `(?<!a)b`, `(?>a+)b`, `a++b`, `a?+`, `(a)\1`, `(?<n>a)\k<n>`, `(?P<n>a)(?P=n)`, `(?'n'b)`,
	`\x41`, `\x{e9}`, `\101`, `\e`, `\cA`, `\t`, `\Qa.b\E`, `a{2}`, `a{2,}`, `a{1,2}?`, `a{,2}`, `{`, `a{`, `}`, `]`, `\.`, `\-`, `\_`, `\/`, `é`, `É`, `[é-ü]`, `\p{L}+`, `\p{Lu}`, `\P{L}`, `\pN`, `[\p{L}\d]+`, `[[:alpha:]]+`, `[[:^digit:]]`, `[[:space:]x]`, `[[:punct:]]`, `日.`, `ſ`, `K`,
	`(((((a)))))`, `(a*)*`, `(a*)+`, `(a|ab)(c|bcd)(d*)`, `(a+|b+)*c`, `x*y*`, `()`, `(|a)`, `(a|)`, `a||b`,
	`(`, `)`, `[`, `a)`, `*`, `+a`, `?`, `a**`, `[b-a]`, `[[:x:]]`, `(?<n`, `(?z)`, `\`, `(?P<1>a)`, `a{3,2}`, `\x{110000}`,
}

var subjects = []string{
	"", "a", "b", "abc", "ABC", "xabcx", "abc\n", "a\nb\nc", "aab", "aaab", "b\n", "ab\nab\n", "a b\tc", "1a2b", "é日本É", "ÄéÖü", "A\x01\x1b", "a.b", "a{2}{", "_-/.", "\v\f\u00a0\u2028", "aa bb", "xx\ry\r\nz", "sSſ kKK", "x]y",
}

// knownRegex are the differences that package regex documents: ^ behind a last
// newline, classes under option i, and what a group holds after a loop over
// nothing.
func knownRegex(pattern, options string) bool {
	switch pattern {
	case "^":
		return strings.Contains(options, "m")
	case "[[:alpha:]]+":
		return strings.Contains(options, "i")
	}
	return pattern == "(a*)*" || pattern == "(a*)+"
}

// TestRegexAgainstMongod compares what each pattern finds in each subject.
func TestRegexAgainstMongod(t *testing.T) {
	db := mongotest.Database(t)
	var docs []bsonraw.Doc
	for _, s := range subjects {
		docs = append(docs, docOf("s", bsonraw.StringValue(s)))
	}
	for _, pattern := range patterns {
		for _, options := range []string{"", "i", "m", "s", "x", "im"} {
			v := rawOf(bson.D{{Key: "$regexFindAll", Value: bson.D{
				{Key: "input", Value: "$s"}, {Key: "regex", Value: bson.D{{Key: "$literal", Value: pattern}}}, {Key: "options", Value: options},
			}}})
			e := bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.Value}
			results, failed := theirs(t, db, []bsonraw.Value{e}, docs)
			for i, doc := range docs {
				got := ours(e, doc)
				if failed != nil {
					if int32(got.code) != failed.Code {
						t.Errorf("/%s/%s: got %v, want %v", pattern, options, got, failed)
					}
					break
				}
				if want := results[0][i]; !got.same(want) && !knownRegex(pattern, options) {
					t.Errorf("/%s/%s in %q:\n  got  %v\n  want %v", pattern, options, subjects[i], got, want)
				}
			}
		}
	}
}
