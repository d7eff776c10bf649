"""Beanie does a day's work on an Argon server."""

import asyncio
import sys
from typing import Annotated

from beanie import BulkWriter, Document, Indexed, init_beanie
from pydantic import Field
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError, OperationFailure


class Product(Document):
    name: Annotated[str, Indexed(unique=True)]
    price: float
    tags: list[str] = Field(default_factory=list)

    class Settings:
        name = "products"


async def main(uri):
    client = AsyncMongoClient(uri)
    await init_beanie(database=client["beanie"], document_models=[Product])
    await Product(name="tea", price=3.5).insert()
    await Product.insert_many([Product(name=f"p{n}", price=n, tags=["t"]) for n in range(50)])
    assert await Product.find(Product.price > 45).count() == 4
    tea = await Product.find_one(Product.name == "tea")
    await tea.set({Product.price: 4})
    assert (await Product.get(tea.id)).price == 4
    await Product.find(Product.price < 10).inc({Product.price: 1})
    assert await Product.find(Product.tags == "t").avg(Product.price) > 0
    try:
        await Product(name="tea", price=1).insert()
    except DuplicateKeyError:
        pass
    else:
        raise AssertionError("two teas")
    async with client.start_session() as session, await session.start_transaction():
        await Product(name="coffee", price=5).insert(session=session)
    assert await Product.find_one(Product.name == "coffee") is not None
    async with client.start_session() as one, client.start_session() as two:
        await one.start_transaction()
        await Product(name="dropped", price=1).insert(session=one)
        await one.abort_transaction()
        assert await Product.find_one(Product.name == "dropped") is None
        await one.start_transaction()
        await two.start_transaction()
        await Product.find(Product.id == tea.id).set({Product.price: 50}, session=one)
        try:
            await Product.find(Product.id == tea.id).set({Product.price: 60}, session=two)
            await one.commit_transaction()
            await two.commit_transaction()
        except OperationFailure as error:
            assert error.has_error_label("TransientTransactionError")
        else:
            raise AssertionError("two transactions wrote one document")
    async with BulkWriter() as bulk:
        await Product.find_one(Product.name == "p1", bulk_writer=bulk).set({Product.price: 100})
        await Product.find_one(Product.name == "p2", bulk_writer=bulk).set({Product.price: 100})
    assert await Product.find(Product.price == 100).count() == 2
    products = Product.get_pymongo_collection()
    async with await products.watch() as stream:
        seen = await Product(name="seen", price=1).insert()
        change = await stream.next()
        assert change["fullDocument"]["name"] == "seen"
    await seen.delete()
    async with await products.watch(resume_after=change["_id"]) as stream:
        assert (await stream.next())["operationType"] == "delete"
    lsn = (await client["beanie"].command("argonResolve", "main"))["lsn"]
    await client["beanie"].command("argonBranchCreate", "exp")
    await init_beanie(database=client["beanie~exp"], document_models=[Product])
    await Product.find_all().delete()
    assert await Product.count() == 0
    await init_beanie(database=client["beanie"], document_models=[Product])
    assert await Product.count() == 52
    await Product.find_all().delete()
    past = client[f"beanie~main~{lsn}"]
    assert await past["products"].count_documents({}) == 52
    try:
        await past["products"].insert_one({})
    except OperationFailure as error:
        assert error.code == 970009
    else:
        raise AssertionError("a moment was written to")
    await client.close()


asyncio.run(main(sys.argv[1]))
