package client

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/argon-lab/argon/core/attach"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mirror"
	"github.com/argon-lab/argon/core/publish"
	"github.com/argon-lab/argon/core/wire"
)

// Options of Open. Nil options are the defaults.
type Options struct {
	// Actor and Message stand in the log for commits that do not say otherwise.
	// The actor is the system's user if empty.
	Actor, Message string
	// APIKey is for a server, argon://…, that asks who its clients are. If it is
	// empty, it is $ARGON_API_KEY.
	APIKey string
	// ReadOnly opens the store for reading only.
	ReadOnly bool
	// CacheBytes is the memory for blocks of the store, where this process hosts
	// it; 0 is the default.
	CacheBytes int64
	// Brief says that this process is over in a moment. When it comes to host the
	// store it does not go on with mirrors.
	Brief bool
	// Log takes what happens in the background: of mirrors. Nil is nowhere.
	Log *slog.Logger
}

// Client is an open store: in this process, in another process of this machine,
// or behind an address.
type Client struct {
	dir     string
	backend attach.Backend
	closed  atomic.Bool
}

// Source is a query pinned to one snapshot, for a reader that may need it twice.
type Source = attach.Source

// Place says where a store is, and which process hosts it.
type Place = attach.Place

// Cursor hands out documents one by one; see engine.Cursor.
type Cursor = engine.Cursor

// Open opens the store that a URI names: a directory, with or without file://, or
// a server, argon://host:27018 (with ?tls=true and tlsCAFile= for TLS).
// An empty URI is $ARGON_URI, or else a directory in the user's data folder. A
// directory that is new or empty becomes a store.
//
// The first process that opens a store hosts it, and others attach to that one
// without noticing; when it ends, one of them hosts the store.
func Open(ctx context.Context, uri string, o *Options) (*Client, error) {
	if o == nil {
		o = &Options{}
	}
	if server, ok := serverOf(uri); ok {
		return dial(ctx, server, o)
	}
	dir, err := Directory(uri)
	if err != nil {
		return nil, err
	}
	s := &services{log: o.Log, brief: o.Brief}
	backend, err := attach.Open(ctx, dir, &attach.Options{
		Actor: o.Actor, Message: o.Message, ReadOnly: o.ReadOnly, CacheBytes: o.CacheBytes, Services: s.start,
	})
	if err != nil {
		return nil, err
	}
	s.open.Store(true)
	return &Client{dir: dir, backend: backend}, nil
}

// services are what the commands of a store that this process hosts need above
// the engine.
type services struct {
	log   *slog.Logger
	brief bool
	open  atomic.Bool // hosting from now on is taking over
}

// start is called each time this process comes to host the store; what it returns
// ends it. Who takes over goes on with the mirrors that ran, unless it is over in a
// moment. Who opens a store does not: nobody asked it to.
func (s *services) start(ctx context.Context, store *engine.Store, disp *command.Dispatcher) (stop func()) {
	disp.SetPublisher(publisher{publish.New(store)})
	mirrors := mirror.New(ctx, store, s.log)
	disp.SetMirrors(mirrors)
	if s.open.Load() && !s.brief {
		if err := mirrors.Resume(ctx); err != nil && s.log != nil {
			s.log.Error("mirrors do not go on", "error", err)
		}
	}
	return mirrors.Close
}

// serverOf returns the address of a server, if the URI names one.
func serverOf(uri string) (string, bool) {
	if uri == "" {
		uri = os.Getenv("ARGON_URI")
	}
	scheme, _, ok := strings.Cut(uri, "://")
	return uri, ok && strings.EqualFold(scheme, "argon")
}

// dial opens the store of a server.
func dial(ctx context.Context, uri string, o *Options) (*Client, error) {
	key := o.APIKey
	if key == "" {
		key = os.Getenv("ARGON_API_KEY")
	}
	backend, err := attach.Dial(ctx, uri, &attach.Options{Actor: o.Actor, Message: o.Message, ReadOnly: o.ReadOnly, APIKey: key})
	if err != nil {
		return nil, err
	}
	return &Client{backend: backend}, nil
}

// Close closes the store. What was acknowledged is on disk already. Cursors end,
// open transactions are dropped. Closing twice is allowed.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.backend.Close()
}

// Server returns the server by which this process serves the store to others, or
// nil if another process does.
func (c *Client) Server() *wire.Server { return c.backend.Server() }

// Dir returns the store's directory.
func (c *Client) Dir() string { return c.dir }

// RunCommand runs a command on a database, project[~branch[~moment]], and
// returns its reply. docs/commands.md lists the commands.
func (c *Client) RunCommand(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	if run := clientSide(cmd); run != nil {
		return run(ctx, c, db, cmd)
	}
	if report := reporter(ctx); report != nil && isLong(cmd) {
		return c.runReported(ctx, db, cmd, report)
	}
	return c.backend.Run(ctx, db, cmd)
}

// AppendFirst runs a command that answers with a cursor and appends its first
// document to dst, or nothing if there is none.
func (c *Client) AppendFirst(ctx context.Context, db string, cmd bsonraw.Doc, dst []byte) ([]byte, error) {
	if err := c.open(); err != nil {
		return dst, err
	}
	return c.backend.AppendFirst(ctx, db, cmd, dst)
}

// OpenCursor runs a command that answers with a cursor and returns all its
// documents as one stream.
func (c *Client) OpenCursor(ctx context.Context, db string, cmd bsonraw.Doc) (Cursor, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	return c.backend.OpenCursor(ctx, db, cmd)
}

// OpenSource is OpenCursor for a reader that may need the stream twice, as the
// Arrow reader does: it stays on one snapshot.
func (c *Client) OpenSource(ctx context.Context, db string, cmd bsonraw.Doc) (Source, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	return c.backend.OpenSource(ctx, db, cmd)
}

func (c *Client) open() error {
	if c.closed.Load() {
		return errs.New(errs.StoreClosed, "the client is closed")
	}
	return nil
}

// Directory returns the directory that a URI names, without opening it.
func Directory(uri string) (string, error) {
	if uri == "" {
		uri = os.Getenv("ARGON_URI")
	}
	if uri == "" {
		return defaultDirectory()
	}
	if strings.ContainsRune(uri, 0) {
		return "", errs.New(errs.BadValue, "a path cannot have a zero byte in it: %q", uri)
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || len(scheme) < 2 { // C://… is a path of Windows
		return expandHome(uri)
	}
	switch strings.ToLower(scheme) {
	case "file":
		return expandHome(rest)
	case "argon":
		return "", errs.New(errs.BadValue, "%q names an Argon server, and not a directory", redact(uri))
	case "mongodb", "mongodb+srv":
		return "", errs.New(errs.BadValue, "%q names a MongoDB server, not an Argon store", redact(uri)).
			WithRemedy("import from it: argon import %s -p PROJECT", redact(uri))
	}
	return "", errs.New(errs.BadValue, "a store cannot be opened through %q", scheme+"://").
		WithRemedy("name a directory")
}

// redact leaves out the user and password of a connection string.
func redact(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

func expandHome(path string) (string, error) {
	if path == "" {
		return "", errs.New(errs.BadValue, "the store's directory is empty")
	}
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errs.Wrap(err, errs.StoreIO, "cannot find the home directory for %q", path)
	}
	return filepath.Join(home, path[1:]), nil
}

// defaultDirectory is the store of a user who names none, where the system
// keeps the data of applications.
func defaultDirectory() (string, error) {
	if runtime.GOOS == "windows" {
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "argon", "store"), nil
		}
	} else if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "argon", "store"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errs.Wrap(err, errs.StoreIO, "cannot find a directory for the store").
			WithRemedy("set ARGON_URI, or name a directory")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "argon", "store"), nil
	}
	return filepath.Join(home, ".local", "share", "argon", "store"), nil
}
