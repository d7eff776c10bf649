package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/argon-lab/argon/core/errs"
)

// Subject returns the name of a certificate's subject as MongoDB writes it: by
// RFC 2253, the most specific part first, "CN=etl,OU=data,O=Example". The user
// of that name on $external is whom the certificate authenticates.
func Subject(cert *x509.Certificate) (string, error) {
	var rdn pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &rdn); err != nil || len(rest) > 0 {
		return "", errs.New(errs.AuthenticationFailed, "the subject of the client's certificate cannot be read")
	}
	return rdn.String(), nil
}
