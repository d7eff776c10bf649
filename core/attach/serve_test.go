package attach

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wire"
)

// serveOn serves a store as argon serve does, whoever hosts it.
func serveOn(t *testing.T, s *Shared, l net.Listener, o *wire.Options) {
	o.Host = s.Reach
	server := wire.NewServer(o)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.WithoutCancel(t.Context()), l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown(context.WithoutCancel(t.Context())))
		require.NoError(t, <-ended)
	})
}

func serveTCP(t *testing.T, s *Shared, o *wire.Options) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, s, l, o)
	return l.Addr().String()
}

// A process serves drivers while another one hosts the store, and when that one is
// killed serves them itself; a client notices nothing but a retry.
func TestServingBesideAHost(t *testing.T) {
	dir := t.TempDir()
	host := startHost(t, dir)
	s := open(t, dir, nil)
	defer s.Close()
	require.False(t, hosting(t, s))
	address := serveTCP(t, s, &wire.Options{})
	c, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + address + "/?compressors=zstd&heartbeatFrequencyMS=500"))
	require.NoError(t, err)
	defer func() { _ = c.Disconnect(context.Background()) }()
	coll := c.Database("p").Collection("c")
	docs := make([]any, 1000)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: i}}
	}
	_, err = coll.InsertMany(t.Context(), docs)
	require.NoError(t, err)
	cur, err := coll.Find(t.Context(), bson.D{}, options.Find().SetBatchSize(100))
	require.NoError(t, err)
	var all []bson.D
	require.NoError(t, cur.All(t.Context(), &all))
	require.Len(t, all, 1000)
	session, err := c.StartSession()
	require.NoError(t, err)
	defer session.EndSession(context.Background())
	_, err = session.WithTransaction(t.Context(), func(ctx context.Context) (any, error) {
		return coll.InsertOne(ctx, bson.D{{Key: "_id", Value: 1000}})
	})
	require.NoError(t, err)
	stream, err := coll.Watch(t.Context(), mongo.Pipeline{})
	require.NoError(t, err)
	defer stream.Close(context.Background())

	require.NoError(t, host.Kill())
	for i := 1001; i < 1010; i++ {
		_, err = coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: i}})
		require.NoError(t, err)
	}
	n, err := coll.CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	require.EqualValues(t, 1010, n)
	require.True(t, hosting(t, s))
	for i := 1001; i < 1010; i++ {
		require.True(t, stream.Next(t.Context()), stream.Err())
		require.EqualValues(t, i, stream.Current.Lookup("documentKey", "_id").AsInt64())
	}
}

// pems writes certificates and keys of one authority into files.
type pems struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newPEMs(t *testing.T) *pems {
	p := &pems{t: t, dir: t.TempDir()}
	p.cert, p.key = p.write("ca")
	return p
}

func (p *pems) path(name string) string { return filepath.Join(p.dir, name+".pem") }

func (p *pems) write(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(p.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: p.cert == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := p.cert, p.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(p.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(p.t, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	require.NoError(p.t, os.WriteFile(p.path(name), text, 0o600))
	cert, err := x509.ParseCertificate(der)
	require.NoError(p.t, err)
	return cert, key
}

// argon:// over TLS, to a process that serves beside the host: who the server is,
// and who the client is, by certificates.
func TestArgonAddressesWithTLS(t *testing.T) {
	dir := t.TempDir()
	host, s := open(t, dir, nil), open(t, dir, nil)
	defer host.Close()
	defer s.Close()
	for db, cmd := range map[string]string{
		"$external": `{"createUser": "CN=etl", "roles": [{"role": "readWrite", "db": "p"}]}`,
		"admin":     `{"createUser": "ada", "pwd": "x", "roles": []}`,
	} {
		_, err := host.Run(t.Context(), db, parse(cmd))
		require.NoError(t, err)
	}
	ca := newPEMs(t)
	for _, name := range []string{"server", "etl", "stranger"} {
		ca.write(name)
	}
	pair, err := tls.LoadX509KeyPair(ca.path("server"), ca.path("server"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	demanding := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	asking := demanding.Clone()
	asking.ClientAuth = tls.VerifyClientCertIfGiven
	free := "argon://" + serveTCP(t, s, &wire.Options{TLS: demanding})
	auth := "argon://" + serveTCP(t, s, &wire.Options{TLS: asking, Auth: true})
	authority := "/?tls=true&tlsCAFile=" + ca.path("ca")
	certificate := func(name string) string { return authority + "&tlsCertificateKeyFile=" + ca.path(name) }

	for _, good := range []string{free + certificate("stranger"), auth + certificate("etl")} {
		c, err := Dial(t.Context(), good, nil)
		require.NoError(t, err, good)
		_, err = c.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [{}]}`))
		require.NoError(t, err)
		place, err := c.Place(t.Context())
		require.NoError(t, err)
		require.True(t, place.TLS)
		require.NoError(t, c.Close())
	}
	for bad, want := range map[string]string{
		free + authority:                 "cannot be reached",
		free + "/?tls=true":              "cannot be trusted",
		auth + "/":                       "cannot be reached",
		auth + authority:                 "requires authentication",
		auth + certificate("stranger"):   "no x.509 client certificate",
		auth + certificate("nowhere"):    "tlsCertificateKeyFile",
		auth + "/?tlsCAFile=nothing.pem": "tlsCAFile",
	} {
		_, err := Dial(t.Context(), bad, nil)
		require.ErrorContains(t, err, want, bad)
	}
	log, err := host.Run(t.Context(), "p", parse(`{"argonLog": 1}`))
	require.NoError(t, err)
	require.Equal(t, "CN=etl", log.Get("cursor").Doc().Get("firstBatch").Doc().Get("0").Doc().Get("actor").Str())
}

// Who serves beside a host asks for passwords as the host itself would.
func TestServingBesideAHostWithPasswords(t *testing.T) {
	dir := t.TempDir()
	host, s := open(t, dir, nil), open(t, dir, nil)
	defer host.Close()
	defer s.Close()
	_, err := host.Run(t.Context(), "admin", parse(`{"argonAPIKeyCreate": "k", "roles": []}`))
	require.NoError(t, err)
	_, err = Dial(t.Context(), "argon://"+serveTCP(t, s, &wire.Options{Auth: true}), nil)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
}
