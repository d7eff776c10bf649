"""Look-ups by ``_id``, the short way.

The command is the same as any other find, and the store treats it so. What is
short is Python's part: of the command only the ``_id`` is new from call to call,
and the document comes back without the reply around it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from ._options import decode_reply

if TYPE_CHECKING:
    from ._scope import Scope

_size: Callable[[int], bytes] = Struct("<i").pack
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


class ById:
    """Finds documents of one collection by their ``_id``."""

    __slots__ = ("_head", "_int32", "_object_id", "_scope")

    def __init__(self, scope: Scope, name: str) -> None:
        command = scope.encode({"find": name, "limit": 1, "singleBatch": True})
        self._scope = scope
        self._head = command[4:-1] + b"\x03filter\x00"
        self._int32 = self._before(b"\x10", 4)
        self._object_id = self._before(b"\x07", 12)

    def _before(self, kind: bytes, size: int) -> bytes:
        """Return the command, which ends in {..., filter: {_id: value}}, up to a
        value of this type and size. Behind it come the ends of two documents.
        """
        field = kind + b"_id\x00"
        inner = 4 + len(field) + size + 1
        return _size(4 + len(self._head) + inner + 1) + self._head + _size(inner) + field

    def find(self, value: Any) -> Any:
        """Return the document with this ``_id``, or None if there is none; or
        NotImplemented for an ``_id`` of a rarer type."""
        kind = type(value)
        if kind is int and _INT32_MIN <= value <= _INT32_MAX:
            command = self._int32 + _size(value) + b"\0\0"
        elif kind is ObjectId:
            command = self._object_id + value.binary + b"\0\0"
        elif kind is str:
            text = value.encode() + b"\0"
            command = self._before(b"\x02", 4 + len(text)) + _size(len(text)) + text + b"\0\0"
        else:
            return NotImplemented
        scope = self._scope
        connection = scope.connection
        document = connection.library.first(connection.client, scope.db, command)
        return decode_reply(document, scope.codec) if document else None
