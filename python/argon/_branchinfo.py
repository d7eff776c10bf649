"""What is known of branches, and what happened to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BranchInfo:
    """What the store knows of a branch."""

    name: str
    project: str
    parent: str | None
    fork_lsn: int
    head_lsn: int
    created: dt.datetime
    actor: str
    protected: bool
    takes: str  # "writes"; of a protected branch "merges" or "mirror"

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> BranchInfo:
        return cls(
            document["name"],
            document["project"],
            document["parent"],
            int(document["forkLSN"]),
            int(document["headLSN"]),
            document["created"],
            document["actor"],
            document["protected"],
            document["takes"],
        )


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """Where a restore moved a branch from, and to."""

    from_lsn: int
    to_lsn: int


@dataclass(frozen=True, slots=True)
class Move:
    """Something that happened to a branch itself.

    ``op`` is "create", "restore", "delete", "protect" or "unprotect"; ``from_lsn``
    is the head that it left: restoring to it brings back what a restore took away.
    """

    branch: str
    op: str
    lsn: int
    time: dt.datetime
    actor: str
    from_lsn: int | None
    to_lsn: int | None

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Move:
        return cls(
            document["branch"],
            document["op"],
            int(document["lsn"]),
            document["time"],
            document["actor"],
            int(document["from"]) or None,
            int(document["to"]) or None,
        )
