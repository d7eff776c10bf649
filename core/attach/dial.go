package attach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/inherit"
)

// serverAddress is what argon://host:port/?tls=true&tlsCAFile=ca.pem names. The
// options are those of MongoDB's connection strings.
type serverAddress struct {
	host string // with its port
	tls  *tls.Config
}

// hasCertificate reports whether the client shows a certificate of its own.
func (a *serverAddress) hasCertificate() bool {
	return a != nil && a.tls != nil && len(a.tls.Certificates) > 0
}

const (
	defaultPort = "27018"
	dialTime    = 10 * time.Second
	// returning is how long a server that was lost may take to come back.
	returning = 10 * time.Second
)

// Dial opens the store behind argon://host:port. When the server is lost it is
// looked for again, and what was running goes on where that is safe.
func Dial(ctx context.Context, uri string, o *Options) (*Shared, error) {
	address, err := parseAddress(uri)
	if err != nil {
		return nil, err
	}
	s := newShared(ctx, o)
	s.server, s.o.certificate = address, address.hasCertificate()
	s.find = s.findServer
	return s, s.begin(ctx)
}

func parseAddress(uri string) (*serverAddress, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errs.New(errs.BadValue, "an Argon server is named argon://host:port, not %q", hideUser(uri))
	}
	if u.User != nil {
		return nil, errs.New(errs.BadValue, "a user stands in the address of the Argon server %s", u.Host).
			WithRemedy("give an API key beside the address: api_key=, or ARGON_API_KEY; argon users apikey-create makes one")
	}
	a := &serverAddress{host: u.Host}
	if u.Port() == "" {
		a.host = net.JoinHostPort(u.Hostname(), defaultPort)
	}
	config := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	for name, values := range u.Query() {
		switch value := values[len(values)-1]; name {
		case "tls":
			if value == "true" {
				a.tls = config
			}
		case "tlsCAFile":
			pem, err := os.ReadFile(value)
			if err != nil {
				return nil, errs.Wrap(err, errs.FileNotFound, "cannot read the certificates of tlsCAFile")
			}
			if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, errs.New(errs.BadValue, "the file %s of tlsCAFile has no certificate in it", value)
			}
		case "tlsCertificateKeyFile":
			pair, err := tls.LoadX509KeyPair(value, value)
			if err != nil {
				return nil, errs.Wrap(err, errs.BadValue, "cannot use the file %s of tlsCertificateKeyFile, which holds a certificate and its private key", value)
			}
			config.Certificates = []tls.Certificate{pair}
		case "tlsInsecure":
			config.InsecureSkipVerify = value == "true" //nolint:gosec // the user says so
		default:
			return nil, errs.New(errs.BadValue, "the address of an Argon server has no option %q", name).
				WithRemedy("there are tls, tlsCAFile, tlsCertificateKeyFile and tlsInsecure")
		}
	}
	return a, nil
}

// hideUser leaves a user and password out of what is shown.
func hideUser(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// dial connects to the server.
func (a *serverAddress) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	nc, err := d.DialContext(ctx, "tcp", a.host)
	if err != nil {
		return nil, err
	}
	nc = inherit.Conn(nc)
	if a.tls == nil {
		return nc, nil
	}
	secure := tls.Client(nc, a.tls)
	handshake, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := secure.HandshakeContext(handshake); err != nil {
		_ = nc.Close()
		var unverified *tls.CertificateVerificationError
		if errors.As(err, &unverified) {
			return nil, errs.Wrap(err, errs.Unauthorized, "the certificate of the Argon server %s cannot be trusted", a.host).
				WithRemedy("name the file of the authority that signed it: argon://%s/?tls=true&tlsCAFile=ca.pem", a.host)
		}
		return nil, err
	}
	return secure, nil
}

// findServer makes one attempt to reach the server.
func (s *Shared) findServer(ctx context.Context, again bool) (*seat, time.Duration, error) {
	l, err := s.connect(ctx, s.server.dial)
	if err != nil {
		return s.unreached(err, again)
	}
	if minor(l.version) != minor(command.Version) {
		defer l.close()
		return nil, 0, errs.New(errs.VersionMismatch, "the server %s is Argon %s, and this is Argon %s", s.server.host, l.version, command.Version)
	}
	return &seat{link: l}, 0, nil
}

// unreached explains why the server does not answer. One that was there may come
// back.
func (s *Shared) unreached(err error, again bool) (*seat, time.Duration, error) {
	patience := time.Duration(0)
	if again {
		patience = returning
	}
	if errs.As(err) != nil {
		return nil, 0, err
	}
	out := errs.Wrap(err, errs.ConnectionRefused, "the Argon server %s cannot be reached", s.server.host)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		out = out.WithRemedy("see whether it runs (argon serve --listen %s there), and whether the port is right", s.server.host)
	case s.server.tls == nil:
		out = out.WithRemedy("see whether it runs, and whether it speaks TLS: argon://%s/?tls=true", s.server.host)
	}
	return nil, patience, out
}

// minor is the part of a version that two ends of a connection must share.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// certificateCommand authenticates as the user whose name is the subject of the
// client's certificate.
func certificateCommand() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("authenticate", 1)
	b.String("mechanism", auth.X509)
	b.String("$db", "$external")
	return b.Finish()
}

// keyCommand authenticates with an API key.
func keyCommand(key string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("saslStart", 1)
	b.String("mechanism", auth.APIKey)
	b.Value("payload", bsonraw.BinaryValue(0, []byte(key)))
	b.String("$db", "admin")
	return b.Finish()
}
