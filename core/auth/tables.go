package auth

import (
	"context"
	"crypto/rand"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// The kinds of settings that the records are. FROZEN.
const (
	kindUser   = "user"   // name: database.user
	kindRole   = "role"   // name: database.role
	kindKey    = "apikey" // name: the key's id
	kindSecret = "auth"   // name: "secret": {secret: binData}, of which salts of unknown users are made
)

const (
	adminDB    = "admin"
	externalDB = "$external"
)

// Record is a setting of a store: a named document.
type Record struct {
	Name string
	Doc  bsonraw.Doc
}

// Store keeps the records. A nil document removes one. A change is durable when
// PutSetting returns.
type Store interface {
	Settings(ctx context.Context, kind string) ([]Record, error)
	PutSetting(ctx context.Context, kind, name string, doc bsonraw.Doc) error
}

// Authority knows the users, roles and keys of one store. All changes go through
// it: it keeps the records in memory.
type Authority struct {
	store    Store
	now      func() time.Time
	throttle throttle
	cost     cost

	change sync.Mutex // one change at a time, and the first load
	tables atomic.Pointer[tables]
}

// tables are the records at one time, never changed: a change makes new ones.
type tables struct {
	users  map[UserName]*User
	roles  map[RoleName]*Role
	keys   map[string]*Key
	secret []byte
}

// cost is the work that deriving a credential takes, and so guessing it.
type cost struct{ sha1, sha256 int }

// Options of New. Zero fields are the defaults.
type Options struct {
	Now func() time.Time
	// After is time.After, for the delay of guesses.
	After func(time.Duration) <-chan time.Time
	// Iterations, where not 0, replaces MongoDB's numbers of iterations, for tests.
	Iterations int
}

// New returns the authority on a store's records, which it reads when it is
// first asked.
func New(store Store, o Options) *Authority {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	a := &Authority{store: store, now: o.Now, cost: cost{sha1: 10_000, sha256: 15_000}}
	if o.Iterations != 0 {
		a.cost = cost{o.Iterations, o.Iterations}
	}
	a.throttle = throttle{now: o.Now, after: o.After}
	return a
}

// load returns the tables.
func (a *Authority) load(ctx context.Context) (*tables, error) {
	if t := a.tables.Load(); t != nil {
		return t, nil
	}
	a.change.Lock()
	defer a.change.Unlock()
	return a.loadLocked(ctx)
}

func (a *Authority) loadLocked(ctx context.Context) (*tables, error) {
	if t := a.tables.Load(); t != nil {
		return t, nil
	}
	t := &tables{users: map[UserName]*User{}, roles: map[RoleName]*Role{}, keys: map[string]*Key{}}
	err := a.each(ctx, kindUser, func(r Record) error {
		u, err := decodeUser(r.Doc)
		if err == nil {
			t.users[u.Name] = u
		}
		return err
	})
	if err == nil {
		err = a.each(ctx, kindRole, func(r Record) error {
			role, err := decodeRole(r.Doc)
			if err == nil {
				t.roles[role.Name] = role
			}
			return err
		})
	}
	if err == nil {
		err = a.each(ctx, kindKey, func(r Record) error {
			k, err := decodeKey(r.Doc)
			if err == nil {
				t.keys[k.ID] = k
			}
			return err
		})
	}
	if err == nil {
		t.secret, err = a.secret(ctx)
	}
	if err != nil {
		return nil, err
	}
	a.tables.Store(t)
	return t, nil
}

func (a *Authority) each(ctx context.Context, kind string, fn func(Record) error) error {
	list, err := a.store.Settings(ctx, kind)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := fn(r); err != nil {
			return errs.New(errs.StoreCorrupt, "the record of the %s %q does not decode: %v", kind, r.Name, err)
		}
	}
	return nil
}

// secret returns the store's secret, and makes it the first time. A store that
// takes no writes gets one for the life of the process.
func (a *Authority) secret(ctx context.Context) ([]byte, error) {
	list, err := a.store.Settings(ctx, kindSecret)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if v := r.Doc.Get("secret"); v.Type == bsonraw.Binary {
			_, data := v.Binary()
			return append([]byte(nil), data...), nil
		}
	}
	secret := random(32)
	b := bsonraw.NewBuilder(nil)
	b.Value("secret", bsonraw.BinaryValue(0, secret))
	if err := a.store.PutSetting(ctx, kindSecret, "secret", b.Finish()); err != nil && !errs.In(err, errs.ReadOnly) {
		return nil, err
	}
	return secret, nil
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return b
}

// update makes one change: fn checks it against the tables and changes a copy,
// and returns what has to be stored.
func (a *Authority) update(ctx context.Context, fn func(t *tables) ([]write, error)) error {
	a.change.Lock()
	defer a.change.Unlock()
	old, err := a.loadLocked(ctx)
	if err != nil {
		return err
	}
	next := &tables{users: maps.Clone(old.users), roles: maps.Clone(old.roles), keys: maps.Clone(old.keys), secret: old.secret}
	writes, err := fn(next)
	if err != nil {
		return err
	}
	for i, w := range writes {
		if err := a.put(ctx, w); err != nil {
			if i > 0 {
				a.tables.Store(nil) // some of it is stored: read it again
			}
			return err
		}
	}
	a.tables.Store(next)
	return nil
}

// write is a record to store, or with a nil value to remove.
type write struct {
	kind, name string
	value      any
}

func (a *Authority) put(ctx context.Context, w write) error {
	if w.value == nil {
		return a.store.PutSetting(ctx, w.kind, w.name, nil)
	}
	doc, err := bson.Marshal(w.value)
	if err != nil {
		return errs.New(errs.InternalError, "a %s's record does not encode: %v", w.kind, err)
	}
	return a.store.PutSetting(ctx, w.kind, w.name, bsonraw.Doc(doc))
}

// IsEmpty reports whether nobody can authenticate yet: there are no users and no
// keys. A client on the same machine may then make the first user.
func (a *Authority) IsEmpty(ctx context.Context) (bool, error) {
	t, err := a.load(ctx)
	return err == nil && len(t.users) == 0 && len(t.keys) == 0, err
}
