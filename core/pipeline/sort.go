package pipeline

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// sortStage is $sort, with the $limit that follows it.
type sortStage struct {
	sort  *query.Sort
	limit int64 // 0: none
	byID  bool  // by _id alone: mongod takes it for no array, and a $group's or $project's that is one is ranked as a whole
}

func compileSort(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(15973, "the $sort key specification must be an object")
	}
	if v.Doc().IsEmpty() {
		return nil, errs.New(15976, "$sort stage must have at least one sort key")
	}
	it := v.Doc().Iter()
	for it.Next() {
		if err := checkSortKey(string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	s, err := query.CompileSort(v.Doc())
	if err != nil {
		return nil, err
	}
	if parts := s.Parts(); len(parts) == 1 && parts[0].Path == "_id" {
		return &sortStage{sort: s, byID: true}, nil
	}
	return &sortStage{sort: s}, nil
}

func checkSortKey(path string, v bsonraw.Value) error {
	if v.Type == bsonraw.Object {
		if v.Doc().Get("$meta").IsMissing() {
			return errs.New(17312, "$meta is the only expression supported by $sort right now")
		}
		return checkMetaSort(v.Doc().Get("$meta"))
	}
	if !v.IsNumber() {
		return errs.New(15974, "Illegal key in $sort specification: %s: %s", path, brief(v))
	}
	return checkPath(path) // CompileSort looks at the number
}

func checkMetaSort(v bsonraw.Value) error {
	if v.Type == bsonraw.String {
		switch v.Str() {
		case "textScore":
			return errs.New(40218, "query requires text score metadata, but it is not available")
		case "randVal", "searchScore", "geoNearDistance":
			return errs.New(errs.NotSupported, "$sort by {$meta: %q} is not supported", v.Str())
		}
	}
	return errs.New(31138, "Illegal $meta sort: $meta: %s", brief(v))
}

func (s *sortStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &sortIter{in: in, stage: s, sorter: newSorter(r, "$sort", s.limit)}, nil
}

// sortIter sorts all of its input at the first Next.
type sortIter struct {
	in     Iter
	stage  *sortStage
	sorter *sorter
	out    sorted
	left   int64
}

func (s *sortIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if s.out == nil {
		if err := s.consume(ctx); err != nil {
			return nil, false, err
		}
	}
	if s.stage.limit > 0 {
		if s.left == 0 {
			return nil, false, nil
		}
		s.left--
	}
	_, doc, ok, err := s.out.next()
	return doc, ok, err
}

func (s *sortIter) consume(ctx context.Context) error {
	var key []byte
	for {
		doc, ok, err := s.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if key, err = s.stage.key(doc, key[:0]); err != nil {
			return err
		}
		if err := s.sorter.add(key, doc); err != nil {
			return err
		}
	}
	s.left = s.stage.limit
	var err error
	s.out, err = s.sorter.finish()
	return err
}

func (s *sortStage) key(doc bsonraw.Doc, dst []byte) ([]byte, error) {
	switch {
	case !s.byID:
		return s.sort.Key(doc, dst)
	case s.sort.Parts()[0].Desc:
		return bsonraw.AppendKeyDesc(dst, doc.Get("_id")), nil
	}
	return bsonraw.AppendKey(dst, doc.Get("_id")), nil
}

func (s *sortIter) Close() error {
	err := s.sorter.close()
	if s.out != nil {
		_ = s.out.close() // the file is closed already
		s.out = &memorySorted{}
	}
	return closing2(s.in, err)
}

// closing2 closes an iterator and returns the first of two errors.
func closing2(in Iter, err error) error {
	if closed := in.Close(); err == nil {
		err = closed
	}
	return err
}
