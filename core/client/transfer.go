package client

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
)

// clientSide returns the function of a command that runs where the files are:
// argonImport and argonExport. Nil for every other command.
func clientSide(cmd bsonraw.Doc) func(ctx context.Context, c *Client, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	return nil
}
