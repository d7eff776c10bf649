"""What docs/connect.md shows of each client runs, in the client's own language."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pymongo = pytest.importorskip("pymongo")

from .test_documents import blocks  # noqa: E402
from .test_wire_clients import CLIENTS, HERE, ROOT, node, ran  # noqa: E402

__all__ = ["node"]  # a fixture
PAGE = ROOT / "docs" / "connect.md"

PYTHON = """
import ast, asyncio, inspect, sys
from beanie import Document, init_beanie
from pymongo import AsyncMongoClient

class User(Document):
    name: str

names = {"init_beanie": init_beanie, "AsyncMongoClient": AsyncMongoClient, "User": User}
for block in sys.argv[1:]:
    done = eval(compile(block, "connect.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(done):
        asyncio.run(done)
assert names["frame"].shape == (2, 2), names["frame"]
"""

GO = """package main

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	ctx := context.Background()
	var user bson.M
	%s
}
"""

NODE = """const { MongoClient } = require("mongodb");
const mongoose = require("mongoose");
async function main() {
  %s
  await client.close();
  await mongoose.disconnect();
}
main().catch((error) => { console.error(error); process.exit(1); });
"""


def shown(language: str, server: str, project: str) -> list[str]:
    """Return the page's blocks, for this server and a project that has two users."""
    with pymongo.MongoClient(server) as mongo:
        users: list[dict[str, Any]] = [{"name": "Ada", "age": 36}, {"name": "Grace", "age": 41}]
        for user in users:
            mongo[project]["users"].insert_one(user)
        lsn = mongo[project].command("argonResolve", "main")["lsn"]
    address = server.removeprefix("mongodb://").rstrip("/")
    return [
        re.sub(r"\bshop\b", project, block)
        .replace("127.0.0.1:27018", address)
        .replace("~1024", f"~{lsn}")
        for block in blocks(PAGE, language)
    ]


def test_python(server: str) -> None:
    if not CLIENTS.exists():
        pytest.fail(f"no {CLIENTS}: make build/stamps/clients")
    pieces = shown("python", server, "shop-python")
    assert len(pieces) == 3
    ran(CLIENTS, "-W", "ignore", "-c", PYTHON, *pieces)
    with pymongo.MongoClient(server) as mongo:
        assert mongo["shop-python"]["users"].count_documents({"age": {"$in": [36, 41]}}) == 2
        branch = mongo["shop-python~experiment-1"]["users"]
        assert branch.count_documents({"age": {"$in": [37, 42]}}) == 2


def test_go(server: str, tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("no Go on this machine")
    (block,) = shown("go", server, "shop-go")
    with pymongo.MongoClient(server) as mongo:
        mongo["shop-go"].command("argonBranchCreate", "experiment-1")
        checked = re.sub(r"^(.*\berr :?=.*)$", "\\1\n\tcheck(err)", block, flags=re.MULTILINE)
        (tmp_path / "main.go").write_text(GO % checked)
        command = ["go", "run", str(tmp_path / "main.go")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert mongo["shop-go~experiment-1"]["users"].count_documents({}) == 3


def test_node(server: str, node: Path) -> None:
    (block,) = shown("js", server, "shop-node")
    done = subprocess.run(
        [node, "-e", NODE % block],
        cwd=HERE / "node", capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with pymongo.MongoClient(server) as mongo:
        assert mongo["shop-node"]["users"].count_documents({}) == 2
        assert mongo["shop-node~experiment-1"]["users"].count_documents({}) == 0


def test_mongosh(server: str, node: Path) -> None:
    (block,) = shown("console", server, "shop-shell")
    first, *lines = block.splitlines()
    assert all(line.startswith("> ") for line in lines)
    with pymongo.MongoClient(server) as mongo:
        mongo["shop-shell"].command("argonBranchCreate", "experiment-1")
    shell = HERE / "node" / "node_modules" / "mongosh" / "bin" / "mongosh.js"
    done = subprocess.run(
        [node, shell, "--norc", first.removeprefix("$ mongosh ")],
        input="\n".join([line[2:] for line in lines] + ["`${db.users.countDocuments()} at the moment`", ""]),
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    said = done.stdout
    assert done.returncode == 0, done.stderr + said
    for word in ("shop-shell~experiment-1", "Grace", "db shop-shell~main~", "2 at the moment"):
        assert word in said, said
    assert "Error" not in said, said
