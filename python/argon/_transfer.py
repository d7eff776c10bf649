"""Frames, files and servers into collections, and collections into files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Literal

from bson import encode

from ._options import decode_reply, projection_document, sort_document, without_none

if TYPE_CHECKING:
    from types import TracebackType

    from ._scope import Scope
    from ._transaction import Transaction

Format = Literal[
    "json",
    "jsonl",
    "ndjson",
    "csv",
    "tsv",
    "bson",
    "parquet",
    "arrow",
    "feather",
    "arrows",
    "dump",
    "archive",
]
Compression = Literal["none", "snappy", "gzip", "zstd", "brotli", "lz4"]
Mode = Literal["insert", "upsert", "replace"]
Source = str | os.PathLike[str] | IO[bytes]
Target = str | os.PathLike[str] | IO[bytes]

_ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What :meth:`Collection.insert_frame` did: ``lsn`` is of its last commit."""

    inserted_count: int
    lsn: int | None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did.

    ``errors`` has the first lines that failed ({line, excerpt, code, errmsg}),
    ``notes`` what one should know, ``collections`` what was read of a dump or a
    server, ``resumed`` how many documents earlier runs had imported.
    """

    imported: int
    failed: int
    lsn: int | None
    errors: list[Mapping[str, Any]]
    notes: list[str]
    collections: list[Mapping[str, Any]]
    resumed: int = 0

    @classmethod
    def _of(cls, reply: Mapping[str, Any]) -> ImportResult:
        return cls(
            int(reply["imported"]),
            int(reply["failed"]),
            int(reply["argonLSN"]) or None,
            list(reply.get("errors") or ()),
            list(reply.get("notes") or ()),
            list(reply.get("collections") or ()),
            int(reply.get("resumed", 0)),
        )


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export did."""

    exported: int
    bytes: int


class Transfers:
    """The methods of a collection that move many documents."""

    _name: str
    _scope: Scope

    def insert_frame(
        self,
        frame: Any,
        *,
        ordered: bool = True,
        nulls: bool = False,
        types: Mapping[str, str] | None = None,
        batch_rows: int | None = None,
        session: Transaction | None = None,
        progress: bool | None = None,
    ) -> FrameResult:
        """Insert the rows of a data frame as documents.

        It takes a pandas or Polars DataFrame, a pyarrow Table, RecordBatch or
        RecordBatchReader, and anything else with ``__arrow_c_stream__``. Structs
        become documents, lists arrays, times dates. A row without ``_id`` is given
        one. A null, which in pandas includes NaN and NaT, leaves its field out,
        or with ``nulls=True`` is written as null. ``types`` gives the BSON type of
        a column where its Arrow type does not tell: ``{"_id": "objectId"}`` for
        the texts that ``to_pandas()`` makes of ObjectIds.

        Each ``batch_rows`` rows are one commit, and memory is bounded by them.
        """
        from ._frames import stream_of

        scope = self._scope.within(session)
        stream = stream_of(frame)
        command = {"insert": self._name, "ordered": ordered}
        if stream is None:
            return self._insert_rows(scope, command, frame, nulls)
        options = without_none({"nulls": nulls, "types": types, "batchRows": batch_rows})
        connection = scope.connection
        with Bar(f"insert into {self._name}", progress) as bar:
            reply = connection.library.insert_arrow(
                connection.client,
                scope.db,
                scope.encode(command),
                stream,
                encode(options),
                bar.callback,
            )
        return self._frame_result(decode_reply(reply))

    def _insert_rows(
        self, scope: Scope, command: Mapping[str, Any], frame: Any, nulls: bool
    ) -> FrameResult:
        """Insert a pandas frame with objects that Arrow has no type for."""
        from ._bulk import Inserter, give_ids
        from ._frames import rows_of

        inserter = Inserter(scope, command, bool(command["ordered"]))
        rows = rows_of(frame, nulls)
        while documents := list(islice(rows, _ROWS_AT_A_TIME)):
            give_ids(documents)
            inserter.insert(documents)
            if inserter.errors and command["ordered"]:
                break
        inserter.check()
        return FrameResult(inserter.inserted, inserter.lsn)

    def _frame_result(self, reply: Mapping[str, Any]) -> FrameResult:
        if errors := reply.get("writeErrors"):
            from ._bulk import bulk_result
            from ._errors import BulkWriteError

            raise BulkWriteError(bulk_result(nInserted=int(reply["n"]), writeErrors=errors))
        lsn = reply.get("argonLSN")
        return FrameResult(int(reply["n"]), int(lsn) if lsn else None)

    def import_file(
        self,
        path: Source,
        *,
        format: Format | None = None,
        mode: Mode = "insert",
        atomic: bool = False,
        resume: bool = False,
        max_errors: int = 0,
        rejects: str | os.PathLike[str] | None = None,
        fields: Sequence[str] | None = None,
        types: Mapping[str, str] | None = None,
        nulls: Sequence[str] | None = None,
        write_nulls: bool = False,
        flat: bool = False,
        delimiter: str | None = None,
        batch_docs: int | None = None,
        progress: bool | None = None,
    ) -> ImportResult:
        """Import a file of Extended JSON, CSV, TSV, BSON, Parquet or Arrow.

        ``path`` may be a file object that is open for reading bytes, with
        ``format``. The format is else what the file's beginning or its name says;
        what gzip compressed is decompressed. Memory stays bounded::

            users.import_file("users.parquet")
            users.import_file("huge.jsonl", resume=True, max_errors=-1, rejects="bad.jsonl")

        A line that does not parse raises :class:`~argon.ImportFailed` with its
        number and content, unless ``max_errors`` allows for so many (-1: any
        number); ``rejects`` is a file for them, as they are. What was imported
        before an error stays, unless the import is ``atomic``: then all of it
        becomes visible at once, or nothing. With ``resume`` an import that was
        stopped, in whatever way, goes on exactly where it was when it is called
        again. ``mode`` is ``"insert"``, ``"upsert"`` (documents with the same
        ``_id`` are replaced), or ``"replace"`` (the collection is emptied first).

        ``types`` are the types of columns of CSV, Parquet and Arrow ({"n":
        "long"}), where nulls leave their fields out unless ``write_nulls``. For
        CSV: ``fields`` are the columns if the first line has no names, ``nulls``
        the texts that stand for no value; a dot in a column's name makes an
        embedded document unless ``flat``.
        """
        command = {
            "collection": self._name,
            "format": format,
            "mode": mode,
            "atomic": atomic or None,
            "resume": resume or None,
            "maxErrors": max_errors or None,
            "rejects": None if rejects is None else os.path.expanduser(rejects),
            "fields": None if fields is None else list(fields),
            "types": types,
            "nulls": None if nulls is None else list(nulls),
            "writeNulls": write_nulls or None,
            "flat": flat or None,
            "delimiter": delimiter,
            "batchDocs": batch_docs,
        }
        return import_source(self._scope, path, command, progress)

    def export_file(
        self,
        path: Target,
        *,
        format: Format | None = None,
        filter: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        sort: Any = None,
        limit: int = 0,
        history: bool = False,
        canonical: bool = False,
        array: bool = False,
        fields: Sequence[str] | None = None,
        delimiter: str | None = None,
        compression: Compression | None = None,
        progress: bool | None = None,
    ) -> ExportResult:
        """Export documents to a file of Extended JSON lines, CSV, TSV, BSON, Parquet
        or Arrow, compressed with gzip if its name ends in ``.gz``.

        ``path`` may be a file object that is open for writing bytes, with
        ``format``. Exporting a branch :meth:`~argon.Branch.at` a moment exports the
        documents of that moment, and ``history`` every state of every document,
        with ``_lsn``, ``_time``, ``_op`` and ``_actor``. The file appears once it is
        whole. ``canonical`` JSON keeps every type; ``array`` makes one array of it;
        ``fields`` are the columns of a CSV; ``compression`` is that of Parquet
        (``"snappy"`` unless given) and of Arrow.
        """
        command = {
            "collection": self._name,
            "format": format,
            "filter": filter,
            "projection": projection_document(projection),
            "sort": None if sort is None else sort_document(sort),
            "limit": limit or None,
            "history": history or None,
            "canonical": canonical or None,
            "array": array or None,
            "fields": None if fields is None else list(fields),
            "delimiter": delimiter,
            "compression": compression,
        }
        return export_target(self._scope, path, command, progress)


def import_source(
    scope: Scope, source: Source, options: Mapping[str, Any], progress: bool | None
) -> ImportResult:
    """Import a file, a dump, or what a file object reads."""
    if isinstance(source, (str, os.PathLike)):
        command = {"argonImport": os.path.expanduser(source), **options}
        reply = run_transfer(scope, command, f"import {source}", progress)
        return ImportResult._of(reply)
    if not callable(getattr(source, "read", None)):
        raise TypeError(f"a path or a file object, not {type(source).__name__}")
    if options.get("format") is None:
        raise ValueError("say which format the file object has: format=")
    if options.get("resume"):
        raise ValueError("only the import of a file that has a path can be resumed")
    if options.get("collection") is None and options["format"] not in ("dump", "archive"):
        raise ValueError("say which collection the file object goes to: collection=")
    with _temporary() as path:
        with open(path, "wb") as copy:
            for chunk in iter(lambda: source.read(_CHUNK), b""):
                if not isinstance(chunk, bytes):
                    raise TypeError("the file object reads text: open it for reading bytes")
                copy.write(chunk)
        command = {"argonImport": path, **options}
        return ImportResult._of(run_transfer(scope, command, "import", progress))


def export_target(
    scope: Scope, target: Target, options: Mapping[str, Any], progress: bool | None
) -> ExportResult:
    """Export to a file, or to what a file object writes."""
    if isinstance(target, (str, os.PathLike)):
        command = {"argonExport": os.path.expanduser(target), **options}
        reply = run_transfer(scope, command, f"export {target}", progress)
        return ExportResult(int(reply["exported"]), int(reply["bytes"]))
    if not callable(getattr(target, "write", None)):
        raise TypeError(f"a path or a file object, not {type(target).__name__}")
    if options.get("format") in (None, "dump"):
        raise ValueError("say which format the file object shall have: format=")
    with _temporary() as path:
        reply = run_transfer(scope, {"argonExport": path, **options}, "export", progress)
        with open(path, "rb") as whole:
            shutil.copyfileobj(whole, target, _CHUNK)
    return ExportResult(int(reply["exported"]), int(reply["bytes"]))


_CHUNK = 1 << 20


@contextmanager
def _temporary() -> Iterator[str]:
    """A path in a directory that goes again."""
    with tempfile.TemporaryDirectory(prefix="argon-") as directory:
        yield os.path.join(directory, "file")


def import_mongodb(
    scope: Scope, uri: str, progress: bool | None, options: Mapping[str, Any]
) -> ImportResult:
    """Read a MongoDB database once, into a branch."""
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("the uri of a MongoDB server begins with mongodb:// or mongodb+srv://")
    command = {"argonImport": uri, **options}
    return ImportResult._of(run_transfer(scope, command, "import from MongoDB", progress))


def run_transfer(
    scope: Scope, command: Mapping[str, Any], title: str, progress: bool | None
) -> dict[str, Any]:
    """Run a long command under a progress bar."""
    with Bar(title, progress) as bar:
        return scope.run_long(without_none(dict(command)), bar.callback)


class Bar:
    """A progress bar: tqdm's if it is installed, else a line on standard error.

    ``show=None`` shows it where someone looks: on a terminal, or in Jupyter.
    """

    def __init__(self, title: str, show: bool | None) -> None:
        self._title = title
        self._show = _someone_looks() if show is None else show
        self._tqdm: Any = None
        self._last = ""

    @property
    def callback(self) -> Any:
        """What a job calls with its progress, or None."""
        return self._update if self._show else None

    def _update(self, document: bytes) -> None:
        state = decode_reply(document)
        if "done" not in state:
            return
        done, total, unit = int(state["done"]), state.get("total"), state.get("unit", "documents")
        if self._tqdm is None and not self._last:
            self._tqdm = _new_tqdm(self._title, total, unit)
        if self._tqdm is not None:
            if total:
                self._tqdm.total = int(total)
            self._tqdm.update(done - self._tqdm.n)
            return
        share = f" of {int(total):,}" if total else ""
        self._write(f"{self._title}: {done:,}{share} {unit}")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(len(self._last)))
        sys.stderr.flush()
        self._last = line

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._last:
            sys.stderr.write("\n")


def _someone_looks() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


def _new_tqdm(title: str, total: Any, unit: str) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(desc=title, total=int(total) if total else None, unit=f" {unit}", unit_scale=True)
