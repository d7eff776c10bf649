package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// An API key is an identity of its own, with roles, for programs. Its text is
//
//	argon_<id>_<secret>      id: 16 hex digits; secret: 32 random bytes, base64url
//
// Of the secret only sha256(salt ‖ secret) is stored. A slow hash, as passwords
// need, would add nothing: nobody guesses 256 random bits.
const (
	keyText   = "argon_"
	keyPrefix = "apikey:" // of the name that a key acts under
)

// KeyUser is the user's name under which a driver gives an API key as password,
// with the mechanism PLAIN.
const KeyUser = "apikey"

// Key is the record of an API key.
type Key struct {
	ID, Name  string
	Roles     []RoleName
	Created   time.Time
	CreatedBy string
	Expires   time.Time // zero: never

	salt, hash []byte
}

// User returns the name that the key acts under.
func (k *Key) User() UserName { return UserName{keyPrefix + k.Name, externalDB} }

func (k *Key) expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// keyDoc is the stored form. FROZEN.
type keyDoc struct {
	ID        string     `bson:"_id"`
	Name      string     `bson:"name"`
	Salt      []byte     `bson:"salt"`
	Hash      []byte     `bson:"hash"`
	Roles     []RoleName `bson:"roles"`
	Created   time.Time  `bson:"created"`
	CreatedBy string     `bson:"createdBy"`
	Expires   *time.Time `bson:"expires,omitempty"`
}

func (k *Key) doc() keyDoc {
	d := keyDoc{ID: k.ID, Name: k.Name, Salt: k.salt, Hash: k.hash, Roles: k.Roles, Created: k.Created, CreatedBy: k.CreatedBy}
	if d.Roles == nil {
		d.Roles = []RoleName{}
	}
	if !k.Expires.IsZero() {
		d.Expires = &k.Expires
	}
	return d
}

func decodeKey(raw bsonraw.Doc) (*Key, error) {
	var d keyDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	k := &Key{ID: d.ID, Name: d.Name, Roles: d.Roles, Created: d.Created, CreatedBy: d.CreatedBy, salt: d.Salt, hash: d.Hash}
	if d.Expires != nil {
		k.Expires = *d.Expires
	}
	return k, nil
}

func (t *tables) putKey(k *Key) []write {
	t.keys[k.ID] = k
	return []write{{kindKey, k.ID, k.doc()}}
}

// CreateKey makes an API key and returns its text, which can be had this once.
func (a *Authority) CreateKey(ctx context.Context, k Key) (*Key, string, error) {
	if err := refs.ValidName("key", k.Name); err != nil {
		return nil, "", err
	}
	if k.expired(a.now()) {
		return nil, "", errs.New(errs.BadValue, "the key would have expired at %s", k.Expires.UTC().Format(time.RFC3339))
	}
	k.ID = hex.EncodeToString(random(8))
	k.Created = a.now().UTC().Truncate(time.Millisecond)
	k.Expires = k.Expires.Truncate(time.Millisecond)
	secret := base64.RawURLEncoding.EncodeToString(random(32))
	k.salt = random(16)
	k.hash = hashKey(k.salt, secret)
	err := a.update(ctx, func(t *tables) ([]write, error) {
		if t.keyNamed(k.Name) != nil {
			return nil, errs.New(errs.UserExists, "an API key named %q is there already", k.Name)
		}
		if err := t.rolesExist(k.Roles); err != nil {
			return nil, err
		}
		k.Roles = dedupe(k.Roles)
		return t.putKey(&k), nil
	})
	return &k, keyText + k.ID + "_" + secret, err
}

func hashKey(salt []byte, secret string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(secret))
	return h.Sum(nil)
}

func (t *tables) keyNamed(name string) *Key {
	for _, k := range t.keys {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// Keys returns the API keys by name.
func (a *Authority) Keys(ctx context.Context) ([]*Key, error) {
	t, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]*Key, 0, len(t.keys))
	for _, k := range t.keys {
		list = append(list, k)
	}
	slices.SortFunc(list, func(x, y *Key) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}

// RevokeKey removes a key, named by its name or its id.
func (a *Authority) RevokeKey(ctx context.Context, nameOrID string) error {
	return a.update(ctx, func(t *tables) ([]write, error) {
		k := t.keyNamed(nameOrID)
		if k == nil {
			k = t.keys[nameOrID]
		}
		if k == nil {
			return nil, errs.New(errs.UserNotFound, "no API key has the name or id %q", nameOrID)
		}
		delete(t.keys, k.ID)
		return []write{{kind: kindKey, name: k.ID}}, nil
	})
}

// checkKey returns the key that a text is, or nil. It takes the same way for an
// id that is not there.
func (t *tables) checkKey(text string, now time.Time) *Key {
	id, secret, _ := strings.Cut(strings.TrimPrefix(text, keyText), "_")
	k := t.keys[id]
	salt, want := t.secret, t.secret
	if k != nil {
		salt, want = k.salt, k.hash
	}
	got := hashKey(salt, secret)
	if subtle.ConstantTimeCompare(got, want) != 1 || k == nil || !strings.HasPrefix(text, keyText) || k.expired(now) {
		return nil
	}
	return k
}
