"""What has changes to follow: a collection, a branch, a project, a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from bson import Timestamp

from ._moments import Moment, moment_text
from ._options import DocumentT, collation_document, without_none

if TYPE_CHECKING:
    from ._scope import Scope
    from ._transaction import Transaction
    from ._watch import ChangeStream


class Watched(Generic[DocumentT]):
    """Gives :meth:`watch` to what has changes. Change streams come when they are
    first used: they need more of pymongo than opening a store does."""

    def _watch_in(self, session: Transaction | None) -> tuple[Scope, str | int, dict[str, Any]]:
        """Return where a stream runs, on what, and the fields that its stage needs."""
        raise NotImplementedError

    def watch(
        self,
        pipeline: Sequence[Mapping[str, Any]] | None = None,
        full_document: str | None = None,
        resume_after: Mapping[str, Any] | None = None,
        max_await_time_ms: int | None = None,
        batch_size: int | None = None,
        collation: Any = None,
        start_at_operation_time: Timestamp | None = None,
        session: Transaction | None = None,
        start_after: Mapping[str, Any] | None = None,
        comment: Any = None,
        full_document_before_change: str | None = None,
        show_expanded_events: bool | None = None,
        *,
        start_at: Moment | None = None,
    ) -> ChangeStream[DocumentT]:
        """Follow the changes of a collection, of a branch, of all branches of a
        project, or of all projects; see :class:`~argon.ChangeStream`.

        Arguments and events are pymongo's. ``start_at`` is Argon's: the stream
        begins behind that moment (an LSN, a time, a tag, -3), however long ago
        it was; 0 is the very beginning. An event's ``fullDocument`` is the document
        as the change left it, ``fullDocumentBeforeChange`` the one that it found:
        both are there for every change. A merge, an undo and a restore come as the
        changes that they make to the branch. ``ns["db"]`` says which branch:
        ``project~branch``.
        """
        from ._watch import ChangeStream

        scope, target, stage = self._watch_in(session)
        stage |= {
            "fullDocument": full_document,
            "fullDocumentBeforeChange": full_document_before_change,
            "resumeAfter": resume_after,
            "startAfter": start_after,
            "startAtOperationTime": start_at_operation_time,
            "showExpandedEvents": show_expanded_events,
            "argonSince": None if start_at is None else moment_text(start_at),
        }
        options = {"collation": collation_document(collation), "comment": comment}
        return ChangeStream(
            scope,
            target,
            pipeline,
            without_none(stage),
            max_await_time_ms,
            batch_size,
            without_none(options),
        )
