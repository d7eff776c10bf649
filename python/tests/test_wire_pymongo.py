"""PyMongo, synchronous and asynchronous, does a day's work on an Argon server."""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Iterator
from typing import Any

import bson
import gridfs
import pymongo
import pytest
from pymongo import AsyncMongoClient, InsertOne, MongoClient, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern


@pytest.fixture
def mongo(server: str) -> Iterator[MongoClient[Any]]:
    with MongoClient[Any](
        server, serverSelectionTimeoutMS=5000, heartbeatFrequencyMS=500
    ) as client:
        for project in client["admin"].command("argonProjectList")["projects"]:
            client["admin"].command("argonProjectDelete", project["name"])
        yield client


def test_the_server_is_a_replica_set(mongo: MongoClient[Any]) -> None:
    hello = mongo.admin.command("hello")
    assert hello["setName"] == "argon"
    assert hello["maxWireVersion"] == 21
    assert mongo.topology_description.topology_type_name == "ReplicaSetWithPrimary"
    assert mongo.server_info()["version"] == "7.0.0"


def test_documents(mongo: MongoClient[Any]) -> None:
    users = mongo.shop.users
    first = users.insert_one({"name": "Ada", "born": datetime.datetime(1815, 12, 10)})
    assert isinstance(first.inserted_id, bson.ObjectId)
    users.insert_many([{"_id": n, "n": n, "tags": ["x", "y"][: n % 3]} for n in range(1000)])
    assert users.count_documents({}) == 1001
    assert users.estimated_document_count() == 1001
    assert [d["_id"] for d in users.find({"n": {"$lt": 5}}).sort("n", -1).skip(1).limit(2)] == [
        3,
        2,
    ]
    assert len(list(users.find({}, batch_size=100))) == 1001
    assert users.update_one({"n": 3}, {"$set": {"seen": True}}).modified_count == 1
    assert users.update_many({"n": {"$gte": 990}}, {"$inc": {"n": 1000}}).matched_count == 10
    assert users.replace_one({"_id": 5}, {"n": "five"}, upsert=True).matched_count == 1
    assert users.update_one({"_id": "new"}, {"$set": {"n": 1}}, upsert=True).upserted_id == "new"
    after = users.find_one_and_update(
        {"_id": 7}, {"$push": {"tags": "z"}}, return_document=pymongo.ReturnDocument.AFTER
    )
    assert after["tags"][-1] == "z"
    assert users.find_one_and_delete({"_id": 8})["n"] == 8
    assert users.delete_many({"n": {"$gt": 1000}}).deleted_count == 10
    assert sorted(users.distinct("tags")) == ["x", "y", "z"]
    with pytest.raises(pymongo.errors.DuplicateKeyError) as caught:
        users.insert_one({"_id": 1})
    assert caught.value.details is not None
    assert caught.value.details["keyPattern"] == {"_id": 1}


def test_bulk(mongo: MongoClient[Any]) -> None:
    items = mongo.shop.items
    result = items.bulk_write(
        [
            InsertOne({"_id": 1, "n": 0}),
            UpdateOne({"_id": 1}, {"$inc": {"n": 5}}),
            InsertOne({"_id": 2}),
        ]
    )
    assert (result.inserted_count, result.modified_count) == (2, 1)
    with pytest.raises(BulkWriteError) as caught:
        items.bulk_write([InsertOne({"_id": n}) for n in (3, 1, 4, 2)], ordered=False)
    assert [e["index"] for e in caught.value.details["writeErrors"]] == [1, 3]
    assert items.count_documents({}) == 4


def test_aggregation_and_indexes(mongo: MongoClient[Any]) -> None:
    sales = mongo.shop.sales
    sales.insert_many({"city": "RPL"[n % 3], "amount": n} for n in range(300))
    assert sales.create_index([("city", 1), ("amount", -1)]) == "city_1_amount_-1"
    sales.create_index("amount", unique=True)
    assert set(sales.index_information()) == {"_id_", "city_1_amount_-1", "amount_1"}
    rows = list(
        sales.aggregate(
            [{"$group": {"_id": "$city", "sum": {"$sum": "$amount"}}}, {"$sort": {"_id": 1}}]
        )
    )
    assert [row["_id"] for row in rows] == ["L", "P", "R"]
    plan = sales.find({"city": "R"}).explain()
    assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "city_1_amount_-1"
    stats = next(sales.aggregate([{"$collStats": {"storageStats": {}, "count": {}}}]))
    assert stats["count"] == 300
    assert stats["storageStats"]["nindexes"] == 3
    assert {row["name"] for row in sales.aggregate([{"$indexStats": {}}])} == set(
        sales.index_information()
    )
    sales.drop_index("amount_1")
    assert mongo.shop.validate_collection("sales")["valid"]


def test_transactions(mongo: MongoClient[Any]) -> None:
    accounts = mongo.bank.accounts
    accounts.insert_many([{"_id": "a", "n": 10}, {"_id": "b", "n": 0}])

    def move(session: Any) -> None:
        accounts.update_one({"_id": "a"}, {"$inc": {"n": -5}}, session=session)
        accounts.update_one({"_id": "b"}, {"$inc": {"n": 5}}, session=session)

    with mongo.start_session() as session:
        session.with_transaction(move, ReadConcern("snapshot"), WriteConcern("majority"))
        assert accounts.find_one({"_id": "b"})["n"] == 5
        session.start_transaction()
        move(session)
        session.abort_transaction()
        assert accounts.find_one({"_id": "b"})["n"] == 5
        with mongo.start_session() as other:
            session.start_transaction()
            other.start_transaction()
            accounts.update_one({"_id": "a"}, {"$set": {"n": 1}}, session=session)
            with pytest.raises(OperationFailure) as caught:
                accounts.update_one({"_id": "a"}, {"$set": {"n": 2}}, session=other)
                session.commit_transaction()
                other.commit_transaction()
            assert caught.value.has_error_label("TransientTransactionError")


def test_retries(mongo: MongoClient[Any]) -> None:
    """A connection that breaks under a write: the driver sends it again, and it is done once."""
    items = mongo.shop.items
    items.insert_one({"_id": 0, "n": 0})
    fail = {"failCommands": ["update"], "closeConnection": True}
    mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=fail)
    items.update_one({"_id": 0}, {"$inc": {"n": 1}})
    assert items.find_one({"_id": 0})["n"] == 1
    fail = {"failCommands": ["insert"], "writeConcernError": {"code": 91, "errmsg": "gone"}}
    mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=fail)
    assert items.insert_one({"_id": 1}).acknowledged
    fail = {"failCommands": ["find"], "errorCode": 10107}
    mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=fail)
    assert items.count_documents({}) == 2
    assert items.find_one({"_id": 1}) == {"_id": 1}
    fail = {"failCommands": ["commitTransaction"], "closeConnection": True}
    mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=fail)
    with mongo.start_session() as session, session.start_transaction():
        items.insert_one({"_id": 2}, session=session)
    assert items.count_documents({}) == 3


def test_change_streams(mongo: MongoClient[Any]) -> None:
    users = mongo.shop.users
    users.insert_one({"_id": 0})
    start = mongo.shop.command("argonResolve", "main")["lsn"]
    with users.watch(max_await_time_ms=100) as stream:
        users.insert_one({"_id": 1})
        users.update_one({"_id": 1}, {"$set": {"a": 1}})
        first = next(stream)
        token = stream.resume_token
        assert first["operationType"] == "insert"
        assert next(stream)["updateDescription"]["updatedFields"] == {"a": 1}
        assert stream.try_next() is None
    users.delete_one({"_id": 1})
    with users.watch(resume_after=token, full_document_before_change="whenAvailable") as stream:
        assert [next(stream)["operationType"] for _ in range(2)] == ["update", "delete"]
    with mongo.shop.watch([{"$match": {"operationType": "delete"}}], resume_after=token) as stream:
        assert next(stream)["documentKey"] == {"_id": 1}
    assert start < mongo.shop.command("argonResolve", "main")["lsn"]


def test_gridfs(mongo: MongoClient[Any]) -> None:
    bucket = gridfs.GridFSBucket(mongo.files)
    data = bytes(range(256)) * 4000
    with bucket.open_upload_stream("big.bin", metadata={"kind": "test"}) as upload:
        upload.write(data)
    assert bucket.open_download_stream_by_name("big.bin").read() == data
    bucket.rename(upload._id, "other.bin")
    assert [f.filename for f in bucket.find({})] == ["other.bin"]
    bucket.delete(upload._id)
    assert mongo.files["fs.chunks"].count_documents({}) == 0


def test_branches_and_moments(mongo: MongoClient[Any]) -> None:
    shop = mongo.shop
    shop.users.insert_one({"_id": 1, "name": "Ada"})
    lsn = shop.command("argonResolve", "main")["lsn"]
    shop.command("argonBranchCreate", "exp", **{"from": "main"})
    exp = mongo["shop~exp"]
    exp.users.update_one({"_id": 1}, {"$set": {"name": "Grace"}})
    assert shop.users.find_one()["name"] == "Ada"
    assert exp.users.find_one()["name"] == "Grace"
    assert mongo[f"shop~exp~{lsn}"].users.find_one()["name"] == "Ada"
    assert mongo.list_database_names() == ["shop", "shop~exp"]
    with pytest.raises(OperationFailure, match="argonBranchCreate"):
        mongo[f"shop~exp~{lsn}"].users.insert_one({})
    with pytest.raises(OperationFailure, match="exp"):
        mongo["shop~epx"].users.insert_one({})
    shop.command("argonMerge", "exp", into="main")
    assert shop.users.find_one()["name"] == "Grace"


def test_cursors_end(mongo: MongoClient[Any]) -> None:
    items = mongo.shop.items
    items.insert_many({"_id": n} for n in range(500))
    cursor = items.find(batch_size=2)
    next(cursor)
    status = mongo.admin.command("serverStatus")
    assert status["metrics"]["cursor"]["open"]["total"] == 1
    cursor.close()
    status = mongo.admin.command("serverStatus")
    assert status["metrics"]["cursor"]["open"]["total"] == 0
    exhaust = items.find(cursor_type=pymongo.CursorType.EXHAUST, batch_size=7)
    assert len(list(exhaust)) == 500


def test_unacknowledged_and_compressed(server: str, mongo: MongoClient[Any]) -> None:
    fast = mongo.shop.get_collection("fast", write_concern=WriteConcern(0))
    for n in range(100):
        fast.insert_one({"_id": n})
    assert mongo.shop.fast.count_documents({}) <= 100
    with MongoClient[Any](server, compressors="zlib") as compressed:
        assert len(list(compressed.shop.fast.find({"_id": {"$lt": 10}}))) <= 10


def test_administration(mongo: MongoClient[Any]) -> None:
    mongo.shop.users.insert_one({"_id": 1})
    admin = mongo.admin
    assert admin.command("getParameter", featureCompatibilityVersion=1)[
        "featureCompatibilityVersion"
    ] == {"version": "7.0"}
    assert mongo.shop.command("dbStats")["collections"] == 1
    assert mongo.shop.command("collStats", "users")["count"] == 1
    assert admin.command("replSetGetStatus")["myState"] == 1
    assert admin.command("top")["totals"]["shop.users"]["insert"]["count"] >= 1
    assert admin.command("getLog", "startupWarnings")["log"] == []
    for command in ("hostInfo", "whatsmyuri", "connPoolStats", "getCmdLineOpts", "features"):
        assert admin.command(command)["ok"] == 1
    names = {row["command"].get("aggregate") for row in admin.aggregate([{"$currentOp": {}}])}
    assert names == {1}
    for command in ("isdbgrid", "atlasVersion"):
        with pytest.raises(OperationFailure, match=f"no such command: '{command}'") as caught:
            admin.command(command)
        assert caught.value.code == 59
    session = mongo.start_session()
    admin.command("refreshSessions", [session.session_id])
    admin.command("endSessions", [session.session_id])
    admin.command("killAllSessions", [])


def test_threads(mongo: MongoClient[Any]) -> None:
    counts = mongo.shop.counts
    counts.insert_one({"_id": 0, "n": 0})

    def work() -> None:
        for _ in range(50):
            counts.update_one({"_id": 0}, {"$inc": {"n": 1}})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.find_one({"_id": 0})["n"] == 400


def test_async(server: str, mongo: MongoClient[Any]) -> None:
    asyncio.run(a_day_of_async_work(server))


async def a_day_of_async_work(server: str) -> None:
    async with AsyncMongoClient[Any](server) as client:
        users = client["shop"]["users"]
        await users.insert_many([{"_id": n, "n": n % 7} for n in range(500)])
        assert len([d async for d in users.find({"n": 3})]) == 71
        await users.create_index("n")
        cursor = await users.aggregate([{"$group": {"_id": "$n", "c": {"$sum": 1}}}])
        assert sum([d["c"] async for d in cursor]) == 500
        async with client.start_session() as session:
            async with await session.start_transaction():
                await users.insert_one({"_id": "t"}, session=session)
            with pytest.raises(ZeroDivisionError):
                async with await session.start_transaction():
                    await users.insert_one({"_id": "u"}, session=session)
                    raise ZeroDivisionError
        assert await users.count_documents({"_id": {"$in": ["t", "u"]}}) == 1
        await client["shop"].command("argonBranchCreate", "exp")
        exp = client["shop~exp"]["users"]
        assert (await exp.delete_many({})).deleted_count == 501
        assert await users.count_documents({}) == 501
