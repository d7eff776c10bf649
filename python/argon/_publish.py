"""Writing branches to a live MongoDB, and bringing one back to a past moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ._merge import MISSING, Change
from ._options import without_none
from ._tables import Rows, html_facts, html_table

if TYPE_CHECKING:
    import pandas as pd

    from ._client import Client
    from ._scope import Scope

_SHOWN_ROWS = 20

Guard = Literal["fields", "document"]


@dataclass(frozen=True, slots=True)
class PublishChange:
    """A document that a publish would write.

    ``status`` is "apply", "already" where the live document is as it shall be, or
    "conflict".
    """

    collection: str
    id: Any
    op: str
    status: str
    changes: tuple[Change, ...]
    before: Any
    after: Any

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> PublishChange:
        changes = tuple(
            Change(change["path"], change.get("before", MISSING), change.get("after", MISSING))
            for change in document["changes"]
        )
        return cls(
            document["collection"],
            document["_id"],
            document["op"],
            document["status"],
            changes,
            document.get("before"),
            document.get("after"),
        )

    def _record(self) -> dict[str, Any]:
        shown = ", ".join(f"{c.path}: {c.before!r} → {c.after!r}" for c in self.changes)
        return {
            "collection": self.collection,
            "_id": self.id,
            "op": self.op,
            "status": self.status,
            "changes": shown,
        }


@dataclass(frozen=True, slots=True)
class LiveConflict:
    """What keeps something from being written to a live MongoDB.

    ``expected`` is what the base had at ``path`` ("" is the whole document),
    ``found`` what the live document has, ``wanted`` what the branch has;
    :data:`MISSING` where there is nothing. ``kind`` is "changed", "missing",
    "exists", "refused", "duplicateKey", "unknown", "collection" or "catalog".
    """

    n: int
    collection: str
    id: Any
    op: str
    kind: str
    path: str
    expected: Any
    found: Any
    wanted: Any
    message: str
    info: Any

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> LiveConflict:
        return cls(
            document["n"],
            document["collection"],
            document.get("_id"),
            document["op"],
            document["kind"],
            document["path"],
            document.get("expected", MISSING),
            document.get("found", MISSING),
            document.get("wanted", MISSING),
            document["message"],
            document.get("errInfo"),
        )


class _Report:
    """What plans and results of a publish have in common."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self.id: str | None = reply.get("id")
        self.kind: str = reply["kind"]
        self.state: str = reply["state"]
        self.target: str = reply["target"]
        self.database: str = reply["database"]
        self.branch: str = reply["branch"]
        self.base: str = reply["base"]
        self.base_lsn = int(reply["baseLSN"])
        self.lsn = int(reply["lsn"])
        self.guard: str = reply["guard"]
        self.transport: str = reply["transport"]
        self.counts: dict[str, int] = {name: int(n) for name, n in reply["counts"].items()}
        self.catalog = Rows(
            (dict(action) for action in reply["catalog"]), "collections and indexes"
        )
        self.changes = Rows((PublishChange._of(c) for c in reply.get("changes", ())), "changes")
        self.conflicts = Rows((LiveConflict._of(c) for c in reply["conflicts"]), "conflicts")
        self.notes: list[str] = list(reply["notes"])
        self.truncated: bool = reply["truncated"]

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame: of a plan its changes, of a result its conflicts."""
        rows: Rows[Any] = self.changes if self.state == "plan" else self.conflicts
        return rows.to_pandas()

    def _title(self) -> str:
        return f"{self.kind} of {self.branch} to {self.target} ({self.database}): {self.state}"

    def _repr_html_(self) -> str:
        parts = [html_facts(self._title(), {k: n for k, n in self.counts.items() if n})]
        if self.catalog:
            shown = ("collection", "name", "op", "status", "message")
            rows = [{k: a[k] for k in shown if k in a} for a in self.catalog[:_SHOWN_ROWS]]
            parts.append(html_table(rows, self.catalog.title, len(self.catalog)))
        if self.changes:
            parts.append(self.changes._repr_html_())
        if self.conflicts:
            parts.append(self.conflicts._repr_html_())
        return "".join(parts)

    def __repr__(self) -> str:
        counts = {name: n for name, n in self.counts.items() if n}
        return f"<{type(self).__name__} {self._title()}, {counts}>"


class PublishPlan(_Report):
    """What a publish would write, and what of it is in conflict.

    ``changes`` lists the documents (the first 1,000 unless ``limit`` says more),
    ``catalog`` the collections and indexes, ``conflicts`` what the live MongoDB
    has that the base had not.
    """

    def __init__(
        self, scope: Scope, command: Mapping[str, Any], reply: Mapping[str, Any], title: str
    ) -> None:
        super().__init__(reply)
        self._scope = scope
        self._command = dict(command)
        self._progress_title = title

    def apply(
        self, *, skip_conflicts: bool | None = None, progress: bool | None = None
    ) -> PublishResult:
        """Write it, compared with the live MongoDB once more."""
        command = dict(self._command)
        if skip_conflicts is not None:
            command["skipConflicts"] = skip_conflicts
        return run_publish(self._scope, command, self._progress_title, progress)


class PublishResult(_Report):
    """What a publish wrote. ``id`` is its name in the store's journal."""

    def __init__(self, scope: Scope, uri: str, reply: Mapping[str, Any]) -> None:
        super().__init__(reply)
        self._scope = scope
        self._uri = uri

    def rollback(self) -> PublishResult:
        """Take back what was written, from the pre-images. What others wrote since
        stays: it is in the result's ``conflicts``."""
        if self.id is None:
            raise ValueError("nothing was written")
        reply = self._scope.connection.run_long(
            "admin", {"argonPublishRollback": self.id, "target": self._uri}
        )
        return PublishResult(self._scope, self._uri, reply)


class Publishes:
    """The publishes in the store's journal: ``client.publishes``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> Rows[dict[str, Any]]:
        """List them, oldest first."""
        reply = self._client.command("argonPublishList")
        return Rows((dict(p) for p in reply["publishes"]), "publishes")

    def resume(
        self, id: str, uri: str | None = None, *, skip_conflicts: bool = False
    ) -> dict[str, Any]:
        """Go on with one that was cut off. ``uri`` is needed where the connection
        string had a password, which is not kept."""
        options = without_none({"target": uri, "skipConflicts": skip_conflicts or None})
        return self._client.command({"argonPublishResume": id, **options})

    def rollback(self, id: str, uri: str | None = None) -> dict[str, Any]:
        """Take back what one wrote; what others wrote since stays."""
        return self._client.command({"argonPublishRollback": id, **without_none({"target": uri})})

    def forget(self, id: str) -> None:
        """Remove one from the journal."""
        self._client.command({"argonPublishForget": id})

    def _repr_html_(self) -> str:
        columns = ("id", "state", "branch", "target", "database", "created")
        rows = [{name: p.get(name) for name in columns} for p in self.list()]
        return html_table(rows, "publishes", len(rows))


def plan_publish(scope: Scope, command: Mapping[str, Any], plan: Mapping[str, Any]) -> PublishPlan:
    """Make the plan; command is what its apply() runs."""
    reply = scope.run_long(dict(plan))
    return PublishPlan(scope, command, reply, next(iter(command)))


def run_publish(
    scope: Scope, command: Mapping[str, Any], title: str, progress: bool | None
) -> PublishResult:
    """Publish, under a progress bar."""
    from ._transfer import Bar

    with Bar(title, progress) as bar:
        reply = scope.run_long(dict(command), bar.callback)
    return PublishResult(scope, str(next(iter(command.values()))), reply)
