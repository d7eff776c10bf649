"""What a branch takes in from files and servers, and gives out to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._collection import Collection
    from ._scope import Scope
    from ._transfer import ExportResult, Format, ImportResult, Mode, Source, Target


class BranchFiles:
    """The methods of a branch that import and export."""

    _scope: Scope

    def get_collection(self, name: str) -> Collection[Any]:
        raise NotImplementedError

    def import_file(
        self,
        path: Source,
        collection: str | None = None,
        *,
        format: Format | None = None,
        mode: Mode = "insert",
        atomic: bool = False,
        resume: bool = False,
        max_errors: int = 0,
        rejects: str | os.PathLike[str] | None = None,
        database: str | None = None,
        collections: Sequence[str] | None = None,
        batch_docs: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> ImportResult:
        """Import a file into a collection of the branch, or a dump of mongodump into
        the branch: its collections with their options and indexes, and its views.

        ``path`` is a file of Extended JSON, CSV, TSV, BSON, Parquet or Arrow, or an
        archive or a directory of mongodump, or a file object that is open for
        reading bytes, with ``format``. A file goes to ``collection``, or else to the
        one that it is named after; of a dump, ``database`` and ``collections`` say
        what to read::

            main.import_file("users.parquet")
            main.import_file("dump/", atomic=True)

        All other options are those of :meth:`Collection.import_file`.
        """
        from ._transfer import import_source

        if isinstance(path, (str, os.PathLike)) and collection is None and options:
            name = Path(path)
            collection = Path(name.stem).stem if name.suffix == ".gz" else name.stem
        if collection is not None and database is None and collections is None:
            return self.get_collection(collection).import_file(
                path,
                format=format,
                mode=mode,
                atomic=atomic,
                resume=resume,
                max_errors=max_errors,
                rejects=rejects,
                batch_docs=batch_docs,
                progress=progress,
                **options,
            )
        if options:
            raise TypeError(f"import_file() has no option {next(iter(options))!r} for a dump")
        command = {
            "collection": collection,
            "format": format,
            "mode": mode,
            "atomic": atomic or None,
            "resume": resume or None,
            "maxErrors": max_errors or None,
            "rejects": None if rejects is None else os.path.expanduser(rejects),
            "database": database,
            "collections": None if collections is None else list(collections),
            "batchDocs": batch_docs,
        }
        return import_source(self._scope, path, command, progress)

    def export_file(
        self,
        path: Target,
        *,
        collection: str | None = None,
        format: Format | None = None,
        collections: Sequence[str] | None = None,
        database: str | None = None,
        gzip: bool = False,
        progress: bool | None = None,
        **options: Any,
    ) -> ExportResult:
        """Export a collection of the branch, or the branch as a dump of mongodump.

        With a ``collection`` it is :meth:`Collection.export_file`, with its options.
        Without one, ``format`` is ``"dump"`` (``path`` is a directory) or
        ``"archive"``: all of the branch, or ``collections`` of it, with their
        options and indexes, and the views, at one commit, as ``mongorestore`` reads
        it. ``database`` is the name it has in the dump, the project's unless
        given::

            main.at("v1").export_file("dump", format="dump", gzip=True)
            main.export_file("users.parquet", collection="users", history=True)
        """
        from ._transfer import export_target

        if collection is not None:
            return self.get_collection(collection).export_file(
                path, format=format, progress=progress, **options
            )
        if options:
            raise TypeError(f"export_file() has no option {next(iter(options))!r} for a dump")
        command = {
            "format": format,
            "collections": None if collections is None else list(collections),
            "database": database,
            "gzip": gzip or None,
        }
        return export_target(self._scope, path, command, progress)

    def import_mongodb(
        self,
        uri: str,
        *,
        database: str | None = None,
        collections: Sequence[str] | None = None,
        mode: Mode = "insert",
        max_errors: int = 0,
        snapshot: bool = True,
        parallel: int | None = None,
        batch_docs: int | None = None,
        progress: bool | None = None,
    ) -> ImportResult:
        """Read a MongoDB database once into the branch: its collections with their
        options and indexes, and its views.

        ``uri`` names the database, ``mongodb://host/shop``, unless ``database``
        does. All collections are read at one moment where the server can do that,
        unless ``snapshot=False``. Memory stays bounded whatever their size.
        """
        from ._transfer import import_mongodb

        options = {
            "database": database,
            "collections": None if collections is None else list(collections),
            "mode": mode,
            "maxErrors": max_errors or None,
            "noSnapshot": None if snapshot else True,
            "parallel": parallel,
            "batchDocs": batch_docs,
        }
        return import_mongodb(self._scope, uri, progress, options)
