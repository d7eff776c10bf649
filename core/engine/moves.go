package engine

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// The operations in a project's ref log.
const (
	opCreate  = "create"
	opRestore = "restore"
	opDelete  = "delete"
	// A change of what a branch takes moves it nowhere.
	opProtect   = "protect"
	opUnprotect = "unprotect"
)

// Moves returns what happened to the branches that had a name, as the ref log has
// it, newest first: there may be none of that name now.
func (s *Store) Moves(ctx context.Context, projectName, name string) ([]Move, error) {
	p, err := s.project(projectName)
	if err != nil {
		return nil, err
	}
	if err := refs.ValidBranchName(name); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var moves []Move
	for _, e := range p.log {
		if e.Branch == name {
			moves = append(moves, Move{
				Branch: name, Op: e.Op, LSN: e.LSN, Time: e.Time, Actor: e.Actor,
				From: mvcc.LSN(e.From.LSN), To: mvcc.LSN(e.To.LSN),
			})
		}
	}
	if len(moves) == 0 {
		return nil, unknown(errs.BranchNotFound, "branch", name, nil)
	}
	slices.Reverse(moves)
	return moves, nil
}
