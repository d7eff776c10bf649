package auth

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

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
