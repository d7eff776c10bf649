"""What attackers and clumsy users do: each gets an error, and nothing is lost."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
import pymongo.errors
import pytest
from pymongo import DeleteOne, InsertOne, UpdateMany, UpdateOne

import argon

ids = [{"_id": n} for n in (1, 2, 1, 3, 2, 4)]
keys = [{"_id": 1, "k": 1}, {"_id": 2, "k": 1.0}, {"_id": 3, "k": 2}, {"_id": 3}, {"_id": 4}]
arrays = [{"_id": 1, "k": [1, 2]}, {"_id": 2, "k": [2, 3]}, {"_id": 3, "k": [4, 4]}]
mixed = [
    InsertOne({"_id": 1}),
    UpdateOne({"_id": 1}, {"$inc": {"x": 1}}),
    InsertOne({"_id": 1}),
    UpdateOne({"_id": 9}, {"$set": {"x": 1}}, upsert=True),
    InsertOne({"_id": 9}),
    UpdateOne({"_id": 1}, {"$inc": {"x": "a"}}),
    UpdateMany({}, {"$set": {"_id": 5}}),
    DeleteOne({"_id": 1}),
]


def details(collection: Any, write: Callable[[Any], Any]) -> Any:
    """What a bulk write says of its failures, as pymongo gives it, and what it left."""
    with pytest.raises(pymongo.errors.BulkWriteError) as caught:
        write(collection)
    found = dict(caught.value.details or {})
    found.pop("argonLSN", None)
    for error in found["writeErrors"]:
        error["op"] = repr(error["op"]).replace(", 'upsert': False", "")
    return caught.value.code, found, list(collection.find().sort("_id", 1))


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("documents", [ids, keys, arrays], ids=["ids", "keys", "arrays"])
def test_duplicates_in_one_batch(
    main: argon.Branch, mongod: str, documents: Any, ordered: bool
) -> None:
    def write(collection: Any) -> None:
        collection.create_index("k", unique=True, sparse=True)
        collection.insert_many([dict(one) for one in documents], ordered=ordered)

    with pymongo.MongoClient[Any](mongod) as theirs:
        theirs.shop.drop_collection("batch")
        assert details(main["batch"], write) == details(theirs.shop["batch"], write)


@pytest.mark.parametrize("ordered", [True, False])
def test_failures_of_a_bulk_write(main: argon.Branch, mongod: str, ordered: bool) -> None:
    def write(collection: Any) -> None:
        collection.bulk_write(mixed, ordered=ordered)

    with pymongo.MongoClient[Any](mongod) as theirs:
        theirs.shop.drop_collection("bulk")
        assert details(main["bulk"], write) == details(theirs.shop["bulk"], write)


def nested(levels: int, name: str = "a", leaf: Any = 1) -> Any:
    for _ in range(levels):
        leaf = {name: leaf}
    return leaf


@pytest.mark.parametrize("levels", [101, 150, 300])
def test_depth_is_bounded_everywhere(main: argon.Branch, users: Any, levels: int) -> None:
    users.insert_one({"_id": 1, "z": [1]})
    deep = nested(levels, "$not", {"$eq": 1})
    for call in (
        lambda: users.insert_one(nested(levels)),
        lambda: users.insert_one({"_id": nested(levels)}),
        lambda: users.update_one({}, {"$set": {"b": nested(levels)}}),
        lambda: users.update_one({}, {"$set": {".".join("a" * (levels + 1)): 1}}),
        lambda: users.update_one({}, {"$set": {"z.$[e]": 1}}, array_filters=[{"e": deep}]),
        lambda: users.find_one({"a": nested(levels + 5)}),
        lambda: users.find_one({"$expr": nested(levels + 5, "$abs")}),
        lambda: users.aggregate([{"$project": {"x": nested(levels + 5, "$abs")}}]).to_list(),
        lambda: users.create_index("k", partialFilterExpression=nested(levels)),
        lambda: main.create_collection("v", validator=nested(levels)),
    ):
        with pytest.raises(argon.ArgonError):
            call()
    assert users.find_one({}) == {"_id": 1, "z": [1]}


def test_names_of_ids(users: Any) -> None:
    for identity in ({"$a": 1}, {"a": {"$b": 1}}, {"a": [{"$b": 1}]}):
        with pytest.raises(argon.WriteError, match="is not valid for storage"):
            users.insert_one({"_id": identity})
    assert users.count_documents({}) == 0


def test_an_index_over_arrays_survives_reopening(tmp_path: Path) -> None:
    with argon.Client(tmp_path / "store") as client:
        users = client["shop"]["users"]
        users.create_index("k")
        users.insert_one({"_id": 1, "k": [1, 2]})
    with argon.Client(tmp_path / "store") as client:
        assert client["shop"]["users"].count_documents({"k": 2}) == 1
        assert client.fsck()["problems"] == []


def test_what_has_items_is_not_iterated_for_ever(client: argon.Client, main: argon.Branch) -> None:
    for thing in (client, client["shop"], main, main["users"]):
        with pytest.raises(TypeError):
            iter(thing)  # type: ignore[call-overload]
    assert [project.name for project in client.projects] == ["shop"]
    assert [branch.name for branch in client["shop"].branches] == ["main"]


def test_an_empty_path_is_no_store() -> None:
    with pytest.raises(ValueError, match="empty"):
        argon.Client("")


def test_views_in_circles(main: argon.Branch) -> None:
    main.create_collection("a", viewOn="b", pipeline=[])
    main.create_collection("b", viewOn="a", pipeline=[])
    with pytest.raises(argon.InvalidRequest, match="or on itself"):
        main["a"].find_one()


def test_sixteen_threads(client: argon.Client, main: argon.Branch) -> None:
    failures: list[BaseException] = []

    def again(call: Callable[[], Any]) -> None:
        for _ in range(1000):
            try:
                call()
            except (argon.WriteConflict, argon.PlanStale):
                continue
            return
        raise AssertionError("a thousand conflicts")

    def work(thread: int) -> None:
        dice = random.Random(thread)
        change = {"$inc": {"n": 1}}
        try:
            for i in range(12):
                main["users"].insert_one({"_id": f"{thread}-{i}", "thread": thread})
                again(lambda: main["counter"].update_one({"_id": 0}, change, upsert=True))
                if dice.random() < 0.3:
                    main["users"].find({"thread": thread}).to_list()
                if dice.random() < 0.2:
                    name = f"b{thread}-{i}"
                    branch = client["shop"].branches.create(name, from_branch="main")
                    branch["counter"].update_one({"_id": 0}, {"$inc": {"merged": 1}})
                    branch["merges"].insert_one({"_id": name})
                    again(lambda: branch.merge("main"))  # noqa: B023
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert main["users"].count_documents({}) == 16 * 12
    merges = main["merges"].count_documents({})
    assert main["counter"].find_one() == {"_id": 0, "n": 16 * 12, "merged": merges}


def test_damaged_files_are_reported(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    documents = [{"_id": i, "text": "x" * 50} for i in range(200)]
    with argon.Client(whole) as client:
        client["shop"]["users"].insert_many(documents)
    for file in sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file()):
        content = (whole / file).read_bytes()
        middle = len(content) // 2
        flipped = bytearray(content)
        flipped[middle : middle + 1] = bytes(b ^ 0x10 for b in flipped[middle : middle + 1])
        for damaged in (bytes(flipped), content[:middle]):
            store = tmp_path / "copy"
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(whole, store)
            (store / file).write_bytes(damaged)
            try:
                with argon.Client(store) as client:
                    assert client["shop"]["users"].find().to_list() == documents, file
            except argon.ArgonError as error:
                assert isinstance(error, argon.StoreCorrupt | argon.InvalidRequest), file
                assert str(store) in str(error), file
