package auth

// The built-in roles are MongoDB's, with Argon's actions beside: who reads a
// database reads any moment of it; who writes may branch, tag, undo and merge;
// protecting, restoring and deleting branches is the owner's.

var (
	readActions = ActionsOf(ChangeStream, CollStats, DBStats, Find, KillCursors, ListCollections, ListIndexes,
		ListBranches, ReadHistory)
	readWriteActions = readActions.With(ActionsOf(CollMod, CreateCollection, CreateIndex, DropCollection,
		DropIndex, Insert, Remove, RenameCollectionSameDB, Update,
		CreateBranch, CreateProject, CreateTag, MergeBranch, UndoCommits))
	dbAdminActions = ActionsOf(BypassDocumentValidation, CollMod, CollStats, Compact, CreateCollection,
		CreateIndex, DBStats, DropCollection, DropDatabase, DropIndex, ListCollections, ListIndexes,
		RenameCollectionSameDB, Validate, ListBranches, CreateProject, CreateTag, DropTag, SetRetention)
	userAdminActions = ActionsOf(ChangeCustomData, ChangePassword, CreateRole, CreateUser, DropRole, DropUser,
		GrantRole, RevokeRole, ViewRole, ViewUser, ImpersonateActor)
	ownerActions = ActionsOf(DropBranch, DropProject, ProtectBranch, RestoreBranch, ManageMirrors, Publish)
	keyActions   = ActionsOf(CreateAPIKey, ListAPIKeys, RevokeAPIKey)

	monitorActions = ActionsOf(GetCmdLineOpts, GetLog, GetParameter, HostInfo, Inprog, ListDatabases,
		ListSessions, ReplSetGetConfig, ReplSetGetStatus, ServerStatus, Top)
	hostActions    = ActionsOf(Fsync, KillAnyCursor, KillAnySession, Killop, SetParameter, Shutdown, Compact)
	managerActions = ActionsOf(ListSessions, ReplSetGetConfig, ReplSetGetStatus, CollectGarbage, CheckStore, ManageMirrors, Publish)
)

// everywhere is every collection of every database.
var everywhere = Resource{}

var cluster = Resource{Cluster: true}

// databaseRoles are there on every database.
var databaseRoles = map[string]Actions{
	"read":      readActions,
	"readWrite": readWriteActions,
	"dbAdmin":   dbAdminActions,
	"userAdmin": userAdminActions,
	"dbOwner":   readWriteActions.With(dbAdminActions).With(userAdminActions).With(ownerActions),
}

// adminRoles are there on admin only.
var adminRoles = map[string][]Privilege{
	"readAnyDatabase":      {{everywhere, readActions}, {cluster, ActionsOf(ListDatabases)}},
	"readWriteAnyDatabase": {{everywhere, readWriteActions}, {cluster, ActionsOf(ListDatabases)}},
	"dbAdminAnyDatabase":   {{everywhere, dbAdminActions}, {cluster, ActionsOf(ListDatabases)}},
	"userAdminAnyDatabase": {{everywhere, userAdminActions}, {cluster, keyActions.With(ActionsOf(ListDatabases, ViewUser))}},
	"clusterMonitor":       {{cluster, monitorActions}, {everywhere, ActionsOf(CollStats, DBStats, ListBranches)}},
	"hostManager":          {{cluster, hostActions}, {everywhere, ActionsOf(KillCursors)}},
	"clusterManager":       {{cluster, managerActions}, {everywhere, ActionsOf(SetRetention, ManageMirrors, Publish)}},
	"clusterAdmin": {
		{cluster, monitorActions.With(hostActions).With(managerActions)},
		{everywhere, ActionsOf(CollStats, DBStats, KillCursors, ListBranches, SetRetention, ManageMirrors, Publish,
			DropDatabase, DropProject)},
	},
	"backup": {
		{cluster, ActionsOf(GetParameter, ListDatabases, ServerStatus)},
		{everywhere, ActionsOf(CollStats, Find, ListCollections, ListIndexes, ListBranches, ReadHistory)},
	},
	"restore": {
		{cluster, ActionsOf(GetParameter)},
		{everywhere, ActionsOf(BypassDocumentValidation, CollMod, CreateCollection, CreateIndex, DropCollection,
			Insert, ListCollections, CreateBranch, CreateProject, CreateTag).With(userAdminActions.Without(ActionsOf(ImpersonateActor)))},
	},
	"root": {{Resource{Any: true}, ActionsOf(AnyAction)}},
}

// builtin returns the privileges of a built-in role.
func builtin(role RoleName) ([]Privilege, bool) {
	if role.DB == adminDB {
		if list, ok := adminRoles[role.Role]; ok {
			return list, true
		}
	}
	actions, ok := databaseRoles[role.Role]
	if !ok || role.DB == externalDB {
		return nil, false
	}
	return []Privilege{{Resource{DB: role.DB}, actions}}, true
}

// isBuiltinName reports whether a role of this name is built in on a database.
func isBuiltinName(role RoleName) bool {
	_, ok := builtin(role)
	return ok
}
