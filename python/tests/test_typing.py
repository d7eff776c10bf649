"""What a type checker sees of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

api = pytest.importorskip("mypy.api")

PROGRAM = """
import argon
from pymongo import UpdateOne

client = argon.Client("store", project="shop")
exp = client.branches.create("experiment-1", from_branch="main", at=-3)
users = exp["users"]
reveal_type(users.find_one({"_id": 1}))
reveal_type(users.find({}).sort("age").limit(10))
reveal_type(users.find({})[0])
reveal_type(users.aggregate([{"$match": {}}]).to_list())
reveal_type(users.insert_one({"a": 1}).inserted_id)
reveal_type(users.bulk_write([UpdateOne({}, {"$set": {"a": 1}})]).matched_count)
reveal_type(users.find().to_pandas())
reveal_type(exp.log()[0].lsn)
reveal_type(exp.diff("main").to_list()[0].changes[0].before)
reveal_type(exp.merge_plan("main").resolve("theirs").apply().merged)
with exp.transaction() as txn:
    txn["users"].insert_one({})
with exp.as_actor("etl", message="load") as b:
    reveal_type(b["users"].name)
try:
    pass
except (argon.BranchNotFound, argon.MergeConflict) as error:
    reveal_type(error)
reveal_type(next(users.watch(start_at=0)))
reveal_type(exp.publish("mongodb://host/db", dry_run=True, guard="document"))
reveal_type(exp.restore_to("mongodb://host/db", -3, base=exp, limit=10))
exp.merge_plan("main").resolve("nobody")
exp.at(None)
client.branchs
exp.publish("mongodb://host/db", guard="everything")
"""

REVEALED = [
    "dict[str, Any] | None",
    "Cursor[dict[str, Any]]",
    "dict[str, Any]",
    "list[dict[str, Any]]",
    "Any",
    "int",
    "DataFrame",
    "int",
    "Any",
    "bool",
    "str",
    "BranchNotFound | argon._errors.MergeConflict",
    "dict[str, Any]",
    "PublishPlan",
    "PublishResult",
]


def test_types(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    options = ["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")]
    output, problems, _ = api.run([*options, str(program)])
    assert problems == ""
    lines = output.splitlines()
    revealed = [line.partition("Revealed type is ")[2] for line in lines if "Revealed" in line]
    assert len(revealed) == len(REVEALED), output
    for line, expected in zip(revealed, REVEALED, strict=True):
        assert expected in line.replace("builtins.", "").replace("typing.", ""), output
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    assert len(errors) == 4, output
    assert "resolve" in errors[0]
    assert '"at"' in errors[1]
    assert "branchs" in errors[2]
    assert "publish" in errors[3]
