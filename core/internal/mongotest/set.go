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
		host := startNode(t, path, args)
		s.Hosts = append(s.Hosts, host)
		config = append(config, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: host}})
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

// startNode starts one mongod and returns its host.
func startNode(t TB, path string, args []string) string {
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
	node, exited, err := launch(path, port, dir, log, args)
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	t.Cleanup(func() {
		_ = node.Process.Kill()
		<-exited
		_ = os.RemoveAll(dir)
	})
	host := "127.0.0.1:" + strconv.Itoa(port)
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + host + "/?directConnection=true"))
	if err != nil {
		t.Fatalf("mongotest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	defer client.Disconnect(ctx) //nolint:errcheck // it is done with
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Err(); err != nil {
		text, _ := os.ReadFile(log)
		t.Fatalf("mongotest: mongod on %s: %v\n%s", host, err, tail(text, 2000))
	}
	return host
}
