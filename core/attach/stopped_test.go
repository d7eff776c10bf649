//go:build linux || darwin

package attach

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// A host that is stopped has the store still. Whoever waits for it is told which
// process that is, and goes on once the process does.
func TestAStoppedHost(t *testing.T) {
	dir := t.TempDir()
	host := startHost(t, dir)
	client := open(t, dir, nil)
	defer client.Close()
	insert := parse(`{"insert": "c", "documents": [{"_id": 1}]}`)
	_, err := client.Run(t.Context(), "p", insert)
	require.NoError(t, err)
	require.NoError(t, host.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return isStopped(host.Pid) }, 10*time.Second, time.Millisecond)

	ctx, cancel := context.WithCancel(t.Context())
	interrupted := make(chan error, 1)
	go func() {
		_, err := client.Run(ctx, "p", parse(`{"find": "c"}`))
		interrupted <- err
	}()
	cancel() // long before anybody looks at the host
	require.Equal(t, errs.Interrupted, errs.CodeOf(<-interrupted))

	told := func(err error, code errs.Code) {
		require.Equal(t, code, errs.CodeOf(err), "%v", err)
		for _, text := range []string{fmt.Sprintf("process %d (", host.Pid), "is stopped", fmt.Sprintf("kill -CONT %d", host.Pid)} {
			require.ErrorContains(t, err, text)
		}
	}
	var waiting sync.WaitGroup
	for range 3 { // more than there are connections
		waiting.Go(func() {
			_, err := client.Run(context.WithoutCancel(t.Context()), "p", parse(`{"count": "c"}`))
			told(err, errs.HostLost)
		})
	}
	waiting.Go(func() {
		_, err := Open(context.WithoutCancel(t.Context()), dir, nil)
		told(err, errs.StoreLocked)
	})
	waiting.Wait()
	for range 20 { // a deadline is no sign of a lost host, whenever it comes
		short, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		_, err = client.Run(short, "p", parse(`{"count": "c"}`))
		cancel()
		require.Equal(t, errs.MaxTimeMSExpired, errs.CodeOf(err), "%v", err)
	}
	require.False(t, hosting(t, client), "a process that is there keeps its store")
	require.Zero(t, client.moves.Load())

	require.NoError(t, host.Signal(syscall.SIGCONT))
	reply, err := client.Run(t.Context(), "p", parse(`{"count": "c"}`))
	require.NoError(t, err)
	require.EqualValues(t, 1, reply.Get("n").Int32())
}
