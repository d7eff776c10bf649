"""A mongod through pymongo; what is acknowledged is in its journal."""

from __future__ import annotations

from typing import Any

import pymongo
from collections_side import CollectionSide
from pymongo.write_concern import WriteConcern


class Side(CollectionSide):
    """One database of a server."""

    def __init__(self, uri: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri)
        self._database = self._client["bench"].with_options(write_concern=WriteConcern(w=1, j=True))

    def close(self) -> None:
        """Leave the server."""
        self._client.close()

    def collection(self, name: str, moment: int | None = None, branch: str = "main") -> Any:
        """Return a collection."""
        if moment is not None or branch != "main":
            raise ValueError("MongoDB has no LSNs and no branches")
        return self._database[name]

    def loading(self, name: str) -> Any:
        """Return the collection; filling it waits for no journal."""
        return self._database[name].with_options(write_concern=WriteConcern(w=1, j=False))

    def settle(self) -> None:
        """Have written what would be written in the background otherwise."""
        self._client.admin.command("fsync")

    def version(self) -> str:
        """Return the versions of the driver and of the server."""
        return f"pymongo {pymongo.version}, mongod {self._client.server_info()['version']}"
