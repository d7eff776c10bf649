"""A replica set of one mongod, for tests and notebooks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymongo


@contextlib.contextmanager
def replica_set(binary: Path | str, folder: Path | str) -> Iterator[str]:
    """Start one in a folder, and give its connection string while it runs."""
    folder = Path(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary, "--dbpath", folder, "--port", port, "--bind_ip", "127.0.0.1"]
    command += ["--replSet", "rs0", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    try:
        with pymongo.MongoClient(uri) as client:
            member = {"_id": 0, "host": f"127.0.0.1:{port}"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.02)  # an election has nothing to wait for
        yield uri
    finally:
        process.terminate()
        process.wait(30)
