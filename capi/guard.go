package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// poisoned is set by the first panic and never reset: the panic may have left
// locks held and structures half changed, so nothing may run on them again. The
// first panic is what later errors tell: the call that met it may have been made
// by a destructor or a thread whose error nobody saw.
var (
	poisoned   atomic.Bool
	firstPanic atomic.Pointer[errs.Error]
)

// guarded runs one call from C. A panic poisons the library and is the answer.
func guarded(call func() answer) (a answer) {
	if poisoned.Load() {
		return failure(poisonedError())
	}
	defer func() {
		if r := recover(); r != nil {
			a = failure(panicked(r))
		}
	}()
	return call()
}

// panicked poisons the library and makes the error of a recovered panic. The
// stack goes into errInfo, for the report that the remedy asks for.
func panicked(r any) error {
	poisoned.Store(true)
	b := bsonraw.NewBuilder(nil)
	b.String("panic", fmt.Sprint(r))
	b.String("stack", string(debug.Stack()))
	err := errs.New(errs.LibraryPanicked, "a defect stopped the call: %v, at %s", r, origin()).WithDetails(b.Finish())
	firstPanic.CompareAndSwap(nil, err)
	return err
}

// origin is the function, the file and the line that panicked: a report often has
// the message only.
func origin() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for behind := false; ; {
		f, more := frames.Next()
		switch inRuntime := strings.HasPrefix(f.Function, "runtime."); {
		case inRuntime:
			behind = true
		case behind:
			return fmt.Sprintf("%s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// poisonedError is the answer of every call behind the first panic.
func poisonedError() error {
	err := errs.New(errs.LibraryPanicked, "an earlier call stopped on a defect, and this process cannot go on using the store")
	if first := firstPanic.Load(); first != nil {
		err = errs.New(errs.LibraryPanicked, "an earlier call stopped on a defect, and this process cannot go on using the store: %s", first.Message)
		err.Details = first.Details
	}
	return err
}

// bytesAt returns the size bytes at p, the caller's, as a document. They are
// valid during the call only, and not validated: core/command does that.
func bytesAt(what string, p unsafe.Pointer, size int64) (bsonraw.Doc, error) {
	if p == nil {
		return nil, errs.New(errs.InvalidBSON, "the %s is NULL", what)
	}
	if size < 5 || size > 1<<30 {
		return nil, errs.New(errs.InvalidBSON, "the %s has %d bytes, and must have 5 to 2^30", what, size)
	}
	return unsafe.Slice((*byte)(p), size), nil
}
