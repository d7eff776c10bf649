package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// CreateTag gives a branch at a moment an immutable name.
func (s *Store) CreateTag(ctx context.Context, name string, at refs.Ref, meta CommitMeta) (*Tag, error) {
	if err := refs.ValidTagName(name); err != nil {
		return nil, err
	}
	b, pos, err := s.position(at)
	if err != nil {
		return nil, err
	}
	p, m := b.project, s.meta(meta)
	rec := refs.TagRecord{
		Project: p.rec.ID, Name: name, Branch: b.rec.Name, Segment: pos.Segment, LSN: pos.LSN,
		Created: s.clock().UTC(), Actor: m.Actor, Message: m.Message,
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	s.mu.RLock()
	_, taken := p.tags[name]
	s.mu.RUnlock()
	if taken {
		return nil, errs.New(errs.TagExists, "project %q has a tag named %q already", p.rec.Name, name)
	}
	c := &mvcc.Commit{Segment: pos.Segment, Refs: []refWrite{{Key: refs.TagKey(p.rec.ID, name), Value: rec.Encode()}}}
	meta.remember(c, nil)
	if err := s.applyRefs(ctx, c, p, nil, func(mvcc.LSN) { p.tags[name] = rec }); err != nil {
		return nil, err
	}
	return s.describeTag(p, rec)
}

func (s *Store) describeTag(p *project, rec refs.TagRecord) (*Tag, error) {
	lineage, err := s.mv.Lineage(rec.Segment, rec.LSN)
	if err != nil {
		return nil, err
	}
	t, err := s.timeOf(lineage, rec.LSN)
	return &Tag{
		Project: p.rec.Name, Name: rec.Name, Branch: rec.Branch, LSN: rec.LSN, Time: t,
		Created: rec.Created, Actor: rec.Actor,
	}, err
}

// Tags lists the tags of a project by name.
func (s *Store) Tags(ctx context.Context, projectName string) ([]*Tag, error) {
	p, err := s.project(projectName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	recs := make([]refs.TagRecord, 0, len(p.tags))
	for _, rec := range p.tags {
		recs = append(recs, rec)
	}
	s.mu.RUnlock()
	slices.SortFunc(recs, func(a, b refs.TagRecord) int { return strings.Compare(a.Name, b.Name) })
	list := make([]*Tag, 0, len(recs))
	for _, rec := range recs {
		t, err := s.describeTag(p, rec)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// DeleteTag removes a tag.
func (s *Store) DeleteTag(ctx context.Context, projectName, name string, meta CommitMeta) error {
	p, err := s.project(projectName)
	if err != nil {
		return err
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	s.mu.RLock()
	rec, ok := p.tags[name]
	s.mu.RUnlock()
	if !ok {
		return unknown(errs.TagNotFound, "tag", name, keys(p.tags))
	}
	c := &mvcc.Commit{Segment: rec.Segment, Refs: []refWrite{{Key: refs.TagKey(p.rec.ID, name)}}}
	meta.remember(c, nil)
	return s.applyRefs(ctx, c, p, nil, func(mvcc.LSN) { delete(p.tags, name) })
}

// positionOf is where a ref stands, for callers that need its segment too.
func (s *Store) positionOf(ref refs.Ref) (wal.Position, error) {
	_, at, err := s.position(ref)
	return at, err
}
