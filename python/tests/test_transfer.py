"""Files and servers into collections, and collections into files."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import json_util

import argon
from argon._transfer import Bar


def test_json_lines_there_and_back(main: argon.Branch, tmp_path: Path) -> None:
    users = main["users"]
    documents = [
        {"_id": 1, "name": "Ada", "n": bson.Int64(1), "d": bson.Decimal128("1.50")},
        {"_id": bson.ObjectId(), "at": {"city": "Zürich"}, "x": [1, None, b"\x00"]},
    ]
    users.insert_many([dict(d) for d in documents])
    path = tmp_path / "users.jsonl"
    assert users.export_file(path, canonical=True).exported == 2
    lines = path.read_text().splitlines()
    assert [
        json_util.loads(line, json_options=json_util.CANONICAL_JSON_OPTIONS) for line in lines
    ] == documents
    copy = main["copy"]
    result = copy.import_file(path)
    assert (result.imported, result.failed, result.lsn) == (2, 0, main.lsn)
    assert list(copy.find()) == list(users.find())


def test_modes_and_the_name_of_the_collection(main: argon.Branch, tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"_id":1,"n":1}\n{"_id":2,"n":2}\n'))
    assert main.import_file(path).imported == 2
    people = main["people"]
    with pytest.raises(argon.ArgonError):
        main.import_file(path)
    people.update_one({"_id": 1}, {"$set": {"n": 10}})
    people.insert_one({"_id": 3})
    assert people.import_file(path, mode="upsert").imported == 2
    assert [d.get("n") for d in people.find()] == [1, 2, None]
    people.import_file(path, mode="replace")
    assert [d["_id"] for d in people.find()] == [1, 2]


def test_csv(main: argon.Branch, tmp_path: Path) -> None:
    path = tmp_path / "planes.csv"
    path.write_text('_id,name,at.city,seats\n1,Ada,London,NA\n2,"Bob, B",Paris,7\n')
    planes = main["planes"]
    planes.import_file(path, types={"seats": "long"}, nulls=["NA"])
    assert list(planes.find()) == [
        {"_id": 1, "name": "Ada", "at": {"city": "London"}},
        {"_id": 2, "name": "Bob, B", "at": {"city": "Paris"}, "seats": 7},
    ]
    out = tmp_path / "out.csv"
    then = main.at(main.lsn)
    planes.delete_many({})
    assert then["planes"].export_file(out, fields=["_id", "name"], sort=[("_id", -1)]).exported == 2
    assert out.read_text().splitlines() == ["_id,name", '2,"Bob, B"', "1,Ada"]


def test_a_broken_line_is_named(main: argon.Branch, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"_id":1}\n{"_id": oh no}\n{"_id":3}\n')
    with pytest.raises(argon.ImportFailed, match=r"(?s)2.*oh no"):
        main.import_file(path)
    main["bad"].drop()
    result = main.import_file(path, max_errors=1)
    assert (result.imported, result.failed) == (2, 1)
    assert result.errors[0]["line"] == 2
    assert "oh no" in result.errors[0]["excerpt"]
    for wrong in ("nowhere.jsonl", ".", "bad.jsonl/x"):
        with pytest.raises(argon.ArgonError):
            main.import_file(tmp_path / wrong, "c")


def test_import_of_a_server(main: argon.Branch, mongod: str) -> None:
    with pymongo.MongoClient(mongod, serverSelectionTimeoutMS=20000) as server:
        source = server["source"]
        source["users"].insert_many([{"_id": i, "n": i % 3, "at": {"x": i}} for i in range(500)])
        source["users"].create_index([("n", 1), ("at.x", -1)], name="both")
        source.create_collection("checked", validator={"n": {"$gt": 0}})
        source["checked"].insert_one({"n": bson.Int64(5)})
        expected = list(source["users"].find().sort("_id"))
        checked = source["checked"].find_one()
        result = main.import_mongodb(f"{mongod}/source")
        server.drop_database("source")
    assert result.imported == 501
    assert {c["name"] for c in result.collections} == {"users", "checked"}
    assert list(main["users"].find()) == expected
    assert main["users"].index_information()["both"]["key"] == [("n", 1), ("at.x", -1)]
    assert main["checked"].find_one() == checked
    assert main["checked"].options()["validator"] == {"n": {"$gt": 0}}


def test_a_server_that_is_not_there(main: argon.Branch) -> None:
    with pytest.raises(argon.StoreFailure) as caught:
        main.import_mongodb("mongodb://u:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=200")
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="mongodb://"):
        main.import_mongodb("localhost/x")


@pytest.mark.parametrize("tqdm", [True, False])
def test_progress_is_shown(
    main: argon.Branch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tqdm: bool,
) -> None:
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with Bar("import", True) as bar:
        for done in (1, 50, 100):
            bar.callback(bson.encode({"done": done, "total": 100, "unit": "documents"}))
        bar.callback(bson.encode({}))
    shown = capsys.readouterr().err
    assert "100" in shown
    assert "documents" in shown
    with Bar("quiet", False) as bar:
        assert bar.callback is None
    with Bar("nothing happened", True):
        pass
    assert capsys.readouterr().err == ""


def test_import_reports_progress_from_the_library(main: argon.Branch, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(f'{{"_id":{i}}}\n' for i in range(60_000)))
    seen: list[Any] = []
    command = {"argonImport": str(path), "collection": "many"}
    reply = main._scope.run_long(command, lambda document: seen.append(bson.decode(document)))
    assert reply["imported"] == 60_000
    assert all(set(s) <= {"done", "total", "unit", "collection"} for s in seen)
    assert [s["done"] for s in seen if s] == sorted(s["done"] for s in seen if s)
