package client

import "github.com/argon-lab/argon/core/command"

// Dispatcher returns what runs the client's commands, for a server that offers
// them to others. It ends with the client.
func (c *Client) Dispatcher() *command.Dispatcher { return c.disp }
