"""Indexes of a collection, by pymongo's names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pymongo.operations import IndexModel

from ._cursor import CommandCursor
from ._errors import NotFound
from ._options import sort_document, without_none

if TYPE_CHECKING:
    from ._scope import Scope
    from ._transaction import Transaction

_NAMESPACE_NOT_FOUND = 26


@contextlib.contextmanager
def ignoring_missing_namespace() -> Iterator[None]:
    """Let pass that a collection is not there, where pymongo does."""
    try:
        yield
    except NotFound as error:
        if error.code != _NAMESPACE_NOT_FOUND:
            raise


class Indexes:
    """The methods of a collection that concern its indexes."""

    _name: str
    _scope: Scope

    def create_index(
        self, keys: Any, session: Transaction | None = None, comment: Any = None, **kwargs: Any
    ) -> str:
        """Create an index and return its name.

        ``keys`` is a name, or a list of names and (name, direction) pairs;
        options are pymongo's: ``name``, ``unique``, ``sparse``,
        ``partialFilterExpression``.
        """
        return self.create_indexes([IndexModel(keys, **kwargs)], session, comment)[0]

    def create_indexes(
        self,
        indexes: Sequence[IndexModel],
        session: Transaction | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> list[str]:
        """Create several indexes and return their names."""
        documents = []
        for index in indexes:
            if not isinstance(index, IndexModel):
                raise TypeError(f"{index!r} is not an instance of pymongo.operations.IndexModel")
            documents.append(dict(index.document))
        command = {"createIndexes": self._name, "indexes": documents, **kwargs}
        self._scope.within(session).run_long({**command, **without_none({"comment": comment})})
        return [document["name"] for document in documents]

    def list_indexes(
        self, session: Transaction | None = None, comment: Any = None
    ) -> CommandCursor[dict[str, Any]]:
        """Return a cursor over the definitions of the indexes."""
        command = {"listIndexes": self._name, "cursor": {}, **without_none({"comment": comment})}
        return CommandCursor(self._scope.within(session), self._name, command)

    def index_information(
        self, session: Transaction | None = None, comment: Any = None
    ) -> dict[str, Any]:
        """Return the definitions by the names of the indexes.

        Of a collection that is not there it is empty, as in pymongo.
        """
        indexes: list[dict[str, Any]] = []
        with ignoring_missing_namespace():
            indexes = list(self.list_indexes(session, comment))
        information = {}
        for index in indexes:
            definition = dict(index)
            definition["key"] = list(definition["key"].items())
            information[definition.pop("name")] = definition
        return information

    def drop_index(
        self,
        index_or_name: str | Sequence[Any] | Mapping[str, Any],
        session: Transaction | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> None:
        """Drop an index, given by its name or its keys."""
        index = index_or_name if isinstance(index_or_name, str) else sort_document(index_or_name)
        command = {"dropIndexes": self._name, "index": index, **kwargs}
        self._scope.within(session).run_long({**command, **without_none({"comment": comment})})

    def drop_indexes(
        self, session: Transaction | None = None, comment: Any = None, **kwargs: Any
    ) -> None:
        """Drop every index but that of ``_id``."""
        with ignoring_missing_namespace():
            self.drop_index("*", session, comment, **kwargs)
