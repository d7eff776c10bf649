"""Exceptions: the class for each code, and what they carry."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pymongo.errors
import pytest

import argon
from argon import _errors

from .conftest import ROOT

CATEGORIES = {
    "Invalid": argon.InvalidRequest,
    "NotFound": argon.NotFound,
    "Exists": argon.AlreadyExists,
    "Conflict": argon.ConflictError,
    "ReadOnly": argon.ReadOnly,
    "Unsupported": argon.NotSupported,
    "Canceled": argon.Canceled,
    "Busy": argon.StoreBusy,
    "IO": argon.StoreFailure,
    "Corrupt": argon.StoreCorrupt,
    "Denied": argon.AccessDenied,
    "Internal": argon.InternalError,
}


def table() -> list[tuple[str, int, str]]:
    """Read the error table of the engine: (name, code, category)."""
    text = (ROOT / "core" / "errs" / "table.go").read_text()
    codes = {name: int(code) for name, code in re.findall(r"^\s(\w+)\s+Code = (\d+)", text, re.M)}
    rows = re.findall(r'^\s(\w+):\s+\{"\w+", (\w+),', text, re.M)
    assert len(rows) > 80
    return [(name, codes[name], category) for name, category in rows]


@pytest.mark.parametrize(("name", "code", "category"), table())
def test_each_code_has_a_class_of_its_category(name: str, code: int, category: str) -> None:
    spelled = category[0].lower() + category[1:] if category != "IO" else "io"
    cls = _errors.error_class(code, spelled)
    assert issubclass(cls, CATEGORIES[category])
    special = _errors._CODES.get(code)
    if special is not None:
        assert special is cls


@pytest.mark.parametrize("name", [n for n in argon.__all__ if n[0].isupper()])
def test_exceptions_survive_pickling(name: str) -> None:
    cls = getattr(argon, name)
    if not isinstance(cls, type) or not issubclass(cls, argon.ArgonError):
        return
    if cls is argon.BulkWriteError:
        error: argon.ArgonError = cls({"writeErrors": [{"index": 0, "errmsg": "no"}]})
    else:
        error = cls("text", 5, {"remedy": "try", "category": "invalid"})
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (str(again), again.code, again.details) == (str(error), error.code, error.details)


def test_pymongos_classes_catch_argons(users: Any) -> None:
    users.insert_one({"_id": 1})
    with pytest.raises(pymongo.errors.DuplicateKeyError) as caught:
        users.insert_one({"_id": 1})
    assert caught.value.code == 11000
    assert caught.value.details["keyPattern"] == {"_id": 1}
    assert caught.value.details["keyValue"] == {"_id": 1}
    with pytest.raises(pymongo.errors.OperationFailure) as failure:
        list(users.find({"a": {"$nonsense": 1}}))
    assert failure.value.code == 2
    with pytest.raises(pymongo.errors.WriteError):
        users.update_one({"_id": 1}, {"$nonsense": {"a": 1}})
    with pytest.raises(pymongo.errors.ExecutionTimeout):
        raise argon.ExecutionTimeout("slow", 50)


def test_errors_say_what_to_do_next(client: argon.Client, users: Any) -> None:
    users.insert_one({"_id": 1})
    client.branches.create("experiment-1")
    with pytest.raises(argon.BranchNotFound, match="experiment-1") as caught:
        client.branches.get("experiment-2")
    assert caught.value.code_name == "BranchNotFound"
    assert caught.value.category == "notFound"
    with pytest.raises(argon.BranchExists):
        client.branches.create("experiment-1")
    with pytest.raises(argon.InvalidRequest):
        client.branches.create("no@sign")
    with pytest.raises(argon.MomentNotFound):
        client.branches.get("main").at(10**9)


def test_a_closed_client_says_so(tmp_path: Path) -> None:
    client = argon.Client(tmp_path / "store")
    users = client.data.get_collection("users")
    users.insert_one({"_id": 1})
    client.close()
    client.close()
    assert "closed" in repr(client)
    with pytest.raises(argon.ClientClosed, match=r"^the client is closed: open it again"):
        users.find_one({"_id": 1})
    with pytest.raises(argon.ClientClosed):
        list(users.find())
    with pytest.raises(argon.ClientClosed):
        users.insert_one({"_id": 2})


def test_a_directory_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(argon.InvalidRequest, match=re.escape(str(tmp_path))) as caught:
        argon.Client(tmp_path)
    assert caught.value.code_name == "NotAStore"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_uris_that_are_not_there_yet() -> None:
    with pytest.raises(argon.StoreFailure, match="cannot be reached") as refused:
        argon.Client("argon://127.0.0.1:1", api_key="secret")
    assert "secret" not in str(refused.value)
    with pytest.raises(argon.InvalidRequest, match="API key"):
        argon.Client("somewhere", api_key="secret")
    with pytest.raises(argon.InvalidRequest, match="no option"):
        argon.Client("somewhere", colour="blue")
    with pytest.raises(argon.InvalidRequest, match="import"):
        argon.Client("mongodb://localhost/shop")


def test_what_is_not_there_yet_names_itself(main: argon.Branch, users: Any) -> None:
    for call in (users.find_raw_batches, users.aggregate_raw_batches):
        with pytest.raises(argon.NotSupported):
            call()
    with pytest.raises(argon.ArgonError, match="where"):
        list(users.find().where("this.a"))
