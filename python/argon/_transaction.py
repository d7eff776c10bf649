"""Transactions: several commands that take effect together, or not at all."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bson import Binary, CodecOptions, Int64
from bson.binary import UuidRepresentation
from pymongo.errors import InvalidOperation

from ._errors import forked_process
from ._scope import Scope

if TYPE_CHECKING:
    from types import TracebackType

    from ._branch import Branch
    from ._collection import Collection


class Transaction:
    """A transaction on one branch, with snapshot isolation.

    Everything that is read is as of the moment when its first command ran, and
    what it writes is seen by itself alone until the commit, which makes one
    commit of it::

        with exp.transaction() as txn:
            txn["stock"].update_one({"_id": 7}, {"$inc": {"n": -1}})
            txn["orders"].insert_one({"item": 7})

    Leaving the block commits, and an exception aborts. Where another writer
    changed a document first, :class:`~argon.WriteConflict` says so: run the
    whole block again. A transaction can also be given as ``session=`` to the
    methods of a collection, as pymongo's sessions are.
    """

    def __init__(self, branch: Branch, codec_options: CodecOptions[Any]) -> None:
        self._branch = branch
        self._scope = branch._scope_with(codec_options, self)
        identity = Binary.from_uuid(uuid.uuid4(), UuidRepresentation.STANDARD)
        self._lsid = {"id": identity}
        self._has_begun = False
        self._over = False
        self._lsn: int | None = None
        self._begun_by: Any = None  # the library that it is open in

    @property
    def branch(self) -> Branch:
        """The branch that the transaction is on."""
        return self._branch

    @property
    def lsn(self) -> int | None:
        """The LSN of its commit, once it is committed and has written something."""
        return self._lsn

    @property
    def in_transaction(self) -> bool:
        """Whether it can still be committed or aborted."""
        return not self._over

    __iter__ = None  # or iteration would ask for the collections 0, 1, 2 … for ever

    def __getitem__(self, name: str) -> Collection[dict[str, Any]]:
        return self.get_collection(name)

    def get_collection(
        self, name: str, codec_options: CodecOptions[Any] | None = None
    ) -> Collection[Any]:
        """Return a collection whose commands are part of the transaction."""
        collection = self._branch.get_collection(name, codec_options)
        collection._scope = self._scope_of(collection._scope)
        return collection

    def commit(self) -> None:
        """Make what was written durable and visible, in one commit."""
        self._end("commitTransaction")

    def abort(self) -> None:
        """Drop what was written."""
        self._end("abortTransaction")

    def _end(self, command: str) -> None:
        if self._over:
            raise InvalidOperation("the transaction is over")
        self._over = True
        if not self._has_begun:
            return
        connection = self._scope.connection
        self._check_process()
        fields = {**(self._scope.fields or {}), **self._numbers()}
        try:
            # The database is admin, as MongoDB wants it.
            self._lsn = connection.run("admin", {command: 1, **fields}).get("argonLSN")
        finally:
            connection.run("admin", {"endSessions": [self._lsid]})

    def _numbers(self) -> dict[str, Any]:
        return {"lsid": self._lsid, "txnNumber": Int64(1), "autocommit": False}

    def _command_fields(self, others: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the fields that make a command part of the transaction."""
        if self._over:
            raise InvalidOperation("the transaction is over")
        self._check_process()
        fields = {**(others or {}), **self._numbers()}
        if not self._has_begun:
            fields["startTransaction"] = True
        return fields

    def _begun(self) -> None:
        """A command with these fields is on its way."""
        self._has_begun = True
        self._begun_by = self._scope.connection.library

    def _check_process(self) -> None:
        if self._has_begun and self._scope.connection.library is not self._begun_by:
            raise forked_process("the transaction", "begin another one in the child process")

    def _scope_of(self, scope: Scope) -> Scope:
        if scope.db != self._scope.db:
            raise InvalidOperation(
                f"the transaction is on {self._scope.db.decode()}, and not on {scope.db.decode()}"
            )
        return Scope(scope.connection, scope.db.decode(), scope.codec, self._scope.fields, self)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._over:
            return
        if kind is None:
            self.commit()
        else:
            self._abort_quietly()

    def _abort_quietly(self) -> None:
        """Abort after an exception, which must stay the one that is seen; an
        error may have ended the transaction already."""
        with contextlib.suppress(Exception):
            self.abort()

    def __repr__(self) -> str:
        state = "over" if self._over else "open"
        return f"<Transaction on {self._scope.db.decode()}, {state}>"
