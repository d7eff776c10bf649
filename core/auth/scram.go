package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/xdg-go/scram"

	"github.com/argon-lab/argon/core/errs"
)

// The mechanisms.
const (
	ScramSHA1   = "SCRAM-SHA-1"
	ScramSHA256 = "SCRAM-SHA-256"
	X509        = "MONGODB-X509"
	Plain       = "PLAIN"        // for API keys only
	APIKey      = "ARGON-APIKEY" // the payload is the key
)

// credential is what is stored of a password: enough to check a proof of it, and
// not enough to make one.
type credential struct {
	iterations           int
	salt                 []byte
	storedKey, serverKey []byte
}

// credentialDoc is the stored form, MongoDB's; binary parts as base64. FROZEN.
type credentialDoc struct {
	IterationCount int    `bson:"iterationCount"`
	Salt           string `bson:"salt"`
	StoredKey      string `bson:"storedKey"`
	ServerKey      string `bson:"serverKey"`
}

func (c credential) doc() credentialDoc {
	b64 := base64.StdEncoding.EncodeToString
	return credentialDoc{c.iterations, b64(c.salt), b64(c.storedKey), b64(c.serverKey)}
}

func (d credentialDoc) credential() (credential, error) {
	c := credential{iterations: d.IterationCount}
	for _, part := range []struct {
		text string
		to   *[]byte
	}{{d.Salt, &c.salt}, {d.StoredKey, &c.storedKey}, {d.ServerKey, &c.serverKey}} {
		b, err := base64.StdEncoding.DecodeString(part.text)
		if err != nil {
			return c, err
		}
		*part.to = b
	}
	return c, nil
}

// hashOf returns the hash of a SCRAM mechanism, and the sizes of MongoDB's salts.
func hashOf(mechanism string) (gen scram.HashGeneratorFcn, salt int) {
	if mechanism == ScramSHA1 {
		return scram.SHA1, 16
	}
	return scram.SHA256, 28
}

func validMechanisms(list []string) error {
	if len(list) == 0 {
		return errs.New(errs.BadValue, "mechanisms field must not be empty")
	}
	for _, m := range list {
		if m != ScramSHA1 && m != ScramSHA256 {
			return errs.New(errs.BadValue, "Unknown auth mechanism '%s'", m)
		}
	}
	return nil
}

// derive makes a user's credentials from a password.
func (a *Authority) derive(name UserName, password string, mechanisms []string) (map[string]credential, error) {
	if password == "" {
		return nil, errs.New(50687, "the password of a user cannot be empty")
	}
	if mechanisms == nil {
		mechanisms = []string{ScramSHA1, ScramSHA256}
	}
	if err := validMechanisms(mechanisms); err != nil {
		return nil, err
	}
	creds := map[string]credential{}
	for _, m := range mechanisms {
		c, err := a.deriveOne(name, password, m)
		if err != nil {
			return nil, err
		}
		creds[m] = c
	}
	return creds, nil
}

// deriveOne is PBKDF2 over the password as the mechanism prepares it: for SHA-1
// MongoDB's old digest of it, for SHA-256 the password in SASLprep's form.
func (a *Authority) deriveOne(name UserName, password, mechanism string) (credential, error) {
	gen, size := hashOf(mechanism)
	iterations := a.cost.sha256
	client, err := gen.NewClient("", password, "")
	if mechanism == ScramSHA1 {
		iterations = a.cost.sha1
		client, err = gen.NewClientUnprepped("", md5Digest(name.User, password), "")
	}
	if err != nil { // the error of the library may quote the password
		return credential{}, errs.New(50687, "the password has characters that SASLprep (RFC 4013) does not allow").
			WithRemedy("use another one, or mechanisms: [\"SCRAM-SHA-1\"]")
	}
	salt := random(size)
	stored, err := client.WithMinIterations(1).GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return credential{}, errs.New(errs.InternalError, "the credentials of %s could not be derived", name)
	}
	return credential{iterations, salt, stored.StoredKey, stored.ServerKey}, nil
}

// md5Digest is what SCRAM-SHA-1 takes for the password in MongoDB.
func md5Digest(user, password string) string {
	digest := md5.Sum([]byte(user + ":mongo:" + password))
	return hex.EncodeToString(digest[:])
}

// fake is the credential of a user that is not there, always the same one, so
// that asking twice tells nothing. Nobody knows a password for it.
func (a *Authority) fake(secret []byte, name UserName, mechanism string) credential {
	part := func(what string, n int) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(mechanism + "\x00" + what + "\x00" + name.ID()))
		return h.Sum(nil)[:n]
	}
	_, size := hashOf(mechanism)
	c := credential{iterations: a.cost.sha256, salt: part("salt", size), storedKey: part("stored", 32), serverKey: part("server", 32)}
	if mechanism == ScramSHA1 {
		c.iterations, c.storedKey, c.serverKey = a.cost.sha1, c.storedKey[:20], c.serverKey[:20]
	}
	return c
}
