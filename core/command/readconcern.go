package command

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// readConcern is what a command asks of the moment that it reads at.
//
// There is one node whose reads see every acknowledged write, so that local,
// majority and the others are the same, and what a causally consistent session
// waits for has always happened. Level snapshot names its moment in the reply,
// and atClusterTime reads at that moment, on any branch.
type readConcern struct {
	level string
	at    changes.Time // atClusterTime; zero if none
	after changes.Time // afterClusterTime; zero if none
}

func (g *generic) readReadConcern(v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return errs.New(errs.FailedToParse, "readConcern field should be an object")
	}
	rc := &g.concern
	g.hasConcern = !v.Doc().IsEmpty()
	it := v.Doc().Iter()
	for it.Next() {
		var err error
		switch name := string(it.Key()); name {
		case "afterOpTime", "provenance":
		case "level":
			err = rc.readLevel(it.Value())
		case "atClusterTime":
			rc.at, err = readClusterTime(name, it.Value())
		case "afterClusterTime":
			rc.after, err = readClusterTime(name, it.Value())
		default:
			err = errs.New(errs.InvalidOptions, "Unrecognized option in readConcern: %s", name)
		}
		if err != nil {
			return err
		}
	}
	return rc.check()
}

func (rc *readConcern) readLevel(v bsonraw.Value) error {
	if v.Type != bsonraw.String {
		return errs.New(errs.TypeMismatch, `"level" had the wrong type. Expected string, found %s`, v.Type.Name())
	}
	rc.level = v.Str()
	switch rc.level {
	case "local", "majority", "linearizable", "available", "snapshot":
		return nil
	}
	return errs.New(errs.FailedToParse, "readConcern.level must be either 'local', 'majority', 'linearizable', 'available', or 'snapshot'")
}

func readClusterTime(name string, v bsonraw.Value) (changes.Time, error) {
	if v.Type != bsonraw.Timestamp {
		return changes.Time{}, errs.New(errs.TypeMismatch, `"%s" had the wrong type. Expected timestamp, found %s`, name, v.Type.Name())
	}
	t := timeOf(v)
	if t.IsZero() {
		return t, errs.New(errs.InvalidOptions, "%s cannot be a null timestamp", name)
	}
	return t, nil
}

// check refuses combinations, in mongod's words.
func (rc *readConcern) check() error {
	switch {
	case rc.at.IsZero():
		return nil
	case !rc.after.IsZero():
		return errs.New(errs.InvalidOptions, "Specifying a timestamp for readConcern snapshot in a causally consistent session is not allowed. See https://docs.mongodb.com/manual/core/read-isolation-consistency-recency/#causal-consistency")
	case rc.level != "snapshot":
		return errs.New(errs.InvalidOptions, "atClusterTime field can be set only if level is equal to snapshot")
	}
	return nil
}

// supported refuses a level where it would mean nothing, as mongod does: what reads
// nothing, or writes. In a transaction it stands for all of its commands. Reads
// take every level, also those to which mongod gives no snapshots.
func (rc *readConcern) supported(cmd *Command) error {
	if rc.level == "" || rc.level == "local" || cmd.has(reads) && !cmd.has(writes) || cmd.has(awaits) {
		return nil
	}
	return rc.unsupported(cmd.Name, "read concern not supported")
}

func (rc *readConcern) unsupported(name, why string) error {
	return errs.New(errs.InvalidOptions, "Command %s does not support { readConcern: { level: %q, provenance: \"clientSupplied\" } } :: caused by :: %s", name, rc.level, why)
}

// checkTimes refuses times of the future. A time that the wall clock has passed is
// none, also where no commit came since.
func (c *call) checkTimes() error {
	rc := &c.g.concern
	for _, t := range []struct {
		name string
		time changes.Time
		// before is whether a whole second must have passed: the moment to read
		// at must not get further commits.
		before bool
	}{{"atClusterTime", rc.at, true}, {"afterClusterTime", rc.after, false}} {
		if t.time.IsZero() {
			continue // also where the command is only parsed, and there is no store
		}
		now := c.d.store.Clock()
		if t.time.Compare(now) <= 0 {
			continue
		}
		wall := c.d.now().Unix()
		if past := int64(t.time.Seconds); past < wall || past == wall && !t.before {
			continue
		}
		return errs.New(errs.InvalidOptions, "readConcern %s value must not be greater than the current clusterTime. Requested clusterTime: { ts: Timestamp(%d, %d) }; current clusterTime: { ts: Timestamp(%d, %d) }",
			t.name, t.time.Seconds, t.time.Increment, now.Seconds, now.Increment)
	}
	return nil
}

// atClusterTime is the ref that the command reads, where its concern is a
// snapshot. It notes the moment for the reply.
func (c *call) atClusterTime() (refs.Ref, error) {
	ref := c.ref
	if c.g.concern.level != "snapshot" || ref.Project == "" || !ref.Moment.IsHead() {
		return ref, nil
	}
	c.snapshotAt = c.g.concern.at
	if c.snapshotAt.IsZero() {
		c.snapshotAt = c.d.store.Clock()
	}
	lsn, err := c.d.store.LSNAt(ref, c.snapshotAt)
	if err != nil {
		if isUnborn(err, ref) {
			return ref, nil
		}
		return ref, err
	}
	ref.Moment = refs.Moment{Kind: refs.AtLSN, LSN: lsn}
	return ref, nil
}

// appendSnapshotTime puts the moment of a snapshot into a reply.
func (c *call) appendSnapshotTime(b *bsonraw.Builder) {
	if !c.snapshotAt.IsZero() {
		b.Value("atClusterTime", bsonraw.TimestampValue(c.snapshotAt.Seconds, c.snapshotAt.Increment))
	}
}

// noSignature is what $clusterTime has for a signature without authentication.
var noSignature = func() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("hash", bsonraw.BinaryValue(0, make([]byte, 20)))
	b.Int64("keyId", 0)
	return b.Finish()
}()

// appendTimes appends $clusterTime and operationTime, as members of a replica set
// do. Both are the store's newest moment.
func (d *Dispatcher) appendTimes(b *bsonraw.Builder) {
	now := d.store.Clock()
	ts := bsonraw.TimestampValue(now.Seconds, now.Increment)
	b.BeginDoc("$clusterTime")
	b.Value("clusterTime", ts)
	b.Doc("signature", noSignature)
	b.End()
	b.Value("operationTime", ts)
}

// withTimes appends the times to a reply that was not made in the call.
func (c *call) withTimes(reply bsonraw.Doc) bsonraw.Doc {
	if !c.conn.opts.ClusterTime || c.timed {
		return reply
	}
	return c.d.timed(reply)
}

func (d *Dispatcher) timed(reply bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, len(reply)+160))
	b.Elements(reply[4 : len(reply)-1])
	d.appendTimes(b)
	return b.Finish()
}

// ErrorReply is the package's ErrorReply, with the times that the session's
// replies have.
func (s *Session) ErrorReply(err error) bsonraw.Doc {
	if !s.opts.ClusterTime {
		return ErrorReply(err)
	}
	return s.d.timed(ErrorReply(err))
}
