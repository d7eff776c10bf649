"""Users, roles and keys: through the package, and PyMongo that has to authenticate."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

import argon

PASSWORD = "correct/horse:battery@staple ü"


def test_users_and_roles(client: argon.Client) -> None:
    client.users.create("ada", PASSWORD, roles=["read@shop~*", {"role": "root", "db": "admin"}])
    client.users.create("local", PASSWORD, db="shop")
    client.users.create("CN=etl", roles=["readWrite@shop"], db="$external")
    assert [user.name for user in client.users.list()] == ["CN=etl", "ada", "local"]
    (ada,) = client.users.list("admin")
    assert ada.roles == ("read@shop~*", "root@admin")
    assert ada.mechanisms == ("SCRAM-SHA-1", "SCRAM-SHA-256")
    client.users.revoke("ada", ["root"])
    client.users.grant("local", ["readWrite@shop~exp-*"], db="shop")
    client.users.set_password("local", "other", db="shop")
    assert client.users.list("shop")[0].roles == ("readWrite@shop~exp-*",)
    client.users.delete("local", db="shop")
    assert client.users.list("shop") == []
    with pytest.raises(argon.AlreadyExists):
        client.users.create("ada", PASSWORD)
    with pytest.raises(argon.NotFound, match="nope@shop"):
        client.users.create("eve", PASSWORD, roles=["nope@shop"])
    with pytest.raises(ValueError, match="role@database"):
        client.users.create("eve", PASSWORD, roles=["read@"])
    with pytest.raises(TypeError, match="list of roles"):
        client.users.create("eve", PASSWORD, roles="root")
    assert "ada" in client.users._repr_html_()


def test_keys_are_shown_once(client: argon.Client) -> None:
    key = client.api_keys.create("etl", roles=["readWrite@shop~*"], expires_in="90d")
    assert key.key is not None
    assert key.key.startswith("argon_")
    assert key.expires is not None
    assert key.key not in repr(key)
    (listed,) = client.api_keys.list()
    assert (listed.name, listed.roles, listed.key) == ("etl", ("readWrite@shop~*",), None)
    assert key.key not in argon.Rows([key])._repr_html_()
    client.api_keys.revoke("etl")
    assert client.api_keys.list() == []
    with pytest.raises(argon.NotFound):
        client.api_keys.revoke("etl")


def test_only_merges_change_a_protected_branch(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_one({"_id": 1})
    exp = client.branches.create("exp")
    main.protect()
    assert main.info.protected
    assert main.info.takes == "merges"
    with pytest.raises(argon.ReadOnly, match="takes merges only"):
        main["users"].insert_one({"_id": 2})
    exp["users"].insert_one({"_id": 2})
    exp.merge("main")
    assert main["users"].count_documents({}) == 2
    main.unprotect()
    main["users"].insert_one({"_id": 3})
    left = main.restore(at=-1).from_lsn
    moves = main.moves()
    assert [move.op for move in moves] == ["restore", "unprotect", "protect", "create"]
    assert moves[0].from_lsn == left
    assert moves[1].from_lsn is None
    assert moves[1].actor == main.log()[0].actor


@dataclass
class Guarded:
    """A server where clients have to authenticate, and what it logs."""

    address: str
    log: Path
    key: str

    def uri(self, user: str, password: str, query: str = "") -> str:
        where = f"{quote_plus(user)}:{quote_plus(password)}@{self.address}"
        return f"mongodb://{where}/?serverSelectionTimeoutMS=5000{'&' if query else ''}{query}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    binary = shutil.which("argon")
    if binary is None:
        pytest.fail("no argon on the PATH: make build")
    path = tmp_path_factory.mktemp("guarded")
    with argon.Client(path / "store", project="shop") as client:
        client.data.get_collection("users").insert_one({"_id": 1})
        client.branches.create("exp-1")
        client.users.create("ada", PASSWORD, roles=["read@shop~*", "readWrite@shop~exp-*"])
        client.users.create("root", PASSWORD, roles=["root"])
        client.users.create("shopper", PASSWORD, roles=["readWrite@shop"], db="shop")
        key = client.api_keys.create("etl", roles=["readWrite@shop"]).key
    command = [binary, "serve", "--auth", "--store", str(path / "store"), "--listen", "127.0.0.1:0"]
    with (path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--json", "--log-level", "debug"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, (path / "log").read_text()
        text += line
    address = json.loads(text)["uris"][0].removeprefix("mongodb://").split("/")[0]
    assert key is not None
    try:
        yield Guarded(address, path / "log", key)
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0, (path / "log").read_text()


def test_nothing_without_authentication(guarded: Guarded) -> None:
    with MongoClient[Any](f"mongodb://{guarded.address}/") as mongo:
        assert mongo.admin.command("ping")["ok"] == 1
        for run in (
            lambda: mongo.shop.users.find_one(),
            lambda: mongo.shop.users.insert_one({}),
            lambda: mongo.list_database_names(),
            lambda: mongo.admin.command("createUser", "eve", pwd="x", roles=["root"]),
            lambda: mongo.admin.command("argonAttach", 1, client="0123456789abcdef"),
        ):
            with pytest.raises(OperationFailure, match="requires authentication") as caught:
                run()
            assert caught.value.code == 13


@pytest.mark.parametrize(
    ("user", "query"),
    [
        ("ada", ""),
        ("ada", "authMechanism=SCRAM-SHA-256"),
        ("ada", "authMechanism=SCRAM-SHA-1"),
        ("shopper", "authSource=shop"),
    ],
)
def test_pymongo_authenticates(guarded: Guarded, user: str, query: str) -> None:
    with MongoClient[Any](guarded.uri(user, PASSWORD, query)) as mongo:
        assert mongo.shop.users.find_one() == {"_id": 1}
        status = mongo.admin.command("connectionStatus")["authInfo"]
        assert [user["user"] for user in status["authenticatedUsers"]] == [user]
    with (
        MongoClient[Any](guarded.uri(user, "wrong", query)) as mongo,
        pytest.raises(OperationFailure, match=r"Authentication failed\.") as caught,
    ):
        mongo.shop.users.find_one()
    assert caught.value.code == 18


def test_a_key_is_a_password(guarded: Guarded) -> None:
    query = "authMechanism=PLAIN&authSource=$external"
    with MongoClient[Any](guarded.uri("apikey", guarded.key, query)) as mongo:
        mongo.shop.users.update_one({"_id": 1}, {"$set": {"seen": True}})
        log = mongo.shop.command("argonLog", 1, limit=1)["cursor"]["firstBatch"]
        assert log[0]["actor"] == "apikey:etl"
        mongo.shop.users.update_one({"_id": 1}, {"$unset": {"seen": 1}})


def test_branches_by_pattern(guarded: Guarded) -> None:
    with MongoClient[Any](guarded.uri("ada", PASSWORD, "appName=notebook")) as mongo:
        assert mongo["shop"].users.find_one() == {"_id": 1}
        mongo["shop~exp-1"].users.insert_one({"_id": "ada's"})
        with pytest.raises(OperationFailure, match="not authorized on shop to execute") as caught:
            mongo["shop"].users.insert_one({"_id": "not ada's", "secret": "tr0ub4dor"})
        assert caught.value.code == 13
        assert "tr0ub4dor" not in str(caught.value)
        assert mongo.list_database_names() == ["shop", "shop~exp-1"]
        mongo["shop"].command({"argonBranchCreate": "exp-2", "from": "exp-1"})
        with pytest.raises(OperationFailure, match="not authorized"):
            mongo["shop"].command("argonBranchCreate", "other")
        (commit,) = mongo["shop~exp-1"].command("argonLog", 1, limit=1)["cursor"]["firstBatch"]
        assert commit["actor"] == "ada"
        with pytest.raises(OperationFailure, match="not authorized"):
            mongo["shop~exp-1"].command(
                {"insert": "users", "documents": [{}], "$argon": {"actor": "root"}}
            )


def test_sessions_transactions_and_streams_work(guarded: Guarded) -> None:
    with MongoClient[Any](guarded.uri("ada", PASSWORD)) as mongo:
        users = mongo["shop~exp-1"].users
        with mongo.start_session() as session:
            with session.start_transaction():
                users.insert_one({"_id": "txn"}, session=session)
            assert users.find_one({"_id": "txn"}, session=session)
        with users.watch() as stream:
            users.insert_one({"_id": "watched"})
            assert stream.next()["documentKey"] == {"_id": "watched"}
        users.insert_many([{"n": n} for n in range(500)])
        assert len(list(users.find({"n": {"$gte": 0}}, batch_size=50))) == 500


def test_rights_are_taken_from_open_connections(guarded: Guarded) -> None:
    with (
        MongoClient[Any](guarded.uri("root", PASSWORD)) as root,
        MongoClient[Any](guarded.uri("temp", PASSWORD)) as temp,
    ):
        root.admin.command(
            "createUser", "temp", pwd=PASSWORD, roles=[{"role": "read", "db": "shop"}]
        )
        assert temp.shop.users.find_one()
        root.admin.command("updateUser", "temp", roles=[])
        with pytest.raises(OperationFailure, match="not authorized"):
            temp.shop.users.find_one()
        root.admin.command("dropUser", "temp")
        with pytest.raises(OperationFailure, match=r"requires authentication|failed"):
            temp.shop.users.find_one()


def test_guesses_do_not_lock_others_out(guarded: Guarded) -> None:
    for _ in range(6):
        with (
            MongoClient[Any](guarded.uri("shopper", "guess", "authSource=shop")) as mongo,
            pytest.raises(OperationFailure),
        ):
            mongo.shop.users.find_one()
    with MongoClient[Any](guarded.uri("ada", PASSWORD)) as mongo:
        assert mongo.shop.users.find_one()
    with MongoClient[Any](guarded.uri("shopper", PASSWORD, "authSource=shop")) as mongo:
        assert mongo.shop.users.find_one(), "after its wait the right password still works"


def test_nothing_secret_in_the_log(guarded: Guarded) -> None:
    text = guarded.log.read_text()
    assert "connection" in text
    for secret in (PASSWORD, guarded.key, guarded.key.split("_")[2], "tr0ub4dor", "correct/horse"):
        assert secret not in text


def test_serving_others_needs_authentication(tmp_path: Path) -> None:
    binary = shutil.which("argon")
    assert binary is not None
    result = subprocess.run(
        [binary, "serve", "--store", str(tmp_path / "store"), "--listen", "0.0.0.0:0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert "nobody would have to authenticate" in result.stderr
    assert "--auth" in result.stderr
