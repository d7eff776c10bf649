package auth

import (
	"math/bits"
	"sort"
)

// Action is what a privilege allows on a resource.
type Action uint8

// The actions that commands ask for. Names are MongoDB's where MongoDB has the
// action; the others, from CreateBranch on, are Argon's.
const (
	AnyAction Action = iota // everything
	BypassDocumentValidation
	ChangeCustomData
	ChangeOwnCustomData
	ChangeOwnPassword
	ChangePassword
	ChangeStream
	CollMod
	CollStats
	Compact
	CreateCollection
	CreateIndex
	CreateRole
	CreateUser
	DBStats
	DropCollection
	DropDatabase
	DropIndex
	DropRole
	DropUser
	Find
	Fsync
	GetCmdLineOpts
	GetLog
	GetParameter
	GrantRole
	HostInfo
	Inprog
	Insert
	KillAnyCursor
	KillAnySession
	KillCursors
	Killop
	ListCollections
	ListDatabases
	ListIndexes
	ListSessions
	Remove
	RenameCollectionSameDB
	ReplSetGetConfig
	ReplSetGetStatus
	RevokeRole
	ServerStatus
	SetParameter
	Shutdown
	Top
	Update
	Validate
	ViewRole
	ViewUser

	CreateBranch
	CreateProject
	CreateTag
	DropBranch
	DropProject
	DropTag
	ListBranches
	MergeBranch
	ProtectBranch
	ReadHistory
	RestoreBranch
	UndoCommits
	SetRetention
	CollectGarbage
	CheckStore
	ManageMirrors
	Publish
	ImpersonateActor
	CreateAPIKey
	ListAPIKeys
	RevokeAPIKey
	numAsked
)

// actionNames are the names of the actions that commands ask for.
var actionNames = [numAsked]string{
	"anyAction", "bypassDocumentValidation", "changeCustomData", "changeOwnCustomData", "changeOwnPassword",
	"changePassword", "changeStream", "collMod", "collStats", "compact", "createCollection", "createIndex",
	"createRole", "createUser", "dbStats", "dropCollection", "dropDatabase", "dropIndex", "dropRole",
	"dropUser", "find", "fsync", "getCmdLineOpts", "getLog", "getParameter", "grantRole", "hostInfo", "inprog",
	"insert", "killAnyCursor", "killAnySession", "killCursors", "killop", "listCollections", "listDatabases",
	"listIndexes", "listSessions", "remove", "renameCollectionSameDB", "replSetGetConfig", "replSetGetStatus", "revokeRole",
	"serverStatus", "setParameter", "shutdown", "top", "update", "validate", "viewRole", "viewUser",

	"createBranch", "createProject", "createTag", "dropBranch", "dropProject", "dropTag", "listBranches",
	"mergeBranch", "protectBranch", "readHistory", "restoreBranch", "undoCommits", "setRetention",
	"collectGarbage", "checkStore", "manageMirrors", "publish", "impersonateActor",
	"createAPIKey", "listAPIKeys", "revokeAPIKey",
}

// inert are actions of MongoDB that no command here asks for. Roles may name
// them, so that definitions made for MongoDB are taken as they are.
var inert = []string{
	"addShard", "analyzeShardKey", "appendOplogNote", "applicationMessage", "applyOps", "auditConfigure",
	"authSchemaUpgrade", "checkFreeMonitoringStatus", "cleanupOrphaned", "clearJumboFlag", "configureQueryAnalyzer",
	"connPoolStats", "connPoolSync", "convertToCapped", "cpuProfiler", "dbHash", "dropConnections",
	"emptycapped", "enableProfiler", "enableSharding", "flushRouterConfig", "forceUUID", "getClusterParameter",
	"getDatabaseVersion", "getDefaultRWConcern", "getShardMap", "getShardVersion", "importCollection", "indexStats",
	"internal", "invalidateUserCache", "listCachedAndActiveUsers", "listClusterCatalog", "listShards", "logRotate", "moveChunk",
	"netstat", "oidReset", "operationMetrics", "planCacheIndexFilter", "planCacheRead", "planCacheWrite",
	"querySettings", "queryStatsRead", "queryStatsReadTransformed", "refineCollectionShardKey", "reIndex",
	"removeShard", "replSetConfigure", "replSetHeartbeat", "replSetResizeOplog",
	"replSetStateChange", "reshardCollection", "resync", "rotateCertificates", "runAsLessPrivilegedUser",
	"setAuthenticationRestriction", "setClusterParameter", "setDefaultRWConcern",
	"setFeatureCompatibilityVersion", "setFreeMonitoring", "setUserWriteBlockMode", "shardedDataDistribution",
	"shardingState", "splitChunk", "splitVector", "storageDetails", "touch", "trafficRecord", "unlock",
	"updateSearchIndex", "useTenant", "useUUID", "viewUserAuthenticationInformation",
}

var actionsByName = func() map[string]Action {
	m := make(map[string]Action, len(actionNames)+len(inert))
	for i, name := range actionNames {
		m[name] = Action(i)
	}
	for i, name := range inert {
		m[name] = numAsked + Action(i)
	}
	return m
}()

// ParseAction returns the action of a name.
func ParseAction(name string) (Action, bool) {
	a, ok := actionsByName[name]
	return a, ok
}

// String returns the action's name.
func (a Action) String() string {
	if a < numAsked {
		return actionNames[a]
	}
	return inert[a-numAsked]
}

// Actions is a set of actions.
type Actions [4]uint64

// ActionsOf makes a set.
func ActionsOf(list ...Action) (s Actions) {
	for _, a := range list {
		s.Add(a)
	}
	return s
}

// Add puts an action into the set.
func (s *Actions) Add(a Action) { s[a>>6] |= 1 << (a & 63) }

// Has reports whether the set allows an action.
func (s Actions) Has(a Action) bool { return (s[a>>6]>>(a&63)|s[0]>>AnyAction)&1 != 0 }

// With returns the union of two sets.
func (s Actions) With(other Actions) Actions {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

// Without returns the set less another.
func (s Actions) Without(other Actions) Actions {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// IsEmpty reports whether there is no action in the set.
func (s Actions) IsEmpty() bool { return s == Actions{} }

// Names returns the names of the actions, sorted.
func (s Actions) Names() []string {
	var names []string
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			names = append(names, Action(i<<6+bits.TrailingZeros64(word)).String())
		}
	}
	sort.Strings(names)
	return names
}
