"""Many writes in few commands: ``insert_many`` and ``bulk_write``."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from bson import ObjectId, encode
from bson.raw_bson import RawBSONDocument

from ._errors import ArgonError, BulkWriteError, error_of_write
from ._ffi import Job
from ._options import collation_document, decode_reply, hint_value, without_none

if TYPE_CHECKING:
    from ._scope import Scope

# How much goes into one command, which is one commit. The first has fewer
# documents, since nothing is known of their size; the last limit is MongoDB's.
_FIRST_DOCUMENTS = 1_000
_MOST_DOCUMENTS = 10_000
_WANTED_BYTES = 8 << 20
_MOST_BYTES = 48_000_000
_SHORT_BYTES = 1 << 20

_WRITE_ERRORS = b"\x04writeErrors\x00"

_ids_lock = threading.Lock()
_ids_random = os.urandom(5)
_ids_next = int.from_bytes(os.urandom(3), "big")


def _take_ids(count: int) -> tuple[bytes, int]:
    """Reserve ids: what they begin with, and the number of the first."""
    global _ids_next
    with _ids_lock:
        first, _ids_next = _ids_next, _ids_next + count
    return struct.pack(">I", int(time.time()) & 0xFFFFFFFF) + _ids_random, first


def _after_fork_in_child() -> None:
    global _ids_lock, _ids_random
    _ids_lock = threading.Lock()
    _ids_random = os.urandom(5)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def give_ids(documents: Sequence[Any]) -> list[Any]:
    """Give an ``_id`` to each document that has none; return all of them.

    Raw documents are left as they are, and out of what is returned, as in pymongo.
    The ids are made here at a third of what ObjectId() costs: that was a quarter
    of the time of an insert_many.
    """
    ids: list[Any] = []
    prefix, number = _take_ids(len(documents))
    for document in documents:
        if type(document) is not dict and not _takes_id(document):
            continue
        if "_id" in document:
            ids.append(document["_id"])
            continue
        document["_id"] = identity = ObjectId(prefix + (number & 0xFFFFFF).to_bytes(3, "big"))
        number += 1
        ids.append(identity)
    return ids


def _takes_id(document: Any) -> bool:
    """Whether a document that is no dict has an id, or can be given one."""
    if not isinstance(document, Mapping):
        raise TypeError(f"each document must be a mapping, not {type(document).__name__}")
    if isinstance(document, RawBSONDocument):
        return False
    if "_id" not in document and not isinstance(document, MutableMapping):
        raise TypeError("a document without an _id must be mutable, to be given one")
    return True


def has_write_errors(reply: bytes) -> bool:
    """Whether a reply has a field ``writeErrors``. A document inside may hold
    the same bytes: so a hit is a reason to decode, and a miss is certain."""
    return _WRITE_ERRORS in reply


class Inserter:
    """Sends documents in commands of a good size, and gathers what failed.

    While the library runs one command, the next is encoded: ``bson`` holds the
    GIL and the library does not.
    """

    def __init__(self, scope: Scope, template: Mapping[str, Any], ordered: bool) -> None:
        self._scope = scope
        self._template = dict(template)
        self._ordered = ordered
        self._encoded_documents = 0
        self._encoded_bytes = 0
        self.inserted = 0
        self.lsn: int | None = None
        self.errors: list[dict[str, Any]] = []

    def insert(self, documents: Sequence[Any]) -> None:
        """Insert documents that have their ids."""
        chunks = self._chunks(documents)
        start, count, payload = next(chunks)
        if count == len(documents) and len(payload) <= _SHORT_BYTES:
            connection = self._scope.connection
            reply = connection.library.command(connection.client, self._scope.db, payload)
            self._settle(reply, start, documents)
            return
        while True:
            job = self._start(payload)
            try:
                following = next(chunks, None)
            except BaseException:
                self._settle(job.result(), start, documents)
                raise
            self._settle(job.result(), start, documents)
            if following is None or (self._ordered and self.errors):
                return
            start, _, payload = following

    def _start(self, payload: bytes) -> Job:
        connection = self._scope.connection
        library = connection.library
        return Job(library, library.start(connection.client, self._scope.db, payload))

    def _chunks(self, documents: Sequence[Any]) -> Iterator[tuple[int, int, bytes]]:
        """Yield (index of the first document, number of them, command)."""
        start = 0
        while start < len(documents):
            count = min(self._count(documents[start]), len(documents) - start)
            count, payload = self._encode(documents, start, count)
            self._encoded_documents += count
            self._encoded_bytes += len(payload)
            yield start, count, payload
            start += count

    def _count(self, sample: Any) -> int:
        if not self._encoded_documents:
            size = len(encode(sample, codec_options=self._scope.codec))
            return max(1, min(_FIRST_DOCUMENTS, _MOST_BYTES // 2 // max(size, 1)))
        average = self._encoded_bytes // self._encoded_documents
        return max(1, min(_MOST_DOCUMENTS, _WANTED_BYTES // max(average, 1)))

    def _encode(self, documents: Sequence[Any], start: int, count: int) -> tuple[int, bytes]:
        while True:
            command = {**self._template, "documents": list(islice(documents, start, start + count))}
            payload = self._scope.encode(command)
            if len(payload) <= _MOST_BYTES or count == 1:
                return count, payload
            count //= 2

    def _settle(self, reply: bytes, start: int, documents: Sequence[Any]) -> None:
        answer = decode_reply(reply)
        self.inserted += answer["n"]
        self.lsn = answer.get("argonLSN", self.lsn)
        if has_write_errors(reply):
            for error in answer.get("writeErrors", []):
                index = error["index"] + start
                self.errors.append({**error, "index": index, "op": documents[index]})

    def check(self) -> None:
        """Raise BulkWriteError if a document was refused."""
        if self.errors:
            raise BulkWriteError(bulk_result(nInserted=self.inserted, writeErrors=self.errors))


def bulk_result(**fields: Any) -> dict[str, Any]:
    """Return what pymongo has in BulkWriteResult and in BulkWriteError."""
    return {
        "writeErrors": [],
        "writeConcernErrors": [],
        "nInserted": 0,
        "nUpserted": 0,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "upserted": [],
        **fields,
    }


class Bulk:
    """The operations of one ``bulk_write``.

    pymongo's operation objects (InsertOne, UpdateMany ...) add themselves to it
    by calling its ``add_`` methods, as they do with pymongo's own.
    """

    def __init__(self, scope: Scope, name: str, ordered: bool, common: Mapping[str, Any]) -> None:
        self._scope = scope
        self._name = name
        self._ordered = ordered
        self._common = dict(common)
        self._operations: list[tuple[str, Any]] = []
        self.result = bulk_result()

    def add_insert(self, document: Any) -> bool:
        """Add an insert."""
        give_ids([document])
        self._operations.append(("insert", document))
        return True

    def add_update(
        self,
        selector: Mapping[str, Any],
        update: Any,
        multi: bool | None,
        upsert: bool | None,
        collation: Any = None,
        array_filters: Any = None,
        hint: Any = None,
        sort: Any = None,
    ) -> None:
        """Add an update."""
        statement = without_none(
            {
                "q": selector,
                "u": update,
                "multi": bool(multi),
                "upsert": bool(upsert),
                "collation": collation_document(collation),
                "arrayFilters": array_filters,
                "hint": hint if hint is None else hint_value(hint),
                "sort": sort,
            }
        )
        self._operations.append(("update", statement))

    def add_replace(
        self,
        selector: Mapping[str, Any],
        replacement: Any,
        upsert: bool | None,
        collation: Any = None,
        hint: Any = None,
        sort: Any = None,
    ) -> None:
        """Add a replacement."""
        self.add_update(
            selector, replacement, False, upsert, collation=collation, hint=hint, sort=sort
        )

    def add_delete(
        self, selector: Mapping[str, Any], limit: int, collation: Any = None, hint: Any = None
    ) -> None:
        """Add a delete."""
        statement = without_none(
            {
                "q": selector,
                "limit": limit,
                "collation": collation_document(collation),
                "hint": hint if hint is None else hint_value(hint),
            }
        )
        self._operations.append(("delete", statement))

    def execute(self) -> dict[str, Any]:
        """Run the operations and return their result, or raise BulkWriteError."""
        for kind, indexes in self._runs():
            self._run(kind, indexes)
            if self._ordered and self.result["writeErrors"]:
                break
        if self.result["writeErrors"]:
            self.result["writeErrors"].sort(key=lambda error: error["index"])
            raise BulkWriteError(self.result)
        return self.result

    def _runs(self) -> Iterator[tuple[str, list[int]]]:
        """Group the operations: neighbours of one kind, or without an order all
        of one kind."""
        groups: list[tuple[str, list[int]]] = []
        for index, (kind, _) in enumerate(self._operations):
            if self._ordered:
                found = groups[-1] if groups and groups[-1][0] == kind else None
            else:
                found = next((group for group in groups if group[0] == kind), None)
            if found is None:
                groups.append((kind, [index]))
            else:
                found[1].append(index)
        for kind, indexes in groups:
            for start in range(0, len(indexes), _FIRST_DOCUMENTS):
                yield kind, indexes[start : start + _FIRST_DOCUMENTS]

    def _run(self, kind: str, indexes: list[int]) -> None:
        field = {"insert": "documents", "update": "updates", "delete": "deletes"}[kind]
        command = {
            kind: self._name,
            "ordered": self._ordered,
            **self._common,
            field: [self._operations[index][1] for index in indexes],
        }
        if kind == "insert":
            command.pop("let", None)
        reply = self._scope.run_long(command)
        self._add(kind, indexes, reply)

    def _add(self, kind: str, indexes: list[int], reply: Mapping[str, Any]) -> None:
        result = self.result
        if kind == "insert":
            result["nInserted"] += reply["n"]
        elif kind == "delete":
            result["nRemoved"] += reply["n"]
        else:
            upserted = reply.get("upserted", [])
            result["upserted"] += [
                {"index": indexes[entry["index"]], "_id": entry["_id"]} for entry in upserted
            ]
            result["nUpserted"] += len(upserted)
            result["nMatched"] += reply["n"] - len(upserted)
            result["nModified"] += reply["nModified"]
        for error in reply.get("writeErrors", []):
            index = indexes[error["index"]]
            result["writeErrors"].append(
                {**error, "index": index, "op": self._operations[index][1]}
            )


def single_error(reply: Mapping[str, Any]) -> ArgonError | None:
    """Return the error of a command with one write, or None."""
    errors = reply.get("writeErrors")
    return error_of_write(errors[0]) if errors else None
