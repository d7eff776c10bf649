"""Collections: pymongo's names, arguments and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from bson import CodecOptions

from ._byid import ById
from ._cursor import CommandCursor, Cursor
from ._errors import not_supported
from ._indexes import Indexes, ignoring_missing_namespace
from ._options import (
    DocumentT,
    check_mapping,
    collation_document,
    decode_batch,
    has_own_types,
    hint_value,
    sort_document,
    without_none,
)
from ._scope import Scope
from ._tables import html_facts
from ._transfer import Transfers
from ._watched import Watched
from ._writes import Writes

if TYPE_CHECKING:
    from ._branch import Branch
    from ._transaction import Transaction

_WRITING_STAGES = ("$out", "$merge")


class Collection(Writes[DocumentT], Indexes, Transfers, Watched[DocumentT]):
    """A collection of a branch, at its head or at a moment.

    Get one with ``branch["users"]`` or :meth:`Branch.get_collection`. Methods
    have pymongo's names, arguments and results; where they take a ``session``,
    it is a :class:`~argon.Transaction`. What :meth:`find` and :meth:`aggregate`
    return also has ``to_pandas()``, ``to_polars()`` and ``to_arrow()``.
    """

    def __init__(self, branch: Branch, name: str, codec_options: CodecOptions[Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be an instance of str, not {type(name).__name__}")
        self._branch = branch
        self._name = name
        self._scope = branch._scope_with(codec_options)
        self._own_types = has_own_types(codec_options)
        self._by_id: ById | None = None  # once it is asked for

    # -- what it is

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._name

    @property
    def full_name(self) -> str:
        """``project~branch.name``."""
        return f"{self._scope.db.decode()}.{self._name}"

    @property
    def branch(self) -> Branch:
        """The branch that the collection is of."""
        return self._branch

    @property
    def codec_options(self) -> CodecOptions[Any]:
        """How values become BSON and come back."""
        return self._scope.codec

    def with_options(self, codec_options: CodecOptions[Any] | None = None) -> Collection[Any]:
        """Return the same collection with other codec options."""
        return Collection(self._branch, self._name, codec_options or self.codec_options)

    __iter__ = None  # or iteration would ask for the collections 0, 1, 2 … for ever

    def __getitem__(self, name: str) -> Collection[DocumentT]:
        return Collection(self._branch, f"{self._name}.{name}", self.codec_options)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Collection):
            return self._branch == other._branch and self._name == other._name
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self._branch, self._name))

    def __repr__(self) -> str:
        return f"Collection({self._branch!r}, {self._name!r})"

    def _repr_html_(self) -> str:
        facts = {"view on": self.options().get("viewOn")}
        if facts["view on"] is None:  # a view has no indexes, and to count it is to run it
            facts = {"documents": f"{self.estimated_document_count():,}"}
            facts["indexes"] = ", ".join(self.index_information()) or "none"
        return html_facts(repr(self), facts) + self.find()._repr_html_()

    def __bool__(self) -> NoReturn:
        raise NotImplementedError(
            "Collection objects do not implement truth value testing: compare with None instead"
        )

    # -- reading

    def find(
        self,
        filter: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        skip: int = 0,
        limit: int = 0,
        no_cursor_timeout: bool = False,
        sort: Any = None,
        batch_size: int = 0,
        collation: Any = None,
        hint: Any = None,
        max_time_ms: int | None = None,
        max: Any = None,
        min: Any = None,
        return_key: bool | None = None,
        show_record_id: bool | None = None,
        comment: Any = None,
        session: Transaction | None = None,
        allow_disk_use: bool | None = None,
        let: Mapping[str, Any] | None = None,
    ) -> Cursor[DocumentT]:
        """Return a cursor over the documents that match the filter.

        The documents come in the order of their ``_id`` unless they are sorted.
        """
        if filter is not None:
            check_mapping("filter", filter)
        cursor: Cursor[DocumentT] = Cursor(
            self, filter, projection, skip, limit, sort, scope=self._scope.within(session)
        )
        cursor._options.update(
            without_none(
                {
                    "collation": collation_document(collation),
                    "hint": hint if hint is None else hint_value(hint),
                    "maxTimeMS": max_time_ms,
                    "max": max if max is None else sort_document(max),
                    "min": min if min is None else sort_document(min),
                    "returnKey": return_key,
                    "showRecordId": show_record_id,
                    "comment": comment,
                    "allowDiskUse": allow_disk_use,
                    "let": let,
                    "noCursorTimeout": no_cursor_timeout or None,
                }
            )
        )
        return cursor.batch_size(batch_size) if batch_size else cursor

    def find_one(self, filter: Any = None, *args: Any, **kwargs: Any) -> DocumentT | None:
        """Return the first document that matches, or None.

        A filter that is no mapping is an ``_id``: ``users.find_one(7)``. The other
        arguments are those of :meth:`find`.
        """
        query = filter
        if query is None:
            query = {}
        elif type(query) is not dict and not isinstance(query, Mapping):
            query = {"_id": query}
        if args or kwargs:
            return next(self.find(query, *args, **kwargs).limit(-1), None)
        # The short ways, without a cursor object. A look-up by _id cannot take
        # long, so it needs no budget of time either.
        scope = self._scope
        if len(query) == 1 and "_id" in query and scope.transaction is None:
            found: DocumentT | None = (self._by_id or self._finding_by_id()).find(query["_id"])
            if found is not NotImplemented:
                return found
        command = {"find": self._name, "filter": query, "limit": 1, "singleBatch": True}
        payload = scope.encode(command)
        if "_id" in query:
            reply = scope.connection.library.command(scope.connection.client, scope.db, payload)
        else:
            reply = scope.read_raw(payload)
        documents: list[DocumentT] = decode_batch(
            reply, "firstBatch", scope.codec, self._own_types
        )[1]
        return documents[0] if documents else None

    def _finding_by_id(self) -> ById:
        self._by_id = ById(self._scope, self._name)
        return self._by_id

    def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> CommandCursor[DocumentT]:
        """Run an aggregation pipeline.

        One that only reads runs when its first document, or its data frame, is
        asked for; one with ``$out`` or ``$merge`` has run when this returns.
        Other options are given by their MongoDB names: ``allowDiskUse=True``,
        ``batchSize=100``, ``maxTimeMS=5000``, ``hint=...``, ``collation=...``.
        """
        return aggregate(self._scope.within(session), self._name, pipeline, let, comment, kwargs)

    def _watch_in(self, session: Transaction | None) -> tuple[Scope, str | int, dict[str, Any]]:
        return self._scope.within(session), self._name, {}

    def count_documents(
        self,
        filter: Mapping[str, Any],
        session: Transaction | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> int:
        """Count the documents that match; options: skip, limit, hint, collation, maxTimeMS."""
        check_mapping("filter", filter)
        scope = self._scope.within(session)
        if scope.transaction is None and kwargs.get("limit", 1) > 0:
            command = {"count": self._name, "query": filter, "comment": comment, **kwargs}
            if command.get("hint") is not None:
                command["hint"] = hint_value(command["hint"])
            command["collation"] = collation_document(command.get("collation"))
            return int(scope.read(without_none(command))["n"])
        # MongoDB has no count in transactions, and counts to a limit of 0 as to none.
        stages: list[dict[str, Any]] = [{"$match": filter}]
        if skip := kwargs.pop("skip", None):
            stages.append({"$skip": skip})
        if (limit := kwargs.pop("limit", None)) is not None:
            stages.append({"$limit": limit})
        stages.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
        found = next(self.aggregate(stages, session, comment=comment, **kwargs), None)
        return int(found["n"]) if found else 0

    def estimated_document_count(self, comment: Any = None, **kwargs: Any) -> int:
        """Count all documents."""
        command = {"count": self._name, **kwargs, **without_none({"comment": comment})}
        return int(self._scope.read(command)["n"])

    def distinct(
        self,
        key: str,
        filter: Mapping[str, Any] | None = None,
        session: Transaction | None = None,
        comment: Any = None,
        hint: Any = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the different values of a key among the documents that match."""
        if not isinstance(key, str):
            raise TypeError(f"key must be an instance of str, not {type(key).__name__}")
        options = {**kwargs, "comment": comment}
        if hint is not None:
            options["hint"] = hint_value(hint)
        if "collation" in options:
            options["collation"] = collation_document(options["collation"])
        return self._distinct(key, filter or {}, options, session)

    def _distinct(
        self,
        key: str,
        filter: Mapping[str, Any],
        options: Mapping[str, Any],
        session: Transaction | None = None,
    ) -> list[Any]:
        command = {"distinct": self._name, "key": key, "query": filter}
        reply = self._scope.within(session).read({**command, **without_none(dict(options))})
        values: list[Any] = reply["values"]
        return values

    def find_raw_batches(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raw batches are not there: to_arrow() decodes nothing either."""
        raise not_supported("find_raw_batches()", "use find(...).to_arrow()")

    def aggregate_raw_batches(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raw batches are not there: to_arrow() decodes nothing either."""
        raise not_supported("aggregate_raw_batches()", "use aggregate(...).to_arrow()")

    # -- the collection as a whole

    def drop(self, session: Transaction | None = None, comment: Any = None) -> None:
        """Delete the collection and its indexes; its history stays."""
        command = {"drop": self._name, **without_none({"comment": comment})}
        with ignoring_missing_namespace():
            self._scope.within(session).run_long(command)

    def rename(
        self,
        new_name: str,
        session: Transaction | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Rename the collection; ``dropTarget=True`` replaces one of that name."""
        if not isinstance(new_name, str):
            raise TypeError(f"new_name must be an instance of str, not {type(new_name).__name__}")
        db = self._scope.db.decode()
        command = {"renameCollection": self.full_name, "to": f"{db}.{new_name}", **kwargs}
        scope = self._scope.within(session).on("admin")
        return scope.run_long({**command, **without_none({"comment": comment})})

    def options(self, session: Transaction | None = None, comment: Any = None) -> dict[str, Any]:
        """Return the options that the collection was created with."""
        found = list(self._branch.list_collections({"name": self._name}, session))
        options: dict[str, Any] = found[0].get("options", {}) if found else {}
        return options


def aggregate(
    scope: Scope,
    collection: str | int,
    pipeline: Sequence[Mapping[str, Any]],
    let: Mapping[str, Any] | None,
    comment: Any,
    options: Mapping[str, Any],
) -> CommandCursor[Any]:
    """Return the cursor of a pipeline, on a collection or on 1, the database."""
    if not isinstance(pipeline, (list, tuple)):
        raise TypeError(f"pipeline must be a list, not {type(pipeline).__name__}")
    command = {"aggregate": collection, "pipeline": list(pipeline), "cursor": {}, **options}
    if (size := command.pop("batchSize", None)) is not None:
        command["cursor"] = {"batchSize": size}
    if command.get("hint") is not None:
        command["hint"] = hint_value(command["hint"])
    command["collation"] = collation_document(command.get("collation"))
    command.update(let=let, comment=comment)
    writes = bool(pipeline) and any(stage in pipeline[-1] for stage in _WRITING_STAGES)
    name = collection if isinstance(collection, str) else "$cmd.aggregate"
    return CommandCursor(scope, name, without_none(command), writes=writes)
