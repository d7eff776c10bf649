package auth

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

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

func TestGuessesAreSlowedDown(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "right")
	w.user(t, "grace", "right")
	wrong := func(n int) {
		for range n {
			_, err := w.login(t, ScramSHA256, "ada", "wrong", "evil")
			require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
		}
	}
	wrong(freeTries)
	require.Zero(t, w.waited, "the first tries cost nothing")
	wrong(1)
	require.Equal(t, firstWait, w.waited)
	before := w.waited
	wrong(20)
	require.Greater(t, w.waited-before, 10*longest)
	require.LessOrEqual(t, w.waited-before, 20*longest)

	before = w.waited
	for _, who := range [][2]string{{"ada", "home"}, {"grace", "evil"}} {
		_, err := w.login(t, ScramSHA256, who[0], "right", who[1])
		require.NoError(t, err)
	}
	require.Equal(t, before, w.waited, "nobody else waits")
	_, err := w.login(t, ScramSHA256, "ada", "right", "evil")
	require.NoError(t, err, "the right password still works, after its wait")
	require.LessOrEqual(t, w.waited-before, longest)
	before = w.waited
	wrong(freeTries)
	require.Equal(t, before, w.waited, "a right one clears the account")
}

// Guesses at the same time get their turns one after the other, and are refused
// when the queue is longer than the longest wait.
func TestGuessesInParallelGainNothing(t *testing.T) {
	now := time.Unix(0, 0)
	th := throttle{now: func() time.Time { return now }}
	s := source{UserName{"ada", "admin"}, "evil"}
	for range freeTries {
		th.result(s, false)
	}
	var turns []time.Duration
	refused := 0
	for range 100 {
		pause, err := th.turn(s)
		if err != nil {
			require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
			refused++
			continue
		}
		turns = append(turns, pause)
	}
	for i := 1; i < len(turns); i++ {
		require.GreaterOrEqual(t, turns[i]-turns[i-1], firstWait)
	}
	require.LessOrEqual(t, turns[len(turns)-1], longest)
	require.Equal(t, 100, refused+len(turns))
	require.Greater(t, refused, 50)
}

func TestTracesAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	th := throttle{now: func() time.Time { return now }}
	for i := range maxTraces + 500 {
		now = now.Add(time.Millisecond)
		th.result(source{UserName{string(rune('a' + i%26)), strings.Repeat("x", i/26)}, "evil"}, false)
		require.LessOrEqual(t, len(th.traces), maxTraces)
	}
	now = now.Add(2 * forgotten)
	th.result(source{UserName{"z", "late"}, "evil"}, false)
	require.Len(t, th.traces, 1)
}

// What is stored holds no password and no key, and is enough after a restart.
func TestRecordsHoldNoSecretAndOutliveARestart(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "open sesame", RoleName{"readWrite", "shop~exp-*"})
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: RoleName{"auditor", "shop"}, Privileges: []Privilege{{Resource{DB: "shop~*"}, ActionsOf(ReadHistory)}}}))
	key, text, err := w.CreateKey(t.Context(), Key{Name: "etl", Roles: []RoleName{{"root", "admin"}}, CreatedBy: "ada"})
	require.NoError(t, err)
	secret := text[strings.LastIndexByte(text, '_')+1:]
	for name, doc := range w.store.docs {
		require.NotContains(t, string(doc), "open sesame", name)
		require.NotContains(t, string(doc), secret, name)
	}
	w.reopen()
	_, err = w.login(t, ScramSHA256, "ada", "open sesame", "here")
	require.NoError(t, err)
	c, _, done, err := w.Begin(t.Context(), Client{Private: true}, "$external", APIKey, []byte(text), false)
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, key.User(), c.Principal().Name)
	r, err := w.FindRole(t.Context(), RoleName{"auditor", "shop"})
	require.NoError(t, err)
	require.Equal(t, []string{"readHistory"}, r.Privileges[0].Actions.Names())
}

// The stored forms are frozen.
func TestRecordsGolden(t *testing.T) {
	u := &User{
		Name: UserName{"ada", "admin"}, ID: [16]byte{1, 2, 3}, Roles: []RoleName{{"read", "shop~*"}},
		credentials: map[string]credential{ScramSHA256: {15000, []byte{1}, []byte{2}, []byte{3}}},
	}
	k := &Key{
		ID: "0011223344556677", Name: "etl", Roles: []RoleName{{"root", "admin"}}, salt: []byte{1}, hash: []byte{2},
		Created: time.UnixMilli(1).UTC(), CreatedBy: "ada", Expires: time.UnixMilli(2).UTC(),
	}
	r := &Role{Name: RoleName{"auditor", "shop"}, Privileges: []Privilege{{Resource{DB: "shop~*", Collection: "x"}, ActionsOf(Find, ReadHistory)}, {Resource{Cluster: true}, ActionsOf(ServerStatus)}}}
	for _, c := range []struct {
		doc  any
		want string
	}{
		{u.doc(), `{"_id":"admin.ada","userId":{"$binary":{"base64":"AQIDAAAAAAAAAAAAAAAAAA==","subType":"04"}},"user":"ada","db":"admin","credentials":{"SCRAM-SHA-256":{"iterationCount":15000,"salt":"AQ==","storedKey":"Ag==","serverKey":"Aw=="}},"roles":[{"role":"read","db":"shop~*"}]}`},
		{k.doc(), `{"_id":"0011223344556677","name":"etl","salt":{"$binary":{"base64":"AQ==","subType":"00"}},"hash":{"$binary":{"base64":"Ag==","subType":"00"}},"roles":[{"role":"root","db":"admin"}],"created":{"$date":"1970-01-01T00:00:00.001Z"},"createdBy":"ada","expires":{"$date":"1970-01-01T00:00:00.002Z"}}`},
		{r.doc(), `{"_id":"shop.auditor","role":"auditor","db":"shop","privileges":[{"resource":{"db":"shop~*","collection":"x"},"actions":["find","readHistory"]},{"resource":{"cluster":true},"actions":["serverStatus"]}],"roles":[]}`},
	} {
		got, err := bson.MarshalExtJSON(c.doc, false, false)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
}

func TestDecodedRecordsAreTheSame(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	u, err := w.FindUser(t.Context(), UserName{"ada", "admin"})
	require.NoError(t, err)
	raw, err := bson.Marshal(u.doc())
	require.NoError(t, err)
	back, err := decodeUser(raw)
	require.NoError(t, err)
	require.Equal(t, u, back)
}

// A change that cannot be stored changes nothing.
func TestFailedChangesChangeNothing(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	w.store.fail = errs.New(errs.StoreIO, "the disk is gone")
	require.Error(t, w.GrantRoles(t.Context(), UserName{"ada", "admin"}, []RoleName{{"root", "admin"}}))
	require.Error(t, w.DropUser(t.Context(), UserName{"ada", "admin"}))
	u, err := w.FindUser(t.Context(), UserName{"ada", "admin"})
	require.NoError(t, err)
	require.Equal(t, []RoleName{{"read", "shop"}}, u.Roles)
}

// A name or pattern is matched as the regular expression that it stands for.
func TestGlobIsWhatItSays(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*-")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern := text.Draw(t, "pattern")
		name := strings.ReplaceAll(text.Draw(t, "name"), "*", "c")
		want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(name)
		require.Equal(t, want, glob(pattern, name), "%q on %q", pattern, name)
	})
}

// A pattern that covers another one matches every name that the other matches.
func TestCoveringIsSound(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		wide, narrow := text.Draw(t, "wide"), text.Draw(t, "narrow")
		name := strings.ReplaceAll(text.Draw(t, "name"), "*", "")
		if glob(wide, narrow) && glob(narrow, name) {
			require.True(t, glob(wide, name), "%q covers %q, which matches %q", wide, narrow, name)
		}
	})
}

func TestPatternsAreChecked(t *testing.T) {
	for _, good := range []string{"shop", "shop~exp-*", "*", "*~*", "sh*p~main", "admin", "$external", "shop~*"} {
		require.NoError(t, ValidPattern(good), good)
	}
	for _, bad := range []string{"", "shop~", "~x", "a b", "shop~a~b", "shop~*~*", "sh/op", "shop~\x00"} {
		require.Error(t, ValidPattern(bad), bad)
	}
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

// What a principal may do follows changes at once, and a new user of an old name
// is another one.
func TestGrantsFollowChanges(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "x", RoleName{"read", "shop"})
	p, err := w.login(t, ScramSHA256, "ada", "x", "here")
	require.NoError(t, err)
	var g *Grants
	allows := func(db string, a Action) bool {
		g, err = w.Grants(t.Context(), p, g)
		require.NoError(t, err)
		return g.Allows(DBTarget(db), a)
	}
	require.True(t, allows("shop", Find))
	require.False(t, allows("shop", Insert))
	same := g
	require.True(t, allows("shop", Find))
	require.Same(t, same, g, "nothing changed: nothing is computed")
	require.NoError(t, w.GrantRoles(t.Context(), p.Name, []RoleName{{"readWrite", "shop"}}))
	require.True(t, allows("shop", Insert))
	require.NoError(t, w.RevokeRoles(t.Context(), p.Name, []RoleName{{"readWrite", "shop"}}))
	require.False(t, allows("shop", Insert))
	require.NoError(t, w.DropUser(t.Context(), p.Name))
	require.False(t, allows("shop", Find))
	w.user(t, "ada", "y", RoleName{"root", "admin"})
	require.False(t, allows("shop", Find))
	require.True(t, g.Gone())
}

func TestRolesInheritAndStayTrees(t *testing.T) {
	w := newWorld()
	shop := func(name string) RoleName { return RoleName{name, "shop"} }
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: shop("a"), Roles: []RoleName{shop("read")}}))
	require.NoError(t, w.CreateRole(t.Context(), Role{Name: shop("b"), Roles: []RoleName{shop("a")}, Privileges: []Privilege{{Resource{DB: "shop", Collection: "x"}, ActionsOf(Insert)}}}))
	err := w.ChangeRole(t.Context(), shop("a"), RoleChange{Roles: func([]RoleName) []RoleName { return []RoleName{shop("b")} }})
	require.Equal(t, errs.InvalidRoleModification, errs.CodeOf(err))
	for _, res := range []Resource{{DB: "other"}, {Cluster: true}, {Any: true}, {}} {
		err = w.CreateRole(t.Context(), Role{Name: shop("c"), Privileges: []Privilege{{res, ActionsOf(Find)}}})
		require.Equal(t, errs.InvalidRoleModification, errs.CodeOf(err), "%+v", res)
		require.NoError(t, w.CreateRole(t.Context(), Role{Name: RoleName{"c", "admin"}, Privileges: []Privilege{{res, ActionsOf(Find)}}}))
		require.NoError(t, w.DropRole(t.Context(), RoleName{"c", "admin"}))
	}
	w.user(t, "ada", "x", shop("b"))
	p, err := w.login(t, ScramSHA1, "ada", "x", "here")
	require.NoError(t, err)
	g, err := w.Grants(t.Context(), p, nil)
	require.NoError(t, err)
	require.True(t, g.Allows(DBTarget("shop"), Find))
	require.True(t, g.Allows(Target{Project: "shop", Branch: "main", Collection: "x"}, Insert))
	require.False(t, g.Allows(Target{Project: "shop", Branch: "main", Collection: "y"}, Insert))
	require.False(t, g.Allows(DBTarget("shop"), Insert))
	require.NoError(t, w.DropRole(t.Context(), shop("a")))
	g, err = w.Grants(t.Context(), p, g)
	require.NoError(t, err)
	require.False(t, g.Allows(DBTarget("shop"), Find), "what inherited the role has lost it")
}

func TestAnyActionIsEveryAction(t *testing.T) {
	all := ActionsOf(AnyAction)
	for name := range actionsByName {
		a, ok := ParseAction(name)
		require.True(t, ok)
		require.Equal(t, name, a.String())
		require.True(t, all.Has(a), name)
		require.Equal(t, []string{name}, ActionsOf(a).Names())
		if a != AnyAction {
			require.False(t, ActionsOf(Find, Insert).Without(ActionsOf(a)).Has(a))
		}
	}
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

func TestSocketsOfOneselfNeedNoAuthentication(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer client.Close()
	server, err := l.Accept()
	require.NoError(t, err)
	defer server.Close()
	uid, known, err := PeerUser(server)
	require.NoError(t, err)
	if known {
		require.Equal(t, os.Getuid(), uid)
	}
	for _, asked := range []bool{false, true} {
		a, err := Policy{Auth: asked}.Admit(server, false)
		require.NoError(t, err)
		require.Equal(t, Admission{Loopback: true, Own: true, Client: Client{Source: "local socket", Private: true}}, a)
	}
}

// addressed is a connection from an address.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }

func TestPolicyOfAddresses(t *testing.T) {
	for _, c := range []struct {
		from                         string
		auth, tls, loopback, private bool
	}{
		{"127.0.0.1:5", false, false, true, true},
		{"[::1]:5", true, false, true, true},
		{"10.1.2.3:5", true, false, false, false},
		{"10.1.2.3:5", true, true, false, true},
	} {
		from, err := net.ResolveTCPAddr("tcp", c.from)
		require.NoError(t, err)
		a, err := Policy{Auth: c.auth}.Admit(addressed{from: from}, c.tls)
		require.NoError(t, err)
		require.Equal(t, c.auth, a.Authenticate)
		require.Equal(t, c.loopback, a.Loopback)
		require.Equal(t, c.private, a.Client.Private)
		require.NotContains(t, a.Client.Source, ":5")
	}
	require.NoError(t, Policy{}.CheckListen("127.0.0.1:1", true))
	require.NoError(t, Policy{Auth: true}.CheckListen("0.0.0.0:1", false))
	require.Error(t, Policy{}.CheckListen("0.0.0.0:1", false))
}
