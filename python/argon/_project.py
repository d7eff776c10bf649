"""Projects, with their branches and tags."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import CodecOptions

from ._branch import Branch, BranchList
from ._branchinfo import BranchInfo
from ._moments import Moment, moment_text
from ._options import without_none
from ._scope import Scope
from ._tables import Rows
from ._watched import Watched

if TYPE_CHECKING:
    from ._collection import Collection
    from ._connection import Connection
    from ._merge import MergeResult
    from ._mirror import Mirror
    from ._transaction import Transaction


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """What the store knows of a project."""

    name: str
    created: dt.datetime
    branches: int
    lsn: int

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> ProjectInfo:
        return cls(
            document["name"], document["created"], document["branches"], int(document["lsn"])
        )


@dataclass(frozen=True, slots=True)
class Tag:
    """An immutable name for a branch at an LSN."""

    name: str
    branch: str
    lsn: int
    time: dt.datetime | None
    created: dt.datetime
    actor: str

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Tag:
        return cls(
            document["name"],
            document["branch"],
            int(document["lsn"]),
            document.get("time"),
            document["created"],
            document["actor"],
        )


class Project(Watched[dict[str, Any]]):
    """A project: one logical database with its branches.

    ``project["users"]`` is a collection of its branch ``main``.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        codec_options: CodecOptions[Any],
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self._connection = connection
        self._name = name
        self._codec = codec_options
        self._fields = dict(fields or {})

    @property
    def name(self) -> str:
        """The name of the project."""
        return self._name

    @property
    def branches(self) -> Branches:
        """Its branches: create, get, list, delete and merge them."""
        return Branches(self)

    @property
    def tags(self) -> Tags:
        """Its tags: create, list and delete them."""
        return Tags(self)

    def branch(self, name: str = "main") -> Branch:
        """Return a branch, which must be there; same as ``branches.get(name)``."""
        return self.branches.get(name)

    __iter__ = None  # or iteration would ask for the collections 0, 1, 2 … for ever

    def __getitem__(self, collection: str) -> Collection[dict[str, Any]]:
        return self._branch("main").get_collection(collection)

    def _watch_in(self, session: Transaction | None) -> tuple[Scope, str | int, dict[str, Any]]:
        scope = Scope(self._connection, self._name, self._codec, self._fields)
        return scope.within(session), 1, {"argonAllBranches": True}

    def mirror(
        self,
        source: str,
        *,
        name: str | None = None,
        database: str | None = None,
        branch: str = "main",
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        on_gap: str | None = None,
        window: str | None = None,
        parallel: int | None = None,
        snapshot: bool = True,
        adopt: bool = False,
        start: bool = True,
    ) -> Mirror:
        """Follow a database of a live MongoDB into a branch of this project.

        The database that ``source`` names, ``mongodb://host/shop``, or
        ``database``, is copied at one cluster time and then followed through its
        change stream, at the source's own times. The branch takes no direct writes
        from then on; branch from it. ``include`` and ``exclude`` are patterns of
        collections. ``name`` is the project's unless given.

        The mirror is started, unless ``start=False``; :meth:`Mirror.wait_until_synced`
        waits for it. docs/mirror.md has the rest.
        """
        from ._mirror import add_mirror, as_list, database_of

        mirror = add_mirror(
            self._connection,
            name or self._name,
            source,
            {"database": database_of(source, database), "project": self._name, "branch": branch},
            {
                "include": as_list(include),
                "exclude": as_list(exclude),
                "onGap": on_gap,
                "window": window,
                "parallel": parallel,
                "noSnapshot": None if snapshot else True,
                "adopt": adopt or None,
            },
        )
        if start:
            mirror.start()
        return mirror

    def mirrors(self) -> list[Mirror]:
        """The mirrors that go into this project."""
        from ._mirror import list_mirrors

        return list_mirrors(self._connection, self._name)

    def retention(self) -> str | None:
        """How long the past is kept: ``"30d"``, or None for ever."""
        keep: str | None = self._run({"argonRetention": 1})["keep"]
        return keep

    def set_retention(self, keep: str | None) -> None:
        """Keep the past so long (``"30d"``, ``"2w"``, ``"12h"``), or None for ever.

        Only :meth:`Client.gc` removes anything, and nothing that a tag or a
        branch can see.
        """
        self._run({"argonRetention": 1, "keep": keep})

    def command(
        self, command: str | Mapping[str, Any], value: Any = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Run any command on the project and return its reply."""
        document = {command: value} if isinstance(command, str) else dict(command)
        return self._run({**document, **kwargs})

    def _run(self, command: dict[str, Any]) -> dict[str, Any]:
        return self._connection.run_long(self._name, {**command, **self._fields})

    def _run_short(self, command: dict[str, Any]) -> dict[str, Any]:
        """Run what is one small write: on this thread, which spares a job's way."""
        return self._connection.run(self._name, {**command, **self._fields})

    def _branch(self, name: str) -> Branch:
        return Branch(
            self._connection,
            self._name,
            name,
            codec_options=self._codec,
            fields=self._fields or None,
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Project):
            return self._connection is other._connection and self._name == other._name
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"Project({self._name!r})"

    def _repr_html_(self) -> str:
        listed = self.branches.list()
        listed.infos.title = f"project {self._name}"
        return listed._repr_html_()


class Branches:
    """The branches of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def create(
        self, name: str, from_branch: str | Branch = "main", at: Moment | None = None
    ) -> Branch:
        """Create a branch from another one, at its head or at a moment.

        It is one small write, whatever the size of the data.
        """
        ref = from_branch if isinstance(from_branch, str) else from_branch._ref
        if at is not None:
            ref = f"{ref}@{moment_text(at)}"
        self._project._run_short({"argonBranchCreate": name, "from": ref})
        return self._project._branch(name)

    def get(self, name: str = "main") -> Branch:
        """Return a branch, or raise :class:`~argon.BranchNotFound`.

        The branch ``main`` of a project that is not there yet is made by the
        first write to it.
        """
        branch = self._project._branch(name)
        if name != "main":
            _ = branch.info
        return branch

    def list(self) -> BranchList:
        """Return the branches by name."""
        reply = self._project._run({"argonBranchList": 1})
        infos = [BranchInfo._of(document) for document in reply["branches"]]
        return BranchList([self._project._branch(info.name) for info in infos], infos)

    def delete(self, name: str) -> None:
        """Delete a branch. What tags and other branches need of it stays."""
        self._project._run({"argonBranchDelete": name})

    def merge(
        self,
        from_branch: str | Branch,
        into: str | Branch = "main",
        *,
        strategy: str | None = None,
        message: str | None = None,
    ) -> MergeResult:
        """Merge a branch into another; see :meth:`Branch.merge`."""
        if isinstance(from_branch, str):
            from_branch = self._project._branch(from_branch)
        return from_branch.merge(into, strategy=strategy, message=message)

    def __iter__(self) -> Iterator[Branch]:
        return iter(self.list())

    def __getitem__(self, name: str) -> Branch:
        return self.get(name)

    def __repr__(self) -> str:
        return f"<branches of {self._project.name}>"

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()


class Tags:
    """The tags of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def create(self, name: str, branch: str | Branch = "main", at: Moment | None = None) -> Tag:
        """Name a branch at a moment, or as it is now."""
        ref = branch if isinstance(branch, str) else branch._ref
        arguments = {"branch": ref, "at": None if at is None else moment_text(at)}
        reply = self._project._run({"argonTagCreate": name, **without_none(arguments)})
        return Tag._of(reply["tag"])

    def list(self) -> Rows[Tag]:
        """Return the tags by name."""
        reply = self._project._run({"argonTagList": 1})
        return Rows(map(Tag._of, reply["tags"]), f"tags of {self._project.name}")

    def delete(self, name: str) -> None:
        """Delete a tag."""
        self._project._run({"argonTagDelete": name})

    def __repr__(self) -> str:
        return f"<tags of {self._project.name}>"

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()
