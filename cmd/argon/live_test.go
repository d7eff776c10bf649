package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The scripts in testdata/live run beside a MongoDB, a replica set of one, in
// which each has a database of its own: $MONGO is its connection string, $DB its
// name. Beside testscript's commands there is
//
//	mongo COMMAND       runs a command on the database and prints its reply
//	admin COMMAND       the same on the database admin
func TestLiveScripts(t *testing.T) {
	uri, client := live(t)
	n := 0
	testscript.Run(t, testscript.Params{
		Dir: "testdata/live",
		Setup: func(env *testscript.Env) error {
			n++
			env.Setenv("ARGON_URI", filepath.Join(env.WorkDir, "store"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("DB", fmt.Sprintf("live%d", n))
			env.Setenv("MONGO", fmt.Sprintf("%s/live%d?directConnection=true", uri, n))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"jsonfields": jsonFields,
			"mongo": func(ts *testscript.TestScript, _ bool, args []string) {
				runOn(ts, client.Database(ts.Getenv("DB")), args[0])
			},
			"admin": func(ts *testscript.TestScript, _ bool, args []string) {
				runOn(ts, client.Database("admin"), args[0])
			},
		},
	})
}

func runOn(ts *testscript.TestScript, db *mongo.Database, text string) {
	doc, err := parseDoc(text)
	ts.Check(err)
	var reply bson.D
	ts.Check(db.RunCommand(context.Background(), bson.Raw(doc)).Decode(&reply))
	out, err := bson.MarshalExtJSON(reply, false, false)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", out)
}

// live returns a MongoDB that is a primary, and a client of it.
func live(t *testing.T) (uri string, client *mongo.Client) {
	uri = liveMongod(t)
	client, err := mongo.Connect(options.Client().ApplyURI(uri + "/?directConnection=true"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	becomesPrimary(t, client)
	return uri, client
}

// liveMongod starts a mongod for the test and returns mongodb://host:port.
func liveMongod(t *testing.T) string {
	t.Helper()
	path := os.Getenv("ARGON_MONGOD")
	if path == "" {
		var err error
		if path, err = exec.LookPath("mongod"); err != nil && (runtime.GOOS != "linux" || runtime.GOARCH != "amd64") {
			t.Skip("no mongod: set ARGON_MONGOD to the path of one")
		}
		require.NoError(t, err, "no mongod: set ARGON_MONGOD to the path of one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	dir := t.TempDir()
	cmd := exec.Command(path, "--replSet", "rs0", "--port", fmt.Sprint(port), "--bind_ip", "127.0.0.1", "--dbpath", dir,
		"--logpath", filepath.Join(dir, "log"), "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64",
		"--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "enableTestCommands=1")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return fmt.Sprintf("mongodb://127.0.0.1:%d", port)
}

// becomesPrimary makes a new server a replica set of itself.
func becomesPrimary(t *testing.T, client *mongo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	admin := client.Database("admin")
	require.NoError(t, admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: bson.D{}}}).Err())
	for {
		var hello struct {
			Primary bool `bson:"isWritablePrimary"`
		}
		err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
		if err == nil && hello.Primary {
			return
		}
		require.NoError(t, ctx.Err())
		time.Sleep(10 * time.Millisecond) // the election has no event to wait for
	}
}
