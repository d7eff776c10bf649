package arrowfile

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/errs"
)

// maxAllocation bounds one piece of memory that a file may ask for.
const maxAllocation = 1 << 30

// bounded gives memory from Go's heap, and ends the reading of a file that asks
// for more at once than any sound file does: what a file says of the size of
// something decompressed is not to be believed.
type bounded struct{ memory.Allocator }

var allocator = bounded{memory.NewGoAllocator()}

func (b bounded) check(size int) {
	if size < 0 || size > maxAllocation {
		panic(errs.New(errs.ImportFailed, "the file asks for %d bytes at once", size)) // recovered by Reader.guard
	}
}

func (b bounded) Allocate(size int) []byte {
	b.check(size)
	return b.Allocator.Allocate(size)
}

func (b bounded) Reallocate(size int, old []byte) []byte {
	b.check(size)
	return b.Allocator.Reallocate(size, old)
}
