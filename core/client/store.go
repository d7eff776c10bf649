package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// Version is Argon's version.
var Version = command.Version

// Commands returns every command with its documentation, by chapter and name.
func Commands() []*command.Command { return command.Commands() }

// RawValue makes a Value of the engine's type.
func RawValue(v bsonraw.Value) Value {
	return Value{bson.RawValue{Type: bson.Type(v.Type), Value: v.Data}}
}

// Client returns the client that the project belongs to.
func (p *Project) Client() *Client { return p.c }

// Documents runs a command that answers with a cursor on a database and streams
// all its documents.
func (c *Client) Documents(ctx context.Context, db string, cmd any) (*Documents, error) {
	raw, err := marshal(cmd)
	if err != nil {
		return nil, err
	}
	cur, err := c.OpenCursor(ctx, db, raw)
	if err != nil {
		return nil, err
	}
	return &Documents{cur: cur}, nil
}

// Status describes the store. Sizes are bytes.
type Status struct {
	Path       string `bson:"path" json:"path"`
	LSN        int64  `bson:"lsn" json:"lsn"`
	Projects   int64  `bson:"projects" json:"projects"`
	Branches   int64  `bson:"branches" json:"branches"`
	SizeOnDisk int64  `bson:"sizeOnDisk" json:"sizeOnDisk"`
	Memory     int64  `bson:"memory" json:"memory"`
	PID        int64  `bson:"pid" json:"pid"`
	ReadOnly   bool   `bson:"readOnly" json:"readOnly"`

	Host    *HostInfo    `bson:"host" json:"host"` // who serves the store to other processes
	Clients []ClientInfo `bson:"clients" json:"clients"`
}

// HostInfo is the process that has a store open and serves it to others.
type HostInfo struct {
	PID     int64     `bson:"pid" json:"pid"`
	Command string    `bson:"command" json:"command"`
	Since   time.Time `bson:"since" json:"since"`
	Address string    `bson:"address" json:"address"` // the path of its socket
}

// ClientInfo is a process that uses a store through its host.
type ClientInfo struct {
	PID      int64     `bson:"pid" json:"pid"`
	Command  string    `bson:"command" json:"command"`
	Since    time.Time `bson:"since" json:"since"`
	ReadOnly bool      `bson:"readOnly" json:"readOnly"`
}

// Status describes the store.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var reply struct{ Store Status }
	err := c.run(ctx, adminDB, bson.D{{Key: "argonStatus", Value: 1}}, &reply)
	return &reply.Store, err
}

// Metrics returns the counters of the storage layer.
func (c *Client) Metrics(ctx context.Context) (Document, error) {
	return c.admin(ctx, bson.D{{Key: "argonMetrics", Value: 1}})
}

// GC shows (dryRun) or removes what retention lets go; keep ("7d") replaces each
// project's retention.
func (c *Client) GC(ctx context.Context, dryRun bool, keep string) (Document, error) {
	return c.admin(ctx, newFields("argonGC", 1).set("dryRun", dryRun).str("keep", keep).doc)
}

// Fsck checks the whole store; CheckFsck turns its problems into an error.
func (c *Client) Fsck(ctx context.Context) (Document, error) {
	return c.admin(ctx, bson.D{{Key: "argonFsck", Value: 1}})
}

// CheckFsck returns an error if a reply of Fsck lists problems.
func CheckFsck(reply Document) error {
	n := bsonraw.Doc(reply).Get("problems").Doc().Len()
	if n == 0 {
		return nil
	}
	return errs.New(errs.StoreCorrupt, "the store has %d problems", n)
}

// Compact compacts the storage now.
func (c *Client) Compact(ctx context.Context) error {
	_, err := c.admin(ctx, bson.D{{Key: "argonCompact", Value: 1}})
	return err
}

func (c *Client) admin(ctx context.Context, cmd bson.D) (Document, error) {
	raw, err := marshal(cmd)
	if err != nil {
		return nil, err
	}
	reply, err := c.RunCommand(ctx, adminDB, raw)
	return Document(reply), err
}
