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
	"whatsmyuri": Reads, "features": Reads, "connPoolStats": Reads, "getCmdLineOpts": Reads, "hostInfo": Reads,
	"replSetGetStatus": Reads, "replSetGetConfig": Reads, "getParameter": Reads, "top": Reads, "currentOp": Reads, "profile": Reads,
	"usersInfo": Reads, "rolesInfo": Reads, "argonAPIKeyList": Reads,
	"argonPublishPlan": Reads, "argonPublishList": Reads,
	"argonMirrorList": Reads, "argonMirrorStatus": Reads, "argonMirrorVerify": Reads, "argonMirrorRole": Reads,

	"killCursors": Again, "endSessions": Again, "refreshSessions": Again, "argonAttach": Again,
	"argonCancel": Again, "argonCompact": Again, "fsync": Again, "logRotate": Again,
	"killOp": Again, "killSessions": Again, "killAllSessions": Again, "killAllSessionsByPattern": Again, "setParameter": Again, "logout": Again,
	"argonMirrorStart": Again, "argonMirrorStop": Again,
	"updateUser": Again, "grantRolesToUser": Again, "revokeRolesFromUser": Again,
	"updateRole": Again, "grantPrivilegesToRole": Again, "revokePrivilegesFromRole": Again,
	"grantRolesToRole": Again, "revokeRolesFromRole": Again,
	// A transaction of a process that has ended is either committed, which the
	// store remembers, or gone.
	"commitTransaction": Again, "abortTransaction": Again,
}

// aftermaths say, of commands that are more than one commit or that act outside of
// the store, how to find out what became of one whose answer was lost.
var aftermaths = map[string]string{
	"argonImport":              "argonLog shows what is imported; an import with resume goes on where it was when it is run again",
	"argonImportBegin":         "begin again: what it may have made goes by itself",
	"argonImportEnd":           "argonLog shows whether the load is on the branch; if it is not, end it again",
	"argonAPIKeyCreate":        "argonAPIKeyList shows whether the key is there; its text cannot be had again: revoke it and make another",
	"dropAllUsersFromDatabase": "usersInfo shows who is left: run it again",
	"dropAllRolesFromDatabase": "rolesInfo shows what is left: run it again",
	"dropRole":                 "rolesInfo shows whether the role is there: if it is, run it again",
	"argonMirrorAdd":           "argonMirrorList shows whether the mirror is there",
	"argonMirrorRemove":        "argonMirrorList shows whether the mirror is there",
	"argonPublish":             "argonPublishList shows how far it came; argonPublishResume goes on, argonPublishRollback takes it back",
	"argonRestoreTo":           "argonPublishList shows how far it came; argonPublishResume goes on, argonPublishRollback takes it back",
	"argonPublishResume":       "argonPublishList shows how far it came: resume it again",
	"argonPublishRollback":     "argonPublishList shows how far it came: roll it back again",
	"argonPublishForget":       "argonPublishList shows whether it is there",
}

// Aftermath says how to find out what became of a command whose answer was lost, and
// what to do; "" where looking at the data or the log is all there is to say.
func Aftermath(raw bsonraw.Doc) string {
	cmd, err := sharedRegistry().find(raw)
	if err != nil {
		return ""
	}
	return aftermaths[cmd.Name]
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
	case "argonImportState":
		return onlyIf(!raw.Get("remove").Truthy(), Again)
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

// Numbered reports whether a command of an Argon client carries a transaction number
// outside of a transaction, so that sending it again is harmless: a write, or another
// command that is one commit.
func Numbered(raw bsonraw.Doc) bool {
	cmd, err := sharedRegistry().find(raw)
	return err == nil && (cmd.has(retryable) || cmd.has(numbered) && cmd.effect(raw) == Once)
}
