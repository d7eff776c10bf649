"""Users, roles and API keys of a store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._options import without_none
from ._tables import Rows

if TYPE_CHECKING:
    from ._client import Client

Role = str | Mapping[str, str]
"""A role: ``"readWrite@shop~exp-*"``, ``"root"``, or ``{"role": ..., "db": ...}``."""


def _role(role: Role) -> dict[str, str]:
    if not isinstance(role, str):
        return dict(role)
    name, at, db = role.partition("@")
    if not name or (at and not db):
        raise ValueError(f"{role!r} is not of the form role@database, as readWrite@shop~exp-*")
    return {"role": name, "db": db or "admin"}


def _roles(roles: Iterable[Role]) -> list[dict[str, str]]:
    if isinstance(roles, str):
        raise TypeError("roles is a list of roles, not one string")
    return [_role(role) for role in roles]


def _names(roles: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(f"{role['role']}@{role['db']}" for role in roles)


@dataclass(frozen=True, slots=True)
class User:
    """A user, and the database where it authenticates."""

    name: str
    db: str
    roles: tuple[str, ...]
    mechanisms: tuple[str, ...]

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> User:
        mechanisms = tuple(document["mechanisms"])
        return cls(document["user"], document["db"], _names(document["roles"]), mechanisms)


class Users:
    """The users of a store, for servers where clients have to authenticate.

    A role is about a database's name or a pattern of ``project~branch``:
    ``"read@shop"`` is the branch ``main``, ``"readWrite@shop~exp-*"`` the branches
    whose names begin so, ``"dbOwner@shop~*"`` all of them.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        name: str,
        password: str | None = None,
        *,
        roles: Iterable[Role] = (),
        db: str = "admin",
    ) -> None:
        """Make a user. One on ``$external``, for certificates, has no password."""
        command = {"createUser": name, "pwd": password, "roles": _roles(roles)}
        self._run(db, without_none(command))

    def list(self, db: str | None = None) -> Rows[User]:
        """Return the users, of a database or all."""
        which: Any = {"forAllDBs": True} if db is None else 1
        reply = self._run(db or "admin", {"usersInfo": which})
        return Rows(map(User._of, reply["users"]), "users")

    def delete(self, name: str, *, db: str = "admin") -> None:
        """Delete a user. Its connections may do nothing more."""
        self._run(db, {"dropUser": name})

    def set_password(self, name: str, password: str, *, db: str = "admin") -> None:
        """Give a user another password."""
        self._run(db, {"updateUser": name, "pwd": password})

    def grant(self, name: str, roles: Iterable[Role], *, db: str = "admin") -> None:
        """Give a user roles, from its next command on."""
        self._run(db, {"grantRolesToUser": name, "roles": _roles(roles)})

    def revoke(self, name: str, roles: Iterable[Role], *, db: str = "admin") -> None:
        """Take roles from a user, from its next command on."""
        self._run(db, {"revokeRolesFromUser": name, "roles": _roles(roles)})

    def _run(self, db: str, command: dict[str, Any]) -> dict[str, Any]:
        return self._client._connection.run_long(db, command)

    def __repr__(self) -> str:
        return f"<users of {self._client!r}>"

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()


@dataclass(frozen=True, slots=True)
class APIKey:
    """An API key. ``key`` is its text, which only :meth:`APIKeys.create` gives."""

    id: str
    name: str
    roles: tuple[str, ...]
    created: dt.datetime
    created_by: str
    expires: dt.datetime | None
    key: str | None = field(default=None, repr=False)

    def _record(self) -> dict[str, Any]:
        """The columns of a table, which others may see: without the key."""
        return {
            "id": self.id,
            "name": self.name,
            "roles": self.roles,
            "created": self.created,
            "created_by": self.created_by,
            "expires": self.expires,
        }

    @classmethod
    def _of(cls, document: Mapping[str, Any], key: str | None = None) -> APIKey:
        return cls(
            document["id"],
            document["name"],
            _names(document["roles"]),
            document["created"],
            document["createdBy"],
            document["expires"],
            key,
        )


class APIKeys:
    """The API keys of a store: identities with roles, for programs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self, name: str, *, roles: Iterable[Role] = (), expires_in: str | None = None
    ) -> APIKey:
        """Make a key. Its ``key`` cannot be had again: only a hash of it is stored.

        ``expires_in`` is a span of time, as ``"90d"``; else it never expires. What
        is written with it has the actor ``apikey:`` and its name.
        """
        command = {
            "argonAPIKeyCreate": name,
            "roles": _roles(roles),
            "expiresIn": expires_in,
        }
        reply = self._client.command(without_none(command))
        return APIKey._of(reply["apiKey"], reply["key"])

    def list(self) -> Rows[APIKey]:
        """Return the keys by name."""
        reply = self._client.command("argonAPIKeyList")
        return Rows(map(APIKey._of, reply["apiKeys"]), "API keys")

    def revoke(self, name: str) -> None:
        """End a key, named by its name or id. Its connections may do nothing more."""
        self._client.command({"argonAPIKeyRevoke": name})

    def __repr__(self) -> str:
        return f"<API keys of {self._client!r}>"

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()
