"""The writing half of a collection, by pymongo's names, arguments and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.errors import InvalidOperation
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

from ._bulk import Bulk, Inserter, give_ids, has_write_errors, single_error
from ._options import (
    DocumentT,
    check_mapping,
    check_replacement,
    check_update,
    collation_document,
    decode_reply,
    hint_value,
    projection_document,
    sort_document,
    without_none,
)

if TYPE_CHECKING:
    from ._scope import Scope
    from ._transaction import Transaction


class Writes(Generic[DocumentT]):
    """The methods of a collection that write documents."""

    _name: str
    _scope: Scope
    _own_types: bool

    # -- inserting

    def insert_one(
        self,
        document: Any,
        bypass_document_validation: bool | None = None,
        session: Transaction | None = None,
        comment: Any = None,
    ) -> InsertOneResult:
        """Insert a document. One without an ``_id`` is given one."""
        if type(document) is not dict:
            check_mapping("document", document)
        if isinstance(document, RawBSONDocument):
            identity = None  # as in pymongo: finding it out would decode the document
        elif "_id" in document:
            identity = document["_id"]
        else:
            identity = document["_id"] = ObjectId()
        command = {"insert": self._name, "documents": [document], "ordered": True}
        if bypass_document_validation is not None:
            command["bypassDocumentValidation"] = bypass_document_validation
        if comment is not None:
            command["comment"] = comment
        scope = self._scope if session is None else self._scope.within(session)
        connection = scope.connection
        reply = connection.library.command(connection.client, scope.db, scope.encode(command))
        if has_write_errors(reply) and (error := single_error(decode_reply(reply))) is not None:
            raise error
        return InsertOneResult(identity, True)

    def insert_many(
        self,
        documents: Sequence[Any],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Transaction | None = None,
        comment: Any = None,
    ) -> InsertManyResult:
        """Insert documents. Those without an ``_id`` are given one.

        Up to 1,000 documents are one commit; more are split into several. With
        ``ordered=True`` the first that is refused ends it; otherwise all the
        others are inserted. Either raises :class:`~argon.BulkWriteError`.
        """
        if isinstance(documents, (str, bytes, Mapping)) or not documents:
            raise TypeError("documents must be a non-empty list")
        documents = documents if isinstance(documents, list) else list(documents)
        identities = give_ids(documents)
        template = {
            "insert": self._name,
            "ordered": ordered,
            **without_none(
                {"bypassDocumentValidation": bypass_document_validation, "comment": comment}
            ),
        }
        inserter = Inserter(self._scope.within(session), template, ordered)
        inserter.insert(documents)
        inserter.check()
        return InsertManyResult(identities, True)

    # -- updating and deleting

    def replace_one(
        self,
        filter: Mapping[str, Any],
        replacement: Mapping[str, Any],
        upsert: bool = False,
        bypass_document_validation: bool | None = None,
        collation: Any = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        sort: Any = None,
        comment: Any = None,
    ) -> UpdateResult:
        """Replace the first document that matches."""
        check_replacement(replacement)
        statement = _update_statement(filter, replacement, False, upsert, collation, hint, sort)
        options = _write_options(bypass_document_validation, let, comment)
        return self._update(statement, options, session)

    def update_one(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        upsert: bool = False,
        bypass_document_validation: bool | None = None,
        collation: Any = None,
        array_filters: Sequence[Mapping[str, Any]] | None = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        sort: Any = None,
        comment: Any = None,
    ) -> UpdateResult:
        """Update the first document that matches."""
        check_update(update)
        statement = _update_statement(
            filter, update, False, upsert, collation, hint, sort, array_filters
        )
        options = _write_options(bypass_document_validation, let, comment)
        return self._update(statement, options, session)

    def update_many(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        upsert: bool = False,
        array_filters: Sequence[Mapping[str, Any]] | None = None,
        bypass_document_validation: bool | None = None,
        collation: Any = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
    ) -> UpdateResult:
        """Update every document that matches, in one commit."""
        check_update(update)
        statement = _update_statement(
            filter, update, True, upsert, collation, hint, None, array_filters
        )
        options = _write_options(bypass_document_validation, let, comment)
        return self._update(statement, options, session)

    def _update(
        self, statement: dict[str, Any], options: dict[str, Any], session: Transaction | None
    ) -> UpdateResult:
        command = {"update": self._name, "updates": [statement], "ordered": True, **options}
        scope = self._scope.within(session)
        result = scope.run_long(command) if _is_long(statement) else scope.run(command)
        if (error := single_error(result)) is not None:
            raise error
        if result.get("upserted"):
            result["upserted"] = result["upserted"][0]["_id"]
        result["updatedExisting"] = "upserted" not in result and result["n"] > 0
        return UpdateResult(result, True)

    def delete_one(
        self,
        filter: Mapping[str, Any],
        collation: Any = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
    ) -> DeleteResult:
        """Delete the first document that matches."""
        return self._delete(filter, 1, collation, hint, session, let, comment)

    def delete_many(
        self,
        filter: Mapping[str, Any],
        collation: Any = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
    ) -> DeleteResult:
        """Delete every document that matches, in one commit."""
        return self._delete(filter, 0, collation, hint, session, let, comment)

    def _delete(
        self,
        filter: Mapping[str, Any],
        limit: int,
        collation: Any,
        hint: Any,
        session: Transaction | None,
        let: Mapping[str, Any] | None,
        comment: Any,
    ) -> DeleteResult:
        check_mapping("filter", filter)
        statement = without_none(
            {
                "q": filter,
                "limit": limit,
                "collation": collation_document(collation),
                "hint": hint if hint is None else hint_value(hint),
            }
        )
        options = _write_options(None, let, comment)
        command = {"delete": self._name, "deletes": [statement], "ordered": True, **options}
        scope = self._scope.within(session)
        result = scope.run_long(command) if _is_long(statement) else scope.run(command)
        if (error := single_error(result)) is not None:
            raise error
        return DeleteResult(result, True)

    def bulk_write(
        self,
        requests: Sequence[Any],
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Transaction | None = None,
        comment: Any = None,
        let: Mapping[str, Any] | None = None,
    ) -> BulkWriteResult:
        """Run pymongo's write operations: InsertOne, UpdateOne, UpdateMany,
        ReplaceOne, DeleteOne and DeleteMany.

        It is no transaction: neighbours of one kind are one commit, or, with
        ``ordered=False``, all of one kind.
        """
        if not isinstance(requests, Sequence):
            raise TypeError(f"requests must be a list, not {type(requests).__name__}")
        if not requests:
            raise InvalidOperation("No operations to execute")
        options = _write_options(bypass_document_validation, let, comment)
        bulk = Bulk(self._scope.within(session), self._name, ordered, options)
        for request in requests:
            if not hasattr(request, "_add_to_bulk"):
                raise TypeError(f"{request!r} is not a valid request")
            request._add_to_bulk(bulk)
        return BulkWriteResult(bulk.execute(), True)

    # -- find and modify

    def find_one_and_update(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        sort: Any = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Mapping[str, Any]] | None = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> DocumentT | None:
        """Update the first document that matches, and return it as it was, or
        with ``return_document=ReturnDocument.AFTER`` as it is now."""
        check_update(update)
        fields = {
            "update": update,
            "upsert": upsert,
            "new": bool(return_document),
            "arrayFilters": array_filters,
        }
        return self._modify(filter, projection, sort, hint, session, let, comment, fields, kwargs)

    def find_one_and_replace(
        self,
        filter: Mapping[str, Any],
        replacement: Mapping[str, Any],
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        sort: Any = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> DocumentT | None:
        """Replace the first document that matches, and return it as it was, or
        with ``return_document=ReturnDocument.AFTER`` as it is now."""
        check_replacement(replacement)
        fields = {"update": replacement, "upsert": upsert, "new": bool(return_document)}
        return self._modify(filter, projection, sort, hint, session, let, comment, fields, kwargs)

    def find_one_and_delete(
        self,
        filter: Mapping[str, Any],
        projection: Mapping[str, Any] | Sequence[str] | None = None,
        sort: Any = None,
        hint: Any = None,
        session: Transaction | None = None,
        let: Mapping[str, Any] | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> DocumentT | None:
        """Delete the first document that matches, and return it."""
        fields = {"remove": True}
        return self._modify(filter, projection, sort, hint, session, let, comment, fields, kwargs)

    def _modify(
        self,
        filter: Mapping[str, Any],
        projection: Any,
        sort: Any,
        hint: Any,
        session: Transaction | None,
        let: Any,
        comment: Any,
        fields: Mapping[str, Any],
        kwargs: Mapping[str, Any],
    ) -> DocumentT | None:
        check_mapping("filter", filter)
        command = {
            "findAndModify": self._name,
            "query": filter,
            "fields": projection_document(projection),
            "sort": sort if sort is None else sort_document(sort),
            "hint": hint if hint is None else hint_value(hint),
            "let": let,
            "comment": comment,
            **fields,
            **kwargs,
        }
        command["collation"] = collation_document(command.get("collation"))
        scope = self._scope.within(session)
        connection = scope.connection
        library = connection.library
        call = library.command if "_id" in filter else library.command_long
        reply = call(connection.client, scope.db, scope.encode(without_none(command)))
        if not self._own_types:
            found: DocumentT | None = decode_reply(reply, scope.codec).get("value")
            return found
        raw = RawBSONDocument(reply).get("value")
        return None if raw is None else decode_reply(raw.raw, scope.codec)


def _is_long(statement: Mapping[str, Any]) -> bool:
    """Whether a write may look at many documents: it does not name one by _id."""
    return "_id" not in statement["q"]


def _update_statement(
    filter: Mapping[str, Any],
    update: Any,
    multi: bool,
    upsert: bool,
    collation: Any,
    hint: Any,
    sort: Any,
    array_filters: Any = None,
) -> dict[str, Any]:
    check_mapping("filter", filter)
    statement: dict[str, Any] = {"q": filter, "u": update}
    if multi:
        statement["multi"] = True
    if upsert:
        statement["upsert"] = True
    if collation is not None:
        statement["collation"] = collation_document(collation)
    if array_filters is not None:
        statement["arrayFilters"] = array_filters
    if hint is not None:
        statement["hint"] = hint_value(hint)
    if sort is not None:
        statement["sort"] = sort_document(sort)
    return statement


def _write_options(bypass: bool | None, let: Any, comment: Any) -> dict[str, Any]:
    return without_none({"bypassDocumentValidation": bypass, "let": let, "comment": comment})
