package attach

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// beAStranger is a process of another user that can reach every file and socket of
// a store: the permissions let it. What it finds is its error, or nil.
func beAStranger(ctx context.Context, dir string) error {
	expect := func(what string, err error, texts ...string) error {
		for _, text := range texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				return fmt.Errorf("%s: want %q, got %w", what, text, err)
			}
		}
		return nil
	}
	store := filepath.Join(dir, "store")
	_, err := Open(ctx, store, nil)
	if err := expect("attaching", err, "open"); err != nil {
		return err
	}
	// Past all that the client itself looks at: the host closes the connection.
	nc, err := net.Dial("unix", filepath.Join(store, socketName))
	if err != nil {
		return err
	}
	if reply, broke := newConn(nc).call(helloCommand()); broke == nil {
		return fmt.Errorf("the host greets strangers: %s", reply)
	}
	find := bson.D{{Key: "find", Value: "c"}}
	err = driver(ctx, filepath.Join(dir, "asks.sock"), "", find)
	if err := expect("a socket that asks", err, "requires authentication"); err != nil {
		return err
	}
	if err := driver(ctx, filepath.Join(dir, "asks.sock"), "ada:x@", find); err != nil {
		return fmt.Errorf("with a password: %w", err)
	}
	preface := bsonraw.NewBuilder(nil)
	preface.Int32("argonRelay", 1)
	preface.String("$db", "admin")
	if nc, err = net.Dial("unix", filepath.Join(dir, "asks.sock")); err != nil {
		return err
	}
	reply, broke := newConn(nc).call(preface.Finish())
	if broke != nil || reply.Get("code").Int32() != int32(errs.CommandNotFound) {
		return fmt.Errorf("a preface of a stranger's: %s, %w", reply, broke)
	}
	if err := driver(ctx, filepath.Join(dir, "free.sock"), "", find); err == nil {
		return fmt.Errorf("a socket that asks nothing is for strangers, too")
	}
	if _, err := os.ReadFile(filepath.Join(store, rendezvousName)); err == nil {
		return fmt.Errorf("strangers can read the rendezvous")
	}
	return nil
}

func driver(ctx context.Context, socket, user string, cmd bson.D) error {
	uri := "mongodb://" + user + strings.ReplaceAll(socket, "/", "%2F") + "/?directConnection=true&serverSelectionTimeoutMS=2000"
	c, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(context.WithoutCancel(ctx)) }()
	return c.Database("p").RunCommand(ctx, cmd).Err()
}
