"""Cursors: documents in batches, or all of them as a data frame."""

from __future__ import annotations

import contextlib
import copy
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, overload

from bson import Int64
from pymongo.errors import InvalidOperation

from ._errors import forked_process
from ._frames import Frames
from ._options import (
    DocumentT,
    collation_document,
    decode_batch,
    has_own_types,
    hint_value,
    projection_document,
    sort_document,
)
from ._tables import html_table

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._collection import Collection
    from ._ffi import ArrowStream
    from ._scope import Scope


_SHOWN_ROWS = 20
_CLOSED = -1  # in the place of a cursor's number: close() was called


class _Batches(Frames, Generic[DocumentT]):
    """What all cursors do: run a command, read its batches, end."""

    def __init__(self, scope: Scope, collection: str) -> None:
        self._scope = scope
        self._name = collection
        self._own_types = has_own_types(scope.codec)
        self._data: deque[DocumentT] = deque()
        self._id = 0
        self._started = False
        self._closed = False  # by close(), or because the store has no more
        self._opened_by: Any = None  # the library that the cursor is open in

    def _command(self) -> dict[str, Any]:
        raise NotImplementedError

    def _batch_size(self) -> int:
        return 0

    # -- batches

    def _start(self) -> None:
        self._started = True
        scope = self._scope
        self._opened_by = scope.connection.library
        self._take(scope.read_raw(scope.encode(self._command())), "firstBatch")

    def _take(self, reply: bytes, batch: str) -> None:
        self._id, documents = decode_batch(reply, batch, self._scope.codec, self._own_types)
        self._data.extend(documents)

    def _refresh(self) -> bool:
        """Read the next batch if there may be one; whether a document is there."""
        while not self._data:
            if self._closed:
                if self._id < 0:
                    raise InvalidOperation("the cursor is closed")
                return False
            if not self._started:
                self._start()
            elif self._id > 0:
                self._get_more()
            else:
                self._closed = True
        return True

    def _get_more(self) -> None:
        scope = self._scope
        command: dict[str, Any] = {"getMore": Int64(self._id), "collection": self._name}
        if size := self._batch_size():
            command["batchSize"] = size
        connection = scope.connection
        if connection.library is not self._opened_by:
            raise forked_process("the cursor", "run the query again in the child process")
        # Not read: a batch that was given up would be lost.
        reply = connection.library.command_long(connection.client, scope.db, scope.encode(command))
        self._take(reply, "nextBatch")

    # -- one by one

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> DocumentT:
        if self._data or self._refresh():
            return self._data.popleft()
        raise StopIteration

    next = __next__

    def to_list(self, length: int | None = None) -> list[DocumentT]:
        """Return the documents that are left, or as many as length of them."""
        if length is not None and length < 1:
            raise ValueError("to_list() length must be greater than 0")
        documents: list[DocumentT] = []
        while (length is None or len(documents) < length) and self._refresh():
            if length is None or len(self._data) <= length - len(documents):
                documents.extend(self._data)
                self._data.clear()
            else:
                documents.extend(self._data.popleft() for _ in range(length - len(documents)))
        return documents

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return bool(self._data) or (not self._closed and (not self._started or self._id > 0))

    @property
    def cursor_id(self) -> int | None:
        """The number of the cursor in the store, 0 once it is exhausted."""
        return max(self._id, 0) if self._started else None

    def close(self) -> None:
        """End the cursor; what was read and not yet given is dropped too.

        Asking a closed cursor for more raises :class:`~argon.InvalidOperation`.
        """
        number, self._id = self._id, _CLOSED
        self._data.clear()
        self._closed = True
        self._kill(number)

    def _kill(self, number: int) -> None:
        if number > 0:
            scope = self._scope
            connection = scope.connection
            # A cursor of the process that this one was forked from is that one's.
            if connection.library is self._opened_by and not connection.closed:
                scope.run({"killCursors": self._name, "cursors": [Int64(number)]})

    def __del__(self) -> None:
        # At exit, and in a forked child, there is nothing left to end.
        with contextlib.suppress(Exception):
            self._kill(self._id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- data frames

    def _arrow_stream(self, options: bytes, keep: bool) -> ArrowStream:
        if self._started or self._closed:
            raise InvalidOperation(
                "the cursor has been read from: make a new one to get a data frame"
            )
        scope = self._scope
        connection = scope.connection
        command = self._command()
        command.pop("batchSize", None)
        stream: ArrowStream = connection.library.arrow(
            connection.client, scope.db, scope.encode(command), options, keep
        )
        return stream

    def _first_rows(self) -> tuple[list[DocumentT], bool]:
        """Return rows to show, and whether they are all."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        rows, complete = self._first_rows()
        return html_table(rows, total=len(rows) if complete else None)


class Cursor(_Batches[DocumentT]):
    """The documents that a :meth:`Collection.find` matches.

    It is pymongo's cursor, with the query options as methods to chain, and with
    :meth:`to_pandas`, :meth:`to_polars` and :meth:`to_arrow`, which never make a
    Python object of a document.
    """

    def __init__(
        self,
        collection: Collection[DocumentT],
        filter: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        skip: int = 0,
        limit: int = 0,
        sort: Any = None,
        *,
        scope: Scope,
    ) -> None:
        super().__init__(scope, collection.name)
        self._collection = collection
        self._filter: Mapping[str, Any] = {} if filter is None else filter
        self._options: dict[str, Any] = {}
        self._size = 0
        self._limit = 0
        self._empty = False
        self._retrieved = 0
        if projection is not None:
            self._options["projection"] = projection_document(projection)
        if skip:
            self.skip(skip)
        if limit:
            self.limit(limit)
        if sort is not None:
            self.sort(sort)

    @property
    def collection(self) -> Collection[DocumentT]:
        """The collection that the cursor reads."""
        return self._collection

    def _command(self) -> dict[str, Any]:
        command: dict[str, Any] = {"find": self._name, "filter": self._filter, **self._options}
        if self._limit:
            command["limit"] = abs(self._limit)
        if self._limit < 0:
            command["singleBatch"] = True
        elif self._size:
            command["batchSize"] = self._size
        return command

    def _batch_size(self) -> int:
        return self._size

    def _start(self) -> None:
        if self._empty:
            self._started = self._closed = True
            return
        super()._start()

    # -- options, each returning the cursor

    def _set(self, name: str, value: Any) -> Self:
        self._check_unread()
        self._options[name] = value
        return self

    def _check_unread(self) -> None:
        if self._started or self._closed:
            raise InvalidOperation("cannot set options after executing query")

    def sort(self, key_or_list: Any, direction: Any = None) -> Self:
        """Sort by one key, or by several: ``[("age", -1), "name"]``."""
        return self._set("sort", sort_document(key_or_list, direction))

    def skip(self, skip: int) -> Self:
        """Leave the first documents out."""
        if skip < 0:
            raise ValueError("skip must be >= 0")
        return self._set("skip", int(skip))

    def limit(self, limit: int) -> Self:
        """Give at most so many documents; 0 is no limit."""
        self._check_unread()
        self._empty = False
        self._limit = int(limit)
        return self

    def batch_size(self, batch_size: int) -> Self:
        """Read so many documents at a time; 0 leaves it to the store."""
        if batch_size < 0:
            raise ValueError("batch_size must be >= 0")
        self._check_unread()
        self._size = int(batch_size)
        return self

    def hint(self, index: Any) -> Self:
        """Use this index, given by its name or its keys."""
        if index is None:
            self._check_unread()
            self._options.pop("hint", None)
            return self
        return self._set("hint", hint_value(index))

    def comment(self, comment: Any) -> Self:
        """Attach a comment to the query."""
        return self._set("comment", comment)

    def collation(self, collation: Any) -> Self:
        """Compare texts by this collation."""
        return self._set("collation", collation_document(collation))

    def max_time_ms(self, max_time_ms: int | None) -> Self:
        """Give up with :class:`~argon.ExecutionTimeout` after so long."""
        if max_time_ms is None:
            self._check_unread()
            self._options.pop("maxTimeMS", None)
            return self
        return self._set("maxTimeMS", int(max_time_ms))

    def allow_disk_use(self, allow_disk_use: bool) -> Self:
        """Let a sort use temporary files."""
        return self._set("allowDiskUse", bool(allow_disk_use))

    def let(self, let: Mapping[str, Any]) -> Self:
        """Define variables for ``$expr``: ``{"x": 1}`` is ``$$x``."""
        return self._set("let", dict(let))

    def min(self, spec: Any) -> Self:
        """Begin at these keys of the hinted index."""
        return self._set("min", sort_document(spec))

    def max(self, spec: Any) -> Self:
        """End before these keys of the hinted index."""
        return self._set("max", sort_document(spec))

    def where(self, code: Any) -> Self:
        """Filter by JavaScript, which Argon does not run; the query will say so."""
        self._check_unread()
        self._filter = {**self._filter, "$where": code}
        return self

    @overload
    def __getitem__(self, index: int) -> DocumentT: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> DocumentT | Self:
        """Return one document of the result, or skip and limit by a slice."""
        self._check_unread()
        if isinstance(index, slice):
            return self._slice(index)
        if index < 0:
            raise IndexError("Cursor instances do not support negative indices")
        clone = self.clone()
        clone.skip(index + self._options.get("skip", 0))
        clone.limit(-1)
        for document in clone:
            return document
        raise IndexError("no such item for Cursor instance")

    def _slice(self, index: slice) -> Self:
        if index.step is not None:
            raise IndexError("Cursor instances do not support slice steps")
        skip = index.start or 0
        if skip < 0:
            raise IndexError("Cursor instances do not support negative indices")
        limit = 0
        self._empty = False
        if index.stop is not None:
            limit = index.stop - skip
            if limit < 0:
                raise IndexError(f"stop index must be greater than start index for slice {index!r}")
            self._empty = limit == 0
        self._options["skip"] = skip
        self._limit = limit
        return self

    # -- other ways to run it

    @property
    def retrieved(self) -> int:
        """How many documents the store has given so far."""
        return self._retrieved

    def _take(self, reply: bytes, batch: str) -> None:
        before = len(self._data)
        super()._take(reply, batch)
        self._retrieved += len(self._data) - before

    def clone(self) -> Self:
        """Return a cursor with the same options that has not been read from."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._options = copy.deepcopy(self._options)
        other._data = deque()
        other._id = other._retrieved = 0
        other._started = other._closed = False
        return other

    def __copy__(self) -> Self:
        return self.clone()

    def __deepcopy__(self, memo: Any) -> Self:
        return self.clone()

    def rewind(self) -> Self:
        """Go back to the beginning; the next document runs the query again."""
        self.close()
        self._id = self._retrieved = 0
        self._started = self._closed = False
        return self

    def distinct(self, key: str) -> list[Any]:
        """Return the different values of a key among the documents."""
        kept = ("collation", "hint", "comment", "maxTimeMS")
        options = {name: value for name, value in self._options.items() if name in kept}
        return self._collection._distinct(key, self._filter, options)

    def explain(self, verbosity: str = "allPlansExecution") -> dict[str, Any]:
        """Return the plan by which the query runs."""
        return self._scope.run_long({"explain": self._command(), "verbosity": verbosity})

    def _first_rows(self) -> tuple[list[DocumentT], bool]:
        limit = abs(self._limit)
        shown = self.clone().limit(-min(limit or _SHOWN_ROWS + 1, _SHOWN_ROWS + 1))
        rows = list(shown)
        return rows[:_SHOWN_ROWS], len(rows) <= _SHOWN_ROWS


class CommandCursor(_Batches[DocumentT]):
    """The documents of an aggregation, or of another command with a cursor.

    A command that only reads runs when the first document is asked for, so that
    :meth:`to_pandas` runs it once; one that writes has run.
    """

    def __init__(
        self, scope: Scope, collection: str, command: Mapping[str, Any], *, writes: bool = False
    ) -> None:
        super().__init__(scope, collection)
        self._full = dict(command)
        self._writes = writes
        if writes:
            self._started = True
            connection = scope.connection
            self._opened_by = connection.library
            reply = connection.library.command_long(
                connection.client, scope.db, scope.encode(self._command())
            )
            self._take(reply, "firstBatch")

    def _command(self) -> dict[str, Any]:
        return dict(self._full)

    def _batch_size(self) -> int:
        size: int = self._full.get("cursor", {}).get("batchSize", 0)
        return size

    def batch_size(self, batch_size: int) -> Self:
        """Read so many documents at a time; 0 leaves it to the store."""
        if batch_size < 0:
            raise ValueError("batch_size must be >= 0")
        self._full["cursor"] = {"batchSize": batch_size} if batch_size else {}
        return self

    def try_next(self) -> DocumentT | None:
        """Return the next document, or None if there is none."""
        return next(iter(self), None)

    def _first_rows(self) -> tuple[list[DocumentT], bool]:
        if self._writes:
            return [], True
        again: CommandCursor[DocumentT] = CommandCursor(self._scope, self._name, self._full)
        with again:
            rows = again.to_list(_SHOWN_ROWS + 1)
        return rows[:_SHOWN_ROWS], len(rows) <= _SHOWN_ROWS
