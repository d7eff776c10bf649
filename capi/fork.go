package main

/*
#include "shim.h"
*/
import "C"

import "github.com/argon-lab/argon/core/inherit"

// init lets forked children close the locks and connections of this process.
func init() {
	inherit.Keep(
		func(fd uintptr) { C.shim_own(C.int64_t(fd), 1) },
		func(fd uintptr) { C.shim_own(C.int64_t(fd), 0) },
	)
}
