"""An open store, and the commands that go to it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from bson import encode

from . import _ffi
from ._options import DEFAULT_CODEC, decode_reply

# Options that may stand in the environment.
_ENVIRONMENT = {"uri": "ARGON_URI", "apiKey": "ARGON_API_KEY"}


class Connection:
    """A client of the library. Threads may share it.

    In a forked child it opens a client of its own when it is first used there,
    which attaches to the process that has the store open. It can be pickled, and
    opens the store again where it is unpickled.
    """

    __slots__ = ("__weakref__", "client", "library", "mongo", "open_options")

    def __init__(self, options: Mapping[str, Any], library: _ffi.Library | None = None) -> None:
        self.library: Any = library if library is not None else _ffi.load()
        self.open_options = dict(options)
        self.mongo: Any = None  # the MongoClient of Branch.database
        self.client = self.library.open(self._options())
        _open.add(self)

    def option(self, key: str) -> Any:
        """Return the uri or the apiKey it was opened with, or what the environment says now.

        The library's own copy of the environment is as old as its loading. And what
        stands there is not kept in ``open_options``, which are pickled.
        """
        return self.open_options.get(key) or os.environ.get(_ENVIRONMENT[key])

    def _options(self) -> bytes:
        named = {key: value for key in _ENVIRONMENT if (value := self.option(key))}
        return encode({**self.open_options, **named})

    def close(self) -> None:
        """Close the store. A second time does nothing."""
        client, self.client = self.client, 0
        if (mongo := self.mongo) is not None:
            self.mongo = None
            mongo.close()
        if client:
            self.library.close(client)

    @property
    def closed(self) -> bool:
        """Whether the store was closed."""
        return bool(self.client == 0)

    def run(self, db: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Run a short command outside any branch."""
        reply = self.library.command(
            self.client, db.encode(), encode(command, codec_options=DEFAULT_CODEC)
        )
        document: dict[str, Any] = decode_reply(reply)
        return document

    def run_long(self, db: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """Run a command that may take long and may write, outside any branch."""
        reply = self.library.command_long(
            self.client, db.encode(), encode(command, codec_options=DEFAULT_CODEC)
        )
        document: dict[str, Any] = decode_reply(reply)
        return document

    def place(self) -> dict[str, Any]:
        """Return where the store is, and which process hosts it."""
        return self.run_long("admin", {"argonPlace": 1})

    def __reduce__(self) -> tuple[Any, ...]:
        options = dict(self.open_options)
        uri = options.get("uri") or ""
        if uri and "://" not in uri and not uri.startswith("~"):
            options["uri"] = os.path.abspath(uri)
        return _unpickled, (encode(options),)


# The connections of this process; after a fork the child's copies of them are
# stale until each is used.
_open: weakref.WeakSet[Connection] = weakref.WeakSet()

# Connections that were unpickled, by their options: what is sent to a worker
# again and again opens the store once.
_arrived: weakref.WeakValueDictionary[bytes, Connection] = weakref.WeakValueDictionary()
_lock = threading.RLock()


def _unpickled(options: bytes) -> Connection:
    from bson import decode

    with _lock:
        connection = _arrived.get(options)
        if connection is None or connection.closed:
            connection = _arrived[options] = Connection(decode(options))
        return connection


class _Reopen:
    """Stands in the place of the library in a forked child, until it is used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self, client: int) -> None:
        """Close the parent's client, which is the parent's to close."""

    def __getattr__(self, name: str) -> Any:
        connection = self._connection
        with _lock:
            if connection.library is self:
                library = _ffi.load()
                if connection.client:
                    connection.client = library.open(connection._options())
                    _open.add(connection)
                connection.library = library
        return getattr(connection.library, name)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _arrived.clear()
    for connection in list(_open):
        connection.mongo = None
        if connection.client:
            connection.library = _Reopen(connection)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
