package command

import (
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// Effect says what it means to run a command a second time, for a client that
// does not know whether the first time was carried out.
type Effect uint8

// The effects. A command that nothing is known of is Once.
const (
	Once  Effect = iota // it changes something, and twice is not once
	Again               // twice leaves what once leaves
	Reads               // it changes nothing
)

// effects are those of the commands whose traits do not say them.
var effects = map[string]Effect{
	"hello": Reads, "ping": Reads, "buildInfo": Reads, "serverStatus": Reads, "listCommands": Reads,
	"listDatabases": Reads, "startSession": Reads, "connectionStatus": Reads, "getLog": Reads,
	"argonProjectList": Reads, "argonBranchList": Reads, "argonBranchGet": Reads, "argonBranchMoves": Reads, "argonTagList": Reads,
	"argonResolve": Reads, "argonMergePlan": Reads, "argonFsck": Reads, "argonStatus": Reads,
	"argonMetrics": Reads, "argonPlace": Reads, "argonVersion": Reads,

	"killCursors": Again, "endSessions": Again, "refreshSessions": Again, "argonAttach": Again,
	"argonCancel": Again, "argonCompact": Again,
	// A transaction of a process that has ended is either committed, which the
	// store remembers, or gone.
	"commitTransaction": Again, "abortTransaction": Again,
}

var sharedRegistry = sync.OnceValue(newRegistry)

// EffectOf returns the effect of a command, which may be any bytes.
func EffectOf(raw bsonraw.Doc) Effect {
	cmd, err := sharedRegistry().find(raw)
	if err != nil {
		return Once
	}
	return cmd.effect(raw)
}

func (c *Command) effect(raw bsonraw.Doc) Effect {
	if e, known := effects[c.Name]; known {
		return e
	}
	switch c.Name {
	case "argonUndo":
		return onlyIf(raw.Get("dryRun").Truthy(), Once)
	case "argonGC":
		dry, given := raw.Lookup("dryRun")
		return onlyIf(!given || dry.Truthy(), Again)
	case "argonRetention":
		_, given := raw.Lookup("keep")
		return onlyIf(!given, Again)
	case "aggregate":
		return onlyIf(!engine.HasOutput(stagesOf(raw)), Once)
	}
	return onlyIf(c.has(reads) && !c.has(writes|mayWrite), Once)
}

// allowedReadOnly reports whether a client that only reads may run the command:
// whatever reads, and what tends its cursors and sessions.
func (c *Command) allowedReadOnly(raw bsonraw.Doc) bool {
	switch {
	case c.Name == "argonCompact":
		return false
	case c.has(writes | project | mayWrite), c.Group == Projects, c.Group == Branches, c.Group == Tags, c.Group == Maintenance:
		return c.effect(raw) == Reads
	}
	return true
}

func onlyIf(reads bool, other Effect) Effect {
	if reads {
		return Reads
	}
	return other
}

// stagesOf returns the stages of an aggregate's pipeline, as far as they are ones.
func stagesOf(raw bsonraw.Doc) (list []bsonraw.Doc) {
	it := raw.Get("pipeline").Doc().Iter()
	for it.Next() {
		if d := it.Value().Doc(); d != nil {
			list = append(list, d)
		}
	}
	return list
}

// IsRandom reports whether an aggregate may give other documents when it is run
// again on the same snapshot.
func IsRandom(raw bsonraw.Doc) bool { return isRandom(stagesOf(raw)) }

// Retryable reports whether a command may carry a transaction number outside of a
// transaction, so that sending it again is harmless.
func Retryable(raw bsonraw.Doc) bool {
	cmd, err := sharedRegistry().find(raw)
	return err == nil && cmd.has(retryable)
}
