"""Change streams: what changes, as it changes, from any moment on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from bson import Int64, decode

from ._errors import ArgonError, CursorNotFound, InvalidOperation
from ._options import RAW_CODEC, DocumentT, decode_batch, has_own_types

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._scope import Scope

# How long one request waits for an event where the caller did not say. The store
# wakes it at the commit, so that a longer wait costs nothing and misses nothing.
_PATIENCE_MS = 60_000
_HOST_LOST = 970040  # the process that held the cursor has ended


class ChangeStream(Generic[DocumentT]):
    """The changes of a collection, a branch, a project or a store, in order.

    Get one with ``watch()``. Iterating waits for the next change; Ctrl-C, or
    :meth:`close` from another thread, ends the wait. :attr:`resume_token` names
    the place behind the last change, where another stream can go on::

        with shop.branch("main").watch(start_at=1024) as changes:
            for change in changes:
                print(change["operationType"], change["documentKey"])

    The methods and events are pymongo's. A stream may begin at any moment of the
    past that is still there: there is no window.
    """

    def __init__(
        self,
        scope: Scope,
        target: str | int,
        pipeline: Sequence[Mapping[str, Any]] | None,
        stage: Mapping[str, Any],
        max_await_time_ms: int | None,
        batch_size: int | None,
        options: Mapping[str, Any],
    ) -> None:
        if pipeline is None:
            pipeline = []
        if not isinstance(pipeline, list):
            raise TypeError(f"pipeline must be a list, not {type(pipeline).__name__}")
        self._scope = scope
        self._target = target
        self._pipeline = list(pipeline)
        self._stage = dict(stage)
        self._max_await = max_await_time_ms
        self._batch_size = batch_size
        self._options = dict(options)
        self._own_types = has_own_types(scope.codec)
        self._name = target if isinstance(target, str) else "$cmd.aggregate"
        self._data: deque[DocumentT] = deque()
        self._id = 0
        self._token: Mapping[str, Any] | None = None  # behind what was given
        self._batch_token: Mapping[str, Any] | None = None  # behind what was read
        self._closed = False
        self._open()

    # -- reading

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> DocumentT:
        """Wait for the next change."""
        while not self._closed:
            if (change := self._next(self._max_await or _PATIENCE_MS)) is not None:
                return change
        raise StopIteration

    next = __next__

    def try_next(self) -> DocumentT | None:
        """Return the next change, or None if there is none yet.

        It waits for ``max_await_time_ms``, if that was given.
        """
        return self._next(self._max_await or 1)

    @property
    def alive(self) -> bool:
        """Whether there may be more changes."""
        return bool(self._data) or not self._closed

    @property
    def resume_token(self) -> Mapping[str, Any] | None:
        """The token to resume behind the last change that was given."""
        return dict(self._token) if self._token is not None else None

    def close(self) -> None:
        """End the stream."""
        number, self._id, self._closed = self._id, 0, True
        self._data.clear()
        connection = self._scope.connection
        if number and not connection.closed:
            kill = {"killCursors": self._name, "cursors": [Int64(number)]}
            connection.run(self._scope.db.decode(), kill)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    def __repr__(self) -> str:
        state = "" if self.alive else ", closed"
        return f"<argon.ChangeStream on {self._scope.db.decode()}.{self._name}{state}>"

    # -- the cursor in the store

    def _next(self, wait_ms: int) -> DocumentT | None:
        if not self._data:
            if self._closed:
                return None
            self._more(wait_ms)
        if not self._data:
            self._token = self._batch_token
            return None
        change = self._data.popleft()
        self._token = change["_id"] if self._data else self._batch_token
        if not self._data and not self._id:
            self._closed = True  # an invalidate was the last
        return change

    def _open(self) -> None:
        command = {
            "aggregate": self._target,
            "pipeline": [{"$changeStream": self._stage}, *self._pipeline],
            "cursor": {} if self._batch_size is None else {"batchSize": self._batch_size},
            **self._options,
        }
        self._take(self._scope.read_raw(self._scope.encode(command)), "firstBatch")

    def _more(self, wait_ms: int) -> None:
        if not self._id:
            self._reopen()
            if self._data:
                return
        try:
            self._get_more(wait_ms)
        except CursorNotFound:
            self._reopen()
        except ArgonError as error:
            self._id = 0
            if error.code != _HOST_LOST:
                raise
            self._reopen()
        except BaseException:
            self._id = 0  # whatever stopped the request ended the cursor
            raise

    def _get_more(self, wait_ms: int) -> None:
        scope = self._scope
        command: dict[str, Any] = {
            "getMore": Int64(self._id),
            "collection": self._name,
            "maxTimeMS": wait_ms,
        }
        if self._batch_size:
            command["batchSize"] = self._batch_size
        connection = scope.connection
        reply = connection.library.command_long(connection.client, scope.db, scope.encode(command))
        self._take(reply, "nextBatch")

    def _reopen(self) -> None:
        """Open the stream again behind what was given."""
        if self._closed:
            raise InvalidOperation("the change stream is closed")
        if self._token is not None:
            for name in ("resumeAfter", "startAfter", "startAtOperationTime", "argonSince"):
                self._stage.pop(name, None)
            self._stage["startAfter"] = self._token
        self._open()

    def _take(self, reply: bytes, batch: str) -> None:
        self._id, changes = decode_batch(reply, batch, self._scope.codec, self._own_types)
        cursor: Any = decode(reply, RAW_CODEC)["cursor"]
        self._batch_token = {"_data": cursor["postBatchResumeToken"]["_data"]}
        if not changes and self._token is None:
            self._token = self._batch_token
        self._data.extend(changes)
