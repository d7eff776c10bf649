package transfer_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// memory is a sink that keeps everything, and refuses what refuse says.
type memory struct {
	mu          sync.Mutex
	collections map[string]*collection
	order       []string
	refuse      func(bsonraw.Doc) error
	indexError  func(bsonraw.Doc) error
	inserts     int
}

type collection struct {
	options bsonraw.Doc
	docs    []bsonraw.Doc
	indexes []bsonraw.Doc
}

func (m *memory) get(name string) *collection {
	if m.collections == nil {
		m.collections = map[string]*collection{}
	}
	if m.collections[name] == nil {
		m.collections[name] = &collection{}
		m.order = append(m.order, name)
	}
	return m.collections[name]
}

func (m *memory) CreateCollection(_ context.Context, name string, options bsonraw.Doc) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.get(name).options = bytes.Clone(options)
	return nil
}

func (m *memory) CreateIndexes(_ context.Context, coll string, specs []bsonraw.Doc) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range specs {
		if m.indexError != nil {
			if err := m.indexError(s); err != nil {
				return err
			}
		}
		c := m.get(coll)
		c.indexes = append(c.indexes, bytes.Clone(s))
	}
	return nil
}

func (m *memory) Insert(ctx context.Context, coll string, docs []bsonraw.Doc) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.inserts++
	c := m.get(coll)
	var rejects transfer.Rejects
	for i, d := range docs {
		if m.refuse != nil {
			if err := m.refuse(d); err != nil {
				rejects = append(rejects, transfer.Reject{Index: i, Err: err})
				continue
			}
		}
		c.docs = append(c.docs, bytes.Clone(d))
	}
	if len(rejects) > 0 {
		return rejects
	}
	return nil
}

// text is every document of a collection as typed Extended JSON, one a line.
func (m *memory) text(coll string) string {
	var lines []string
	for _, d := range m.get(coll).docs {
		lines = append(lines, string(ejson.Append(nil, d, ejson.Typed)))
	}
	return strings.Join(lines, "\n")
}

func load(t testing.TB, input string, o transfer.ImportOptions) (*memory, transfer.Result, error) {
	m := &memory{}
	o.Collection = "c"
	r, err := transfer.Import(t.Context(), strings.NewReader(input), m, o)
	for _, d := range m.get("c").docs {
		require.NoError(t, bsonraw.Validate(d))
	}
	require.EqualValues(t, len(m.get("c").docs), r.Docs)
	if err == nil {
		require.EqualValues(t, len(input), r.Bytes+int64(headerBytes(input, o)))
	}
	return m, r, err
}

// headerBytes is what an import reads before its blocks.
func headerBytes(input string, o transfer.ImportOptions) int {
	n := 0
	if strings.HasPrefix(input, "\xEF\xBB\xBF") {
		n = 3
	}
	if o.Format == transfer.JSON || len(o.CSV.Fields) > 0 {
		return n
	}
	head := input[n:]
	for strings.HasPrefix(head, "\n") {
		head = head[1:]
		n++
	}
	for end, quotes := 0, 0; end < len(head); end++ {
		if head[end] == '"' {
			quotes++
		}
		if head[end] == '\n' && quotes%2 == 0 {
			return n + end + 1
		}
	}
	return len(input)
}

// sliceIter is a stream of documents in memory.
type sliceIter struct {
	docs   []bsonraw.Doc
	at     int
	err    error
	closed *int
}

func (s *sliceIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if s.at == len(s.docs) {
		return nil, false, s.err
	}
	s.at++
	return s.docs[s.at-1], true, nil
}

func (s *sliceIter) Close() error {
	if s.closed != nil {
		*s.closed++
	}
	return nil
}

func opener(docs []bsonraw.Doc) transfer.OpenFunc {
	return func(context.Context) (transfer.Iter, error) { return &sliceIter{docs: docs}, nil }
}

func parse(t testing.TB, texts ...string) []bsonraw.Doc {
	docs := make([]bsonraw.Doc, len(texts))
	for i, s := range texts {
		var err error
		docs[i], err = ejson.ParseDoc(s)
		require.NoError(t, err, s)
	}
	return docs
}

func duplicate(key string) func(bsonraw.Doc) error {
	seen := map[string]bool{}
	return func(d bsonraw.Doc) error {
		v := d.Get(key)
		id := string(v.Data)
		if seen[id] {
			return errs.New(errs.DuplicateKey, "E11000 duplicate key %s", ejson.AppendValue(nil, v, ejson.Relaxed))
		}
		seen[id] = true
		return nil
	}
}
