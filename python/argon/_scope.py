"""Where commands run: a store, a branch at a moment, an actor, a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bson import CodecOptions, encode

from ._options import decode_reply

if TYPE_CHECKING:
    from ._connection import Connection
    from ._ffi import Progress
    from ._transaction import Transaction


class Scope:
    """What a branch hands down to its collections and cursors. It never changes."""

    __slots__ = ("_reply_codec", "codec", "connection", "db", "fields", "transaction")

    def __init__(
        self,
        connection: Connection,
        db: str,
        codec: CodecOptions[Any],
        fields: Mapping[str, Any] | None = None,
        transaction: Transaction | None = None,
    ) -> None:
        self.connection = connection
        self.db = db.encode()
        self.codec = codec
        self.fields = dict(fields) if fields else None
        self.transaction = transaction
        self._reply_codec = codec.with_options(document_class=dict)

    def on(self, db: str) -> Scope:
        """Return the same for another database."""
        return Scope(self.connection, db, self.codec, self.fields, self.transaction)

    def within(self, session: Transaction | None) -> Scope:
        """Return the same in a transaction, if there is one."""
        return self if session is None else session._scope_of(self)

    def extra(self) -> dict[str, Any] | None:
        """Return the fields that every command carries here."""
        if self.transaction is not None:
            return self.transaction._command_fields(self.fields)
        return self.fields

    def with_extra(self, command: dict[str, Any]) -> dict[str, Any]:
        """Add those fields to a command, and return it."""
        if (extra := self.extra()) is not None:
            command.update(extra)
        return command

    def encode(self, command: dict[str, Any]) -> bytes:
        """Return a command with those fields as BSON."""
        payload = encode(self.with_extra(command), codec_options=self.codec)
        if self.transaction is not None:
            self.transaction._begun()
        return payload

    def run(self, command: dict[str, Any]) -> dict[str, Any]:
        """Run a short command."""
        connection = self.connection
        return self.decode(
            connection.library.command(connection.client, self.db, self.encode(command))
        )

    def read(self, command: dict[str, Any]) -> dict[str, Any]:
        """Run a command that only reads, and may take long."""
        return self.decode(self.read_raw(self.encode(command)))

    def read_raw(self, payload: bytes) -> bytes:
        """Run such a command, as BSON, and return its reply as BSON."""
        connection = self.connection
        library = connection.library
        # A command that is stopped ends its transaction, so none is started again.
        call = library.read if self.transaction is None else library.command_long
        reply: bytes = call(connection.client, self.db, payload)
        return reply

    def run_long(self, command: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        """Run a command that may take long and may write."""
        connection = self.connection
        return self.decode(
            connection.library.command_long(
                connection.client, self.db, self.encode(command), progress
            )
        )

    def decode(self, reply: bytes) -> dict[str, Any]:
        """Return a reply as a dict, with values as the scope's options say."""
        document: dict[str, Any] = decode_reply(reply, self._reply_codec)
        return document
