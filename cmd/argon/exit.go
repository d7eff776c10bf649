package main

import (
	"errors"

	"github.com/argon-lab/argon/core/errs"
)

// Exit codes, one for each category of errors. Scripts depend on them.
//
//	0    done
//	1    a defect in Argon
//	2    the request can never succeed as it stands (also: wrong usage)
//	3    something named is not there
//	4    something named is there already
//	5    a conflict: of a merge, or with another writer
//	6    a write where only reads are allowed
//	7    a feature that is not there yet
//	8    the store is open in another process
//	9    the disk, the network or the system failed
//	10   stored bytes do not check out
//	11   not allowed for this user
//	130  stopped, by Ctrl-C or a time limit
var exitCodes = map[errs.Category]int{
	errs.Internal:    1,
	errs.Invalid:     2,
	errs.NotFound:    3,
	errs.Exists:      4,
	errs.Conflict:    5,
	errs.ReadOnly:    6,
	errs.Unsupported: 7,
	errs.Busy:        8,
	errs.IO:          9,
	errs.Corrupt:     10,
	errs.Denied:      11,
	errs.Canceled:    130,
}

// usageError is a wrong use of a verb: it prints as it is.
type usageError struct {
	err error
}

func (u usageError) Error() string { return u.err.Error() }

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var u usageError
	if errors.As(err, &u) {
		return exitCodes[errs.Invalid]
	}
	e := errs.As(err)
	if e == nil {
		return exitCodes[errs.Internal]
	}
	return exitCodes[e.Code.Category()]
}
