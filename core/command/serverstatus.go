package command

import (
	"context"
	"os"
	"runtime"
	"strconv"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

// Traffic is what a server tells of its connections.
type Traffic struct {
	Open, Accepted int64 // connections
	Received, Sent int64 // bytes
	Requests       int64
}

// SetTraffic names who knows of the connections, for serverStatus: the server that
// has taken the last one.
func (d *Dispatcher) SetTraffic(of func() Traffic) { d.traffic.Store(&of) }

// counters are the names of the kinds of use in opcounters.
var counters = [numUses]string{"query", "getmore", "insert", "update", "delete", "command"}

// appendActivity appends what tools draw curves of.
func (d *Dispatcher) appendActivity(b *bsonraw.Builder) {
	var t Traffic
	if of := d.traffic.Load(); of != nil {
		t = (*of)()
	}
	running := int32(0)
	d.ops.each(func(*call) { running++ })
	b.BeginDoc("connections")
	b.Int64("current", t.Open)
	b.Int64("totalCreated", t.Accepted)
	b.Int32("active", running)
	b.End()
	b.BeginDoc("network")
	b.Int64("bytesIn", t.Received)
	b.Int64("bytesOut", t.Sent)
	b.Int64("numRequests", t.Requests)
	b.End()
	var sum usage
	for _, use := range d.ops.usages() {
		for k := range use {
			sum[k].count += use[k].count
		}
	}
	b.BeginDoc("opcounters")
	for k, name := range counters {
		b.Int64(name, sum[k].count)
	}
	b.End()
	b.BeginDoc("globalLock") // there is none to queue for
	b.Int64("totalTime", d.now().Sub(d.started).Microseconds())
	for _, name := range []string{"currentQueue", "activeClients"} {
		total := int32(0)
		if name == "activeClients" {
			total = running
		}
		b.BeginDoc(name)
		b.Int32("total", total)
		b.Int32("readers", total)
		b.Int32("writers", 0)
		b.End()
	}
	b.End()
}

func serverStatusCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "serverStatus", Group: Server,
			Help:    "Says how the process is doing: uptime, memory, open cursors, commands run, and the store's status.",
			Example: `{serverStatus: 1}`, DB: "admin",
		},
		access: onCluster[args](auth.ServerStatus),
		fields: append([]field[args]{one[args]("serverStatus", 0, "")}, statusSections[args]()...),
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			status, err := c.d.store.Status(ctx)
			if err != nil {
				return nil, err
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			up := c.d.now().Sub(c.d.started)
			b := c.reply(1024)
			b.String("host", hostname())
			b.String("version", mongoVersion)
			b.String("process", "argon")
			b.Int64("pid", int64(os.Getpid()))
			b.Double("uptime", up.Seconds())
			b.Int64("uptimeMillis", up.Milliseconds())
			b.Time("localTime", c.d.now())
			c.d.appendActivity(b)
			b.BeginDoc("mem")
			b.Int32("bits", strconv.IntSize)
			b.Int32("virtual", int32(m.Sys>>20))
			b.Int32("resident", int32((m.Sys-m.HeapReleased)>>20))
			b.End()
			b.BeginDoc("metrics")
			b.BeginDoc("cursor")
			b.BeginDoc("open")
			b.Int64("total", int64(c.d.cursors.len()))
			b.End()
			b.End()
			b.Int64("commands", c.d.count.Load())
			b.End()
			b.BeginDoc("transactions")
			b.Int64("currentOpen", int64(c.d.logical.openTxns()))
			b.End()
			c.d.appendRepl(b)
			b.BeginDoc("storageEngine")
			b.String("name", "argon")
			b.Bool("persistent", true)
			b.Bool("readOnly", false)
			b.End()
			b.Doc("argon", status)
			return c.ok(), nil
		},
	}.build()
}

// statusSections are the parts of mongod's report that tools switch on and off.
func statusSections[A any]() []field[A] {
	var out []field[A]
	for _, name := range []string{"repl", "metrics", "locks", "tcmalloc", "wiredTiger", "mirroredReads", "latchAnalysis", "opLatencies", "network", "sharding"} {
		out = append(out, ignored[A](name, "The report has one form."))
	}
	return out
}
