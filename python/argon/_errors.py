"""The exceptions of Argon.

Every error of the engine has a code, a category, and often a remedy. The class
follows the category, and where code and callers need to tell more, the code::

    ArgonError                      any error of Argon; pymongo's OperationFailure
    ├── InvalidRequest              the request can never succeed as it stands
    │   ├── WriteError              a document or an update does not fit
    │   ├── DocumentTooLarge        a document over 16 MiB
    │   ├── InvalidMoment           text that is no moment
    │   ├── SchemaMismatch          a value does not fit the schema= given
    │   ├── ImportFailed            a line of an import does not parse
    │   ├── ClientClosed            the client, or a cursor of it, was closed
    │   ├── VersionMismatch         processes of one store have different Argons
    │   └── ForkedProcess           what was opened before os.fork() and stays there
    ├── NotFound
    │   ├── ProjectNotFound
    │   ├── BranchNotFound
    │   ├── TagNotFound
    │   ├── MomentNotFound          the branch was never at this moment
    │   ├── HistoryRemoved          garbage collection removed this moment
    │   └── CursorNotFound
    ├── AlreadyExists
    │   ├── ProjectExists
    │   ├── BranchExists
    │   ├── TagExists
    │   └── DuplicateKeyError       _id or a unique index has this key already
    ├── ConflictError
    │   ├── WriteConflict           another writer was first: run it again
    │   ├── MergeConflict           .conflicts: both sides changed the same paths
    │   ├── PublishConflict         .conflicts: a live MongoDB has moved on
    │   └── PlanStale               a branch has moved on since the plan was made
    ├── ReadOnly                    writing at a past moment, or to a protected branch
    ├── NotSupported                known to MongoDB, and not there yet
    ├── Canceled                    stopped
    │   └── ExecutionTimeout        max_time_ms ran out
    ├── StoreBusy                   another process has the store open
    ├── StoreFailure                the disk, the network or the system failed
    │   └── HostLost                it may have been carried out: look before you repeat it
    ├── StoreCorrupt                stored bytes do not check out
    ├── AccessDenied
    ├── InternalError               a defect in Argon
    │   └── LibraryPanicked         a defect stopped a call: open it in a new process
    └── BulkWriteError              .details: what was written and what was not

Where pymongo raises a class of its own, Argon's class is a subclass of it, so
that ``except pymongo.errors.DuplicateKeyError`` catches Argon's too.

Using a cursor in a way that its state forbids raises pymongo's
:class:`InvalidOperation`, and values that BSON cannot hold raise ``bson``'s
:class:`InvalidDocument`, as they do in pymongo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymongo.errors
from bson.errors import InvalidDocument
from pymongo.errors import InvalidOperation

from ._options import decode_reply


class ArgonError(pymongo.errors.OperationFailure):
    """Any error of Argon."""

    def __init__(
        self, error: str, code: int | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        # pymongo would add the whole of details to the text, which is long, and
        # fails for values without a repr, such as decimals that are not canonical.
        super().__init__(error, code)
        self._argon_details = details
        for label in (details or {}).get("errorLabels", ()):
            self._add_error_label(label)

    @property
    def details(self) -> Any:
        """The error document: code, codeName, errmsg, category, remedy ..."""
        return self._argon_details

    @property
    def code_name(self) -> str:
        """The name of the code, for example ``"BranchNotFound"``."""
        return str((self.details or {}).get("codeName", ""))

    @property
    def category(self) -> str:
        """What a caller can do about it: ``"notFound"``, ``"conflict"`` ..."""
        return str((self.details or {}).get("category", "internal"))

    @property
    def remedy(self) -> str:
        """The next step, or an empty string."""
        return str((self.details or {}).get("remedy", ""))

    @property
    def info(self) -> Mapping[str, Any]:
        """What MongoDB calls ``errInfo``."""
        info: Mapping[str, Any] = (self.details or {}).get("errInfo", {})
        return info

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self.args[0]), self.code, self.details)


class InvalidRequest(ArgonError):
    """The request can never succeed as it stands."""


class WriteError(InvalidRequest, pymongo.errors.WriteError):
    """A document or an update does not fit the collection."""


class DocumentTooLarge(WriteError, pymongo.errors.DocumentTooLarge):
    """A document is larger than 16 MiB."""


class InvalidMoment(InvalidRequest):
    """A text is no LSN, time, count or tag."""


class SchemaMismatch(InvalidRequest):
    """A value does not fit the schema that was asked for."""


class ImportFailed(InvalidRequest):
    """A line of an import does not parse."""


class ClientClosed(InvalidRequest, InvalidOperation):
    """The client was closed."""


class HandleInvalid(InvalidRequest):
    """A number that the library gave out is used after its end."""


class VersionMismatch(InvalidRequest):
    """Processes that use one store have different versions of Argon."""


class ForkedProcess(InvalidRequest):
    """A cursor or transaction was used in a child process that was forked after it
    was opened. Clients, branches and collections can be used there."""


class NotFound(ArgonError):
    """Something named is not there."""


class ProjectNotFound(NotFound):
    """No project has this name."""


class BranchNotFound(NotFound):
    """No branch has this name."""


class TagNotFound(NotFound):
    """No tag has this name."""


class MomentNotFound(NotFound):
    """The branch was never at this moment."""


class HistoryRemoved(NotFound):
    """Garbage collection removed this moment."""


class CursorNotFound(NotFound, pymongo.errors.CursorNotFound):
    """The cursor was closed or is finished."""


class AlreadyExists(ArgonError):
    """Something named is there already."""


class ProjectExists(AlreadyExists):
    """A project has this name already."""


class BranchExists(AlreadyExists):
    """A branch has this name already."""


class TagExists(AlreadyExists):
    """A tag has this name already."""


class DuplicateKeyError(AlreadyExists, pymongo.errors.DuplicateKeyError):
    """``_id`` or another unique index has this key already."""


class ConflictError(ArgonError):
    """Lost against another writer, or a merge that needs decisions."""


class WriteConflict(ConflictError):
    """Another writer changed the same document first: run the transaction again."""


class MergeConflict(ConflictError):
    """Both sides of a merge changed the same paths."""

    @property
    def conflicts(self) -> list[Mapping[str, Any]]:
        """The conflicts, as the plan's :attr:`~argon.MergePlan.conflicts` have them."""
        return list(self.info.get("conflicts", []))


class PublishConflict(ConflictError):
    """A live MongoDB has moved on from what a branch was based on."""

    @property
    def conflicts(self) -> list[Mapping[str, Any]]:
        """The conflicts, as the plan's :attr:`~argon.PublishPlan.conflicts` have them."""
        return list(self.info.get("conflicts", []))


class PlanStale(ConflictError):
    """A branch has moved on since the plan was made."""


class ReadOnly(ArgonError):
    """A write where only reads are allowed."""


class NotSupported(ArgonError):
    """MongoDB knows this, and Argon does not yet."""


class Canceled(ArgonError):
    """The operation was stopped."""


class ExecutionTimeout(Canceled, pymongo.errors.ExecutionTimeout):
    """``max_time_ms`` ran out."""


class StoreBusy(ArgonError):
    """Another process has the store open."""


class StoreFailure(ArgonError):
    """The disk, the network or the system failed."""


class HostLost(StoreFailure):
    """The process that has the store open, or the server, ended before it answered.

    The command may have been carried out. Reads, and writes to documents, are
    run again without this error wherever that is safe."""


class StoreCorrupt(ArgonError):
    """Stored bytes do not check out."""


class AccessDenied(ArgonError):
    """The user may not do this."""


class InternalError(ArgonError):
    """A defect in Argon."""


class LibraryPanicked(InternalError):
    """A defect stopped a call, and the library can no longer be used."""


class BulkWriteError(ArgonError, pymongo.errors.BulkWriteError):  # type: ignore[override]
    """Some of many writes failed; :attr:`details` has what pymongo has there."""

    def __init__(self, results: dict[str, Any]) -> None:
        pymongo.errors.OperationFailure.__init__(self, _bulk_message(results), 65)
        self._argon_details = results

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.details,)


def _bulk_message(results: Mapping[str, Any]) -> str:
    failures = results.get("writeErrors", [])
    if not failures:
        return "the writes failed"
    first = failures[0]
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    return f"write {first.get('index', 0)} failed{more}: {first.get('errmsg', '')}"


_CATEGORIES: dict[str, type[ArgonError]] = {
    "invalid": InvalidRequest,
    "notFound": NotFound,
    "exists": AlreadyExists,
    "conflict": ConflictError,
    "readOnly": ReadOnly,
    "unsupported": NotSupported,
    "canceled": Canceled,
    "busy": StoreBusy,
    "io": StoreFailure,
    "corrupt": StoreCorrupt,
    "denied": AccessDenied,
    "internal": InternalError,
}

_CODES: dict[int, type[ArgonError]] = {
    43: CursorNotFound,
    50: ExecutionTimeout,
    112: WriteConflict,
    286: HistoryRemoved,
    10334: DocumentTooLarge,
    11000: DuplicateKeyError,
    970000: ProjectNotFound,
    970001: ProjectExists,
    970002: BranchNotFound,
    970003: BranchExists,
    970004: TagNotFound,
    970005: TagExists,
    970006: MomentNotFound,
    970008: InvalidMoment,
    970010: MergeConflict,
    970011: PlanStale,
    970018: ClientClosed,
    970050: PublishConflict,
    970021: ImportFailed,
    970023: HistoryRemoved,
    970025: ForkedProcess,
    970027: HandleInvalid,
    970028: LibraryPanicked,
    970029: SchemaMismatch,
    970040: HostLost,
    970041: VersionMismatch,
}


def error_class(code: int | None, category: str) -> type[ArgonError]:
    """Return the class for a code, or else for its category."""
    if code is not None and code in _CODES:
        return _CODES[code]
    return _CATEGORIES.get(category, InternalError)


def error_of_reply(reply: Mapping[str, Any]) -> ArgonError:
    """Return the exception for an error document."""
    code = reply.get("code")
    return error_class(code, str(reply.get("category", "internal")))(
        _message(reply), code, dict(reply)
    )


def error_of_document(document: bytes) -> ArgonError:
    """Return the exception for an error document, as BSON."""
    if not document:
        return InternalError("the library reported a failure without saying which")
    return error_of_reply(decode_reply(document))


def error_of_write(error: Mapping[str, Any]) -> ArgonError:
    """Return the exception for one entry of ``writeErrors``."""
    code = error.get("code")
    found = error_class(code, str(error.get("category", "invalid")))
    if found is InvalidRequest:
        found = WriteError
    return found(_message(error), code, dict(error))


def _message(reply: Mapping[str, Any]) -> str:
    message, remedy = str(reply.get("errmsg", "")), str(reply.get("remedy", ""))
    return f"{message}: {remedy}" if remedy else message


def forked_process(what: str, instead: str) -> ForkedProcess:
    """Return the error for what stays behind in the process that was forked."""
    message = f"{what} was opened before this process was forked, and belongs to its parent"
    reply = {
        "ok": 0.0,
        "code": 970025,
        "codeName": "ForkedProcess",
        "errmsg": message,
        "category": "invalid",
        "remedy": instead,
    }
    return ForkedProcess(_message(reply), 970025, reply)


def not_supported(what: str, instead: str = "") -> NotSupported:
    """Return the error for what MongoDB has and Argon has not."""
    reply = {
        "ok": 0.0,
        "code": 970020,
        "codeName": "NotSupported",
        "errmsg": f"{what} is not supported",
        "category": "unsupported",
        "remedy": instead,
    }
    return NotSupported(_message(reply), 970020, reply)


__all__ = [
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
    "HandleInvalid",
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
]
