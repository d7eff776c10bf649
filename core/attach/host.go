package attach

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/wire"
)

// closeGrace is how long the commands of others may go on when their host closes.
const closeGrace = time.Second

// local is a store that this process has open, and what serves it to others.
type local struct {
	store  *engine.Store
	disp   *command.Dispatcher
	sess   *command.Session
	server *wire.Server
	stop   func() // ends Services; may be nil

	listener  net.Listener // nil if there is none
	self      *rendezvous
	announced string // the file with the rendezvous, or ""
}

// host opens the store, which takes the lock, and serves it. A client that only
// reads hosts it like any other, and is itself refused what changes something: the
// lock of a reader would keep out who wants to write. Only where it cannot write
// to the directory it opens the store for reading, and serves nobody: any number
// of processes may do that.
func (s *Shared) host(ctx context.Context) (*local, error) {
	token, readOnly := "", s.o.ReadOnly && !engine.Writable(s.dir)
	if !readOnly {
		token = newToken()
	}
	store, err := engine.Open(ctx, s.dir, &engine.Options{
		ReadOnly: readOnly, CacheBytes: s.o.CacheBytes, Actor: s.o.Actor, Token: token,
	})
	if err != nil {
		return nil, err
	}
	disp := command.NewDispatcher(store)
	h := &local{
		store: store, disp: disp,
		sess: disp.NewSession(command.SessionOptions{
			Actor: s.o.Actor, Message: s.o.Message, NumbersAll: true, ReadOnly: s.o.ReadOnly,
		}),
		server: wire.NewServer(&wire.Options{Dispatcher: disp}), self: newRendezvous(token),
	}
	if s.o.Services != nil {
		h.stop = s.o.Services(context.WithoutCancel(ctx), store, disp)
	}
	if !readOnly {
		h.serve(context.WithoutCancel(ctx), s.dir)
	}
	return h, nil
}

// serve listens and announces it. What goes wrong is announced too, if that can
// be: the store works for this process in any case.
func (h *local) serve(ctx context.Context, dir string) {
	l, path, err := listen(dir)
	if err != nil {
		h.self.Problem = err.Error()
	}
	h.self.Socket = path
	h.disp.SetHost(command.Host{
		PID: h.self.PID, Command: h.self.Command, Since: h.self.Since, Token: h.self.Token, Address: path,
	})
	if l != nil {
		h.listener = l
		go h.accept(ctx, l)
	}
	if h.announced, err = h.self.announce(dir); err != nil {
		h.announced = "" // others will find the lock's holder and no socket
	}
}

// accept serves until the server is shut down. It returns no other error.
func (h *local) accept(ctx context.Context, l net.Listener) { _ = h.server.Serve(ctx, l) }

// close ends the hosting. Others notice the end of their connections, and find
// the lock free once the store is closed. The socket goes with its listener.
func (h *local) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	if h.listener != nil {
		// It removes the socket, once: later the path is the next host's. An
		// error would be that it is closed already.
		_ = h.listener.Close()
	}
	if h.stop != nil {
		h.stop()
	}
	// Its error says which commands did not end in time; their clients learn of
	// it themselves.
	_ = h.server.Shutdown(ctx)
	var err error
	if h.announced != "" {
		err = os.Remove(h.announced)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	h.sess.Close()
	h.disp.Close()
	return errors.Join(h.store.Close(), err)
}
