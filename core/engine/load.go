package engine

import (
	"context"
	"sort"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// mergeEdge is a merge commit and the head that it took in.
type mergeEdge struct {
	lsn    mvcc.LSN
	merged wal.Position
}

// load reads the refs of the store into memory: names and pointers only, some
// tens of bytes a branch. What a branch holds is read on its first use.
func (s *Store) load(context.Context) error {
	mv, err := mvcc.OpenWithClock(s.kv, s.clock)
	if err != nil {
		return err
	}
	s.mv = mv
	if err := s.loadProjects(); err != nil {
		return err
	}
	return s.loadMerges()
}

func (s *Store) loadProjects() error {
	lo, hi := refs.ProjectRange()
	return s.eachRef(lo, hi, func(key, value []byte) error {
		rec, err := refs.DecodeProject(key, value)
		if err != nil {
			return err
		}
		p := &project{rec: rec, branches: map[string]*branch{}, tags: map[string]refs.TagRecord{}}
		s.projects[rec.Name] = p
		return s.loadProject(p)
	})
}

// loadProject reads the branches, tags and ref log of a project.
func (s *Store) loadProject(p *project) error {
	lo, hi := refs.BranchRange(p.rec.ID)
	err := s.eachRef(lo, hi, func(key, value []byte) error {
		rec, err := refs.DecodeBranch(key, value)
		p.branches[rec.Name] = &branch{project: p, rec: rec}
		return err
	})
	if err != nil {
		return err
	}
	lo, hi = refs.TagRange(p.rec.ID)
	err = s.eachRef(lo, hi, func(key, value []byte) error {
		rec, err := refs.DecodeTag(key, value)
		p.tags[rec.Name] = rec
		return err
	})
	if err != nil {
		return err
	}
	lo, hi = refs.RefLogRange(p.rec.ID)
	return s.eachRef(lo, hi, func(key, value []byte) error {
		e, err := refs.DecodeLogEntry(key, value)
		p.log = append(p.log, e)
		return err
	})
}

func (s *Store) loadMerges() error {
	s.merges = map[mvcc.SegmentID][]mergeEdge{}
	lo, hi := refs.MergeRange()
	return s.eachRef(lo, hi, func(key, value []byte) error {
		at, merged, err := refs.DecodeMerge(key, value)
		s.merges[at.Segment] = append(s.merges[at.Segment], mergeEdge{at.LSN, merged})
		return err
	})
}

// eachRef calls fn with every ref record in a range.
func (s *Store) eachRef(lo, hi []byte, fn func(key, value []byte) error) error {
	return s.mv.ScanRefs(lo, hi, false, func(key, value []byte) (bool, error) {
		return true, fn(key, value)
	})
}

// project returns an open project.
func (s *Store) project(name string) (*project, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errClosed()
	}
	if p := s.projects[name]; p != nil {
		return p, nil
	}
	return nil, unknown(errs.ProjectNotFound, "project", name, keys(s.projects))
}

// branch returns an open branch with its head loaded.
func (s *Store) branch(projectName, name string) (*branch, error) {
	p, err := s.project(projectName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	b := p.branches[name]
	s.mu.RUnlock()
	if b == nil {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return nil, unknown(errs.BranchNotFound, "branch", name, keys(p.branches))
	}
	if b.head.Load() == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.head.Load() == nil {
			return b, s.loadHead(b)
		}
	}
	return b, nil
}

// loadHead reads what a branch's newest commit left. The branch's lock is held.
func (s *Store) loadHead(b *branch) error {
	lsn, err := s.mv.HeadLSN(b.rec.Segment)
	if err != nil {
		return err
	}
	if lsn == 0 {
		lsn = b.rec.Fork
	}
	head, err := s.headAt(b.rec.Segment, lsn)
	if err == nil {
		b.head.Store(head)
	}
	return err
}

// headAt returns what a segment's commit at an LSN left.
func (s *Store) headAt(seg mvcc.SegmentID, lsn mvcc.LSN) (*headState, error) {
	lineage, err := s.mv.Lineage(seg, lsn)
	if err != nil {
		return nil, err
	}
	if lineage[0].Segment != seg {
		// Nothing is written on the segment up to here, so mvcc leaves it out;
		// a head has to name it, since it is where the next commit goes.
		lineage = append(mvcc.Lineage{{Segment: seg, Max: lsn}}, lineage...)
	}
	cat, err := s.catalogs.get(s, lineage, lsn)
	return &headState{lineage: lineage, lsn: lsn, catalog: cat}, err
}

// unknown is the error of a name that is not there, with the nearest ones.
func unknown(code errs.Code, kind, name string, have []string) error {
	err := errs.New(code, "no %s is named %q", kind, name)
	if near := refs.Nearest(name, have); len(near) > 0 {
		return err.WithRemedy("did you mean %s?", orList(near))
	}
	if len(have) == 0 {
		return err.WithRemedy("there is no %s yet", kind)
	}
	sort.Strings(have)
	return err.WithRemedy("there are: %s", orList(have[:min(len(have), 8)]))
}

// orList joins quoted names with commas and "or".
func orList(names []string) string {
	out := ""
	for i, n := range names {
		switch {
		case i > 0 && i == len(names)-1:
			out += " or "
		case i > 0:
			out += ", "
		}
		out += `"` + n + `"`
	}
	return out
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	return names
}
