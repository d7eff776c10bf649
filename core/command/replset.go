package command

import (
	"time"

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
