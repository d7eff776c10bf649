"""Change streams and cluster times, as PyMongo uses them on an Argon server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import OperationFailure


@pytest.fixture
def mongo(server: str) -> Iterator[MongoClient[Any]]:
    with MongoClient[Any](server, serverSelectionTimeoutMS=5000) as client:
        for project in client["admin"].command("argonProjectList")["projects"]:
            client["admin"].command("argonProjectDelete", project["name"])
        yield client


def test_a_stream_with_resume(mongo: MongoClient[Any]) -> None:
    users = mongo.shop.users
    changes = []
    with users.watch(full_document="updateLookup", max_await_time_ms=100) as stream:
        assert stream.try_next() is None
        users.insert_many([{"_id": n} for n in range(20)])
        users.update_one({"_id": 3}, {"$set": {"a": {"b": 1}}})
        users.delete_one({"_id": 4})
        while (change := stream.try_next()) is not None:
            changes.append(change)
        last = stream.resume_token
    kinds = [change["operationType"] for change in changes]
    assert kinds == ["insert"] * 20 + ["update", "delete"]
    assert changes[20]["fullDocument"] == {"_id": 3, "a": {"b": 1}}
    assert changes[20]["updateDescription"]["updatedFields"] == {"a": {"b": 1}}
    tokens = [change["_id"]["_data"] for change in changes]
    assert tokens == sorted(tokens)
    for i in (0, 5, 19, 20, 21):
        with users.watch(
            resume_after=changes[i]["_id"], full_document="updateLookup", max_await_time_ms=1
        ) as stream:
            for change in changes[i + 1 :]:
                assert stream.next() == change
            assert stream.try_next() is None
    with users.watch(resume_after=last) as stream:
        users.insert_one({"_id": "later"})
        assert stream.next()["documentKey"] == {"_id": "later"}
    with mongo.shop.watch(start_at_operation_time=changes[20]["clusterTime"]) as stream:
        assert stream.next()["operationType"] == "update"
    # There is no window: an hour ago, and LSN 0, are there.
    an_hour_ago = bson.Timestamp(int(time.time()) - 3600, 1)
    with mongo.watch(start_at_operation_time=an_hour_ago, batch_size=3) as stream:
        assert [stream.next()["documentKey"]["_id"] for _ in range(20)] == list(range(20))
    reply = mongo.shop.command(
        "aggregate", "users", pipeline=[{"$changeStream": {"argonSince": 0}}], cursor={}
    )
    assert len(reply["cursor"]["firstBatch"]) == 23


def test_a_stream_survives_its_cursor(mongo: MongoClient[Any]) -> None:
    users = mongo.shop.users
    users.insert_one({"_id": 0})
    with users.watch(max_await_time_ms=50) as stream:
        users.insert_one({"_id": 1})
        assert stream.next()["documentKey"] == {"_id": 1}
        cursor_id = stream._cursor.cursor_id
        mongo.shop.command("killCursors", "users", cursors=[cursor_id])
        users.insert_one({"_id": 2})
        assert stream.next()["documentKey"] == {"_id": 2}, "the driver resumed"


def test_closing_from_another_thread(mongo: MongoClient[Any]) -> None:
    stream = mongo.shop.users.watch(max_await_time_ms=200)
    seen: list[Any] = []

    def follow() -> None:
        try:
            for change in stream:
                seen.append(change)
        except OperationFailure as error:
            assert error.code == 237, "as of mongod, where a request was waiting"

    follower = threading.Thread(target=follow)
    follower.start()
    mongo.shop.users.insert_one({"_id": 1})
    while not seen:
        follower.join(0.01)
    stream.close()
    follower.join(10)
    assert not follower.is_alive()
    assert [change["documentKey"] for change in seen] == [{"_id": 1}]


def test_branches(mongo: MongoClient[Any]) -> None:
    mongo.shop.users.insert_one({"_id": 1})
    mongo.shop.command("argonBranchCreate", "exp")
    with mongo["shop~exp"].watch() as branch, mongo.watch() as store:
        mongo.shop.users.insert_one({"_id": 2})
        mongo["shop~exp"].users.insert_one({"_id": 3})
        change = branch.next()
        assert change["ns"] == {"db": "shop~exp", "coll": "users"}
        assert [store.next()["ns"]["db"] for _ in range(2)] == ["shop", "shop~exp"]
        mongo.shop.command("argonBranchDelete", "exp")
        kinds = [change["operationType"] for change in branch]
        assert kinds == ["drop", "dropDatabase", "invalidate"]
    with pytest.raises(OperationFailure, match="watch the branch"):
        mongo["shop~main~2"].watch()


def test_a_transaction_is_one_moment(mongo: MongoClient[Any]) -> None:
    shop = mongo.shop
    shop.create_collection("users")
    with shop.watch() as stream, mongo.start_session() as session:
        with session.start_transaction():
            shop.users.insert_one({"_id": 1}, session=session)
            shop.users.insert_one({"_id": 2}, session=session)
        first, second = stream.next(), stream.next()
        assert first["clusterTime"] == second["clusterTime"]
        assert first["lsid"]["id"] == session.session_id["id"]
        assert first["txnNumber"] == second["txnNumber"]


def test_pipelines_and_errors(mongo: MongoClient[Any]) -> None:
    users = mongo.shop.users
    with users.watch(
        [{"$match": {"fullDocument.n": {"$gt": 1}}}, {"$project": {"fullDocument.n": 1}}]
    ) as stream:
        users.insert_many([{"_id": n, "n": n} for n in range(4)])
        assert stream.next()["fullDocument"] == {"n": 2}
    with users.watch([{"$project": {"_id": 0}}]) as stream:
        users.insert_one({})
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 280
    assert caught.value.has_error_label("NonResumableChangeStreamError")
    for pipeline in ([{"$group": {"_id": 1}}], [{"$sort": {"a": 1}}]):
        with pytest.raises(OperationFailure) as caught:
            users.watch(pipeline)
        assert caught.value.code == 20
    with pytest.raises(OperationFailure) as caught:
        users.watch(resume_after={"_data": "826B056BAC000000052B0229296E04"})
    assert caught.value.code == 260


def test_snapshot_sessions(mongo: MongoClient[Any]) -> None:
    shop = mongo.shop
    shop.users.insert_many([{"_id": n} for n in range(5)])
    with mongo.start_session(snapshot=True) as session:
        assert len(list(shop.users.find(session=session))) == 5
        shop.users.delete_many({})
        shop.other.insert_one({"_id": 1})
        assert len(list(shop.users.find(session=session))) == 5
        assert shop.users.distinct("_id", session=session) == list(range(5))
        assert list(shop.other.aggregate([{"$match": {}}], session=session)) == []
    assert list(shop.users.find()) == []


def test_causal_sessions(mongo: MongoClient[Any]) -> None:
    with mongo.start_session(causal_consistency=True) as session:
        assert mongo.shop.users.find_one(session=session) is None
        assert mongo.shop.users.find_one(session=session) is None, "of an empty store, too"
        mongo.shop.users.insert_one({"_id": 1}, session=session)
        assert session.operation_time is not None
        assert mongo.shop.users.find_one(session=session) == {"_id": 1}
        assert mongo.address is not None
        with (
            MongoClient[Any](*mongo.address) as other,
            other.start_session(causal_consistency=True) as theirs,
        ):
            theirs.advance_cluster_time(session.cluster_time)  # type: ignore[arg-type]
            theirs.advance_operation_time(session.operation_time)
            assert other.shop.users.find_one(session=theirs) == {"_id": 1}
            theirs.advance_operation_time(bson.Timestamp(4_000_000_000, 1))
            with pytest.raises(OperationFailure, match="afterClusterTime"):
                other.shop.users.find_one(session=theirs)


def test_asynchronous(server: str, mongo: MongoClient[Any]) -> None:
    async def follow() -> list[Any]:
        async with (
            AsyncMongoClient[Any](server) as client,
            await client.shop.users.watch() as stream,
        ):
            await client.shop.users.insert_one({"_id": 1})
            await client.shop.users.update_one({"_id": 1}, {"$inc": {"n": 1}})
            return [await stream.next(), await stream.next()]

    first, second = asyncio.run(follow())
    assert (first["operationType"], second["operationType"]) == ("insert", "update")
