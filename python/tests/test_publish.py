"""Publishing branches to a real MongoDB, and restoring one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from bson import Decimal128, Int64

import argon


@pytest.fixture
def live(mongod: str) -> Iterator[Any]:
    """A live database, empty."""
    server: pymongo.MongoClient[Any] = pymongo.MongoClient(mongod)
    with server:
        database = server["live_publish"]
        yield database
        server.drop_database("live_publish")


@pytest.fixture
def uri(mongod: str) -> str:
    return f"{mongod}/live_publish"


@pytest.fixture
def fix(client: argon.Client, main: argon.Branch, live: Any, uri: str) -> argon.Branch:
    """A branch of what is live."""
    live["users"].insert_many([{"_id": n, "n": n, "d": Decimal128("1.0")} for n in range(5)])
    main.import_mongodb(uri)
    return client.branches.create("fix")


def test_publish(fix: argon.Branch, live: Any, uri: str) -> None:
    fix["users"].update_many({"_id": {"$lt": 2}}, {"$set": {"ok": Int64(1)}})
    fix["users"].delete_one({"_id": 4})
    fix["new"].insert_one({"_id": "a", "at": None})

    plan = fix.publish(uri, dry_run=True)
    assert (plan.counts["inserted"], plan.counts["updated"], plan.counts["deleted"]) == (1, 2, 1)
    assert [c.status for c in plan.changes] == ["apply"] * 4
    update = next(c for c in plan.changes if c.op == "update")
    assert update.changes == (argon.Change("ok", argon.MISSING, 1),)
    frame = plan.to_pandas()
    assert list(frame.columns) == ["collection", "_id", "op", "status", "changes"]
    assert len(frame) == 4
    html = plan._repr_html_()
    assert "ok" in html
    assert "createCollection" in html
    assert live["users"].count_documents({"ok": 1}) == 0

    result = plan.apply()
    assert result.state == "done"
    assert result.counts["written"] == 4
    assert sorted(d["_id"] for d in live["users"].find()) == [0, 1, 2, 3]
    assert live["users"].find_one({"_id": 0}) == {"_id": 0, "n": 0, "d": Decimal128("1.0"), "ok": 1}
    assert live["new"].find_one() == {"_id": "a", "at": None}
    assert "standalone" in result.notes[0]

    back = result.rollback()
    assert back.counts["rolledBack"] == 4
    assert live.list_collection_names() == ["users"]
    assert live["users"].count_documents({"ok": {"$exists": False}}) == 5


def test_conflicts(fix: argon.Branch, live: Any, uri: str, client: argon.Client) -> None:
    fix["users"].update_many({}, {"$set": {"n": 100}})
    live["users"].update_one({"_id": 1}, {"$set": {"n": 7}})
    live["users"].update_one({"_id": 2}, {"$set": {"other": 7}})
    with pytest.raises(argon.PublishConflict) as raised:
        fix.publish(uri)
    assert [c["found"] for c in raised.value.conflicts] == [7]
    assert live["users"].count_documents({"n": 100}) == 0

    plan = fix.publish(uri, dry_run=True)
    (conflict,) = plan.conflicts
    assert (conflict.id, conflict.path, conflict.kind) == (1, "n", "changed")
    assert (conflict.expected, conflict.found, conflict.wanted) == (1, 7, 100)
    assert "conflicts" in plan._repr_html_()
    assert fix.publish(uri, dry_run=True, guard="document").counts["conflicts"] == 2

    result = fix.publish(uri, skip_conflicts=True, base="main", progress=True)
    assert result.counts["written"] == 4
    assert live["users"].find_one({"_id": 2}, {"_id": 0, "d": 0}) == {"n": 100, "other": 7}
    assert [p["id"] for p in client.publishes.list()] == [result.id]
    assert result.id is not None
    client.publishes.rollback(result.id)
    client.publishes.forget(result.id)
    assert not client.publishes.list()


def test_restore_to(fix: argon.Branch, main: argon.Branch, live: Any, uri: str) -> None:
    lsn = main.log(limit=1)[0].lsn
    main["users"].delete_many({})
    live["users"].delete_many({})
    plan = main.restore_to(uri, -1, dry_run=True, collections=["users"], filter={"n": {"$gte": 3}})
    assert plan.counts["inserted"] == 2
    assert plan.kind == "restore"
    result = main.restore_to(uri, lsn, collections=["users"], filter={"n": {"$gte": 3}})
    assert result.counts["written"] == 2
    assert sorted(d["_id"] for d in live["users"].find()) == [3, 4]


def test_bad_input(fix: argon.Branch, main: argon.Branch, uri: str, mongod: str) -> None:
    with pytest.raises(argon.InvalidRequest, match="no connection string"):
        fix.publish("nowhere")
    with pytest.raises(argon.InvalidRequest, match="names no database"):
        fix.publish(mongod)
    with pytest.raises(argon.StoreFailure, match="connecting to"):
        fix.publish("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100")
    with pytest.raises(argon.InvalidRequest, match="nothing that it was based on"):
        main.publish(uri)
    with pytest.raises(argon.NotFound, match='"nope"'):
        fix.publish(uri, collections=["nope"])
    with pytest.raises(argon.InvalidRequest, match="guard"):
        fix.publish(uri, guard="none")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="list of names"):
        fix.publish(uri, collections="users")
    with pytest.raises(argon.NotFound):
        fix.publish(uri, base="nope")
