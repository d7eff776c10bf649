package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wire"
)

const defaultListen = "127.0.0.1:27018"

type serveOptions struct {
	listen                 []string
	advertise              string
	tlsCert, tlsKey, tlsCA string
	metrics, level         string
	drain                  time.Duration
	connections            int
	testCommands           bool
	auth                   bool
}

func newServe(a *app) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the store to any MongoDB driver", Args: cobra.NoArgs,
		Long: `Serve the store over MongoDB's wire protocol, to any driver, mongosh and Compass. A
database is a project (its main branch), project~branch, or project~branch~moment,
which is read-only. It runs until it is interrupted, and then lets running
commands end. Where another process has the store open, such as a notebook, clients
are served through that one, and by this one when it has ended.

    mongosh mongodb://127.0.0.1:27018/shop~experiment-1

Without --auth it listens on addresses of this machine only, and every user of the
machine may do everything. With it, clients have to authenticate, as users (argon
users create), with API keys (argon apikeys create), or by client certificates. A
Unix socket can be opened by its own user only, who need not authenticate there.`,
		Example: example(`
argon serve
argon serve --listen 127.0.0.1:27018 --listen /tmp/argon.sock
argon serve --auth --listen 0.0.0.0:27018 --tls-cert server.pem --tls-key server.key
argon serve --tls-cert server.pem --tls-key server.key --tls-ca clients.pem`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), a, o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.listen, "listen", []string{defaultListen}, "host:port or the path of a Unix socket; may be given several times")
	f.BoolVar(&o.auth, "auth", false, "clients on TCP have to authenticate, also those of this machine")
	f.StringVar(&o.advertise, "advertise", "", "the host:port that drivers are told to connect to, if it is not what they connected to")
	f.StringVar(&o.tlsCert, "tls-cert", "", "the server's certificate, PEM; with it TCP connections are encrypted")
	f.StringVar(&o.tlsKey, "tls-key", "", "its private key, PEM; in the certificate's file if left out")
	f.StringVar(&o.tlsCA, "tls-ca", "", "authorities whose client certificates are demanded, or with --auth taken, PEM")
	f.StringVar(&o.metrics, "metrics", "", "host:port of an HTTP endpoint with metrics for Prometheus, at /metrics")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error; the log goes to standard error")
	f.DurationVar(&o.drain, "drain-timeout", 10*time.Second, "how long running commands may take at the end")
	f.IntVar(&o.connections, "max-connections", 0, "most connections at a time (20000)")
	f.BoolVar(&o.testCommands, "enable-test-commands", false, "allow configureFailPoint, for the tests of drivers")
	return cmd
}

// runServe serves until ctx ends, which is what the first signal does.
func runServe(ctx context.Context, a *app, o *serveOptions) error {
	log, err := newLogger(a, o.level)
	if err != nil {
		return err
	}
	tls, err := o.tlsConfig()
	if err != nil {
		return err
	}
	if err := o.checkAddresses(ctx); err != nil {
		return err
	}
	a.log, a.stays = log, true
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if c.Dir() == "" {
		return errs.New(errs.BadValue, "%s is a server already, and argon serve serves the directory of a store", a.store)
	}
	if err := c.Mirrors().Resume(ctx); err != nil {
		return err
	}
	if err := o.warn(ctx, c, log, tls != nil); err != nil {
		return err
	}
	if o.testCommands {
		log.Warn("test commands are enabled: any client can make the commands of others fail")
	}
	server := wire.NewServer(&wire.Options{
		Host: c.Reach, Log: log, TLS: tls, Auth: o.auth, Address: o.advertise, MaxConnections: o.connections,
		TestCommands: o.testCommands,
	})
	listeners, err := o.open(ctx)
	if err != nil {
		return err
	}
	stopMetrics, err := serveMetrics(ctx, o.metrics, server, c, log)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopMetrics()
	if err := a.announce(c, listeners, tls != nil); err != nil {
		closeAll(listeners)
		return err
	}
	return serveAll(ctx, server, listeners, o.drain, log)
}

// serveAll serves the listeners until ctx ends, and drains.
func serveAll(ctx context.Context, server *wire.Server, listeners []net.Listener, drain time.Duration, log *slog.Logger) error {
	alive := context.WithoutCancel(ctx) // commands outlive the signal
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- server.Serve(alive, l) }()
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
	}
	log.Info("draining", "connections", server.Connections(), "timeout", drain.String())
	limit, cancel := context.WithTimeout(alive, drain)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		log.Warn("not everything was answered", "error", err.Error())
	}
	log.Info("stopped")
	return failed
}

// newLogger makes the log on standard error: text, or with --json a JSON object a
// line.
func newLogger(a *app, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usage("--log-level is debug, info, warn or error, not %q", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	if a.json {
		return slog.New(slog.NewJSONHandler(a.io.Err, opts)), nil
	}
	return slog.New(slog.NewTextHandler(a.io.Err, opts)), nil
}

// checkAddresses refuses to offer the store to other machines where nobody has to
// authenticate.
func (o *serveOptions) checkAddresses(ctx context.Context) error {
	for _, address := range o.listen {
		local, err := wire.IsLoopback(ctx, address)
		if err != nil {
			return err
		}
		if err := (auth.Policy{Auth: o.auth}).CheckListen(address, local); err != nil {
			return err
		}
	}
	return nil
}

// warn says what is easily forgotten.
func (o *serveOptions) warn(ctx context.Context, c *client.Client, log *slog.Logger, encrypted bool) error {
	if !o.auth {
		return nil
	}
	users, err := c.Users().List(ctx, "")
	if err != nil {
		return err
	}
	keys, err := c.APIKeys().List(ctx)
	if err != nil {
		return err
	}
	if len(users)+len(keys) == 0 {
		log.Warn("there are no users yet: make one with argon users create, or createUser from this machine")
	}
	for _, address := range o.listen {
		if local, err := wire.IsLoopback(ctx, address); err == nil && !local && !encrypted {
			log.Warn("what clients send and get can be read on the network: use --tls-cert", "listener", address)
		}
	}
	return nil
}

// open opens every listener, or none.
func (o *serveOptions) open(ctx context.Context) ([]net.Listener, error) {
	var list []net.Listener
	for _, address := range o.listen {
		l, err := wire.Listen(ctx, address)
		if err != nil {
			closeAll(list)
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		l.Close()
	}
}

// announce prints how to connect.
func (a *app) announce(c *client.Client, list []net.Listener, tls bool) error {
	uris := make([]string, len(list))
	for i, l := range list {
		uris[i] = connectionString(l.Addr(), a.project, tls)
	}
	if a.json {
		return a.printJSON(map[string]any{"store": c.Dir(), "uris": uris})
	}
	a.printf("Argon serves %s\n", c.Dir())
	for _, uri := range uris {
		a.printf("  %s\n", uri)
	}
	a.printf("A database is project, project~branch or project~branch~moment. Ctrl-C stops.\n")
	return nil
}

// connectionString is what a driver takes. Drivers cannot compare a socket's path
// with what the server says its address is: there they connect directly.
func connectionString(addr net.Addr, project string, tls bool) string {
	if addr.Network() == "unix" {
		return "mongodb://" + strings.ReplaceAll(addr.String(), "/", "%2F") + "/" + project + "?directConnection=true"
	}
	uri := "mongodb://" + addr.String() + "/" + project
	if tls {
		uri += "?tls=true"
	}
	return uri
}

// serveMetrics serves /metrics over HTTP, if an address is given. What it
// returns stops it.
func serveMetrics(ctx context.Context, address string, server *wire.Server, c *client.Client, log *slog.Logger) (func(), error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, errs.Wrap(err, errs.ConnectionRefused, "cannot serve metrics on %q", address)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(server, &storeMetrics{ctx: context.WithoutCancel(ctx), client: c},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	h := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err.Error())
		}
	}()
	log.Info("metrics", "url", "http://"+l.Addr().String()+"/metrics")
	return func() {
		h.Close()
		<-done
	}, nil
}
