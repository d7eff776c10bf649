package publish

import (
	"context"
	"fmt"
)

// batcher packs steps into the journal's batches: deletions, which make room for
// unique values, before updates before insertions. What fits into one batch
// altogether is one, so that a small publish is one transaction.
type batcher struct {
	j      *journal
	limits Limits
	open   [6]pile // by kind and by whether they are written one by one
	names  [6][]string
	spilt  bool
}

// pile is steps of one kind that are not yet in the journal.
type pile struct {
	steps []step
	bytes int
}

// pileOf returns the place of a step: in the order in which piles are written.
func pileOf(s *step, ordered bool) int {
	kind := 1
	switch {
	case s.post == nil:
		kind = 0
	case s.pre == nil:
		kind = 2
	}
	if ordered {
		kind += 3
	}
	return kind
}

// add takes a step; its documents are kept.
func (b *batcher) add(ctx context.Context, s step, ordered bool) error {
	steps, bytes := 0, 0
	for i := range b.open {
		steps, bytes = steps+len(b.open[i].steps), bytes+b.open[i].bytes
	}
	if !b.spilt && (steps >= b.limits.Steps || bytes+s.size() > b.limits.Bytes) && steps > 0 {
		b.spilt = true // too much for one: each kind has its own from now on
	}
	p := &b.open[pileOf(&s, ordered)]
	if b.spilt && len(p.steps) > 0 && (len(p.steps) >= b.limits.Steps || p.bytes+s.size() > b.limits.Bytes) {
		if err := b.spill(ctx, pileOf(&s, ordered)); err != nil {
			return err
		}
	}
	p.steps = append(p.steps, s)
	p.bytes += s.size()
	return nil
}

// spill writes a pile to the journal.
func (b *batcher) spill(ctx context.Context, i int) error {
	p := &b.open[i]
	if len(p.steps) == 0 {
		return nil
	}
	err := b.write(ctx, i, p.steps, i >= 3)
	*p = pile{}
	return err
}

func (b *batcher) write(ctx context.Context, i int, steps []step, ordered bool) error {
	added := &batch{steps: steps, ordered: ordered}
	n := len(b.j.head.Batches)
	if err := b.j.addBatch(ctx, added); err != nil {
		return err
	}
	b.names[i] = append(b.names[i], b.j.head.Batches[n])
	return nil
}

// finish writes what is left and puts the batches in order.
func (b *batcher) finish(ctx context.Context) error {
	if !b.spilt {
		for _, first := range []int{0, 3} {
			var all []step
			for i := first; i < first+3; i++ {
				all = append(all, b.open[i].steps...)
			}
			if len(all) > 0 {
				if err := b.write(ctx, first, all, first == 3); err != nil {
					return err
				}
			}
		}
	}
	for i := range b.open {
		if b.spilt {
			if err := b.spill(ctx, i); err != nil {
				return err
			}
		}
	}
	var order []string
	for i := range b.names {
		order = append(order, b.names[i]...)
	}
	b.j.head.Batches = order
	return nil
}

// count is "1 document", "2 documents".
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
