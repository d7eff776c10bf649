package pebblekv

import (
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/kv"
)

// Options says how to open a store. The zero Options are the defaults.
type Options struct {
	// ReadOnly opens without writing a byte, also on a read-only medium. The
	// store must exist.
	ReadOnly bool
	// MustExist refuses to make a new store.
	MustExist bool
	// Token stands in the lock file as long as the store is open, for other
	// processes to recognize this opening by; see LockHolder. One line.
	Token string
	// CacheBytes is the size of the cache of blocks; MemtableBytes that of one
	// memtable. Memtables are charged to the cache, so that a cache not larger
	// than three of them holds no blocks at all.
	CacheBytes    int64
	MemtableBytes uint64
	// JournalBytes is the size of the journal's file.
	JournalBytes int64
	// TableEnd says where a table on disk that begins with a key has to end at
	// the latest, or nil if it does not care. Tables hold one kind of key anyway.
	TableEnd func(start []byte) []byte
	// FS is the file system; the machine's own if nil.
	FS vfs.FS
}

// The defaults keep a process with millions of documents under 150 MB.
const (
	defaultCache    = 32 << 20
	defaultMemtable = 8 << 20
	defaultJournal  = 1 << 20
	// stopMemtables bounds how many memtables may wait to be flushed.
	stopMemtables = 3

	blockSize      = 8 << 10
	lastBlockSize  = 16 << 10
	indexBlockSize = 64 << 10
	filterBits     = 10
	maxOpenFiles   = 512
)

// formatVersion is Pebble's own format. FROZEN: a newer one would have to be a
// new version of FORMAT, since an older Argon could not read it.
const formatVersion = pebble.FormatValueSeparation

func (o *Options) setDefaults() {
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.MemtableBytes == 0 {
		o.MemtableBytes = defaultMemtable
	}
	if o.JournalBytes == 0 {
		o.JournalBytes = defaultJournal
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
}

// pebbleOptions returns Pebble's options for a store. Blocks of the last level
// are larger, since adjacent versions of a document compress into almost
// nothing there; the upper levels hold little and are rewritten soon, so they
// get the cheapest compression.
//
// Level 0 is compacted at four layers, Pebble's default: at two, a third of what a
// server spent on inserts was compacting them, and reads hardly gained by it.
func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		CacheSize:                   s.opts.CacheBytes,
		Comparer:                    comparer,
		FS:                          s.fs,
		FormatMajorVersion:          formatVersion,
		Logger:                      (*logger)(s),
		EventListener:               s.events(),
		MemTableSize:                s.opts.MemtableBytes,
		MemTableStopWritesThreshold: stopMemtables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       neverStop, // stall.go does
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                maxOpenFiles,
		ReadOnly:                    s.opts.ReadOnly,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	o.Experimental.SpanPolicyFunc = s.spanPolicy
	for i := range o.Levels {
		l := &o.Levels[i]
		l.BlockSize = blockSize
		l.IndexBlockSize = indexBlockSize
		l.FilterPolicy = bloom.FilterPolicy(filterBits)
		l.Compression = func() *sstable.CompressionProfile { return sstable.MinLZCompression }
	}
	o.Levels[len(o.Levels)-1].BlockSize = lastBlockSize
	return o
}

// spanPolicy ends a table where the kind of key changes. Every commit writes one
// key of several kinds; in one table they would span all others, so that tables
// of documents with ascending ids would overlap, and be rewritten level by level
// instead of moved. TableEnd does the same within a kind.
//
// Older versions stay beside the newest. Pebble would put them into blocks of
// their own: then a read at an old LSN takes 1.6 times as long as one of the
// newest, and a version 77 bytes on disk instead of 26, since it does not
// compress against its neighbour. The price is paid by scans of documents with
// many versions: twice the time with twenty of each.
func (s *Store) spanPolicy(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if s.opts.TableEnd != nil {
		end = s.opts.TableEnd(start)
	}
	if end == nil && len(start) > 0 && start[0] < math.MaxUint8 {
		end = []byte{max(start[0], minKey[0]) + 1} // the ordinal goes with the first kind
	}
	return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, end, nil
}

// comparer orders keys by their bytes and knows where a version begins.
var comparer = &pebble.Comparer{
	Compare:              pebble.DefaultComparer.Compare,
	Equal:                pebble.DefaultComparer.Equal,
	ComparePointSuffixes: pebble.DefaultComparer.ComparePointSuffixes,
	CompareRangeSuffixes: pebble.DefaultComparer.CompareRangeSuffixes,
	AbbreviatedKey:       pebble.DefaultComparer.AbbreviatedKey,
	FormatKey:            pebble.DefaultComparer.FormatKey,
	Successor:            func(dst, a []byte) []byte { return append(dst, a...) },
	ImmediateSuccessor:   func(dst, a []byte) []byte { return append(append(dst, a...), 0) },
	Separator:            separator,
	Split:                kv.Split,
	Name:                 "argon.v1", // FROZEN, in every table
}

// separator returns a short key k with a ≤ k < b. It cuts only within the
// prefix, and lets k end in 00 so that Split takes all of it for prefix.
func separator(dst, a, b []byte) []byte {
	pa, pb := a[:kv.Split(a)], b[:kv.Split(b)]
	n := commonPrefix(pa, pb)
	// Behind the common bytes a's is the lower one; one more is still below
	// b's if they differ by more than one.
	if n+1 >= len(pa) || n >= len(pb) || pa[n] == math.MaxUint8 || pa[n]+1 >= pb[n] {
		return append(dst, a...)
	}
	dst = append(dst, pa[:n]...)
	return append(dst, pa[n]+1, 0)
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
