"""What happened: commits, the states of a document, and who set which field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._tables import Rows


@dataclass(frozen=True, slots=True)
class Op:
    """What a commit did to one document."""

    collection: str
    op: str
    id: Any
    paths: tuple[str, ...]

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Op:
        return cls(
            document["collection"],
            document["op"],
            document.get("_id"),
            tuple(document.get("paths", ())),
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, as :meth:`Branch.log` lists it.

    ``ops`` has the first operations, ``counts`` how many there are of each kind.
    ``merge`` is the branch and LSN that a merge took in, else None.
    """

    lsn: int
    time: dt.datetime
    actor: str
    message: str
    kind: str
    branch: str
    ops: tuple[Op, ...]
    counts: Mapping[str, int]
    merge: Mapping[str, Any] | None

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Commit:
        return cls(
            int(document["lsn"]),
            document["time"],
            document["actor"],
            document["message"],
            document["kind"],
            document["branch"],
            tuple(Op._of(op) for op in document["ops"]),
            dict(document["counts"]),
            document.get("merge"),
        )

    def _record(self) -> dict[str, Any]:
        return {
            "lsn": self.lsn,
            "time": self.time,
            "actor": self.actor,
            "message": self.message,
            "kind": self.kind,
            "branch": self.branch,
            **self.counts,
        }


class Log(Rows[Commit]):
    """Commits, newest first."""


@dataclass(frozen=True, slots=True)
class Version:
    """A state that a document went through: ``document`` is None once deleted."""

    lsn: int
    time: dt.datetime | None
    actor: str
    message: str
    op: str
    document: dict[str, Any] | None

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Version:
        return cls(
            int(document["lsn"]),
            document.get("time"),
            document.get("actor", ""),
            document.get("message", ""),
            document["op"],
            document["document"],
        )


class History(Rows[Version]):
    """The states of one document, oldest first."""


@dataclass(frozen=True, slots=True)
class BlameLine:
    """Who set a field of a document to what it is now."""

    path: str
    lsn: int
    time: dt.datetime | None
    actor: str
    message: str
    value: Any

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> BlameLine:
        return cls(
            document["path"],
            int(document["lsn"]),
            document.get("time"),
            document.get("actor", ""),
            document.get("message", ""),
            document.get("value"),
        )


class Blame(Rows[BlameLine]):
    """The fields of a document, in their order."""

    def __call__(self, path: str) -> BlameLine:
        """Return the line of one path."""
        for line in self:
            if line.path == path:
                return line
        raise KeyError(path)
