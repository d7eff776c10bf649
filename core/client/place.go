package client

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Place says where the store is now, and which process hosts it.
func (c *Client) Place(ctx context.Context) (Place, error) {
	if err := c.open(); err != nil {
		return Place{}, err
	}
	return c.backend.Place(ctx)
}

// placeCommand runs argonPlace.
func placeCommand(ctx context.Context, c *Client, _ string, _ bsonraw.Doc) (bsonraw.Doc, error) {
	p, err := c.Place(ctx)
	if err != nil {
		return nil, err
	}
	b := bsonraw.NewBuilder(nil)
	b.Bool("hosting", p.Hosting)
	b.String("directory", p.Dir)
	b.String("address", p.Address)
	b.Bool("tls", p.TLS)
	b.Int64("pid", int64(p.PID))
	b.String("command", p.Command)
	if !p.Since.IsZero() {
		b.Time("since", p.Since)
	}
	b.Double("ok", 1)
	return b.Finish(), nil
}
