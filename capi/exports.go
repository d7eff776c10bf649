package main

/*
#include "argon.h"
#include "shim.h"
*/
import "C"

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/cdata"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// main is never called: the library is loaded, not run.
func main() {}

var versionText = C.CString(version())

//export goArgonVersion
func goArgonVersion() *C.char { return versionText }

//export goArgonOpen
func goArgonOpen(options *C.uint8_t, size C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		doc, err := optional("options", options, size)
		if err != nil {
			return failure(err)
		}
		return openClient(doc)
	})
}

//export goArgonClose
func goArgonClose(client C.int64_t, buf *C.argon_buffer) C.int32_t {
	if poisoned.Load() {
		registry.forget(int64(client))
		return C.ARGON_OK
	}
	return respond(buf, func() answer { return closeClient(int64(client)) })
}

//export goArgonCommand
func goArgonCommand(client C.int64_t, db *C.char, command *C.uint8_t, size C.int64_t, budgetMS C.int32_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		doc, err := bytesAt("command", unsafe.Pointer(command), int64(size))
		if err != nil {
			return failure(err)
		}
		return runCommand(int64(client), text(db), doc, int(budgetMS))
	})
}

//export goArgonFirst
func goArgonFirst(client C.int64_t, db *C.char, command *C.uint8_t, size C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		doc, err := bytesAt("command", unsafe.Pointer(command), int64(size))
		if err != nil {
			return failure(err)
		}
		return runFirst(int64(client), text(db), doc, room(buf))
	})
}

// goArgonSettle ends those of some commands that returned unsettled, each with the
// status and the buffer of its caller.
//
//export goArgonSettle
func goArgonSettle(first *C.struct_shim_waiter) {
	for w := first; w != nil; w = w.next {
		if w.status&C.SHIM_UNSETTLED == 0 {
			continue
		}
		w.status &^= C.SHIM_UNSETTLED
		u, _ := registry.forget(int64(w.buffer.handle)).(*unsettled)
		w.buffer.handle = 0
		if a := guarded(u.settle); a.status != ok {
			w.status = deliver(w.buffer, a)
		}
	}
}

//export goArgonCommandStart
func goArgonCommandStart(client C.int64_t, db *C.char, command *C.uint8_t, size C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		doc, err := document("command", command, size)
		if err != nil {
			return failure(err)
		}
		return startCommand(int64(client), text(db), doc)
	})
}

//export goArgonJobWait
func goArgonJobWait(job C.int64_t, timeoutMS C.int32_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer { return waitJob(int64(job), int(timeoutMS)) })
}

//export goArgonJobCancel
func goArgonJobCancel(job C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer { return cancelJob(int64(job)) })
}

//export goArgonJobProgress
func goArgonJobProgress(job C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer { return jobProgress(int64(job)) })
}

// goArgonJobResult forgets the job only once its result is in the buffer.
//
//export goArgonJobResult
func goArgonJobResult(job C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer { return jobResult(int64(job), capacity(buf)) })
}

//export goArgonJobDrop
func goArgonJobDrop(job C.int64_t, buf *C.argon_buffer) C.int32_t {
	if poisoned.Load() {
		registry.forget(int64(job))
		return C.ARGON_OK
	}
	return respond(buf, func() answer { return dropJob(int64(job)) })
}

//export goArgonArrow
func goArgonArrow(client C.int64_t, db *C.char, command *C.uint8_t, size C.int64_t, options *C.uint8_t, optionsSize C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		cmd, err := document("command", command, size)
		if err != nil {
			return failure(err)
		}
		opts, err := optional("options", options, optionsSize)
		if err != nil {
			return failure(err)
		}
		return startArrow(int64(client), text(db), cmd, opts)
	})
}

//export goArgonJobStream
func goArgonJobStream(job C.int64_t, keep C.int32_t, out *C.struct_ArrowArrayStream, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		if out == nil {
			return failure(errs.New(errs.BadValue, "the stream to fill is NULL"))
		}
		reader, err := takeStream(int64(job), keep != 0)
		if err != nil {
			return failure(err)
		}
		if reader == nil {
			return answer{status: running}
		}
		*out = C.struct_ArrowArrayStream{}
		cdata.ExportRecordReader(reader, (*cdata.CArrowArrayStream)(unsafe.Pointer(out)))
		reader.Release() // the stream holds it now
		return answer{}
	})
}

//export goArgonInsertArrow
func goArgonInsertArrow(client C.int64_t, db *C.char, command *C.uint8_t, size C.int64_t, in *C.struct_ArrowArrayStream, options *C.uint8_t, optionsSize C.int64_t, buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		if in == nil || in.release == nil {
			return failure(errs.New(errs.BadValue, "the stream to insert is NULL or released"))
		}
		reader, err := importReader(unsafe.Pointer(in))
		if err != nil {
			return failure(err)
		}
		cmd, err := document("command", command, size)
		if err != nil {
			reader.Release()
			return failure(err)
		}
		opts, err := optional("options", options, optionsSize)
		if err != nil {
			reader.Release()
			return failure(err)
		}
		return startInsertArrow(int64(client), text(db), cmd, opts, reader)
	})
}

//export goArgonTestPanic
func goArgonTestPanic(buf *C.argon_buffer) C.int32_t {
	return respond(buf, func() answer {
		var none []answer
		return none[1]
	})
}

// respond runs a call under the guard and writes its answer into the buffer. A
// document that does not fit stays behind as a finished job.
func respond(buf *C.argon_buffer, call func() answer) C.int32_t {
	a := guarded(call)
	if a.rest != nil && buf != nil && int64(len(a.doc)) <= capacity(buf) {
		status := deliver(buf, a)
		buf.handle = C.int64_t(registry.add(a.rest))
		return status | C.SHIM_UNSETTLED
	}
	if a.rest != nil {
		if late := guarded(a.rest.settle); late.status != ok {
			a = late
		}
	}
	return deliver(buf, a)
}

// deliver writes an answer into the buffer.
func deliver(buf *C.argon_buffer, a answer) C.int32_t {
	if buf == nil {
		if a.status == ok && len(a.doc) > 0 {
			return C.ARGON_FAILED
		}
		return C.int32_t(a.status)
	}
	buf.size, buf.handle = C.int64_t(max(len(a.doc), a.need)), C.int64_t(a.handle)
	if len(a.doc) == 0 {
		return C.int32_t(a.status)
	}
	if buf.data == nil || int64(len(a.doc)) > int64(buf.capacity) {
		buf.handle = C.int64_t(keep(a))
		return C.ARGON_TOO_SMALL
	}
	copy(unsafe.Slice((*byte)(buf.data), len(a.doc)), a.doc)
	return C.int32_t(a.status)
}

// room is the memory of the buffer, into which an answer may be written before it
// is delivered.
func room(buf *C.argon_buffer) []byte {
	if buf == nil || buf.data == nil {
		return nil
	}
	return unsafe.Slice((*byte)(buf.data), buf.capacity)
}

func capacity(buf *C.argon_buffer) int64 {
	if buf == nil || buf.data == nil {
		return 0
	}
	return int64(buf.capacity)
}

func text(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

// document copies a BSON document of the caller's.
func document(what string, data *C.uint8_t, size C.int64_t) (bsonraw.Doc, error) {
	doc, err := bytesAt(what, unsafe.Pointer(data), int64(size))
	return doc.Clone(), err
}

// optional is document, with NULL and 0 for none.
func optional(what string, data *C.uint8_t, size C.int64_t) (bsonraw.Doc, error) {
	if data == nil && size == 0 {
		return nil, nil
	}
	doc, err := document(what, data, size)
	if err == nil {
		err = bsonraw.Validate(doc)
	}
	return doc, err
}

// forkedError is the document that argon.c answers with in a forked child.
func forkedError() []byte {
	var size C.int64_t
	data := C.shim_forked_error(&size)
	return C.GoBytes(unsafe.Pointer(data), C.int(size))
}
