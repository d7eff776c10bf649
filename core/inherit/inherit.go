// Package inherit knows the file descriptors that a forked child must not keep.
//
// A child that is made by fork() alone inherits every open descriptor. A lock
// would then outlive the process that took it, and a connection would not end
// where its process does, so that nobody could take over a store while a child
// sleeps. Go's own children are started with exec, which closes them; only a
// library inside another language's process has children that go on without
// one. Such a library gives Keep two functions, and closes in the child what it
// was told.
//
// Promises:
//
//  1. Without Keep nothing here costs more than a nil check.
//  2. A descriptor is disowned before it is closed, so that its number is never
//     closed for somebody else.
package inherit

import (
	"net"
	"sync"
	"syscall"
)

var own, disown func(fd uintptr)

// Keep sets the functions that remember and forget a descriptor. It is called
// once, before anything is opened.
func Keep(remember, forget func(fd uintptr)) { own, disown = remember, forget }

// Own marks a descriptor as one that a forked child closes.
func Own(fd uintptr) {
	if own != nil {
		own(fd)
	}
}

// Disown takes the mark away, just before the descriptor is closed.
func Disown(fd uintptr) {
	if disown != nil {
		disown(fd)
	}
}

// Conn marks a connection until it is closed.
func Conn(c net.Conn) net.Conn {
	fd, ok := descriptor(c)
	if !ok {
		return c
	}
	own(fd)
	return &conn{Conn: c, fd: fd}
}

// Listener marks a listener, and whatever it accepts, until they are closed.
func Listener(l net.Listener) net.Listener {
	fd, ok := descriptor(l)
	if !ok {
		return l
	}
	own(fd)
	return &listener{Listener: l, fd: fd}
}

// descriptor returns the number of a connection's or listener's descriptor, if
// anybody wants to know.
func descriptor(v any) (fd uintptr, ok bool) {
	s, hasFD := v.(syscall.Conn)
	if own == nil || !hasFD {
		return 0, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(n uintptr) { fd = n })
	return fd, err == nil
}

type conn struct {
	net.Conn
	fd   uintptr
	once sync.Once
}

// NetConn returns the connection itself.
func (c *conn) NetConn() net.Conn { return c.Conn }

// SyscallConn gives access to the descriptor, by which the system is asked who is
// at the other end, and whether it is still there.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.Conn.(syscall.Conn).SyscallConn() }

func (c *conn) Close() error {
	c.once.Do(func() { Disown(c.fd) })
	return c.Conn.Close()
}

type listener struct {
	net.Listener
	fd   uintptr
	once sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Conn(c), nil
}

func (l *listener) Close() error {
	l.once.Do(func() { Disown(l.fd) })
	return l.Listener.Close()
}
