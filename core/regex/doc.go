// Package regex compiles the regular expressions of queries, updates and
// aggregation expressions: Perl's syntax as PCRE has it, which is MongoDB's.
//
// It owns the translation of that syntax to two engines: Go's own, linear in
// the length of the text, for every pattern that means the same there; and
// regexp2, which backtracks under a time limit, for lookaround, backreferences,
// atomic groups and the x option.
//
// Promises:
//
//  1. Classes are those of PCRE without UCP: \d \w \b and the POSIX classes are
//     ASCII, \s includes vertical tab, case folding is Unicode's.
//  2. $ matches at the end and before a last newline, as in Perl; \z only at
//     the end.
//  3. Compile of any bytes returns a Regex or an error; a pattern that neither
//     engine can run (recursion, \K, callouts, verbs) is refused by name.
//  4. A Regex is immutable and may be used by many goroutines. No match runs
//     longer than matchTimeout.
//
// Known differences: at the end of a text with option m, ^ also matches behind
// a last newline; in a bracket class under option i, \w also takes the Kelvin
// sign and the long s, and \p{Lu} the other case too; after a loop over nothing,
// as in (a*)*, the group holds the last text, in PCRE the last nothing.
// Lookbehind may be of any length, which PCRE refuses.
//
// Read regex.go, then translate.go and classes.go; prefix.go finds the literal
// prefix that an index can use.
package regex
