package command

// allCommands is the registry's contents.
func allCommands() []*Command {
	return append([]*Command{
		findCommand(), getMoreCommand(), killCursorsCommand(), countCommand(), distinctCommand(),
		aggregateCommand(), explainCommand(),

		insertCommand(), updateCommand(), deleteCommand(), findAndModifyCommand(),

		createCommand(), dropCommand(), dropDatabaseCommand(), renameCollectionCommand(), collModCommand(),
		createIndexesCommand(), dropIndexesCommand(), listIndexesCommand(), listCollectionsCommand(),
		listDatabasesCommand(),

		commitTransactionCommand(), abortTransactionCommand(), startSessionCommand(),
		refreshSessionsCommand(), endSessionsCommand(),

		helloCommand(), pingCommand(), buildInfoCommand(), serverStatusCommand(), listCommandsCommand(),
		currentOpCommand(), killOpCommand(), killSessionsCommand(), killAllSessionsCommand(), killAllSessionsByPatternCommand(),
		whatsmyuriCommand(), featuresCommand(), connPoolStatsCommand(), getCmdLineOptsCommand(), hostInfoCommand(),
		getLogCommand(), replSetGetStatusCommand(), replSetGetConfigCommand(), fsyncCommand(), logRotateCommand(), shutdownCommand(),
		profileCommand(), getParameterCommand(), setParameterCommand(), configureFailPointCommand(),
		dbStatsCommand(), collStatsCommand(), validateCommand(), dbHashCommand(), topCommand(),

		argonProjectCreateCommand(), argonProjectListCommand(), argonProjectDeleteCommand(),
		argonBranchCreateCommand(), argonBranchListCommand(), argonBranchGetCommand(),
		argonBranchDeleteCommand(), argonBranchRestoreCommand(),
		argonBranchMovesCommand(), argonBranchProtectCommand(), argonBranchUnprotectCommand(),
		argonMergePlanCommand(), argonMergeCommand(), argonUndoCommand(),
		argonTagCreateCommand(), argonTagListCommand(), argonTagDeleteCommand(),
		argonResolveCommand(), argonLogCommand(), argonHistoryCommand(), argonVersionsCommand(), argonBlameCommand(), argonDiffCommand(),
		argonRetentionCommand(), argonGCCommand(), argonFsckCommand(), argonStatusCommand(),
		argonMetricsCommand(), argonCompactCommand(), argonVersionCommand(),
		argonImportCommand(), argonImportBatchCommand(), argonImportStateCommand(), argonImportBeginCommand(), argonImportEndCommand(), argonExportCommand(),

		saslStartCommand(), saslContinueCommand(), authenticateCommand(), logoutCommand(), connectionStatusCommand(),
		createUserCommand(), updateUserCommand(), dropUserCommand(), dropAllUsersCommand(), usersInfoCommand(),
		grantRolesToUserCommand(), revokeRolesFromUserCommand(),
		createRoleCommand(), updateRoleCommand(), dropRoleCommand(), dropAllRolesCommand(), rolesInfoCommand(),
		grantPrivilegesToRoleCommand(), revokePrivilegesFromRoleCommand(), grantRolesToRoleCommand(), revokeRolesFromRoleCommand(),
		argonAPIKeyCreateCommand(), argonAPIKeyListCommand(), argonAPIKeyRevokeCommand(),
		argonAttachCommand(), argonCancelCommand(), argonPlaceCommand(),
		argonPublishCommand(), argonPublishPlanCommand(), argonPublishResumeCommand(),
		argonPublishRollbackCommand(), argonPublishListCommand(), argonPublishForgetCommand(),
		argonRestoreToCommand(),
	}, mirrorCommands()...)
}
