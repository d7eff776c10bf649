package client

import (
	"context"
	"net"

	"github.com/argon-lab/argon/core/command"
)

// Reach returns what runs the commands of a client that connects to this process,
// for a server (wire.Options.Host): the dispatcher of this process where it hosts
// the store, or else a connection to the process that does.
func (c *Client) Reach(ctx context.Context) (*command.Dispatcher, net.Conn, error) {
	if err := c.open(); err != nil {
		return nil, nil, err
	}
	return c.backend.Reach(ctx)
}
