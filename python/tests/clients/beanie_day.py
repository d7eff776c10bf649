"""Beanie does a day's work on an Argon server."""

import asyncio
import sys
from typing import Annotated

from beanie import Document, Indexed, init_beanie
from pydantic import Field
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError


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
    await client["beanie"].command("argonBranchCreate", "exp")
    await init_beanie(database=client["beanie~exp"], document_models=[Product])
    await Product.find_all().delete()
    assert await Product.count() == 0
    await init_beanie(database=client["beanie"], document_models=[Product])
    assert await Product.count() == 52
    await client.close()


asyncio.run(main(sys.argv[1]))
