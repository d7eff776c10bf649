package command

import "context"

// Pending takes from the commands that run under its context the wait for the
// disk: they return once their commit is applied, and who ran them must call Wait
// before anybody may hear of the reply. It is for a door that has a cheaper way
// to let many callers wait than a goroutine for each.
type Pending struct{ waits []func() error }

type pendingKey struct{}

// Under returns a context whose commands leave their waits to p.
func (p *Pending) Under(ctx context.Context) context.Context {
	return context.WithValue(ctx, pendingKey{}, p)
}

// Any reports whether there is something to wait for.
func (p *Pending) Any() bool { return len(p.waits) > 0 }

// Wait returns once everything is durable. It is called once.
func (p *Pending) Wait() error {
	var first error
	for _, wait := range p.waits {
		if err := wait(); err != nil && first == nil {
			first = asError(err)
		}
	}
	return first
}

// Settle waits for a commit, or leaves that to the Pending of the context.
func Settle(ctx context.Context, wait func() error) error {
	if p, ok := ctx.Value(pendingKey{}).(*Pending); ok {
		p.waits = append(p.waits, wait)
		return nil
	}
	return wait()
}
