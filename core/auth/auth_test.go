package auth

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// memory is a store of records, as it would be on disk.
type memory struct {
	mu   sync.Mutex
	docs map[string]bsonraw.Doc
	fail error
}

func (m *memory) Settings(_ context.Context, kind string) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Record
	for key, doc := range m.docs {
		if k, name, _ := strings.Cut(key, "\x00"); k == kind {
			out = append(out, Record{name, doc})
		}
	}
	return out, nil
}

func (m *memory) PutSetting(_ context.Context, kind, name string, doc bsonraw.Doc) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.docs == nil {
		m.docs = map[string]bsonraw.Doc{}
	}
	if doc == nil {
		delete(m.docs, kind+"\x00"+name)
	} else {
		m.docs[kind+"\x00"+name] = doc.Clone()
	}
	return nil
}

// world is an authority with a clock that the test turns, and that waits by
// turning it.
type world struct {
	*Authority
	store  *memory
	now    time.Time
	waited time.Duration
}

func newWorld() *world {
	w := &world{store: &memory{}, now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)}
	w.reopen()
	return w
}

// reopen makes a new authority on what is stored.
func (w *world) reopen() {
	w.Authority = New(w.store, Options{
		Iterations: 16,
		Now:        func() time.Time { return w.now },
		After: func(d time.Duration) <-chan time.Time {
			w.waited += d
			w.now = w.now.Add(d)
			c := make(chan time.Time, 1)
			c <- w.now
			return c
		},
	})
}

func (w *world) user(t testing.TB, name, password string, roles ...RoleName) {
	require.NoError(t, w.CreateUser(t.Context(), UserName{name, "admin"}, UserSpec{Password: &password, Roles: &roles}))
}

// login proves a password by SCRAM, as drivers do.
func (w *world) login(t testing.TB, mechanism, user, password, from string) (*Principal, error) {
	gen, _ := hashOf(mechanism)
	client, err := gen.NewClient(user, password, "")
	if mechanism == ScramSHA1 {
		client, err = gen.NewClientUnprepped(user, md5Digest(user, password), "")
	}
	require.NoError(t, err)
	side := client.WithMinIterations(1).NewConversation()
	first, err := side.Step("")
	require.NoError(t, err)
	conv, out, done, err := w.Begin(t.Context(), Client{Source: from}, "admin", mechanism, []byte(first), true)
	if err != nil {
		return nil, err
	}
	require.False(t, done)
	final, err := side.Step(string(out))
	require.NoError(t, err)
	out, done, err = conv.Continue(t.Context(), []byte(final))
	if err != nil {
		require.Nil(t, conv.Principal())
		return nil, err
	}
	require.True(t, done)
	_, err = side.Step(string(out))
	require.NoError(t, err, "the server has to prove itself too")
	require.True(t, side.Valid())
	return conv.Principal(), nil
}

func TestPasswordsAreProved(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "sécret⑨ ", RoleName{"read", "shop"})
	for _, mechanism := range []string{ScramSHA1, ScramSHA256} {
		p, err := w.login(t, mechanism, "ada", "sécret⑨ ", "here")
		require.NoError(t, err)
		require.Equal(t, "ada@admin", p.Name.String())
		_, err = w.login(t, mechanism, "ada", "sécret", "here")
		require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
		_, err = w.login(t, mechanism, "nobody", "sécret⑨ ", "here")
		require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
	}
}

// A user that is not there looks like one that is: the same mechanisms, numbers
// and sizes, and the same salt whenever it is asked, also after a restart.
func TestUnknownUsersLookKnown(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x")
	ask := func(user, mechanism string) (salt string, iterations string) {
		conv, out, done, err := w.Begin(t.Context(), Client{}, "admin", mechanism, []byte("n,,n="+user+",r=abc"), false)
		require.NoError(t, err)
		require.False(t, done)
		require.NotNil(t, conv)
		parts := strings.Split(string(out), ",")
		return parts[1], parts[2]
	}
	for _, mechanism := range []string{ScramSHA1, ScramSHA256} {
		realSalt, realIterations := ask("ada", mechanism)
		salt, iterations := ask("nobody", mechanism)
		require.Len(t, salt, len(realSalt))
		require.Equal(t, realIterations, iterations)
		again, _ := ask("nobody", mechanism)
		require.Equal(t, salt, again)
		other, _ := ask("nobody2", mechanism)
		require.NotEqual(t, salt, other)
		w.reopen()
		again, _ = ask("nobody", mechanism)
		require.Equal(t, salt, again)
	}
	known, err := w.Mechanisms(t.Context(), UserName{"ada", "admin"})
	require.NoError(t, err)
	unknown, err := w.Mechanisms(t.Context(), UserName{"nobody", "admin"})
	require.NoError(t, err)
	require.Equal(t, known, unknown)
}

func TestKeysAreProvedAndEnd(t *testing.T) {
	w := newWorld()
	private := Client{Private: true, Source: "here"}
	_, text, err := w.CreateKey(t.Context(), Key{Name: "etl", Roles: []RoleName{{"read", "shop"}}, Expires: w.now.Add(time.Hour)})
	require.NoError(t, err)
	require.Regexp(t, `^argon_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$`, text)
	prove := func(client Client, mechanism, payload string) (*Principal, error) {
		c, _, done, err := w.Begin(t.Context(), client, "$external", mechanism, []byte(payload), false)
		if err != nil {
			return nil, err
		}
		require.True(t, done)
		return c.Principal(), nil
	}
	for _, good := range [][2]string{{APIKey, text}, {Plain, "\x00apikey\x00" + text}, {Plain, "apikey\x00apikey\x00" + text}} {
		p, err := prove(private, good[0], good[1])
		require.NoError(t, err)
		require.Equal(t, "apikey:etl", p.Name.Actor())
		_, err = prove(Client{Source: "far"}, good[0], good[1])
		require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err), "not over a connection that others can read")
		require.Contains(t, err.Error(), "TLS")
	}
	for _, bad := range []string{"", "argon_", text + "x", text[:len(text)-1], strings.Replace(text, "argon_", "argon_0", 1), strings.TrimPrefix(text, "argon_")} {
		_, err := prove(Client{Private: true, Source: bad}, APIKey, bad)
		require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err), bad)
		if len(bad) > 20 {
			require.NotContains(t, err.Error(), bad)
		}
	}
	_, err = prove(private, Plain, "\x00ada\x00password")
	require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err), "passwords are not taken in clear text")

	p, err := prove(private, APIKey, text)
	require.NoError(t, err)
	g, err := w.Grants(t.Context(), p, nil)
	require.NoError(t, err)
	require.True(t, g.Allows(DBTarget("shop"), Find))
	w.now = w.now.Add(time.Hour)
	_, err = prove(private, APIKey, text)
	require.Error(t, err)
	g, err = w.Grants(t.Context(), p, g)
	require.NoError(t, err)
	require.True(t, g.Gone(), "who is connected may do nothing more")
}

// Whatever bytes come, there is an error or a conversation, and no panic.
func FuzzBegin(f *testing.F) {
	w := newWorld()
	pwd := "x"
	if err := w.CreateUser(f.Context(), UserName{"ada", "admin"}, UserSpec{Password: &pwd}); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"n,,n=ada,r=abc", "p=tls-unique,,n=ada,r=abc", "", "\x00apikey\x00argon_00_11", "n,a=x,n=a=2Cb,r="} {
		f.Add(seed, "c=biws,r=abc,p=AAAA")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, mechanism := range []string{ScramSHA1, ScramSHA256, Plain, APIKey, "X"} {
			c, _, done, err := w.Begin(t.Context(), Client{Private: true, Source: first}, "admin", mechanism, []byte(first), false)
			if err != nil || done {
				require.False(t, done && err == nil, "nobody guesses a key")
				continue
			}
			_, _, err = c.Continue(t.Context(), []byte(second))
			require.Error(t, err)
		}
	})
}

// addressed is a connection from an address.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }
