"""Mirrors of live MongoDBs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._options import without_none
from ._tables import Rows, html_table

if TYPE_CHECKING:
    from ._connection import Connection

_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """What a mirror is doing.

    ``state`` is "stopped", "connecting", "copying", "following", "re-syncing",
    "waiting to reconnect", "waiting for disk space" or "failed"; ``document`` has
    everything, by database.
    ``time_series`` are collections that are not followed, since change streams do not
    show what becomes of them: ``{collection, read, documents}``.
    """

    name: str
    source: str
    state: str
    synced: bool
    lag_ms: float
    events: int
    commits: int
    gaps: int
    source_time: dt.datetime | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    time_series: tuple[Mapping[str, Any], ...]
    error: str | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> MirrorStatus:
        lanes = document["databases"]
        times = [lane["sourceTime"] for lane in lanes if lane.get("sourceTime")]
        errors = [lane["error"]["errmsg"] for lane in lanes if lane.get("error")]
        return cls(
            name=document["name"],
            source=document["source"],
            state=document["state"],
            synced=document["synced"],
            lag_ms=max((lane["lagMS"] for lane in lanes), default=0.0),
            events=sum(int(lane["events"]) for lane in lanes),
            commits=sum(int(lane["commits"]) for lane in lanes),
            gaps=int(document["gaps"]),
            source_time=max(times, default=None),
            warnings=tuple(document["warnings"]),
            notes=tuple(note for lane in lanes for note in lane["notes"]),
            time_series=tuple(each for lane in lanes for each in lane["timeSeries"]),
            error=errors[0] if errors else None,
            document=document,
        )

    def _record(self) -> dict[str, Any]:
        names = ("name", "source", "state", "synced", "lag_ms", "events", "commits", "gaps")
        return {name: getattr(self, name) for name in names}

    def _repr_html_(self) -> str:
        return html_table([self._record()], f"mirror {self.name}")


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What comparing a mirror with its source found.

    ``documents`` names those that differ (the first ones): ``{database, collection,
    _id, kind}``, kind being "missing" here, "extra" here, or "different".
    ``moments`` are the source's times that were compared at, ``{database,
    clusterTime, time, lsn, ranges}``: one, or several where it took minutes.
    """

    name: str
    clean: bool
    differing: int
    documents: Rows[Mapping[str, Any]]
    collections: Rows[Mapping[str, Any]]
    moments: Rows[Mapping[str, Any]]
    notes: tuple[str, ...]

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> MirrorReport:
        return cls(
            document["name"],
            document["clean"],
            int(document["differing"]),
            Rows(document["documents"], "documents that differ"),
            Rows(document["collections"], f"mirror {document['name']}, compared"),
            Rows(
                [
                    {"database": each["database"], **moment}
                    for each in document["databases"]
                    for moment in each["moments"]
                ],
                "moments that were compared",
            ),
            tuple(document["notes"]),
        )

    def _repr_html_(self) -> str:
        columns = ("collection", "documents", "differing", "hash")
        rows = [{name: row[name] for name in columns} for row in self.collections]
        return html_table(rows, self.collections.title)


class Mirror:
    """A mirror of databases of a live MongoDB; see :meth:`Project.mirror`.

    It runs in the process that has the store open, from :meth:`start` until
    :meth:`stop` or until that process closes the store.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    @property
    def name(self) -> str:
        """The name of the mirror."""
        return self._name

    def start(self, *, resync: bool = False) -> MirrorStatus:
        """Run the mirror: the first copy, or what is left of it, then the changes.

        It returns at once. With ``resync`` everything is first compared with the
        source, and what differs is recorded as one commit.
        """
        return self._one({"argonMirrorStart": self._name, "resync": resync})

    def stop(self) -> MirrorStatus:
        """Stop the mirror; started again, it goes on where it was."""
        return self._one({"argonMirrorStop": self._name})

    def status(self) -> MirrorStatus:
        """What the mirror is doing."""
        return self._one({"argonMirrorStatus": self._name})

    def wait_until_synced(self, timeout: float | None = None) -> MirrorStatus:
        """Wait until the mirror has what the source has now.

        It raises :class:`ExecutionTimeout` after ``timeout`` seconds, and the
        mirror's own error if that has failed.
        """
        command = {"argonMirrorStatus": self._name, "synced": True}
        if timeout is not None:
            command["maxTimeMS"] = max(1, int(timeout * 1000))
        return self._one(command)

    def verify(self, limit: int | None = None) -> MirrorReport:
        """Compare the mirror with its source, each range of ids at one cluster time.

        ``limit`` is how many documents that differ are named, 1,000 if None.
        """
        command = without_none({"argonMirrorVerify": self._name, "limit": limit})
        return MirrorReport._of(self._connection.run_long(_ADMIN, command)["verify"])

    def role(self) -> str:
        """The mongosh command that makes the least role the mirror needs."""
        role: str = self._connection.run(_ADMIN, {"argonMirrorRole": self._name})["role"]
        return role

    def remove(self) -> None:
        """Stop and forget the mirror; its branches stay, and take writes again."""
        self._connection.run_long(_ADMIN, {"argonMirrorRemove": self._name})

    def _one(self, command: dict[str, Any]) -> MirrorStatus:
        return MirrorStatus._of(self._connection.run_long(_ADMIN, command)["mirror"])

    def __repr__(self) -> str:
        return f"<mirror {self._name}>"

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()


def add_mirror(
    connection: Connection, name: str, source: str, mapping: dict[str, Any], options: dict[str, Any]
) -> Mirror:
    """Define a mirror of one database."""
    command = {"argonMirrorAdd": name, "source": source, "databases": [mapping]}
    connection.run_long(_ADMIN, {**command, **without_none(options)})
    return Mirror(connection, name)


def list_mirrors(connection: Connection, project: str) -> list[Mirror]:
    """Return the mirrors that go into a project."""
    found = connection.run(_ADMIN, {"argonMirrorList": 1})["mirrors"]
    return [
        Mirror(connection, each["name"])
        for each in found
        if any(lane["project"] == project for lane in each["databases"])
    ]


def database_of(source: str, database: str | None) -> str:
    """Return the database that is meant: the given one, or the URI's."""
    if database is not None:
        return database
    path = source.partition("://")[2].partition("?")[0].rpartition("@")[2]
    return path.partition("/")[2]


def as_list(patterns: str | Sequence[str] | None) -> list[str] | None:
    """Return patterns as a list; a string is one."""
    if patterns is None or isinstance(patterns, str):
        return None if patterns is None else [patterns]
    return list(patterns)
