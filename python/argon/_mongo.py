"""The way to the store for MongoDB's drivers: connection strings, and pymongo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from pymongo import MongoClient

from ._errors import not_supported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.database import Database

    from ._connection import Connection


def connection_string(place: Mapping[str, Any], db: str) -> str:
    """Return the connection string of a database."""
    address = place.get("address") or ""
    if not address:
        raise not_supported(
            "a connection string of a store that is not served",
            "open the store without read_only, or start argon serve",
        )
    options = "?directConnection=true" + ("&tls=true" if place.get("tls") else "")
    return f"mongodb://{quote(address, safe=':[]')}/{quote(db, safe='~')}{options}"


def database(connection: Connection, db: str) -> Database[dict[str, Any]]:
    """Return a database of pymongo's, whose client ends with the connection."""
    mongo = connection.mongo
    if mongo is None:
        options: dict[str, Any] = {"uuidRepresentation": "standard", "tz_aware": False}
        if actor := connection.open_options.get("actor"):
            options["appname"] = actor  # under this name it stands in the log
        if key := connection.option("apiKey"):
            options |= {"username": "apikey", "password": key, "authSource": "$external"}
            options["authMechanism"] = "PLAIN"
        address = connection_string(connection.place(), db)
        mongo = connection.mongo = MongoClient(address, **options)
    return cast("Database[dict[str, Any]]", mongo[db])
