"""Collections against pymongo: the same calls on Argon and on a real mongod.

Each scenario is a function of a collection and of nothing else. It is run twice,
and what it returns (results, documents, the class and code of errors) must be
equal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import bson
import pymongo
import pymongo.errors
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion, UuidRepresentation
from bson.raw_bson import RawBSONDocument
from bson.son import SON
from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    UpdateMany,
    UpdateOne,
)
from pymongo.operations import IndexModel

import argon

PEOPLE = [
    {"_id": 1, "name": "Ada", "age": 36, "tags": ["a", "b"], "at": {"city": "London"}},
    {"_id": 2, "name": "Bob", "age": 28, "tags": [], "at": {"city": "Paris"}},
    {"_id": 3, "name": "Cyd", "age": 41, "tags": ["b", "c"], "at": {"city": "London"}},
    {"_id": 4, "name": "Dee", "age": None, "at": {}},
    {"_id": 5, "name": "Eve"},
]
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)

scenarios: list[Callable[[Any], Any]] = []


def scenario(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    scenarios.append(function)
    return function


def failure(call: Callable[[], Any]) -> Any:
    """Return what tells one failure from another."""
    try:
        call()
    except pymongo.errors.BulkWriteError as error:
        details = dict(error.details)
        errors = [(e["index"], e["code"], e["op"]) for e in details["writeErrors"]]
        counts = {key: value for key, value in details.items() if key.startswith("n")}
        return ("bulk", errors, counts, details["upserted"])
    except pymongo.errors.OperationFailure as error:
        kinds = [k for k in type(error).__mro__ if k.__module__ == "pymongo.errors"]
        return (kinds[0].__name__, error.code)
    except Exception as error:
        kinds = [k for k in type(error).__mro__ if not k.__module__.startswith("argon")]
        return (kinds[0].__name__, "" if kinds[0] is TypeError else str(error))
    return "no failure"


@scenario
def inserting_one(c: Any) -> Any:
    document = {"name": "Ada"}
    result = c.insert_one(document)
    assert result.inserted_id == document["_id"]
    assert isinstance(document["_id"], ObjectId)
    return [
        result.acknowledged,
        c.insert_one({"a": 1, "_id": "x"}).inserted_id,
        list(c.find({"name": "Ada"}, {"_id": 0})),
        list(c.find_one("x")),
        failure(lambda: c.insert_one({"_id": "x"})),
        failure(lambda: c.insert_one([1])),
        failure(lambda: c.insert_one({"_id": [1]})),
        failure(lambda: c.insert_one({"a": object()}))[0],
        c.count_documents({}),
    ]


@scenario
def inserting_many(c: Any) -> Any:
    return [
        c.insert_many([{"_id": i} for i in range(5)]).inserted_ids,
        failure(lambda: c.insert_many([])),
        failure(lambda: c.insert_many([{"_id": 9}, {"_id": 2}, {"_id": 10}])),
        failure(lambda: c.insert_many([{"_id": 11}, {"_id": 2}, {"_id": 12}], ordered=False)),
        failure(lambda: c.insert_many([{"_id": 13}, {"_id": 13}], ordered=False)),
        failure(lambda: c.insert_many([{"_id": 14}, 3])),
        [d["_id"] for d in c.find().sort("_id")],
        len(c.insert_many([{} for _ in range(2500)]).inserted_ids),
        c.count_documents({}),
    ]


@scenario
def inserting_other_mappings(c: Any) -> Any:
    raw = RawBSONDocument(bson.encode({"_id": 1, "b": 1, "a": 2}))
    c.insert_one(raw)
    c.insert_many([SON([("_id", 2), ("z", 1), ("a", 1)]), RawBSONDocument(bson.encode({"_id": 3}))])
    return [list(d.items()) for d in c.find().sort("_id")]


@scenario
def finding(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    return [
        c.find_one({"name": "Bob"}),
        c.find_one(3),
        c.find_one(99),
        c.find_one(),
        c.find_one({"age": {"$gt": 1}}, sort=[("age", -1)]),
        c.find_one({"_id": 1}, {"name": 1}),
        c.find_one({"_id": 1}, ["name", "age"]),
        c.find_one({"_id": 1}, projection=[]),
        list(c.find({"at.city": "London"}).sort("_id")),
        list(c.find({"tags": "b"}, sort=[("age", pymongo.DESCENDING)])),
        list(c.find(sort=[("name", 1)], skip=1, limit=2)),
        list(c.find().sort([("age", 1), ("_id", -1)]).skip(1).limit(3)),
        list(c.find().sort({"name": -1})),
        list(c.find().sort(["age", "name"])),
        list(c.find({"$expr": {"$gt": ["$age", "$$limit"]}}, let={"limit": 30}).sort("_id")),
        failure(lambda: c.find("x")),
        failure(lambda: list(c.find({"a": {"$nope": 1}}))),
        failure(lambda: list(c.find({}, {"a": 1, "b": 0}))),
        failure(lambda: c.find().skip(-1)),
        failure(lambda: c.find().sort([])),
    ]


@scenario
def cursors(c: Any) -> Any:
    c.insert_many([{"_id": i, "g": i % 3} for i in range(250)])
    cursor = c.find().sort("_id").batch_size(7)
    first = [cursor.next()["_id"], next(cursor)["_id"]]
    alive = cursor.alive
    some = [d["_id"] for d in cursor.to_list(5)]
    rest = len(cursor.to_list())
    dead = cursor.alive
    again = [d["_id"] for d in cursor.rewind()][:3]
    closed = c.find().sort("_id")
    closed.next()
    closed.close()
    by_index = c.find().sort("_id")
    with c.find({"g": 1}) as entered:
        in_block = len(list(entered))
    return [
        first, alive, some, rest, dead, again, in_block,
        by_index[4]["_id"],
        [d["_id"] for d in by_index[10:13]],
        list(c.find()[3:3]),
        [d["_id"] for d in c.find().sort("_id").limit(-3)],
        [d["_id"] for d in c.find().sort("_id").clone().limit(2)],
        c.find({"g": 2}).sort("_id").distinct("g"),
        c.find().limit(2).batch_size(1).to_list(),
        failure(lambda: c.find()[-1]),
        failure(lambda: c.find()[::2]),
        failure(lambda: c.find().sort("_id")[1000]),
        failure(lambda: again_sorted(c)),
        c.find().retrieved,
        c.find().alive,
    ]  # fmt: skip


def again_sorted(c: Any) -> None:
    cursor = c.find()
    cursor.next()
    cursor.sort("_id")


@scenario
def counting(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    return [
        c.count_documents({}),
        c.count_documents({"age": {"$gt": 30}}),
        c.count_documents({"age": 1000}),
        c.count_documents({}, skip=1, limit=2),
        c.estimated_document_count(),
        sorted(c.distinct("at.city")),
        sorted(c.distinct("tags", {"age": {"$gt": 30}})),
        failure(lambda: c.distinct(3)),
    ]


def outcome(result: Any) -> Any:
    return (result.matched_count, result.modified_count, result.upserted_id, result.acknowledged)


@scenario
def updating(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    return [
        outcome(c.update_one({"_id": 1}, {"$inc": {"age": 1}})),
        outcome(c.update_one({"_id": 1}, {"$set": {"name": "Ada"}})),
        outcome(c.update_one({"_id": 99}, {"$set": {"a": 1}})),
        outcome(c.update_one({"_id": 99}, {"$set": {"a": 1}}, upsert=True)),
        outcome(c.update_many({"at.city": "London"}, {"$set": {"at.country": "UK"}})),
        outcome(c.update_many({"_id": {"$gt": 3}}, [{"$set": {"n": {"$add": ["$_id", 1]}}}])),
        outcome(c.update_one({"_id": 1}, {"$set": {"tags.$[t]": "z"}}, array_filters=[{"t": "a"}])),
        outcome(c.replace_one({"_id": 2}, {"only": 1})),
        outcome(c.replace_one({"_id": 77}, {"only": 2}, upsert=True)),
        list(c.find().sort("_id")),
        failure(lambda: c.update_one({"_id": 1}, {"name": 1})),
        failure(lambda: c.update_one({"_id": 1}, {})),
        failure(lambda: c.update_one({"_id": 1}, [])),
        failure(lambda: c.update_one(1, {"$set": {"a": 1}}))[0],
        failure(lambda: c.replace_one({"_id": 1}, {"$set": {"a": 1}})),
        failure(lambda: c.update_one({"_id": 1}, {"$set": {"_id": 2}})),
        failure(lambda: c.update_one({"_id": 1}, {"$inc": {"name": 1}})),
        failure(lambda: c.update_one({"_id": 1}, {"$set": {"a": 1, "a.b": 2}})),
    ]


@scenario
def deleting(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    return [
        c.delete_one({"_id": 1}).deleted_count,
        c.delete_one({"_id": 1}).deleted_count,
        c.delete_many({"age": None}).deleted_count,
        [d["_id"] for d in c.find().sort("_id")],
        c.delete_many({}).acknowledged,
        c.count_documents({}),
        failure(lambda: c.delete_one(1))[0],
    ]


@scenario
def find_and_modify(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    after = ReturnDocument.AFTER
    return [
        c.find_one_and_update({"_id": 1}, {"$inc": {"age": 1}}),
        c.find_one_and_update({"_id": 1}, {"$inc": {"age": 1}}, return_document=after),
        c.find_one_and_update({}, {"$set": {"x": 1}}, sort=[("age", -1)], projection=["name"]),
        c.find_one_and_update({"_id": 50}, {"$set": {"x": 1}}),
        c.find_one_and_update({"_id": 50}, {"$set": {"x": 1}}, upsert=True, return_document=after),
        c.find_one_and_replace({"_id": 2}, {"new": 1}, return_document=after),
        c.find_one_and_replace({"_id": 60}, {"new": 2}, upsert=True),
        c.find_one_and_delete({"_id": 3}, projection={"_id": 0, "name": 1}),
        c.find_one_and_delete({"_id": 3}),
        list(c.find().sort("_id")),
        failure(lambda: c.find_one_and_update({"_id": 1}, {"x": 1})),
    ]


@scenario
def bulk_writing(c: Any) -> Any:
    result = c.bulk_write(
        [
            InsertOne({"_id": 1, "n": 0}),
            InsertOne({"_id": 2, "n": 0}),
            UpdateOne({"_id": 1}, {"$inc": {"n": 1}}),
            UpdateMany({}, {"$inc": {"n": 1}}),
            UpdateOne({"_id": 9}, {"$set": {"n": 9}}, upsert=True),
            ReplaceOne({"_id": 2}, {"n": 5}),
            DeleteOne({"_id": 1}),
            DeleteMany({"n": 100}),
        ]
    )
    numbers = [
        result.inserted_count, result.matched_count, result.modified_count,
        result.deleted_count, result.upserted_count, result.upserted_ids,
    ]  # fmt: skip
    requests = [
        InsertOne({"_id": 20}), InsertOne({"_id": 2}), InsertOne({"_id": 21}),
        UpdateOne({"_id": 2}, {"$set": {"seen": 1}}), DeleteOne({"_id": 9}),
    ]  # fmt: skip
    return [
        numbers,
        failure(lambda: c.bulk_write(requests)),
        failure(lambda: c.bulk_write(requests[1:], ordered=False)),
        list(c.find().sort("_id")),
        failure(lambda: c.bulk_write([]))[0],
        failure(lambda: c.bulk_write([{}]))[0],
    ]


@scenario
def aggregating(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    group = {"$group": {"_id": "$at.city", "n": {"$sum": 1}, "age": {"$avg": "$age"}}}
    target = f"{c.name}_out"
    return [
        list(c.aggregate([group, {"$sort": {"_id": 1}}])),
        list(c.aggregate([{"$unwind": "$tags"}, {"$sortByCount": "$tags"}, {"$limit": 1}])),
        list(c.aggregate([{"$match": {"$expr": {"$eq": ["$_id", "$$x"]}}}], let={"x": 2})),
        c.aggregate([{"$sort": {"_id": 1}}], batchSize=2).to_list(3),
        list(c.aggregate([{"$match": {"_id": {"$lt": 3}}}, {"$out": target}])),
        failure(lambda: list(c.aggregate([{"$nope": 1}]))),
        failure(lambda: c.aggregate({"$match": {}}))[0],
    ]


@scenario
def indexes(c: Any) -> Any:
    c.insert_many([dict(p) for p in PEOPLE])
    return [
        c.create_index("age"),
        c.create_index([("name", 1), ("age", -1)], unique=True),
        c.create_indexes(
            [IndexModel("tags"), IndexModel([("at.city", 1)], name="city", sparse=True)]
        ),
        c.index_information(),
        [dict(i) for i in c.list_indexes()],
        [d["_id"] for d in c.find({"age": {"$gt": 30}}).hint("age_1")],
        [d["_id"] for d in c.find({"tags": "b"}).hint([("tags", 1)]).sort("_id")],
        failure(lambda: list(c.find().hint("nope"))),
        failure(lambda: c.insert_one({"name": "Ada", "age": 36})),
        failure(lambda: c.create_index("age", unique=True)),
        failure(lambda: c.create_indexes(["age"]))[0],
        c.drop_index("age_1"),
        c.drop_index([("tags", 1)]),
        sorted(c.index_information()),
        failure(lambda: c.drop_index("nope")),
        c.drop_indexes(),
        sorted(c.index_information()),
    ]


@scenario
def the_whole_collection(c: Any) -> Any:
    missing = c.with_options()
    before = (missing.index_information(), missing.options(), missing.count_documents({}))
    c.insert_one({"_id": 1})
    old, new = c.name, f"{c.name}_new"
    c.rename(new)
    renamed = c.find_one(1)
    c.insert_one({"_id": 2})
    taken = failure(lambda: c.rename(new))
    c.rename(new, dropTarget=True)
    c.drop()
    c.drop()
    return [before, renamed, taken, c.name == old, c.count_documents({})]


IDS = [
    0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, Int64(7), 7.5, True, None,
    "", "a", "7", "nul\0inside", "größer", "a" * 1000, ObjectId("5f0000000000000000000001"),
    "5f0000000000000000000001", {"a": 1}, b"7", dt.datetime(2020, 2, 29),
]  # fmt: skip


@scenario
def one_by_its_id(c: Any) -> Any:
    absent = [c.find_one({"_id": value}) for value in IDS]
    c.insert_many([{"_id": value, "n": n} for n, value in enumerate(IDS)])
    c.update_one({"_id": "a"}, {"$set": {"long": "x" * 100_000}})
    return [
        absent,
        [c.find_one({"_id": value}) for value in IDS],
        [c.find_one(value) for value in IDS if type(value) in (int, str, ObjectId)],
        [c.find_one({"_id": value}) for value in (1.0, Int64(1), 7, "b", ObjectId())],
        c.find_one({"_id": {"$gt": 1}}),
        c.find_one({"_id": 1, "n": 2}),
        c.with_options(CodecOptions(RawBSONDocument)).find_one({"_id": 1}).raw,
        failure(lambda: c.find_one({"_id": "\ud800"})),
        failure(lambda: c.find_one({"_id": 2**64})),
    ]


@scenario
def types_come_back(c: Any) -> Any:
    c.insert_one(
        {
            "_id": ObjectId("5f0000000000000000000001"),
            "long": Int64(1), "dec": Decimal128("1.50"), "bin": b"\x00\x01",
            "date": dt.datetime(2020, 2, 29, 12, 30, 15, 123000),
            "far": bson.DatetimeMS(2**62), "re": bson.Regex("^a", "i"),
            "ts": bson.Timestamp(1, 2), "min": bson.MinKey(), "code": bson.Code("x", {"a": 1}),
            "nested": {"list": [1, {"a": None}, [True]]}, "ref": bson.DBRef("c", 1),
        }
    )  # fmt: skip
    document = c.find_one()
    return [(key, type(value).__name__, value) for key, value in document.items()]


@pytest.fixture
def theirs(mongod: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with pymongo.MongoClient(mongod, serverSelectionTimeoutMS=20000) as client:
        database = client.get_database("compared", codec_options=CODEC)
        yield database[request.node.callspec.id]
        client.drop_database("compared")


@pytest.mark.parametrize("run", scenarios, ids=lambda function: function.__name__)
def test_same_as_pymongo(run: Callable[[Any], Any], main: argon.Branch, theirs: Any) -> None:
    expected = run(theirs)
    got = run(main[theirs.name])
    assert len(got) == len(expected)
    for ours, others in zip(got, expected, strict=True):
        assert ours == others
