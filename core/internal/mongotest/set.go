package mongotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Set is a replica set of a test's own.
type Set struct {
	URI    string // of the whole set
	Hosts  []string
	Client *mongo.Client

	nodes []*node
}

// node is a mongod of a set.
type node struct {
	host  string
	start func() error
	stop  func()
}

// NewSet starts a replica set of n nodes, with further arguments for each mongod,
// and stops it when the test ends. It waits for a primary.
func NewSet(t TB, n int, args ...string) *Set {
	t.Helper()
	path, err := binary()
	if err != nil {
		get(t) // skips or fails, with what to do
		t.Fatalf("mongotest: %v", err)
	}
	s := &Set{}
	config := bson.A{}
	for i := range n {
		n := startNode(t, path, args)
		s.nodes, s.Hosts = append(s.nodes, n), append(s.Hosts, n.host)
		config = append(config, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: n.host}})
	}
	s.URI = "mongodb://" + strings.Join(s.Hosts, ",") + "/?replicaSet=rs0"
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	first, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + s.Hosts[0] + "/?directConnection=true"))
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	defer first.Disconnect(ctx) //nolint:errcheck // it is done with
	initiate := bson.D{{Key: "replSetInitiate", Value: bson.D{
		{Key: "_id", Value: "rs0"},
		{Key: "members", Value: config},
		{Key: "settings", Value: bson.D{{Key: "electionTimeoutMillis", Value: 1000}, {Key: "heartbeatIntervalMillis", Value: 200}}},
	}}}
	if err := first.Database("admin").RunCommand(ctx, initiate).Err(); err != nil {
		t.Fatalf("mongotest: replSetInitiate: %v", err)
	}
	if s.Client, err = mongo.Connect(options.Client().ApplyURI(s.URI)); err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	t.Cleanup(func() { _ = s.Client.Disconnect(context.WithoutCancel(ctx)) })
	if err := s.Client.Ping(ctx, nil); err != nil { // selects a primary
		t.Fatalf("mongotest: no primary: %v", err)
	}
	return s
}

// StepDown has the primary give up its place, and returns once another one has it.
func (s *Set) StepDown(ctx context.Context) error {
	cmd := bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 4}}
	if err := s.Client.Database("admin").RunCommand(ctx, cmd).Err(); err != nil {
		return err
	}
	return s.Client.Ping(ctx, nil)
}

// KillPrimary kills the primary, as a crash does, starts it again, and returns once
// the set has a primary.
func (s *Set) KillPrimary(t TB) {
	t.Helper()
	var hello struct {
		Primary string `bson:"primary"`
	}
	if err := s.Client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return // there is none at the moment
	}
	for _, n := range s.nodes {
		if n.host != hello.Primary {
			continue
		}
		n.stop()
		if err := n.start(); err != nil {
			t.Fatalf("mongotest: mongod does not start again: %v", err)
		}
	}
	_ = s.Client.Ping(t.Context(), nil)
}

// Admin makes an administrator of a set that was started with a key file, through
// the localhost exception, and returns a client that is one.
func Admin(t TB, s *Set) *mongo.Client {
	t.Helper()
	create := bson.D{{Key: "createUser", Value: "root"}, {Key: "pwd", Value: "root"}, {Key: "roles", Value: bson.A{"root"}}}
	if err := s.Client.Database("admin").RunCommand(t.Context(), create).Err(); err != nil {
		t.Fatalf("mongotest: the first user: %v", err)
	}
	o := options.Client().ApplyURI(s.URI).SetAuth(options.Credential{Username: "root", Password: "root", AuthSource: "admin"})
	client, err := mongo.Connect(o)
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = client.Disconnect(ctx) })
	return client
}

// startNode starts one mongod, and waits until it answers.
func startNode(t TB, path string, args []string) *node {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	log := filepath.Join(dir, "log")
	n := &node{host: "127.0.0.1:" + strconv.Itoa(port)}
	n.start = func() error {
		cmd, exited, err := launch(path, port, dir, log, args)
		if err != nil {
			return err
		}
		n.stop = func() {
			_ = cmd.Process.Kill()
			<-exited
		}
		return nil
	}
	if err := n.start(); err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	t.Cleanup(func() {
		n.stop()
		_ = os.RemoveAll(dir)
	})
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + n.host + "/?directConnection=true"))
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	defer client.Disconnect(ctx) //nolint:errcheck // it is done with
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Err(); err != nil {
		text, _ := os.ReadFile(log)
		t.Fatalf("mongotest: mongod on %s: %v\n%s", n.host, err, tail(text, 2000))
	}
	return n
}
