"""Differences between branches, merges, and what undoes commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Union

from bson import Int64

from ._cursor import CommandCursor
from ._frames import Frames
from ._tables import Rows, html_facts, html_table

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._ffi import ArrowStream
    from ._scope import Scope

_SHOWN_ROWS = 20


class _Missing:
    """The type of MISSING."""

    def __repr__(self) -> str:
        return "<missing>"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""Stands for a field or document that is not there, which None is not."""

Take = Literal["ours", "theirs", "base"]


# -- diff


@dataclass(frozen=True, slots=True)
class Change:
    """A path whose value differs; MISSING where it is not there."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DiffEntry:
    """A document that differs: ``op`` is "insert", "update" or "delete".

    Collections and indexes that differ are entries too, without an ``id``: their
    ``op`` is "createCollection" and the like.
    """

    collection: str
    id: Any
    op: str
    before: Any
    after: Any
    changes: tuple[Change, ...]

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> DiffEntry:
        changes = tuple(
            Change(change["path"], change.get("before", MISSING), change.get("after", MISSING))
            for change in document.get("changes", ())
        )
        return cls(
            document["collection"],
            document.get("_id"),
            document["op"],
            document.get("before"),
            document.get("after"),
            changes,
        )

    def _record(self) -> dict[str, Any]:
        shown = ", ".join(f"{c.path}: {c.before!r} → {c.after!r}" for c in self.changes)
        return {"collection": self.collection, "_id": self.id, "op": self.op, "changes": shown}


class Diff(Frames):
    """What a branch has changed against another.

    Iterating gives a :class:`DiffEntry` for each document, read as it goes, and
    may be done again; ``to_pandas()`` and the like give the same as a table with
    the columns ``collection``, ``_id``, ``op``, ``before``, ``after``,
    ``changes``.
    """

    def __init__(self, scope: Scope, command: Mapping[str, Any], title: str) -> None:
        self._scope = scope
        self._command = dict(command)
        self._title = title

    def _cursor(self) -> CommandCursor[dict[str, Any]]:
        return CommandCursor(self._scope, "$cmd.argonDiff", self._command)

    def __iter__(self) -> Iterator[DiffEntry]:
        with self._cursor() as cursor:
            for document in cursor:
                yield DiffEntry._of(document)

    def to_list(self) -> list[DiffEntry]:
        """Return all entries."""
        return list(self)

    def counts(self) -> dict[str, int]:
        """Count the entries by operation."""
        counts = {"insert": 0, "update": 0, "delete": 0}
        with self._cursor() as cursor:
            for document in cursor:
                counts[document["op"]] = counts.get(document["op"], 0) + 1
        return counts

    def __bool__(self) -> bool:
        with self._cursor() as cursor:
            return next(cursor, None) is not None

    def _arrow_stream(self, options: bytes, keep: bool) -> ArrowStream:
        return self._cursor()._arrow_stream(options, keep)

    def _repr_html_(self) -> str:
        rows = []
        for entry in self:
            rows.append(entry._record())
            if len(rows) > _SHOWN_ROWS:
                return html_table(rows[:_SHOWN_ROWS], self._title)
        return html_table(rows, self._title, len(rows))

    def __repr__(self) -> str:
        return f"<Diff {self._title}>"


# -- plans


class Conflict:
    """Paths that both sides changed, with what the base and each side has.

    ``kind`` says what is in conflict; ``base``, ``ours`` and ``theirs`` are
    :data:`MISSING` where the path is not there. :meth:`resolve` decides it.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.n: int = document["n"]
        self.collection: str = document["collection"]
        self.id: Any = document.get("_id")
        self.path: str = document["path"]
        self.kind: str = document["kind"]
        self.base: Any = document.get("base", MISSING)
        self.ours: Any = document.get("ours", MISSING)
        self.theirs: Any = document.get("theirs", MISSING)
        self._resolution: dict[str, Any] | None = None

    @property
    def resolved(self) -> bool:
        """Whether it was decided."""
        return self._resolution is not None

    def resolve(
        self, take: Take | None = None, *, value: Any = MISSING, remove: bool = False
    ) -> None:
        """Decide it: take one side, or give a value, or remove the path."""
        given = (take is not None) + (value is not MISSING) + remove
        if given != 1:
            raise TypeError("resolve() takes one of a side to take, value= and remove=True")
        if take is not None and take not in ("ours", "theirs", "base"):
            raise ValueError(f"take is 'ours', 'theirs' or 'base', not {take!r}")
        if take is not None:
            self._resolution = {"take": take}
        else:
            self._resolution = {"remove": True} if remove else {"value": value}

    def _record(self) -> dict[str, Any]:
        decision = "" if self._resolution is None else next(iter(self._resolution.values()))
        return {
            "n": self.n,
            "collection": self.collection,
            "_id": self.id,
            "path": self.path,
            "kind": self.kind,
            "base": self.base,
            "ours": self.ours,
            "theirs": self.theirs,
            "resolved": decision,
        }

    def __repr__(self) -> str:
        return (
            f"<Conflict {self.n}: {self.collection} {self.id!r} {self.path!r} {self.kind}, "
            f"base={self.base!r} ours={self.ours!r} theirs={self.theirs!r}>"
        )


class Conflicts(Rows[Conflict]):
    """The conflicts of a plan."""


Resolver = Callable[[Conflict], Any]
"""Returns the value for a conflict, or MISSING to remove the path."""


class _Plan:
    """What merge and undo plans have in common: conflicts and their resolution."""

    def __init__(self, scope: Scope, command: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        self._scope = scope
        self._apply = dict(command)
        self.counts: dict[str, int] = dict(plan["counts"])
        self.changes: list[Mapping[str, Any]] = list(plan["changes"])
        self.conflicts = Conflicts((Conflict(c) for c in plan["conflicts"]), "conflicts")

    @property
    def unresolved(self) -> list[Conflict]:
        """The conflicts that nobody decided."""
        return [conflict for conflict in self.conflicts if not conflict.resolved]

    def resolve(
        self,
        how: Union[Take, Resolver],
        *,
        n: int | None = None,
        collection: str | None = None,
        id: Any = MISSING,
        path: str | None = None,
    ) -> Self:
        """Decide conflicts: all of them, or those that n, collection, id and path
        pick. ``how`` is a side to take, or a function from the conflict to the
        value (MISSING removes the path). Returns the plan."""
        picked = [
            conflict
            for conflict in self.conflicts
            if (n is None or conflict.n == n)
            and (collection is None or conflict.collection == collection)
            and (id is MISSING or conflict.id == id)
            and (path is None or conflict.path == path)
        ]
        if not picked and (n, collection, id, path) != (None, None, MISSING, None):
            raise KeyError("no conflict of the plan is picked by these arguments")
        for conflict in picked:
            if not callable(how):
                conflict.resolve(how)
            elif (value := how(conflict)) is MISSING:
                conflict.resolve(remove=True)
            else:
                conflict.resolve(value=value)
        return self

    def _resolutions(self) -> list[dict[str, Any]]:
        return [
            {"n": conflict.n, **conflict._resolution}
            for conflict in self.conflicts
            if conflict._resolution is not None
        ]

    def _run(self, message: str | None) -> dict[str, Any]:
        command = {**self._apply, "expect": self._expectation()}
        if resolutions := self._resolutions():
            command["resolutions"] = resolutions
        if message is not None:
            command["message"] = message
        return self._scope.run_long(command)

    def _expectation(self) -> dict[str, Any]:
        raise NotImplementedError

    def _title(self) -> str:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        facts = html_facts(self._title(), self.counts)
        if not self.conflicts:
            return facts
        rows = [conflict._record() for conflict in self.conflicts[:_SHOWN_ROWS]]
        return facts + html_table(rows, "conflicts", len(self.conflicts))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._title()}: {self.counts}>"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge did; ``lsn`` is 0 if there was nothing to do."""

    merged: bool
    lsn: int
    up_to_date: bool
    counts: Mapping[str, int]

    @classmethod
    def _of(cls, reply: Mapping[str, Any]) -> MergeResult:
        return cls(reply["merged"], int(reply["lsn"]), reply["upToDate"], dict(reply["counts"]))


class MergePlan(_Plan):
    """What a merge would do, until it is applied or forgotten.

    ``base_lsn`` is the common ancestor, ``ours_lsn`` the head of the branch that
    is merged into, ``theirs_lsn`` that of the one that is merged. Applying a plan
    whose branches have moved on raises :class:`~argon.PlanStale`; one with
    conflicts that nobody decided, :class:`~argon.MergeConflict`.
    """

    def __init__(self, scope: Scope, command: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        super().__init__(scope, command, plan)
        self.from_branch: str = plan["from"]
        self.into: str = plan["into"]
        self.up_to_date: bool = plan["upToDate"]
        self.base_lsn = int(plan["base"]["lsn"])
        self.ours_lsn = int(plan["oursLSN"])
        self.theirs_lsn = int(plan["theirsLSN"])

    def _expectation(self) -> dict[str, Any]:
        return {"ours": Int64(self.ours_lsn), "theirs": Int64(self.theirs_lsn)}

    def _title(self) -> str:
        return f"{self.from_branch} into {self.into}"

    def apply(self, message: str | None = None) -> MergeResult:
        """Merge, in one commit."""
        return MergeResult._of(self._run(message))


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What an undo did; ``lsn`` is 0 if there was nothing to do."""

    undone: bool
    lsn: int
    commits: int
    counts: Mapping[str, int]

    @classmethod
    def _of(cls, reply: Mapping[str, Any]) -> UndoResult:
        return cls(reply["undone"], int(reply["lsn"]), int(reply["commits"]), dict(reply["counts"]))


class UndoPlan(_Plan):
    """What an undo would do, until it is applied or forgotten."""

    def __init__(self, scope: Scope, command: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        super().__init__(scope, command, plan)
        self.branch: str = plan["branch"]
        self.commits = int(plan["commits"])
        self.ours_lsn = int(plan["oursLSN"])

    def _expectation(self) -> dict[str, Any]:
        return {"ours": Int64(self.ours_lsn)}

    def _title(self) -> str:
        return f"undo of {self.commits} commits on {self.branch}"

    def apply(self, message: str | None = None) -> UndoResult:
        """Undo, in one commit."""
        return UndoResult._of(self._run(message))
