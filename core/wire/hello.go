package wire

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// argonClient is the name of the driver by which Argon's own clients call
// themselves in their handshake.
const argonClient = "argon"

// maxAwait is the longest that a hello waits for news of the topology.
const maxAwait = 10 * time.Minute

func isHello(name string) bool { return name == "hello" || name == "isMaster" || name == "ismaster" }

// topology is what drivers remember of a server's process. It changes once, when
// the server begins to drain.
type topology struct {
	process [12]byte
}

func newTopology() topology {
	var t topology
	rand.Read(t.process[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	binary.BigEndian.PutUint32(t.process[:], uint32(time.Now().Unix()))
	return t
}

// version counts the changes of the topology.
func (c *conn) version() int64 {
	if c.draining() {
		return 1
	}
	return 0
}

func (c *conn) appendTopologyVersion(b *bsonraw.Builder) {
	b.BeginDoc("topologyVersion")
	b.Value("processId", bsonraw.ObjectIDValue(c.s.topo.process))
	b.Int64("counter", c.version())
	b.End()
}

// greeting is what a hello asks.
type greeting struct {
	compression []opmsg.Compressor
	version     int64
	hasVersion  bool
	sameProcess bool
	await       time.Duration
	hasAwait    bool
	driver      string
}

// readGreeting reads the fields that are the server's business.
func (s *Server) readGreeting(cmd bsonraw.Doc) (*greeting, error) {
	g := &greeting{}
	it := cmd.Iter()
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "compression":
			for _, name := range v.Doc().Values() {
				if name.Type == bsonraw.String {
					if comp, ok := opmsg.CompressorByName(name.Str()); ok {
						g.compression = append(g.compression, comp)
					}
				}
			}
		case "topologyVersion":
			if v.Type != bsonraw.Object {
				continue
			}
			id := v.Doc().Get("processId")
			g.version, g.hasVersion = v.Doc().Get("counter").AsInt64()
			g.sameProcess = id.Type == bsonraw.ObjectID && [12]byte(id.Data) == s.topo.process
		case "maxAwaitTimeMS":
			ms, ok := v.AsInt64()
			if !ok || ms < 0 {
				return nil, errs.New(errs.BadValue, "maxAwaitTimeMS must be a non-negative integer")
			}
			g.await, g.hasAwait = min(time.Duration(ms)*time.Millisecond, maxAwait), true
		case "client":
			g.driver = driverOf(v)
		}
	}
	if g.hasAwait != g.hasVersion {
		return nil, errs.New(31368, "A request with 'maxAwaitTimeMS' must include a 'topologyVersion', and the other way round")
	}
	return g, nil
}

// driverOf is the driver's name in what a client says about itself.
func driverOf(client bsonraw.Value) string {
	if name := client.Doc().Get("driver").Doc().Get("name"); name.Type == bsonraw.String {
		return name.Str()
	}
	return ""
}

// hello appends the reply to a handshake, or to a driver that watches the
// server, which gets its answer when there is news or its time is up.
func (c *conn) hello(r *request, out []byte) ([]byte, bool, error) {
	base, err := c.disp.Run(c.ctx, c.sess, "", r.cmd)
	if err != nil {
		return out, false, err
	}
	g, err := c.s.readGreeting(r.cmd)
	if err != nil {
		return out, false, err
	}
	if g.driver == argonClient {
		c.argon = true
	}
	if g.hasAwait && g.sameProcess && g.version >= c.version() {
		if err := c.await(g.await); err != nil {
			return out, false, err
		}
	}
	return c.appendHello(out, r, base, g), r.exhaust && g.hasAwait && !c.draining(), nil
}

// await waits for news of the topology, of which there is only one: that the
// server drains.
func (c *conn) await(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	var relay <-chan struct{}
	if c.relayed != nil {
		relay = c.relayed.drain
	}
	select {
	case <-t.C:
	case <-relay:
	case <-c.s.drain:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	return nil
}

// appendHello appends the dispatcher's reply with what only the server knows.
func (c *conn) appendHello(out []byte, r *request, base bsonraw.Doc, g *greeting) []byte {
	var b bsonraw.Builder
	b.ResetTo(out)
	primary := !c.draining()
	it := base.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "isWritablePrimary", "ismaster":
			b.Bool(string(it.Key()), primary)
		case "ok":
			c.appendSet(&b, primary)
			b.Int32("connectionId", c.id)
			appendCompression(&b, g.compression)
			b.ValueBytes(it.Key(), it.Value())
		default:
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	b.Finish()
	return b.Bytes()
}

// appendSet presents the server as a replica set of one member, which is what
// makes drivers use sessions, transactions, retryable writes and change streams.
func (c *conn) appendSet(b *bsonraw.Builder, primary bool) {
	me := c.address()
	c.appendTopologyVersion(b)
	b.BeginArray("hosts")
	b.String("0", me)
	b.End()
	b.String("setName", command.SetName)
	b.Int32("setVersion", 1)
	b.Bool("secondary", !primary)
	if primary {
		b.String("primary", me)
		b.Value("electionId", bsonraw.ObjectIDValue(electionID))
	}
	b.String("me", me)
	c.disp.AppendLastWrite(b)
}

// electionID never changes: there is nobody to be elected instead.
var electionID = [12]byte{0x7F, 0xFF, 0xFF, 0xFF, 11: 1}

// address is where drivers are told to connect to.
func (c *conn) address() string {
	if c.relayed != nil {
		return c.relayed.address
	}
	if c.s.o.Address != "" && c.local.Network() != "unix" {
		return c.s.o.Address
	}
	return c.local.String()
}

func appendCompression(b *bsonraw.Builder, list []opmsg.Compressor) {
	if len(list) == 0 {
		return
	}
	b.BeginArray("compression")
	for i, comp := range list {
		b.String(bsonraw.Index(i), comp.String())
	}
	b.End()
}
