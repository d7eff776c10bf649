package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/ejson"
)

// lockedBuffer is a log that a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// inside runs a command on the store without a connection, as the process that
// has it open may.
func (v *served) inside(db, cmd string) bsonraw.Doc {
	v.t.Helper()
	raw, err := ejson.ParseDoc(cmd)
	require.NoError(v.t, err)
	s := v.disp.NewSession(command.SessionOptions{})
	defer s.Close()
	reply, err := v.disp.Run(v.t.Context(), s, db, raw)
	require.NoError(v.t, err, cmd)
	return reply
}

// try connects a driver and runs one command.
func try(t *testing.T, uri string, cfg *tls.Config, db string, cmd bson.D) (bson.M, error) {
	t.Helper()
	o := options.Client().ApplyURI(uri).SetServerSelectionTimeout(5 * time.Second)
	if cfg != nil {
		o.SetTLSConfig(cfg)
	}
	c, err := mongo.Connect(o)
	require.NoError(t, err)
	defer func() { _ = c.Disconnect(context.Background()) }()
	var out bson.M
	err = c.Database(db).RunCommand(t.Context(), cmd).Decode(&out)
	return out, err
}

func ping() bson.D { return bson.D{{Key: "connectionStatus", Value: 1}} }

func find() bson.D { return bson.D{{Key: "find", Value: "c"}} }

// who returns the user that a reply to connectionStatus names.
func who(t *testing.T, reply bson.M) string {
	t.Helper()
	raw, err := bson.Marshal(reply)
	require.NoError(t, err)
	var doc struct {
		AuthInfo struct {
			Users []auth.UserName `bson:"authenticatedUsers"`
		} `bson:"authInfo"`
	}
	require.NoError(t, bson.Unmarshal(raw, &doc))
	if len(doc.AuthInfo.Users) == 0 {
		return ""
	}
	return doc.AuthInfo.Users[0].String()
}

// The driver authenticates with each mechanism, right and wrong; and what is
// secret is not in the log.
func TestDriverAuthenticates(t *testing.T) {
	var log lockedBuffer
	v := serve(t, Options{Auth: true})
	v.s.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v.inside("shop", `{"insert": "c", "documents": [{"_id": 1}]}`)
	v.inside("admin", `{"createUser": "ada", "pwd": "s3cret/ and:odd@", "roles": [{"role": "read", "db": "shop"}]}`)
	v.inside("admin", `{"createUser": "old", "pwd": "s3cret-old", "roles": [], "mechanisms": ["SCRAM-SHA-1"]}`)
	v.inside("shop~exp", `{"createUser": "local", "pwd": "s3cret-too", "roles": []}`)
	key := v.inside("admin", `{"argonAPIKeyCreate": "etl", "roles": [{"role": "readWrite", "db": "shop"}]}`).Get("key").Str()
	pwd := url.QueryEscape("s3cret/ and:odd@")
	pwd = string(bytes.ReplaceAll([]byte(pwd), []byte("+"), []byte("%20")))
	for name, c := range map[string]struct{ userinfo, query, want string }{
		"negotiated":      {"ada:" + pwd, "", "ada@admin"},
		"SCRAM-SHA-256":   {"ada:" + pwd, "authMechanism=SCRAM-SHA-256", "ada@admin"},
		"SCRAM-SHA-1":     {"ada:" + pwd, "authMechanism=SCRAM-SHA-1", "ada@admin"},
		"one mechanism":   {"old:s3cret-old", "", "old@admin"}, // drivers begin with the other one
		"not its own":     {"old:s3cret-old", "authMechanism=SCRAM-SHA-256", ""},
		"authSource":      {"local:s3cret-too", "authSource=shop~exp", "local@shop~exp"},
		"API key":         {"apikey:" + key, "authMechanism=PLAIN&authSource=$external", "apikey:etl@$external"},
		"wrong password":  {"ada:s3cret-not", "", ""},
		"wrong SHA-1":     {"ada:s3cret-not", "authMechanism=SCRAM-SHA-1", ""},
		"unknown user":    {"eve:s3cret-not", "", ""},
		"wrong source":    {"ada:" + pwd, "authSource=shop", ""},
		"wrong key":       {"apikey:" + key + "x", "authMechanism=PLAIN&authSource=$external", ""},
		"password, PLAIN": {"ada:" + pwd, "authMechanism=PLAIN", ""},
	} {
		t.Run(name, func(t *testing.T) {
			uri := "mongodb://" + c.userinfo + "@" + v.addr + "/?" + c.query
			reply, err := try(t, uri, nil, "admin", ping())
			if c.want == "" {
				require.ErrorContains(t, err, "Authentication failed")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, who(t, reply))
		})
	}
	_, err := try(t, "mongodb://"+v.addr, nil, "shop", find())
	require.ErrorContains(t, err, "command find requires authentication")
	_, err = try(t, "mongodb://ada:"+pwd+"@"+v.addr, nil, "shop", find())
	require.NoError(t, err)
	_, err = try(t, "mongodb://ada:"+pwd+"@"+v.addr, nil, "other", find())
	require.ErrorContains(t, err, "not authorized on other to execute command { find:")
	require.NotEmpty(t, log.String())
	for _, secret := range []string{"s3cret", key} {
		require.NotContains(t, log.String(), secret)
	}
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.make(pkix.Name{CommonName: "test authority"}, true)
	return a
}

func (a *authority) make(name pkix.Name, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: name, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *authority) pair(name pkix.Name) tls.Certificate {
	cert, key := a.make(name, false)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// A client certificate is who its subject is.
func TestDriverAuthenticatesByCertificate(t *testing.T) {
	ca := newAuthority(t)
	v := serve(t, Options{Auth: true, TLS: &tls.Config{
		Certificates: []tls.Certificate{ca.pair(pkix.Name{CommonName: "server"})},
		ClientCAs:    ca.pool(), ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12,
	}})
	v.inside("$external", `{"createUser": "CN=etl,OU=data,O=Example", "roles": [{"role": "read", "db": "shop"}]}`)
	v.inside("admin", `{"createUser": "ada", "pwd": "x", "roles": []}`)
	key := v.inside("admin", `{"argonAPIKeyCreate": "etl", "roles": []}`).Get("key").Str()
	etl := pkix.Name{CommonName: "etl", OrganizationalUnit: []string{"data"}, Organization: []string{"Example"}}
	client := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.pool(), Certificates: certs, MinVersion: tls.VersionTLS12}
	}
	x509URI := "mongodb://" + v.addr + "/?authMechanism=MONGODB-X509&authSource=$external"
	reply, err := try(t, x509URI, client(ca.pair(etl)), "admin", ping())
	require.NoError(t, err)
	require.Equal(t, "CN=etl,OU=data,O=Example@$external", who(t, reply))
	_, err = try(t, x509URI, client(ca.pair(etl)), "shop", find())
	require.NoError(t, err)
	_, err = try(t, x509URI, client(ca.pair(pkix.Name{CommonName: "stranger"})), "admin", ping())
	require.ErrorContains(t, err, "There is no x.509 client certificate matching the user")
	_, err = try(t, x509URI, client(), "admin", ping())
	require.ErrorContains(t, err, "No verified subject name available from client")
	other := newAuthority(t)
	_, err = try(t, x509URI, client(other.pair(etl)), "admin", ping())
	require.Error(t, err, "a certificate of somebody else's authority is nobody's")
	reply, err = try(t, "mongodb://ada:x@"+v.addr, client(), "admin", ping())
	require.NoError(t, err)
	require.Equal(t, "ada@admin", who(t, reply))
	reply, err = try(t, "mongodb://apikey:"+key+"@"+v.addr+"/?authMechanism=PLAIN&authSource=$external", client(), "admin", ping())
	require.NoError(t, err)
	require.Equal(t, "apikey:etl@$external", who(t, reply))
}

// A Unix socket of one's own asks nothing, also where TCP does.
func TestSocketAsksNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	v := serve(t, Options{Auth: true}, path)
	p := v.dialTo("unix", path)
	reply := p.run(`{"insert": "c", "documents": [{"_id": 1}], "$db": "shop"}`)
	require.True(t, reply.Get("ok").Truthy())
}

// Logs carry who did it, and it can be undone by that name: the user, or without
// users the application's name.
func TestActorsOverTheWire(t *testing.T) {
	for _, asked := range []bool{true, false} {
		t.Run(fmt.Sprint(asked), func(t *testing.T) {
			v := serve(t, Options{Auth: asked})
			v.inside("admin", `{"createUser": "grace", "pwd": "x", "roles": [{"role": "readWrite", "db": "shop"}]}`)
			v.inside("shop", `{"create": "c"}`)
			uri, actor := "mongodb://"+v.addr+"/?appName=billing", "billing"
			if asked {
				uri, actor = "mongodb://grace:x@"+v.addr+"/?appName=billing", "grace"
			}
			insert := bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}}}}}
			_, err := try(t, uri, nil, "shop", insert)
			require.NoError(t, err)
			v.inside("shop", `{"insert": "c", "documents": [{"_id": 2}], "$argon": {"actor": "somebody"}}`)
			log := v.inside("shop", `{"argonLog": 1, "actor": "`+actor+`"}`).Get("cursor").Doc().Get("firstBatch").Doc()
			require.Equal(t, 1, log.Len())
			_, err = try(t, uri, nil, "shop", bson.D{{Key: "argonUndo", Value: 1}, {Key: "actor", Value: actor}})
			require.NoError(t, err)
			left := v.inside("shop", `{"find": "c"}`).Get("cursor").Doc().Get("firstBatch").Doc()
			require.Equal(t, 1, left.Len())
			require.Equal(t, int32(2), left.Get("0").Doc().Get("_id").Int32())
		})
	}
}
