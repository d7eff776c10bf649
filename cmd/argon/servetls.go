package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/argon-lab/argon/core/errs"
)

// tlsConfig reads certificates; nil if none is given.
func (o *serveOptions) tlsConfig() (*tls.Config, error) {
	if o.tlsCert == "" {
		if o.tlsKey != "" || o.tlsCA != "" {
			return nil, usage("--tls-key and --tls-ca need --tls-cert")
		}
		return nil, nil
	}
	key := o.tlsKey
	if key == "" {
		key = o.tlsCert
	}
	cert, err := tls.LoadX509KeyPair(o.tlsCert, key)
	if err != nil {
		return nil, errs.Wrap(err, errs.BadValue, "cannot use the certificate %q with the key %q", o.tlsCert, key)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if o.tlsCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(o.tlsCA)
	if err != nil {
		return nil, errs.Wrap(err, errs.FileNotFound, "cannot read the authorities in %q", o.tlsCA)
	}
	cfg.ClientCAs = x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errs.New(errs.BadValue, "%q holds no certificate", o.tlsCA)
	}
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	if o.auth { // a certificate is then one way of several to say who one is
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return cfg, nil
}
