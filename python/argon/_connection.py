"""An open store, and the commands that go to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import encode

from . import _ffi
from ._options import DEFAULT_CODEC, decode_reply


class Connection:
    """A client of the library. Threads may share it."""

    __slots__ = ("client", "library", "open_options")

    def __init__(self, options: Mapping[str, Any], library: _ffi.Library | None = None) -> None:
        self.library = library if library is not None else _ffi.load()
        self.open_options = dict(options)
        self.client = self.library.open(encode(options))

    def close(self) -> None:
        """Close the store. A second time does nothing."""
        client, self.client = self.client, 0
        if client:
            self.library.close(client)

    @property
    def closed(self) -> bool:
        """Whether the store was closed."""
        return self.client == 0

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
