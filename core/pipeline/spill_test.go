package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/stretchr/testify/require"
)

// tempFiles counts temporary files that are open.
type tempFiles struct {
	made, open int
}

type tempFile struct {
	*os.File
	of *tempFiles
}

func (f *tempFile) Close() error {
	f.of.open--
	return f.File.Close()
}

func (c *tempFiles) spill() (pipeline.TempFile, error) {
	f, err := os.CreateTemp("", "argon-pipeline-test")
	if err != nil {
		return nil, err
	}
	c.made++
	c.open++
	return &tempFile{f, c}, os.Remove(f.Name())
}

// many makes documents with keys that repeat and come in no order.
func many(n int) memory {
	m := memory{}
	for i := range n {
		m["c"] = append(m["c"], mongotest.Docf(`{"_id": %d, "k": %d, "s": %q, "pad": %q}`, i, i*7919%97, fmt.Sprint("v", i*31%13), strings.Repeat("x", 50)))
	}
	return m
}

// spilling are pipelines with a stage that blocks.
var spilling = []string{
	`[{"$addFields": {"x": 1}}, {"$sort": {"k": 1, "s": -1}}]`,
	`[{"$addFields": {"x": 1}}, {"$sort": {"k": 1}}, {"$limit": 700}]`,
	`[{"$group": {"_id": "$_id", "n": {"$sum": "$k"}, "f": {"$first": "$s"}}}]`,
	`[{"$group": {"_id": "$k", "ids": {"$push": "$_id"}, "last": {"$last": "$_id"}}}, {"$sort": {"_id": 1}}]`,
	`[{"$facet": {"a": [{"$sort": {"k": -1, "_id": 1}}, {"$limit": 3}], "b": [{"$group": {"_id": "$_id"}}, {"$count": "n"}]}}]`,
	`[{"$bucketAuto": {"groupBy": "$k", "buckets": 7}}]`,
	`[{"$sortByCount": "$s"}]`,
}

// TestSpillingChangesNothing runs each with all the memory and with little.
func TestSpillingChangesNothing(t *testing.T) {
	m := many(2000)
	for _, text := range spilling {
		t.Run(text, func(t *testing.T) {
			var files tempFiles
			o := testOptions()
			want, err := m.aggregate(t.Context(), stagesOf(text), o)
			require.NoError(t, err)
			o.Spill, o.MemoryLimit = files.spill, 20_000
			got, err := m.aggregate(t.Context(), stagesOf(text), o)
			require.NoError(t, err)
			require.Equal(t, lines(want, text), lines(got, text))
			if !strings.Contains(text, "sortByCount") {
				require.Positive(t, files.made, "nothing was spilled")
			}
			require.Zero(t, files.open, "temporary files left open")
		})
	}
}

func TestMemoryLimitWithoutDisk(t *testing.T) {
	m := many(2000)
	for _, text := range spilling {
		if strings.Contains(text, "sortByCount") {
			continue
		}
		o := testOptions()
		o.AllowDiskUse, o.MemoryLimit = false, 20_000
		_, err := m.aggregate(t.Context(), stagesOf(text), o)
		require.Equal(t, errs.QueryExceededMemoryLimit, errs.CodeOf(err), text)
	}
}

// TestCloseInTheMiddle closes after a few documents: no file may stay open.
func TestCloseInTheMiddle(t *testing.T) {
	m := many(2000)
	for _, text := range spilling {
		var files tempFiles
		o := testOptions()
		o.Spill, o.MemoryLimit = files.spill, 20_000
		p, err := pipeline.Compile(stagesOf(text), o)
		require.NoError(t, err)
		in := &slice{docs: slices.Clone(m["c"])}
		it, err := p.Run(t.Context(), in, m)
		require.NoError(t, err)
		_, ok, err := it.Next(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, it.Close())
		require.NoError(t, it.Close())
		require.Zero(t, files.open, text)
		require.Positive(t, in.closed)
		_, ok, err = it.Next(t.Context())
		require.NoError(t, err)
		require.False(t, ok)
	}
}

// brokenFile fails every write, or every read.
type brokenFile struct {
	pipeline.TempFile
	write bool
}

func (b brokenFile) Write(p []byte) (int, error) {
	if b.write {
		return 0, os.ErrPermission
	}
	return b.TempFile.Write(p)
}

func (b brokenFile) ReadAt(p []byte, at int64) (int, error) {
	if !b.write {
		return 0, os.ErrPermission
	}
	return b.TempFile.ReadAt(p, at)
}

func TestBrokenTemporaryFile(t *testing.T) {
	m := many(2000)
	for _, write := range []bool{true, false} {
		for _, text := range spilling {
			if strings.Contains(text, "sortByCount") {
				continue
			}
			var files tempFiles
			o := testOptions()
			o.MemoryLimit = 20_000
			o.Spill = func() (pipeline.TempFile, error) {
				f, err := files.spill()
				return brokenFile{f, write}, err
			}
			_, err := m.aggregate(t.Context(), stagesOf(text), o)
			require.Equal(t, errs.StoreIO, errs.CodeOf(err), text)
			require.Zero(t, files.open, text)
		}
	}
}

// TestEndless reads a few documents of a source without end.
func TestEndless(t *testing.T) {
	p, err := pipeline.Compile(stagesOf(`[{"$match": {"n": {"$gt": 10}}}, {"$addFields": {"m": {"$add": ["$n", 1]}}}, {"$skip": 2}, {"$limit": 3}, {"$project": {"m": 1}}]`), testOptions())
	require.NoError(t, err)
	it, err := p.Run(t.Context(), &endless{}, nil)
	require.NoError(t, err)
	docs, err := all(t.Context(), it)
	require.NoError(t, err)
	require.Len(t, docs, 3)
	require.JSONEq(t, `{"m": {"$numberLong": "14"}}`, mongotest.JSON(docs[0]))
}

type endless struct{ n int64 }

func (e *endless) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	e.n++
	return one("n", bsonraw.Int64Value(e.n)), true, ctx.Err()
}

func (e *endless) Close() error { return nil }

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := many(10)
	p, err := pipeline.Compile(stagesOf(`[{"$documents": [{"a": 1}, {"a": 2}]}]`), testOptions())
	require.NoError(t, err)
	it, err := p.Run(ctx, nil, m)
	require.NoError(t, err)
	_, ok, err := it.Next(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	cancel()
	_, _, err = it.Next(ctx)
	require.Equal(t, errs.Interrupted, errs.CodeOf(err))
	require.NoError(t, it.Close())
}

func TestResultTooLarge(t *testing.T) {
	m := many(200)
	big := strings.Repeat("x", 200_000)
	_, err := m.aggregate(t.Context(), stagesOf(fmt.Sprintf(`[{"$group": {"_id": null, "all": {"$push": {"$literal": %q}}}}]`, big)), testOptions())
	require.Equal(t, errs.BSONObjectTooLarge, errs.CodeOf(err))
}
