package main

import (
	"github.com/argon-lab/argon/core/command"
)

// status is what a function of argon.h returns.
type status int32

// The statuses, with the numbers of argon.h.
const (
	ok       status = 0
	failed   status = 1
	tooSmall status = 2
	running  status = 3
)

// answer is the outcome of a call: its status, the document for the caller's
// buffer, and the handle that the call made.
type answer struct {
	status status
	doc    []byte
	need   int // with tooSmall: the size of the document
	handle int64
	rest   *unsettled // what has to happen before the caller may have the answer
}

// failure is the answer of a call that ended with err: its error document, as
// rule 4 of argon.h has it.
func failure(err error) answer { return answer{status: failed, doc: command.ErrorReply(err)} }
