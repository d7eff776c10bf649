//go:build !unix

package wire

import (
	"context"
	"net"
)

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}
