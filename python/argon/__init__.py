"""Argon: Git for MongoDB, in the Python process.

A document database with branches: it speaks MongoDB's query language and
answers any query on any branch at any moment.

>>> import argon
>>> client = argon.Client(store, project="shop")
>>> users = client.data.get_collection("users")
>>> _ = users.insert_many([{"_id": 1, "age": 36}, {"_id": 2, "age": 28}])
>>> exp = client.branches.create("experiment-1")
>>> exp["users"].update_one({"_id": 1}, {"$inc": {"age": 1}}).modified_count
1
>>> exp.diff("main").counts()
{'insert': 0, 'update': 1, 'delete': 0}
>>> client.branches.merge("experiment-1", "main").merged
True
>>> users.find({"age": {"$gt": 30}}).to_list()
[{'_id': 1, 'age': 37}]
>>> client.close()

Start with :class:`Client`. Collections have pymongo's methods, and what ``find``
and ``aggregate`` return has ``to_pandas()``, ``to_polars()`` and ``to_arrow()``.
:class:`ArgonError` is the root of the exceptions; its module draws their tree.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._branch import ActorBranch, Branch, BranchList
from ._branchinfo import BranchInfo, Move, RestoreResult
from ._client import Client, Data, Projects
from ._frames import DtypeBackend, Schema
from ._moments import Moment
from ._project import Branches, Project, ProjectInfo, Tag, Tags
from ._tables import Rows

if TYPE_CHECKING:
    __version__: str
    from ._access import APIKey, APIKeys, User, Users
    from ._collection import Collection
    from ._cursor import CommandCursor, Cursor
    from ._errors import (
        AccessDenied,
        AlreadyExists,
        ArgonError,
        BranchExists,
        BranchNotFound,
        BulkWriteError,
        Canceled,
        ClientClosed,
        ConflictError,
        CursorNotFound,
        DocumentTooLarge,
        DuplicateKeyError,
        ExecutionTimeout,
        ForkedProcess,
        HistoryRemoved,
        HostLost,
        ImportFailed,
        InternalError,
        InvalidDocument,
        InvalidMoment,
        InvalidOperation,
        InvalidRequest,
        LibraryPanicked,
        MergeConflict,
        MomentNotFound,
        NotFound,
        NotSupported,
        PlanStale,
        ProjectExists,
        ProjectNotFound,
        PublishConflict,
        ReadOnly,
        SchemaMismatch,
        StoreBusy,
        StoreCorrupt,
        StoreFailure,
        TagExists,
        TagNotFound,
        VersionMismatch,
        WriteConflict,
        WriteError,
    )
    from ._history import Blame, BlameLine, Commit, History, Log, Op, Version
    from ._merge import (
        MISSING,
        Change,
        Conflict,
        Conflicts,
        Diff,
        DiffEntry,
        MergePlan,
        MergeResult,
        UndoPlan,
        UndoResult,
    )
    from ._mirror import Mirror, MirrorReport, MirrorStatus
    from ._publish import LiveConflict, PublishChange, Publishes, PublishPlan, PublishResult
    from ._transaction import Transaction
    from ._transfer import ExportResult, FrameResult, ImportResult
    from ._watch import ChangeStream

# What needs pymongo beyond its bson comes when it is first used: importing pymongo
# takes longer than opening a store.
_LATER: dict[str, tuple[str, ...]] = {
    "_access": (
        "APIKey",
        "APIKeys",
        "User",
        "Users",
    ),
    "_collection": ("Collection",),
    "_cursor": (
        "CommandCursor",
        "Cursor",
    ),
    "_errors": (
        "AccessDenied",
        "AlreadyExists",
        "ArgonError",
        "BranchExists",
        "BranchNotFound",
        "BulkWriteError",
        "Canceled",
        "ClientClosed",
        "ConflictError",
        "CursorNotFound",
        "DocumentTooLarge",
        "DuplicateKeyError",
        "ExecutionTimeout",
        "ForkedProcess",
        "HistoryRemoved",
        "HostLost",
        "ImportFailed",
        "InternalError",
        "InvalidDocument",
        "InvalidMoment",
        "InvalidOperation",
        "InvalidRequest",
        "LibraryPanicked",
        "MergeConflict",
        "MomentNotFound",
        "NotFound",
        "NotSupported",
        "PlanStale",
        "ProjectExists",
        "ProjectNotFound",
        "PublishConflict",
        "ReadOnly",
        "SchemaMismatch",
        "StoreBusy",
        "StoreCorrupt",
        "StoreFailure",
        "TagExists",
        "TagNotFound",
        "VersionMismatch",
        "WriteConflict",
        "WriteError",
    ),
    "_history": (
        "Blame",
        "BlameLine",
        "Commit",
        "History",
        "Log",
        "Op",
        "Version",
    ),
    "_merge": (
        "MISSING",
        "Change",
        "Conflict",
        "Conflicts",
        "Diff",
        "DiffEntry",
        "MergePlan",
        "MergeResult",
        "UndoPlan",
        "UndoResult",
    ),
    "_mirror": (
        "Mirror",
        "MirrorReport",
        "MirrorStatus",
    ),
    "_publish": (
        "LiveConflict",
        "PublishChange",
        "PublishPlan",
        "PublishResult",
        "Publishes",
    ),
    "_transaction": ("Transaction",),
    "_transfer": (
        "ExportResult",
        "FrameResult",
        "ImportResult",
    ),
    "_watch": ("ChangeStream",),
}
_MODULE_OF = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif (module := _MODULE_OF.get(name)) is not None:
        value = getattr(importlib.import_module(f"argon.{module}"), name)
    else:
        raise AttributeError(f"module 'argon' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the release of the package, or in a working tree of the library."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("argon-mongodb")
    except PackageNotFoundError:
        from ._ffi import load

        return load().version


__all__ = [
    "MISSING",
    "APIKey",
    "APIKeys",
    "AccessDenied",
    "ActorBranch",
    "AlreadyExists",
    "ArgonError",
    "Blame",
    "BlameLine",
    "Branch",
    "BranchExists",
    "BranchInfo",
    "BranchList",
    "BranchNotFound",
    "Branches",
    "BulkWriteError",
    "Canceled",
    "Change",
    "ChangeStream",
    "Client",
    "ClientClosed",
    "Collection",
    "CommandCursor",
    "Commit",
    "Conflict",
    "ConflictError",
    "Conflicts",
    "Cursor",
    "CursorNotFound",
    "Data",
    "Diff",
    "DiffEntry",
    "DocumentTooLarge",
    "DtypeBackend",
    "DuplicateKeyError",
    "ExecutionTimeout",
    "ExportResult",
    "ForkedProcess",
    "FrameResult",
    "History",
    "HistoryRemoved",
    "HostLost",
    "ImportFailed",
    "ImportResult",
    "InternalError",
    "InvalidDocument",
    "InvalidMoment",
    "InvalidOperation",
    "InvalidRequest",
    "LibraryPanicked",
    "LiveConflict",
    "Log",
    "MergeConflict",
    "MergePlan",
    "MergeResult",
    "Mirror",
    "MirrorReport",
    "MirrorStatus",
    "Moment",
    "MomentNotFound",
    "Move",
    "NotFound",
    "NotSupported",
    "Op",
    "PlanStale",
    "Project",
    "ProjectExists",
    "ProjectInfo",
    "ProjectNotFound",
    "Projects",
    "PublishChange",
    "PublishConflict",
    "PublishPlan",
    "PublishResult",
    "Publishes",
    "ReadOnly",
    "RestoreResult",
    "Rows",
    "Schema",
    "SchemaMismatch",
    "StoreBusy",
    "StoreCorrupt",
    "StoreFailure",
    "Tag",
    "TagExists",
    "TagNotFound",
    "Tags",
    "Transaction",
    "UndoPlan",
    "UndoResult",
    "User",
    "Users",
    "Version",
    "VersionMismatch",
    "WriteConflict",
    "WriteError",
    "__version__",
]
