"""Motor does a day's work on an Argon server."""

import asyncio
import sys

import motor.motor_asyncio as motor
from pymongo import InsertOne, UpdateOne
from pymongo.errors import OperationFailure


async def main(uri):
    client = motor.AsyncIOMotorClient(uri)
    db = client["motor"]
    await db.items.insert_many([{"_id": n, "n": n % 5} for n in range(300)])
    result = await db.items.bulk_write(
        [InsertOne({"_id": -1}), UpdateOne({"_id": 1}, {"$inc": {"n": 1}})]
    )
    assert result.modified_count == 1
    assert len(await db.items.find({"n": 2}).to_list(None)) == 61
    await db.items.create_index("n")
    groups = await db.items.aggregate([{"$group": {"_id": "$n"}}]).to_list(None)
    assert len(groups) == 6
    async with await client.start_session() as session:
        async with session.start_transaction():
            await db.items.insert_one({"_id": "kept"}, session=session)
        session.start_transaction()
        await db.items.insert_one({"_id": "dropped"}, session=session)
        await session.abort_transaction()
    assert await db.items.count_documents({"_id": {"$in": ["kept", "dropped"]}}) == 1
    async with await client.start_session() as one, await client.start_session() as two:
        one.start_transaction()
        two.start_transaction()
        await db.items.update_one({"_id": 2}, {"$set": {"by": 1}}, session=one)
        try:
            await db.items.update_one({"_id": 2}, {"$set": {"by": 2}}, session=two)
            await one.commit_transaction()
            await two.commit_transaction()
        except OperationFailure as error:
            assert error.has_error_label("TransientTransactionError")
        else:
            raise AssertionError("two transactions wrote one document")
    async with db.items.watch() as stream:
        await db.items.insert_one({"_id": "seen"})
        change = await stream.next()
        token = change["_id"]
    await db.items.delete_one({"_id": "seen"})
    async with db.items.watch(resume_after=token) as stream:
        assert (await stream.next())["operationType"] == "delete"
    bucket = motor.AsyncIOMotorGridFSBucket(db)
    file = await bucket.upload_from_stream("a", b"x" * 600_000)
    assert len(await (await bucket.open_download_stream(file)).read()) == 600_000
    lsn = (await db.command("argonResolve", "main"))["lsn"]
    await db.command("argonBranchCreate", "exp")
    await client["motor~exp"].items.delete_many({})
    assert await client[f"motor~exp~{lsn}"].items.count_documents({}) == 302
    try:
        await client[f"motor~main~{lsn}"].items.insert_one({})
    except OperationFailure as error:
        assert error.code == 970009
    else:
        raise AssertionError("a moment was written to")
    client.close()


asyncio.run(main(sys.argv[1]))
