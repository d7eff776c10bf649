package client

import "github.com/argon-lab/argon/core/command"

// Dispatcher returns what runs the store's commands, for a server of its own, if
// this process hosts the store. It is nil if another process does.
func (c *Client) Dispatcher() *command.Dispatcher { return c.backend.Dispatcher() }
