package main

/*
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

// argon_map returns size bytes of zeros at a multiple of align, or NULL.
static void *argon_map(size_t size, size_t align) {
	char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (p == MAP_FAILED) {
		return NULL;
	}
	char *at = (char *)(((uintptr_t)p + align - 1) / align * align);
	if (at > p) {
		munmap(p, at - p);
	}
	if (at + size < p + size + align) {
		munmap(at + size, p + align - at);
	}
#ifdef MADV_HUGEPAGE
	madvise(at, size, MADV_HUGEPAGE);
#endif
	return at;
}
*/
import "C"

import (
	"sync"
	"unsafe"
)

// slabs gives the memory of exported batches. It must be C's: structures that C
// holds may have no pointers into Go's heap.
//
// Buffers of a batch have some hundred kilobytes. From malloc, the kernel clears
// and maps each of their pages of 4 KiB on its first use, again for every data
// frame, which is an eighth of the time that making one takes. So they are cut
// from slabs in pages of 2 MiB, where the kernel has these, and a slab goes back
// when the last buffer of it is freed. What is small does not need a slab and
// should not keep one alive.
type slabs struct {
	mu      sync.Mutex
	current *slab
	all     map[uintptr]*slab // by the address, a multiple of slabSize
	inUse   int               // bytes of buffers
}

const (
	slabSize    = 8 << 20
	largeBuffer = 2 << 20  // gets a slab of its own, of its size
	smallBuffer = 16 << 10 // comes from malloc
	bufferAlign = 64       // as Arrow recommends
	pageSize    = 4 << 10
)

// slab is mapped memory. A slab of one large buffer is full from the start.
type slab struct {
	memory []byte
	used   int
	live   int // buffers
}

func newSlabs() *slabs { return &slabs{all: map[uintptr]*slab{}} }

// Allocate returns size bytes of zeros.
func (s *slabs) Allocate(size int) []byte {
	if size == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse += size
	if size < smallBuffer {
		return zeroed(size)
	}
	room := (size + bufferAlign - 1) &^ (bufferAlign - 1)
	from := s.current
	switch {
	case size > largeBuffer:
		from = s.grow((size + pageSize - 1) &^ (pageSize - 1))
	case from == nil || from.used+room > len(from.memory):
		from = s.grow(slabSize)
		s.current = from
	}
	b := from.memory[from.used : from.used+size : from.used+size]
	from.used += room
	from.live++
	return b
}

func (s *slabs) grow(size int) *slab {
	p := C.argon_map(C.size_t(size), slabSize)
	if p == nil {
		panic("out of memory for the columns of a result")
	}
	made := &slab{memory: unsafe.Slice((*byte)(p), size)}
	s.all[uintptr(p)] = made
	return made
}

// Free gives a buffer back.
func (s *slabs) Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	p := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse -= len(b)
	base := p &^ (slabSize - 1)
	of := s.all[base]
	if of == nil || p >= base+uintptr(len(of.memory)) {
		C.free(unsafe.Pointer(unsafe.SliceData(b)))
		return
	}
	if of.live--; of.live > 0 {
		return
	}
	delete(s.all, base)
	if of == s.current {
		s.current = nil
	}
	C.munmap(unsafe.Pointer(unsafe.SliceData(of.memory)), C.size_t(len(of.memory)))
}

// Reallocate returns a buffer of another size with the same bytes.
func (s *slabs) Reallocate(size int, b []byte) []byte {
	if size == len(b) {
		return b
	}
	to := s.Allocate(size)
	copy(to, b)
	s.Free(b)
	return to
}

// zeroed returns memory of malloc's.
func zeroed(size int) []byte {
	var p unsafe.Pointer
	if C.posix_memalign(&p, bufferAlign, C.size_t(size)) != 0 {
		panic("out of memory for the columns of a result")
	}
	b := unsafe.Slice((*byte)(p), size)
	clear(b)
	return b
}
