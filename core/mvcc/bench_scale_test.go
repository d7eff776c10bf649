package mvcc

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/wal"
)

// resident returns the resident memory of the process in megabytes, now and at
// its highest.
func resident() (now, high float64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			now = kb / 1024
		case "VmHWM:":
			high = kb / 1024
		}
	}
	return now, high
}

// BenchmarkScale loads ARGON_BENCH_DOCS documents (1,000,000 if not set) in a
// child process, then opens the store in another and looks at what opening,
// memory and disk cost there.
func BenchmarkScale(b *testing.B) {
	if dir := os.Getenv("ARGON_BENCH_STORE"); dir != "" {
		scaleChild(b, dir)
		return
	}
	dir := b.TempDir()
	for _, part := range []string{"load", "use"} {
		cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkScale$", "-test.benchtime=1x")
		cmd.Env = append(os.Environ(), "ARGON_BENCH_STORE="+dir, "ARGON_BENCH_PART="+part)
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, string(out))
		for _, line := range strings.Split(string(out), "\n") {
			if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "> ") {
				v, err := strconv.ParseFloat(value, 64)
				require.NoError(b, err)
				b.ReportMetric(v, name[2:])
			}
		}
	}
}

func report(name string, v float64) { fmt.Printf("> %s=%g\n", name, v) }

// stopwatch measures wall and processor time; on a busy machine only the second
// says anything.
type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func start() stopwatch { return stopwatch{time.Now(), processor()} }

func processor() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// lap reports the time since start, divided by n, in units.
func (s stopwatch) lap(name string, n int, unit time.Duration) {
	report(name, float64(time.Since(s.wall))/float64(n)/float64(unit))
	report(name+"-cpu", float64(processor()-s.cpu)/float64(n)/float64(unit))
}

func scaleChild(b *testing.B, dir string) {
	n := benchDocs()
	if os.Getenv("ARGON_BENCH_PART") == "load" {
		s := openBench(b, dir)
		w := start()
		load(b, s, s.AllocSegment(), s.AllocCollection(), 0, n, benchID)
		w.lap("load-us", n, time.Microsecond)
		require.NoError(b, s.Close())
		_, high := resident()
		report("load-MB", high)
		return
	}
	w := start()
	s := openBench(b, dir)
	w.lap("open-ms", 1, time.Millisecond)
	runtime.GC()
	now, _ := resident()
	report("opened-MB", now)
	use(b, s, n)
	_, high := resident()
	report("used-MB", high)
	w = start()
	require.NoError(b, s.Close())
	w.lap("close-ms", 1, time.Millisecond)
}

// use scans, reads and writes.
func use(b *testing.B, s *Store, n int) {
	v := s.NewView(Lineage{{1, MaxLSN}})
	w := start()
	cur := v.Scan(1, nil, nil, false)
	count := 0
	for cur.Next() {
		count++
	}
	require.NoError(b, cur.Close())
	require.Equal(b, n, count)
	w.lap("scan-ns", n, time.Nanosecond)
	r := rand.New(rand.NewPCG(1, 1))
	w = start()
	for range 20000 {
		_, ok, err := v.Get(1, bsonraw.AppendKey(nil, benchID(uint64(r.IntN(n)))))
		require.True(b, ok)
		require.NoError(b, err)
	}
	w.lap("cold-read-us", 20000, time.Microsecond)
	v.Close()
	compacted := func() float64 {
		require.NoError(b, s.Flush())
		require.NoError(b, s.Compact(context.Background()))
		size, err := s.SegmentDiskUsage(1)
		require.NoError(b, err)
		return float64(size)
	}
	before := compacted()
	one := []byte("counter\x00")
	updates := min(n, 200_000)
	for i := 0; i < updates; i += 1000 {
		c := &Commit{Segment: 1, Record: &wal.Record{Kind: wal.KindWrite}}
		v := s.NewView(Lineage{{1, MaxLSN}})
		for j := i; j < i+1000; j++ {
			id := benchID(uint64(j))
			got, ok, err := v.Get(1, bsonraw.AppendKey(nil, id))
			require.True(b, ok)
			require.NoError(b, err)
			doc := got.Doc.Clone()
			doc[bytes.Index(doc, one)+len(one)]++
			c.Writes = append(c.Writes, Write{1, bsonraw.AppendKey(nil, id), doc})
			c.Record.Ops = append(c.Record.Ops, wal.Op{Collection: 1, Kind: wal.Update, ID: id, Changes: []byte("counter+1")})
		}
		v.Close()
		_, wait, err := s.Apply(context.Background(), c)
		require.NoError(b, err)
		require.NoError(b, wait())
	}
	report("bytes/version", (compacted()-before)/float64(updates))
	report("bytes/doc", before/float64(n))
}
