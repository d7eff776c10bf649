package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

// SetName is the name of the replica set of one member that a server presents
// itself as: drivers use sessions, transactions, retryable writes and change
// streams with replica sets only.
const SetName = "argon"

// AppendLastWrite appends hello's report of the newest commit.
func (d *Dispatcher) AppendLastWrite(b *bsonraw.Builder) {
	at := d.now().Truncate(time.Second)
	b.BeginDoc("lastWrite")
	d.appendOpTime(b, "opTime")
	b.Time("lastWriteDate", at)
	d.appendOpTime(b, "majorityOpTime")
	b.Time("majorityWriteDate", at)
	b.End()
}

// appendOpTime appends the newest commit's place in the log as MongoDB writes
// such places.
func (d *Dispatcher) appendOpTime(b *bsonraw.Builder, name string) {
	lsn := uint64(d.store.LastLSN())
	b.BeginDoc(name)
	b.Value("ts", bsonraw.TimestampValue(uint32(lsn>>32), uint32(lsn)))
	b.Int64("t", 1)
	b.End()
}

// appendRepl appends serverStatus' report of the replica set.
func (d *Dispatcher) appendRepl(b *bsonraw.Builder) {
	b.BeginDoc("repl")
	b.String("setName", SetName)
	b.Int32("setVersion", 1)
	b.Bool("isWritablePrimary", true)
	b.Bool("secondary", false)
	d.AppendLastWrite(b)
	b.End()
}

// address is where the client has been told to find the server.
func (c *call) address() string {
	if a := c.conn.opts.Address; a != "" {
		return a
	}
	return hostname()
}

func replSetGetStatusCommand() *Command {
	return asking(Command{
		Name: "replSetGetStatus", Group: Server, traits: adminOnly,
		Help:    "Describes the replica set that the server presents itself as: one member, the primary.",
		Example: `{replSetGetStatus: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.ReplSetGetStatus), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		now := c.d.now()
		b := c.reply(1024)
		b.String("set", SetName)
		b.Time("date", now)
		b.Int32("myState", 1)
		b.Int64("term", 1)
		b.Int64("heartbeatIntervalMillis", 2000)
		for _, name := range []string{"majorityVoteCount", "writeMajorityCount", "votingMembersCount", "writableVotingMembersCount"} {
			b.Int32(name, 1)
		}
		b.BeginDoc("optimes")
		for _, name := range []string{"lastCommittedOpTime", "readConcernMajorityOpTime", "appliedOpTime", "durableOpTime"} {
			c.d.appendOpTime(b, name)
		}
		b.End()
		b.BeginArray("members")
		b.BeginDoc("0")
		b.Int32("_id", 0)
		b.String("name", c.address())
		b.Double("health", 1)
		b.Int32("state", 1)
		b.String("stateStr", "PRIMARY")
		b.Int32("uptime", int32(now.Sub(c.d.started).Seconds()))
		c.d.appendOpTime(b, "optime")
		b.Bool("self", true)
		b.End()
		b.End()
		return c.ok(), nil
	})
}

type replSetConfigArgs struct{}

func replSetGetConfigCommand() *Command {
	return definition[replSetConfigArgs]{
		Command: Command{
			Name: "replSetGetConfig", Group: Server, traits: adminOnly | loose,
			Help:    "Shows the configuration of the replica set that the server presents itself as: one member. It cannot be changed.",
			Example: `{replSetGetConfig: 1}`, DB: "admin",
		},
		access: onCluster[replSetConfigArgs](auth.ReplSetGetConfig),
		fields: []field[replSetConfigArgs]{one[replSetConfigArgs]("replSetGetConfig", 0, "")},
		run: func(_ context.Context, c *call, _ *replSetConfigArgs) (bsonraw.Doc, error) {
			b := c.reply(512)
			b.BeginDoc("config")
			b.String("_id", SetName)
			b.Int32("version", 1)
			b.Int64("term", 1)
			b.BeginArray("members")
			b.BeginDoc("0")
			b.Int32("_id", 0)
			b.String("host", c.address())
			b.Bool("arbiterOnly", false)
			b.Bool("buildIndexes", true)
			b.Bool("hidden", false)
			b.Double("priority", 1)
			b.BeginDoc("tags")
			b.End()
			b.Int64("secondaryDelaySecs", 0)
			b.Int32("votes", 1)
			b.End()
			b.End()
			b.Int64("protocolVersion", 1)
			b.Bool("writeConcernMajorityJournalDefault", true)
			b.BeginDoc("settings")
			b.BeginDoc("getLastErrorModes")
			b.End()
			b.End()
			b.End()
			return c.ok(), nil
		},
	}.build()
}
