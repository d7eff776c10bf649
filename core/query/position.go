package query

import (
	"cmp"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// MatchPosition is Match which also returns the index of the array element that
// satisfied the filter, for the positional operator $ of updates: -1 if no array
// took part. Of several conditions the last one counts, and mongod's updates look
// at them in its planner's order, where projections keep that of the filter.
func (f *Filter) MatchPosition(doc bsonraw.Doc) (matched bool, arrayIndex int, err error) {
	f.planning.Do(func() {
		planned := *f.matcher
		planned.root = f.root.inPlannedOrder()
		f.planned = &planned
	})
	r := run{pos: -1, record: true}
	matched, err = f.matchBy(f.planned, doc, &r)
	return matched, r.pos, err
}

// inPlannedOrder returns the node with its conditions in the order of mongod's
// planner: by kind, then by path. Only those of the outermost AND set a position.
func (n *node) inPlannedOrder() *node {
	if n.kind != nodeAnd {
		return n
	}
	kids := slices.Clone(n.kids)
	slices.SortStableFunc(kids, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.plannedRank(), b.plannedRank()), cmp.Compare(a.path.dotted, b.path.dotted))
	})
	return &node{kind: nodeAnd, kids: kids}
}

func (n *node) plannedRank() int {
	if n.kind != nodePath {
		return -1 // sets no position
	}
	return slices.Index(plannedOrder, n.pred.op)
}

// plannedOrder is the order of mongod's MatchExpression::MatchType.
var plannedOrder = []predOp{
	predElemObject, predElemValue, predSize, predEQ, predLTE, predLT, predGT, predGTE,
	predRegex, predMod, predExists, predIn, predBits, predType, predNever,
}
