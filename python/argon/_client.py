"""Clients: an open store and its projects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bson import CodecOptions

from ._connection import Connection
from ._options import DEFAULT_CODEC, without_none
from ._project import Branches, Project, ProjectInfo, Tags
from ._scope import Scope
from ._tables import Facts, Rows, html_facts
from ._watched import Watched

if TYPE_CHECKING:
    from types import TracebackType

    from ._access import APIKeys, Users
    from ._collection import Collection
    from ._publish import Publishes
    from ._transaction import Transaction


class Client(Watched[dict[str, Any]]):
    """An open store.

    ``uri`` is a directory, which is made if it is not there, or the address of
    an Argon server (``argon://host:27018``). Without one it is ``$ARGON_URI``, or
    else a directory in the user's data folder::

        with argon.Client("shop.argon", project="shop") as client:
            users = client.data.get_collection("users")
            users.insert_one({"name": "Ada"})

    ``project`` is the one that :attr:`branches`, :attr:`tags` and :attr:`data`
    mean. ``actor`` is who stands in the log for what this client writes; else it
    is the name of the user. ``codec_options`` say how values become BSON and come
    back: unlike pymongo's defaults, Argon's take and give :class:`uuid.UUID`, and
    give a date that :class:`datetime.datetime` cannot hold as a
    :class:`bson.datetime_ms.DatetimeMS`. ``cacheBytes`` is the memory for blocks
    of the store, which fills as they are read: a thirty-second part of the
    machine's, and at most 512 MiB, if it is not given.

    Several processes may open one store: the first hosts it, the others use it
    through that one, and when it ends one of them takes its place. Threads share a
    client; a forked process goes on using it, and one that is pickled opens the
    store again where it arrives.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str] | None = None,
        *,
        project: str = "default",
        api_key: str | None = None,
        actor: str | None = None,
        read_only: bool = False,
        codec_options: CodecOptions[Any] | None = None,
        **options: Any,
    ) -> None:
        if uri == "":
            raise ValueError("the path of a store is empty; leave it out for the default store")
        asked = {"apiKey": api_key, "actor": actor, "readOnly": read_only or None}
        self._connection = Connection(
            {"uri": "" if uri is None else os.fspath(uri), **without_none(asked), **options}
        )
        self._project_name = project
        self._codec = codec_options or DEFAULT_CODEC

    # -- projects

    @property
    def projects(self) -> Projects:
        """The projects: create, list and delete them."""
        return Projects(self)

    def project(self, name: str | None = None) -> Project:
        """Return a project, which its first write makes if it is not there."""
        return Project(self._connection, name or self._project_name, self._codec)

    __iter__ = None  # or iteration would ask for the projects 0, 1, 2 … for ever

    def __getitem__(self, name: str) -> Project:
        return self.project(name)

    @property
    def branches(self) -> Branches:
        """The branches of the client's project."""
        return self.project().branches

    @property
    def tags(self) -> Tags:
        """The tags of the client's project."""
        return self.project().tags

    @property
    def data(self) -> Data:
        """The collections of the client's project."""
        return Data(self)

    @property
    def publishes(self) -> Publishes:
        """The publishes in the store's journal: list, resume, roll back and forget."""
        from ._publish import Publishes

        return Publishes(self)

    @property
    def users(self) -> Users:
        """The users, for servers where clients have to authenticate."""
        from ._access import Users

        return Users(self)

    @property
    def api_keys(self) -> APIKeys:
        """The API keys: identities for programs."""
        from ._access import APIKeys

        return APIKeys(self)

    # -- the store

    def command(
        self, command: str | Mapping[str, Any], value: Any = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Run a command on the database ``admin`` and return its reply."""
        document = {command: value} if isinstance(command, str) else dict(command)
        return self._connection.run_long("admin", {**document, **kwargs})

    def _watch_in(self, session: Transaction | None) -> tuple[Scope, str | int, dict[str, Any]]:
        scope = Scope(self._connection, "admin", self._codec)
        return scope.within(session), 1, {"allChangesForCluster": True}

    def status(self) -> Facts:
        """Return the store's path, format, version, newest LSN, size and process."""
        return Facts(self.command("argonStatus")["store"], "the store")

    @property
    def hosting(self) -> bool:
        """Whether this process has the store open, and serves it to others."""
        return bool(self._connection.place()["hosting"])

    @property
    def address(self) -> str | None:
        """Where drivers reach the store: a socket's path, or ``host:port``."""
        return self._connection.place().get("address") or None

    def metrics(self) -> Facts:
        """Return the counters of the storage layer."""
        return Facts(self.command("argonMetrics"), "counters of the storage layer")

    def gc(self, *, dry_run: bool = True, keep: str | None = None) -> Facts:
        """Show what garbage collection would remove, or with ``dry_run=False``
        remove it: versions older than each project's retention (or ``keep``) that
        no branch and no tag can see, and what deleted branches left."""
        reply = self.command("argonGC", dryRun=dry_run, **without_none({"keep": keep}))
        return Facts(reply, "what would be removed" if dry_run else "what was removed")

    def fsck(self) -> Facts:
        """Check the whole store and return the problems found."""
        return Facts(self.command("argonFsck"), "the check of the store")

    def compact(self) -> None:
        """Compact the storage now, which otherwise happens in the background."""
        self.command("argonCompact")

    def close(self) -> None:
        """Close the store: its cursors and transactions end."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self._connection.closed else ""
        return f"<argon.Client {self._connection.open_options['uri']!r}{state}>"

    def _repr_html_(self) -> str:
        if self._connection.closed:
            return html_facts("argon.Client", {"store": "closed"})
        status = self.status()
        names = ("path", "lsn", "sizeOnDisk")
        shown = {name: value for name, value in status.items() if name in names}
        facts = html_facts("argon.Client", shown)
        return facts + self.projects.list()._repr_html_()


class Projects:
    """The projects of a store."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str) -> Project:
        """Create a project with an empty branch ``main``."""
        self._client.command({"argonProjectCreate": name})
        return self._client.project(name)

    def list(self) -> Rows[ProjectInfo]:
        """Return the projects by name."""
        reply = self._client.command("argonProjectList")
        return Rows(map(ProjectInfo._of, reply["projects"]), "projects")

    def delete(self, name: str) -> None:
        """Delete a project with all its branches, tags and history."""
        self._client.command({"argonProjectDelete": name})

    def __iter__(self) -> Iterator[ProjectInfo]:
        return iter(self.list())

    def __getitem__(self, name: str) -> Project:
        return self._client.project(name)

    def __repr__(self) -> str:
        return f"<projects of {self._client!r}>"

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()


class Data:
    """The collections of a client's project, by name and branch."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get_collection(
        self, name: str, branch: str = "main", codec_options: CodecOptions[Any] | None = None
    ) -> Collection[Any]:
        """Return a collection; same as ``branch["name"]``."""
        return self._client.project()._branch(branch).get_collection(name, codec_options)
