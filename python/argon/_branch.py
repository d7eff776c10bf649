"""Branches: collections, history, and what is done with branches as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bson import CodecOptions, Int64

from ._branchfiles import BranchFiles
from ._branchinfo import BranchInfo, Move, RestoreResult
from ._moments import Moment, moment_text
from ._options import DEFAULT_CODEC, without_none
from ._publishing import Publishing
from ._scope import Scope
from ._tables import Rows, html_facts
from ._watched import Watched

if TYPE_CHECKING:
    from pymongo.database import Database

    from ._collection import Collection
    from ._connection import Connection
    from ._cursor import CommandCursor
    from ._history import Blame, History, Log
    from ._merge import Diff, MergePlan, MergeResult, UndoPlan, UndoResult
    from ._transaction import Transaction


class Branch(BranchFiles, Publishing, Watched[dict[str, Any]]):
    """A branch of a project, or, from :meth:`at`, a branch at a moment.

    ``branch["users"]`` is a collection. A branch at a moment is read-only:
    writing raises :class:`~argon.ReadOnly`.
    """

    def __init__(
        self,
        connection: Connection,
        project: str,
        name: str,
        *,
        lsn: int | None = None,
        codec_options: CodecOptions[Any] = DEFAULT_CODEC,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self._connection = connection
        self._project = project
        self._name = name
        self._lsn = lsn
        self._codec = codec_options
        self._fields = fields
        self._db = f"{project}~{name}" if lsn is None else f"{project}~{name}~{lsn}"
        self._scope = self._scope_with(codec_options)

    def _scope_with(
        self, codec: CodecOptions[Any], transaction: Transaction | None = None
    ) -> Scope:
        return Scope(self._connection, self._db, codec, self._fields, transaction)

    # -- what it is

    @property
    def name(self) -> str:
        """The name of the branch."""
        return self._name

    @property
    def project(self) -> str:
        """The name of its project."""
        return self._project

    @property
    def pinned(self) -> bool:
        """Whether this is the branch at a moment, and read-only."""
        return self._lsn is not None

    @property
    def lsn(self) -> int:
        """The LSN that reads see: of the moment, or of the newest commit now."""
        return self._lsn if self._lsn is not None else self.info.head_lsn

    @property
    def info(self) -> BranchInfo:
        """What the store knows of the branch now."""
        reply = self._scope.run({"argonBranchGet": self._name})
        return BranchInfo._of(reply["branch"])

    @property
    def _ref(self) -> str:
        return self._name if self._lsn is None else f"{self._name}@{self._lsn}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Branch):
            return self._connection is other._connection and self._db == other._db
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._db)

    def __repr__(self) -> str:
        return f"Branch({self._project!r}, {self._ref!r})"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {"collections": ", ".join(self.list_collection_names()) or "none"}
        info = self.info
        if self._lsn is not None:
            facts["at"] = f"LSN {self._lsn}, read-only"
        facts["newest commit"] = info.head_lsn
        facts["created"] = info.created
        if info.parent:
            facts["from"] = f"{info.parent}@{info.fork_lsn}"
        return html_facts(f"{self._project} / {self._ref}", facts)

    # -- collections

    __iter__ = None  # or iteration would ask for the collections 0, 1, 2 … for ever

    def __getitem__(self, name: str) -> Collection[dict[str, Any]]:
        return self.get_collection(name)

    def get_collection(
        self, name: str, codec_options: CodecOptions[Any] | None = None
    ) -> Collection[Any]:
        """Return a collection, which need not be there yet."""
        from ._collection import Collection

        return Collection(self, name, codec_options or self._codec)

    def list_collection_names(
        self, filter: Mapping[str, Any] | None = None, session: Transaction | None = None
    ) -> list[str]:
        """Return the names of the collections."""
        return [document["name"] for document in self.list_collections(filter, session)]

    def list_collections(
        self, filter: Mapping[str, Any] | None = None, session: Transaction | None = None
    ) -> CommandCursor[dict[str, Any]]:
        """Return a cursor over the collections and their options."""
        from ._cursor import CommandCursor

        command = {"listCollections": 1, "filter": filter or {}, "cursor": {}}
        return CommandCursor(self._scope.within(session), "$cmd.listCollections", command)

    def create_collection(
        self, name: str, session: Transaction | None = None, **options: Any
    ) -> Collection[dict[str, Any]]:
        """Create a collection with options: ``validator``, ``capped``, ``merge`` ..."""
        self._scope.within(session).run_long({"create": name, **options})
        return self.get_collection(name)

    def drop_collection(self, name: str, session: Transaction | None = None) -> None:
        """Delete a collection and its indexes; its history stays."""
        self.get_collection(name).drop(session)

    def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        session: Transaction | None = None,
        **kwargs: Any,
    ) -> CommandCursor[dict[str, Any]]:
        """Run a pipeline that needs no collection: it begins with ``$documents``."""
        from ._collection import aggregate

        let, comment = kwargs.pop("let", None), kwargs.pop("comment", None)
        return aggregate(self._scope.within(session), 1, pipeline, let, comment, kwargs)

    def _watch_in(self, session: Transaction | None) -> tuple[Scope, str | int, dict[str, Any]]:
        return self._scope.within(session), 1, {}

    def command(
        self, command: str | Mapping[str, Any], value: Any = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Run any command on the branch and return its reply."""
        document = {command: value} if isinstance(command, str) else dict(command)
        return self._scope.run_long({**document, **kwargs})

    @property
    def uri(self) -> str:
        """The connection string by which any MongoDB driver reaches this branch.

        It names the socket of the process that has the store open, which other
        processes of this user on this machine can reach, or the server of an
        ``argon://`` client (then drivers authenticate as that server asks)::

            motor.motor_asyncio.AsyncIOMotorClient(exp.uri).get_default_database()
        """
        from ._mongo import connection_string

        return connection_string(self._connection.place(), self._driver_db())

    @property
    def database(self) -> Database[dict[str, Any]]:
        """A :class:`pymongo.database.Database` on this branch.

        What it does goes over the store's socket to the process that has the store
        open, this one or another. For ``async`` code give :attr:`uri` to
        ``pymongo.AsyncMongoClient`` and take its ``get_default_database()``.
        """
        from ._mongo import database

        return database(self._connection, self._driver_db())

    def _driver_db(self) -> str:
        """Return the name for drivers, which know nothing of a client's ``read_only``:
        only that of a moment keeps them from writing."""
        if self._lsn is None and self._connection.open_options.get("readOnly"):
            from ._errors import not_supported

            raise not_supported(
                "a driver on a branch's head for a client that is read_only",
                "take that of a moment, branch.at(branch.lsn).database, or open without read_only",
            )
        return self._scope.db.decode()

    # -- moments, actors, transactions

    def at(self, moment: Moment) -> Branch:
        """Return the branch as it was: at an LSN, a number of commits back (-3),
        a time, or a tag. The moment is found now, and stays what it is."""
        text = moment_text(moment)
        reply = self._scope.run({"argonResolve": f"{self._name}@{text}"})
        return self._copy(lsn=int(reply["lsn"]))

    def _copy(self, *, lsn: int | None = None, fields: Mapping[str, Any] | None = None) -> Branch:
        return Branch(
            self._connection,
            self._project,
            self._name,
            lsn=self._lsn if lsn is None else lsn,
            codec_options=self._codec,
            fields=self._fields if fields is None else fields,
        )

    def as_actor(self, actor: str, message: str = "") -> ActorBranch:
        """Return the branch for another actor, whose name, with the message,
        stands in the log of what is written through it; also as a block::

            with exp.as_actor("etl", message="nightly load") as b:
                b["users"].update_many({}, {"$inc": {"n": 1}})
        """
        stamp = {"actor": actor, "message": message} if message else {"actor": actor}
        copy = self._copy(fields={**(self._fields or {}), "$argon": stamp})
        return ActorBranch(
            copy._connection,
            copy._project,
            copy._name,
            lsn=copy._lsn,
            codec_options=copy._codec,
            fields=copy._fields,
        )

    def transaction(self) -> Transaction:
        """Begin a transaction; see :class:`~argon.Transaction`."""
        from ._transaction import Transaction

        return Transaction(self, self._codec)

    # -- history

    def log(
        self,
        limit: int = 20,
        *,
        skip: int = 0,
        actor: str | None = None,
        collection: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        ops: int = 10,
    ) -> Log:
        """Return commits, newest first; ``limit=0`` returns all of them.

        ``since`` and ``until`` are times, ``ops`` is how many operations of each
        commit to list.
        """
        from ._cursor import CommandCursor
        from ._history import Commit, Log

        command = without_none(
            {
                "argonLog": 1,
                "limit": limit,
                "skip": skip or None,
                "actor": actor,
                "collection": collection,
                "since": since if since is None else moment_text(since),
                "until": until if until is None else moment_text(until),
                "opsLimit": ops,
            }
        )
        cursor: CommandCursor[dict[str, Any]] = CommandCursor(self._scope, "$cmd.argonLog", command)
        return Log((Commit._of(document) for document in cursor), f"log of {self._ref}")

    def history(self, collection: str, id: Any) -> History:
        """Return the states that a document went through, oldest first."""
        from ._cursor import CommandCursor
        from ._history import History, Version

        command = {"argonHistory": collection, "id": id}
        cursor: CommandCursor[dict[str, Any]] = CommandCursor(
            self._scope, "$cmd.argonHistory", command
        )
        return History(
            (Version._of(document) for document in cursor), f"history of {collection} {id!r}"
        )

    def blame(self, collection: str, id: Any) -> Blame:
        """Return for each field of a document who set it, and in which commit."""
        from ._history import Blame, BlameLine

        reply = self._scope.run_long({"argonBlame": collection, "id": id})
        return Blame(map(BlameLine._of, reply["fields"]), f"blame of {collection} {id!r}")

    def diff(
        self,
        base: str | Branch,
        *,
        collection: str | None = None,
        limit: int = 0,
    ) -> Diff:
        """Return what this branch has changed against a base: a branch, its name,
        or ``branch@moment``."""
        from ._merge import Diff

        ref = self._ref_of(base)
        command = without_none({"argonDiff": ref, "collection": collection, "limit": limit or None})
        return Diff(self._scope, command, f"{ref} → {self._ref}")

    def _ref_of(self, other: str | Branch) -> str:
        if isinstance(other, str):
            return other
        if other._project != self._project:
            raise ValueError(f"{other!r} is of another project than {self!r}")
        return other._ref

    # -- merge, restore, undo

    def merge_plan(self, into: str | Branch = "main", *, strategy: str | None = None) -> MergePlan:
        """Show what merging this branch into another would do."""
        from ._merge import MergePlan

        arguments = without_none({"into": self._ref_of(into), "strategy": strategy})
        reply = self._scope.run_long({"argonMergePlan": self._ref, **arguments})
        return MergePlan(self._scope, {"argonMerge": self._ref, **arguments}, reply["plan"])

    def merge(
        self,
        into: str | Branch = "main",
        *,
        strategy: str | None = None,
        message: str | None = None,
    ) -> MergeResult:
        """Merge this branch into another, in one commit.

        Conflicts raise :class:`~argon.MergeConflict`, and nothing is written,
        unless ``strategy`` says what to take: ``"ours"`` is what the branch that
        is merged into has, ``"theirs"`` what this one has.
        """
        from ._merge import MergeResult

        command = {"into": self._ref_of(into), "strategy": strategy, "message": message}
        reply = self._scope.run_long({"argonMerge": self._ref, **without_none(command)})
        return MergeResult._of(reply)

    def protect(self) -> None:
        """Let only merges change the branch.

        Writes, restoring and deleting it raise :class:`~argon.ReadOnly` until
        :meth:`unprotect`.
        """
        self._scope.run({"argonBranchProtect": self._name})

    def unprotect(self) -> None:
        """Let a protected branch take writes again."""
        self._scope.run({"argonBranchUnprotect": self._name})

    def moves(self) -> Rows[Move]:
        """Return what happened to the branch itself, newest first: who made, restored,
        protected or unprotected it, and when."""
        reply = self._scope.run({"argonBranchMoves": self._name})
        return Rows((Move._of(move) for move in reply["moves"]), f"moves of {self._name}")

    def restore(self, at: Moment) -> RestoreResult:
        """Make the branch look as it did at a moment.

        What it leaves behind stays readable under its LSNs: restoring to the
        result's ``from_lsn`` brings it back.
        """
        reply = self._scope.run_long({"argonBranchRestore": self._name, "at": moment_text(at)})
        return RestoreResult(int(reply["from"]), int(reply["to"]))

    def undo(
        self,
        lsn: int | None = None,
        *,
        actor: str | None = None,
        from_lsn: int | None = None,
        to_lsn: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        strategy: str | None = None,
        message: str | None = None,
    ) -> UndoResult:
        """Undo commits and keep what others did since, in one commit.

        Pick them by LSN, by a range of LSNs, by actor, or by time. Increments
        and the like are taken back by their inverse; what was changed again since
        is a conflict, as in a merge.
        """
        from ._merge import UndoResult

        command = _undo_command(lsn, actor, from_lsn, to_lsn, since, until, strategy)
        reply = self._scope.run_long({**command, **without_none({"message": message})})
        return UndoResult._of(reply)

    def undo_plan(
        self,
        lsn: int | None = None,
        *,
        actor: str | None = None,
        from_lsn: int | None = None,
        to_lsn: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        strategy: str | None = None,
    ) -> UndoPlan:
        """Show what :meth:`undo` would do."""
        from ._merge import UndoPlan

        command = _undo_command(lsn, actor, from_lsn, to_lsn, since, until, strategy)
        reply = self._scope.run_long({**command, "dryRun": True})
        return UndoPlan(self._scope, command, reply["plan"])


class ActorBranch(Branch):
    """A branch for another actor; as a block it is just itself."""

    def __enter__(self) -> ActorBranch:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class BranchList(Rows[Branch]):
    """Branches, shown with what the store knew of them when they were listed."""

    def __init__(self, branches: Sequence[Branch], infos: Sequence[BranchInfo]) -> None:
        super().__init__(branches, "branches")
        self.infos: Rows[BranchInfo] = Rows(infos, "branches")

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each branch."""
        return self.infos.to_pandas()

    def _repr_html_(self) -> str:
        return self.infos._repr_html_()


def _undo_command(
    lsn: int | None,
    actor: str | None,
    from_lsn: int | None,
    to_lsn: int | None,
    since: Moment | None,
    until: Moment | None,
    strategy: str | None,
) -> dict[str, Any]:
    return without_none(
        {
            "argonUndo": 1,
            "lsn": None if lsn is None else Int64(lsn),
            "from": None if from_lsn is None else Int64(from_lsn),
            "to": None if to_lsn is None else Int64(to_lsn),
            "actor": actor,
            "since": None if since is None else moment_text(since),
            "until": None if until is None else moment_text(until),
            "strategy": strategy,
        }
    )
