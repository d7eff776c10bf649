package errs

import (
	"sort"
	"strconv"
)

// MongoDB's codes that Argon answers with. Numbers and names are those of
// MongoDB's error_codes.yml.
const (
	InternalError              Code = 1
	BadValue                   Code = 2
	NoSuchKey                  Code = 4
	GraphContainsCycle         Code = 5
	FailedToParse              Code = 9
	UserNotFound               Code = 11
	Unauthorized               Code = 13
	NoConversation             Code = 17
	AuthenticationFailed       Code = 18
	RoleNotFound               Code = 31
	InvalidRoleModification    Code = 49
	MechanismUnavailable       Code = 334
	RoleExists                 Code = 51002
	UserExists                 Code = 51003
	TypeMismatch               Code = 14
	Overflow                   Code = 15
	InvalidLength              Code = 16
	IllegalOperation           Code = 20
	NamespaceNotFound          Code = 26
	IndexNotFound              Code = 27
	PathNotViable              Code = 28
	CannotBackfillArray        Code = 34
	ConflictingUpdateOperators Code = 40
	CursorNotFound             Code = 43
	NamespaceExists            Code = 48
	MaxTimeMSExpired           Code = 50
	DollarPrefixedFieldName    Code = 52
	InvalidIDField             Code = 53
	NotSingleValueField        Code = 54
	InvalidDBRef               Code = 55
	EmptyFieldName             Code = 56
	CommandNotFound            Code = 59
	ImmutableField             Code = 66
	CannotCreateIndex          Code = 67
	IndexAlreadyExists         Code = 68
	InvalidOptions             Code = 72
	InvalidNamespace           Code = 73
	IndexOptionsConflict       Code = 85
	IndexKeySpecsConflict      Code = 86
	OperationFailed            Code = 96
	NotExactValueField         Code = 111
	WriteConflict              Code = 112
	CommandNotSupported        Code = 115
	DocumentValidationFailure  Code = 121
	CommandNotSupportedOnView  Code = 166
	OptionNotSupportedOnView   Code = 167
	InvalidPipelineOperator    Code = 168
	CannotIndexParallelArrays  Code = 171
	InvalidIndexOption         Code = 197
	NoSuchTransaction          Code = 251
	QueryFeatureNotAllowed     Code = 224
	TransactionTooOld          Code = 225
	TransactionCommitted       Code = 256
	OperationNotSupportedInTxn Code = 263
	BSONObjectTooLarge         Code = 10334
	DuplicateKey               Code = 11000
	Interrupted                Code = 11601

	ConflictingOperation      Code = 117
	CommandFailed             Code = 125
	APIVersionError           Code = 322
	APIStrictError            Code = 323
	FailPointSetFailed        Code = 266
	CursorInUse               Code = 12051
	NotARetryableWriteCommand Code = 50768
	MergeStageNoMatch         Code = 13113
	UnknownField              Code = 40415
	UnrecognizedPipelineStage Code = 40324
	MissingRequiredField      Code = 40414
	QueryExceededMemoryLimit  Code = 292
	InvalidBSON               Code = 22
	Unknown                   Code = 8
	CannotConvert             Code = 241
	ExceededMemoryLimit       Code = 146
	DurationOverflow          Code = 159
	InvalidRegex              Code = 51091
	ClientDisconnected        Code = 279
	CursorKilled              Code = 237
	InvalidResumeToken        Code = 260
	ChangeStreamFatalError    Code = 280
	ChangeStreamHistoryLost   Code = 286
	OutOfDiskSpace            Code = 14031
)

// Argon's own codes.
const (
	ProjectNotFound    Code = 970000
	ProjectExists      Code = 970001
	BranchNotFound     Code = 970002
	BranchExists       Code = 970003
	TagNotFound        Code = 970004
	TagExists          Code = 970005
	MomentNotFound     Code = 970006 // an LSN, time or count that the branch never had
	InvalidName        Code = 970007
	InvalidMoment      Code = 970008
	PinnedMoment       Code = 970009 // a write on a branch at a moment
	MergeConflict      Code = 970010
	PlanStale          Code = 970011
	StoreLocked        Code = 970012
	NotAStore          Code = 970013
	StoreTooNew        Code = 970014
	StoreCorrupt       Code = 970015
	StoreIO            Code = 970016
	StoreReadOnly      Code = 970017
	StoreClosed        Code = 970018
	BranchProtected    Code = 970019
	NotSupported       Code = 970020 // a feature that is not there yet
	ImportFailed       Code = 970021
	NoMergeBase        Code = 970022
	HistoryRemoved     Code = 970023 // garbage collection removed what was asked for
	BranchInUse        Code = 970024
	ForkedProcess      Code = 970025
	SourceUnavailable  Code = 970026 // a mongodb:// source could not be reached or read
	HandleInvalid      Code = 970027
	LibraryPanicked    Code = 970028
	SchemaMismatch     Code = 970029 // a value does not fit the Arrow schema asked for
	ResolutionUnknown  Code = 970030 // a resolution that fits no conflict of the plan
	ConnectionRefused  Code = 970031
	ProtocolError      Code = 970032
	TransactionTooLong Code = 970033
	DocumentNotFound   Code = 970034
	FileNotFound       Code = 970035 // a file to import or the directory of an export
	HostLost           Code = 970040 // the process that ran a command ended before it answered
	VersionMismatch    Code = 970041 // two processes of one store have different Argons
	PublishConflict    Code = 970050
	TargetUnavailable  Code = 970051 // a mongodb:// target could not be reached or written
	PublishNotFound    Code = 970052
	MirrorNotFound     Code = 970060
	MirrorExists       Code = 970061
	MirrorGap          Code = 970062 // the source's log no longer reaches back to where the mirror was
	MirrorDiffers      Code = 970063 // a verify found documents that differ
)

type row struct {
	name     string
	category Category
	cause    string
	remedy   string
}

var table = map[Code]row{
	InternalError:              {"InternalError", Internal, "a defect in Argon", "please report it with the command that led here"},
	BadValue:                   {"BadValue", Invalid, "a value is outside what the operation takes", ""},
	NoSuchKey:                  {"NoSuchKey", Invalid, "a required key is missing", ""},
	GraphContainsCycle:         {"GraphContainsCycle", Invalid, "views refer to each other in a circle", ""},
	FailedToParse:              {"FailedToParse", Invalid, "a request does not have the form it must have", ""},
	Unauthorized:               {"Unauthorized", Denied, "the user may not do this", ""},
	UserNotFound:               {"UserNotFound", NotFound, "no user or API key has this name", ""},
	NoConversation:             {"ProtocolError", Invalid, "a step of an authentication that has not begun", ""},
	AuthenticationFailed:       {"AuthenticationFailed", Denied, "a wrong user, password, key or certificate", ""},
	RoleNotFound:               {"RoleNotFound", NotFound, "no role has this name on this database", ""},
	InvalidRoleModification:    {"InvalidRoleModification", Invalid, "a role cannot be made so", ""},
	MechanismUnavailable:       {"MechanismUnavailable", Unsupported, "a way to authenticate that is not there", ""},
	RoleExists:                 {"Location51002", Exists, "a role has this name already", ""},
	UserExists:                 {"Location51003", Exists, "a user or API key has this name already", ""},
	TypeMismatch:               {"TypeMismatch", Invalid, "a value is of the wrong BSON type", ""},
	Overflow:                   {"Overflow", Invalid, "a number is too large", ""},
	InvalidLength:              {"InvalidLength", Invalid, "something is too long or too short", ""},
	IllegalOperation:           {"IllegalOperation", Invalid, "the operation is not allowed here", ""},
	FailPointSetFailed:         {"FailPointSetFailed", Invalid, "there is no fail point of this name", ""},
	InvalidBSON:                {"InvalidBSON", Invalid, "bytes that are not well-formed BSON", ""},
	Unknown:                    {"UnknownError", Internal, "an error without a code of its own", ""},
	NamespaceNotFound:          {"NamespaceNotFound", NotFound, "the collection or database is not there", ""},
	IndexNotFound:              {"IndexNotFound", NotFound, "the index is not there", ""},
	PathNotViable:              {"PathNotViable", Invalid, "an update path leads through a value that has no fields", ""},
	ConflictingUpdateOperators: {"ConflictingUpdateOperators", Invalid, "two operators of one update touch the same path", ""},
	CursorNotFound:             {"CursorNotFound", NotFound, "the cursor was closed, finished or never there", ""},
	NamespaceExists:            {"NamespaceExists", Exists, "the collection is there already", ""},
	MaxTimeMSExpired:           {"MaxTimeMSExpired", Canceled, "maxTimeMS ran out", ""},
	DollarPrefixedFieldName:    {"DollarPrefixedFieldName", Invalid, "a stored field name begins with $", ""},
	InvalidIDField:             {"InvalidIdField", Invalid, "an _id of a type that an _id cannot have", ""},
	InvalidDBRef:               {"InvalidDBRef", Invalid, "the fields of a DBRef are not in the order $ref, $id, $db", ""},
	EmptyFieldName:             {"EmptyFieldName", Invalid, "an update path with an empty field name", ""},
	NotExactValueField:         {"NotExactValueField", Invalid, "a replacement cannot take _id from a filter that gives only a part of it", ""},
	NotSingleValueField:        {"NotSingleValueField", Invalid, "an upsert would set one field to two values", ""},
	CommandNotFound:            {"CommandNotFound", Unsupported, "no command has this name", ""},
	ImmutableField:             {"ImmutableField", Invalid, "an update would change _id", ""},
	CannotCreateIndex:          {"CannotCreateIndex", Invalid, "an index definition is not valid", ""},
	IndexAlreadyExists:         {"IndexAlreadyExists", Exists, "the index is there already", ""},
	InvalidOptions:             {"InvalidOptions", Invalid, "options that do not fit together", ""},
	InvalidNamespace:           {"InvalidNamespace", Invalid, "a database or collection name that is not allowed", ""},
	IndexOptionsConflict:       {"IndexOptionsConflict", Exists, "an index on the same keys with other options", ""},
	IndexKeySpecsConflict:      {"IndexKeySpecsConflict", Exists, "an index of this name on other keys", ""},
	OperationFailed:            {"OperationFailed", Invalid, "the operation could not be carried out", ""},
	WriteConflict:              {"WriteConflict", Conflict, "another writer changed the same document first", "run the whole transaction again"},
	CommandNotSupported:        {"CommandNotSupported", Unsupported, "the command is known but not there yet", ""},
	DocumentValidationFailure:  {"DocumentValidationFailure", Invalid, "a document does not pass its collection's validator", ""},
	CommandNotSupportedOnView:  {"CommandNotSupportedOnView", Invalid, "views cannot be written to", ""},
	OptionNotSupportedOnView:   {"OptionNotSupportedOnView", Invalid, "an option that views do not have", ""},
	InvalidPipelineOperator:    {"InvalidPipelineOperator", Unsupported, "an expression operator that is unknown or not there yet", ""},
	CannotIndexParallelArrays:  {"CannotIndexParallelArrays", Invalid, "a compound index would run through two arrays of one document", ""},
	InvalidIndexOption:         {"InvalidIndexSpecificationOption", Invalid, "an index specification has an option that it cannot have", ""},
	CannotBackfillArray:        {"CannotBackfillArray", Invalid, "an update would pad an array with too many nulls", ""},
	NoSuchTransaction:          {"NoSuchTransaction", NotFound, "the transaction is over or never began", ""},
	QueryFeatureNotAllowed:     {"QueryFeatureNotAllowed", Invalid, "an operator that is not allowed here", ""},
	TransactionTooOld:          {"TransactionTooOld", Conflict, "a newer transaction of this session has begun", ""},
	TransactionCommitted:       {"TransactionCommitted", Invalid, "the transaction is committed already", ""},
	OperationNotSupportedInTxn: {"OperationNotSupportedInTransaction", Invalid, "the operation cannot run in a transaction", ""},
	BSONObjectTooLarge:         {"BSONObjectTooLarge", Invalid, "a document over 16 MiB", "store large values outside the document, or split it"},
	DuplicateKey:               {"DuplicateKey", Exists, "a unique index, or _id, has this key already", ""},
	Interrupted:                {"Interrupted", Canceled, "the operation was stopped", ""},
	UnknownField:               {"Location40415", Invalid, "a command has a field that it does not know", ""},
	UnrecognizedPipelineStage:  {"Location40324", Unsupported, "a pipeline stage that is unknown or not there yet", ""},
	MissingRequiredField:       {"Location40414", Invalid, "a command lacks a field that it needs", ""},
	QueryExceededMemoryLimit:   {"QueryExceededMemoryLimitNoDiskUseAllowed", Invalid, "a stage needs more memory than it may use", ""},
	ExceededMemoryLimit:        {"ExceededMemoryLimit", Invalid, "an operation needs more memory than it may use", ""},
	DurationOverflow:           {"DurationOverflow", Invalid, "a span of time is too long to be counted in milliseconds", ""},
	CannotConvert:              {"ConversionFailure", Invalid, "a value cannot be converted to the type asked for", ""},
	InvalidRegex:               {"Location51091", Invalid, "a regular expression that does not parse", ""},
	ConflictingOperation:       {"ConflictingOperationInProgress", Conflict, "another operation of the session is in the way", ""},
	CommandFailed:              {"CommandFailed", Invalid, "the command does not fit the session's state", ""},
	APIStrictError:             {"APIStrictError", Unsupported, "a command or stage outside of version 1 of the API, where the client wants nothing else", ""},
	APIVersionError:            {"APIVersionError", Unsupported, "a version of the API other than 1", ""},
	CursorInUse:                {"CursorInUse", Conflict, "another getMore has the cursor", ""},
	MergeStageNoMatch:          {"MergeStageNoMatchingDocument", NotFound, "$merge with whenNotMatched: fail found no document", ""},
	NotARetryableWriteCommand:  {"NotARetryableWriteCommand", Invalid, "a transaction number on a command that takes none", ""},
	CursorKilled:               {"CursorKilled", Canceled, "the cursor was closed while it was in use", ""},
	InvalidResumeToken:         {"InvalidResumeToken", Invalid, "a resume token that does not fit this stream", "start at an LSN or a time"},
	ChangeStreamFatalError:     {"ChangeStreamFatalError", Invalid, "the stream's pipeline made its events unfit to resume from", ""},
	ChangeStreamHistoryLost:    {"ChangeStreamHistoryLost", NotFound, "garbage collection removed the history that the stream needs", "start at a later moment"},
	ClientDisconnected:         {"ClientDisconnect", Canceled, "the client went away", ""},
	OutOfDiskSpace:             {"OutOfDiskSpace", IO, "the disk is full", "free some space and try again: nothing acknowledged was lost"},
	ProjectNotFound:            {"ProjectNotFound", NotFound, "no project has this name", ""},
	ProjectExists:              {"ProjectExists", Exists, "a project has this name already", ""},
	BranchNotFound:             {"BranchNotFound", NotFound, "no branch has this name", ""},
	BranchExists:               {"BranchExists", Exists, "a branch has this name already", ""},
	TagNotFound:                {"TagNotFound", NotFound, "no tag has this name", ""},
	TagExists:                  {"TagExists", Exists, "a tag has this name already", "tags are immutable: delete it first, or choose another name"},
	MomentNotFound:             {"MomentNotFound", NotFound, "the branch was never at this moment", ""},
	InvalidName:                {"InvalidName", Invalid, "a name that is not allowed", ""},
	InvalidMoment:              {"InvalidMoment", Invalid, "a moment that does not parse", "give an LSN (1024), a time (2026-11-24T06:00:00Z), a count (-3) or a tag"},
	PinnedMoment:               {"PinnedMoment", ReadOnly, "a write on a branch at a past moment", "create a branch there and write to it"},
	MergeConflict:              {"MergeConflict", Conflict, "both sides changed the same paths", "look at the plan's conflicts, resolve them and apply it"},
	PlanStale:                  {"PlanStale", Conflict, "a branch has moved on since the plan was made", "make the plan again"},
	StoreLocked:                {"StoreLocked", Busy, "another process has the store open", "close it there, or use another directory"},
	NotAStore:                  {"NotAStore", Invalid, "the directory holds something else", "name an Argon store, or an empty or new directory"},
	StoreTooNew:                {"StoreTooNew", Invalid, "a newer Argon wrote this store", "upgrade Argon"},
	StoreCorrupt:               {"StoreCorrupt", Corrupt, "stored bytes do not check out", "run argon fsck, and restore from a copy"},
	StoreIO:                    {"StoreIO", IO, "reading or writing the store failed", ""},
	StoreReadOnly:              {"StoreReadOnly", ReadOnly, "the store is open for reading only", ""},
	StoreClosed:                {"StoreClosed", Invalid, "the client or store is closed", "open it again"},
	BranchProtected:            {"BranchProtected", ReadOnly, "the branch takes no direct writes", "write to a branch of it"},
	NotSupported:               {"NotSupported", Unsupported, "a feature that is not there yet", ""},
	ImportFailed:               {"ImportFailed", Invalid, "a line of an import does not parse", ""},
	NoMergeBase:                {"NoMergeBase", Invalid, "the two branches have no common ancestor", ""},
	HistoryRemoved:             {"HistoryRemoved", NotFound, "garbage collection removed this moment", ""},
	BranchInUse:                {"BranchInUse", Conflict, "the branch cannot go while something needs it", ""},
	ForkedProcess:              {"ForkedProcess", Invalid, "a store opened before a fork was used after it", "open a client of its own in the child process"},
	SourceUnavailable:          {"SourceUnavailable", IO, "the MongoDB source could not be reached or read", "check the connection string and that the server runs"},
	HandleInvalid:              {"HandleInvalid", Invalid, "a handle that is closed or never was", ""},
	LibraryPanicked:            {"LibraryPanicked", Internal, "a defect in Argon stopped a call", "close this process, open the store again, and report it"},
	SchemaMismatch:             {"SchemaMismatch", Invalid, "a value does not fit the schema asked for", "change schema=, or leave it out"},
	ResolutionUnknown:          {"ResolutionUnknown", Invalid, "a resolution that fits no conflict of the plan", "list the plan's conflicts"},
	ConnectionRefused:          {"ConnectionRefused", IO, "no server answered", ""},
	ProtocolError:              {"ProtocolError", Invalid, "a message that is not of MongoDB's wire protocol", ""},
	DocumentNotFound:           {"DocumentNotFound", NotFound, "no document has this _id", ""},
	FileNotFound:               {"FileNotFound", NotFound, "the file, or the directory that it belongs in, is not there", ""},
	HostLost:                   {"HostLost", IO, "the process that has the store open, or the server, ended before it answered", "the command may have been carried out: look at the data or the log before you run it again"},
	VersionMismatch:            {"VersionMismatch", Invalid, "processes that use one store have different versions of Argon", "use one version in all of them, or end the other process"},
	PublishConflict:            {"PublishConflict", Conflict, "the live MongoDB has moved on from what the branch was based on", "look at the conflicts; skip them, or branch from the newer state and merge"},
	TargetUnavailable:          {"TargetUnavailable", IO, "the MongoDB server to publish to could not be reached or written", ""},
	PublishNotFound:            {"PublishNotFound", NotFound, "there is no publish of this id in the store", ""},
	MirrorNotFound:             {"MirrorNotFound", NotFound, "no mirror has this name", "list them: argon mirror list"},
	MirrorExists:               {"MirrorExists", Exists, "a mirror of this name, or of this branch, is there already", ""},
	MirrorGap:                  {"MirrorGap", IO, "the source's oplog no longer reaches back to where the mirror was: changes in between were not captured", "raise the source's oplog size or its retention, and look at argon mirror status"},
	MirrorDiffers:              {"MirrorDiffers", Corrupt, "the mirror differs from its source", "argon mirror verify names the documents; argon mirror start NAME --resync brings them in line"},
	TransactionTooLong:         {"TransactionExceededLifetimeLimitSeconds", Canceled, "the transaction was open too long", "run it again, shorter"},
}

// foreign are names of MongoDB's codes that nothing here raises by itself, but
// that come through: from a fail point, or from a MongoDB that is read.
var foreign = map[Code]string{
	6: "HostUnreachable", 7: "HostNotFound", 64: "WriteConcernFailed", 79: "UnknownReplWriteConcern",
	89: "NetworkTimeout", 91: "ShutdownInProgress", 100: "UnsatisfiableWriteConcern",
	133: "FailedToSatisfyReadPreference", 136: "CappedPositionLost", 189: "PrimarySteppedDown", 207: "InvalidUUID",
	262: "ExceededTimeLimit", 280: "ChangeStreamFatalError", 286: "ChangeStreamHistoryLost",
	352: "UnsupportedOpQueryCommand", 391: "ReauthenticationRequired", 9001: "SocketException",
	10107: "NotWritablePrimary", 11600: "InterruptedAtShutdown", 11602: "InterruptedDueToReplStateChange",
	13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary",
}

// Name returns MongoDB's codeName for the code.
func (c Code) Name() string {
	if r, ok := table[c]; ok {
		return r.name
	}
	if name, ok := foreign[c]; ok {
		return name
	}
	return "Location" + strconv.Itoa(int(c))
}

// Category returns the code's category; location codes are Invalid.
func (c Code) Category() Category { return table[c].category }

// Entry is a row of the error table, for the generated reference.
type Entry struct {
	Code     Code
	Name     string
	Category Category
	Cause    string
	Remedy   string
}

// Table returns every code, by number.
func Table() []Entry {
	entries := make([]Entry, 0, len(table))
	for c, r := range table {
		entries = append(entries, Entry{c, r.name, r.category, r.cause, r.remedy})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Code < entries[j].Code })
	return entries
}

var categoryNames = [...]string{
	"invalid", "notFound", "exists", "conflict", "readOnly", "unsupported",
	"canceled", "busy", "io", "corrupt", "denied", "internal",
}

// String returns the category's name, as it stands in replies.
func (c Category) String() string { return categoryNames[c] }
