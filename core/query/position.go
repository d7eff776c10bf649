package query

import (
	"cmp"
	"slices"
)

// The order in which mongod evaluates the kids of an AND: by the kind of the
// condition, then by path. It shows only in the position that $ stands for,
// which the last condition that went through an array sets.
const (
	orderAnd = iota
	orderOr
	orderElemObject
	orderElemValue
	orderSize
	orderEQ
	orderLTE
	orderLT
	orderGT
	orderGTE
	orderRegex
	orderMod
	orderExists
	orderIn
	orderBits
	orderNot
	orderNor
	orderType
	orderOther
)

var predOrder = map[predOp]int{
	predEQ: orderEQ, predLT: orderLT, predLTE: orderLTE, predGT: orderGT, predGTE: orderGTE,
	predIn: orderIn, predRegex: orderRegex, predExists: orderExists, predType: orderType,
	predSize: orderSize, predMod: orderMod, predBits: orderBits,
	predElemObject: orderElemObject, predElemValue: orderElemValue, predNever: orderOther,
}

func (n *node) order() int {
	switch n.kind {
	case nodeAnd:
		return orderAnd
	case nodeOr:
		return orderOr
	case nodeNor:
		return orderNor
	case nodeNot:
		return orderNot
	case nodePath:
		return predOrder[n.pred.op]
	}
	return orderOther
}

func inRecordOrder(kids []*node) []*node {
	sorted := slices.Clone(kids)
	slices.SortStableFunc(sorted, func(a, b *node) int {
		if c := cmp.Compare(a.order(), b.order()); c != 0 {
			return c
		}
		return cmp.Compare(a.path.dotted, b.path.dotted)
	})
	return sorted
}
