"""Many processes, one store: a notebook, a script with workers, the command line."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pymongo
import pytest

import argon
from argon import _ffi

from .conftest import ROOT, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

unix = pytest.mark.skipif(sys.platform == "win32", reason="sockets and forks differ")


def start_python(code: str, *args: str) -> subprocess.Popen[str]:
    """Start code in a process of its own, whose lines can be read and written."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    env["ARGON_LIBRARY"] = str(_ffi.library_path())
    return subprocess.Popen(
        [sys.executable, "-uc", textwrap.dedent(code), *args],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


KERNEL = """
    import sys
    import argon
    client = argon.Client(sys.argv[1], project="shop", actor="kernel")
    users = client.data.get_collection("users")
    users.insert_many([{"_id": i, "n": 0} for i in range(100)])
    print("ready", client.hosting)
    for command in sys.stdin:
        print(eval(command))
"""


@unix
def test_a_host_that_is_killed_has_a_successor(tmp_path: Path) -> None:
    """Whoever is attached goes on, with its collections, branches and cursors to be."""
    kernel = start_python(KERNEL, str(tmp_path / "s"))
    assert line(kernel) == "ready True"
    with argon.Client(tmp_path / "s", project="shop") as client:
        users = client.data.get_collection("users")
        assert not client.hosting
        assert client.status()["host"]["pid"] == kernel.pid
        cursor = users.find().batch_size(2)
        cursor.next()
        txn = users.branch.transaction()
        txn["users"].insert_one({"_id": "lost"})
        end(kernel)
        assert users.update_many({}, {"$inc": {"n": 1}}).modified_count == 100
        assert client.hosting
        with pytest.raises(argon.CursorNotFound, match="run the query again"):
            list(cursor)
        with pytest.raises(argon.ArgonError) as lost:
            txn.commit()
        assert lost.value.has_error_label("TransientTransactionError")
        assert users.count_documents({"n": 1}) == 100
        assert client.fsck()["problems"] == []


@unix
def test_a_host_that_closes_has_a_successor(tmp_path: Path) -> None:
    first = argon.Client(tmp_path / "s")
    second = argon.Client(tmp_path / "s")
    third = argon.Client(tmp_path / "s", read_only=True)
    assert [c.hosting for c in (first, second, third)] == [True, False, False]
    first.data.get_collection("c").insert_one({"_id": 1})
    with pytest.raises(argon.ReadOnly):
        third.data.get_collection("c").insert_one({"_id": 2})
    first.close()
    assert third.data.get_collection("c").find_one() == {"_id": 1}
    assert second.data.get_collection("c").find_one() == {"_id": 1}
    assert second.hosting != third.hosting
    second.close()
    assert third.data.get_collection("c").find_one() == {"_id": 1}
    third.close()


@unix
def test_a_notebook_a_script_with_workers_and_the_command_line(tmp_path: Path) -> None:
    """The three of them write to one store while its host is killed."""
    store = str(tmp_path / "s")
    kernel = start_python(KERNEL, store)
    assert line(kernel) == "ready True"
    script = start_python(
        """
        import multiprocessing, sys
        import argon
        client = argon.Client(sys.argv[1], project="shop", actor="script")
        users = client.data.get_collection("users")

        def work(worker):
            for i in range(worker, 100, 4):
                users.update_one({"_id": i}, {"$inc": {"n": 1}})
                if i // 4 == 5:
                    told.release()
            return users.count_documents({})

        context = multiprocessing.get_context("fork")
        told = context.Semaphore(0)
        with context.Pool(4) as pool:
            counts = pool.map_async(work, range(4))
            for _ in range(4):
                told.acquire()
            print("halfway")
            print(counts.get(50))
        print(client.status()["pid"] != int(sys.argv[2]))
        """,
        store,
        str(kernel.pid),
    )
    assert line(script) == "halfway"
    end(kernel)
    cli = shutil.which("argon")
    if cli is not None:
        env = {**os.environ, "ARGON_URI": store}
        out = subprocess.run(
            [cli, "run", '{count: "users"}', "-p", "shop"],
            env=env, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert '"n": 100' in out
    rest = script.communicate()[0].split("\n")
    assert rest[:2] == ["[100, 100, 100, 100]", "True"]
    with argon.Client(store, project="shop") as client:
        users = client.data.get_collection("users")
        assert users.count_documents({"n": 1}) == 100, "each once, none twice"
        assert client.fsck()["problems"] == []


@unix
def test_a_child_that_sleeps_does_not_keep_the_store(tmp_path: Path) -> None:
    """It has the descriptors of its parent, and must not have its lock."""
    process = start_python(
        """
        import os, sys, time
        import argon
        client = argon.Client(sys.argv[1])
        client.data.get_collection("c").insert_one({"_id": 1})
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        print(child, flush=True)
        sys.stdin.readline()
        """,
        str(tmp_path / "s"),
    )
    child = int(line(process))
    try:
        with argon.Client(tmp_path / "s") as client:
            assert not client.hosting
            process.kill()
            process.wait()
            assert client.data.get_collection("c").find_one() == {"_id": 1}
            assert client.hosting
    finally:
        os.kill(child, 9)
        end(process)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers_are_sent_a_collection(tmp_path: Path, method: str) -> None:
    """As a DataLoader sends its data set to its workers, by pickle or by fork."""
    if sys.platform == "win32" and method != "spawn":
        pytest.skip("there is only spawn here")
    script = tmp_path / "script.py"
    script.write_text(
        """
import multiprocessing, sys
import argon

class Rows:
    def __init__(self, collection):
        self.collection = collection
    def __call__(self, i):
        return self.collection.find_one({"_id": i})["n"]

if __name__ == "__main__":
    with argon.Client(sys.argv[1]) as client:
        numbers = client.data.get_collection("numbers")
        numbers.insert_many([{"_id": i, "n": i * i} for i in range(100)])
        with multiprocessing.get_context(sys.argv[2]).Pool(4) as pool:
            print(sum(pool.map(Rows(numbers), range(100))))
"""
    )
    env = {**os.environ, "ARGON_LIBRARY": str(_ffi.library_path())}
    env["PYTHONPATH"] = str(ROOT / "python")
    result = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "s"), method],
        capture_output=True, text=True, timeout=60, env=env, check=False,
    )  # fmt: skip
    assert checked(result).strip() == str(sum(i * i for i in range(100)))


def test_a_client_can_be_pickled(tmp_path: Path) -> None:
    with argon.Client(tmp_path / "s", project="shop") as client:
        users = client.data.get_collection("users")
        users.insert_one({"_id": 1})
        branch = users.branch.as_actor("etl")
        for thing in (client, branch, users, branch["users"]):
            copy = pickle.loads(pickle.dumps(thing))
            assert repr(copy) == repr(thing)
        again = pickle.loads(pickle.dumps(users))
        assert again.find_one() == {"_id": 1}
        again.branch._connection.close()


def test_twenty_processes_open_a_store_at_once(tmp_path: Path) -> None:
    """Exactly one hosts it, and all of them see all that was written."""
    code = """
        import sys
        import argon
        sys.stdin.readline()
        client = argon.Client(sys.argv[1])
        client.data.get_collection("c").insert_one({"_id": int(sys.argv[2])})
        print(client.hosting, flush=True)
        sys.stdin.readline()
        client.close()
    """
    processes = [start_python(code, str(tmp_path / "s"), str(i)) for i in range(20)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    hosting = [line(process) for process in processes]
    assert sorted(hosting) == ["False"] * 19 + ["True"]
    with argon.Client(tmp_path / "s") as client:
        assert client.data.get_collection("c").count_documents({}) == 20
        assert len(client.status()["clients"]) == 20
    for process in processes:
        process.communicate("end\n")
        assert process.returncode == 0


# -- argon serve beside another process


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start `argon serve` on a store, and return its connection string."""
    started: list[subprocess.Popen[str]] = []

    def start(store: Path) -> str:
        binary = shutil.which("argon")
        if binary is None:
            pytest.fail("no argon on the PATH: make build")
        command = [binary, "serve", "--store", str(store), "--listen", "127.0.0.1:0", "--json"]
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(server)
        assert server.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += server.stdout.readline()
        return str(json.loads(text)["uris"][0])

    yield start
    for server in started:
        server.terminate()
        server.communicate()
        assert server.returncode == 0


@unix
def test_serving_beside_a_notebook(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    """A driver works through a store's host, and goes on when that is killed."""
    pymongo = pytest.importorskip("pymongo")
    kernel = start_python(KERNEL, str(tmp_path / "s"))
    assert line(kernel) == "ready True"
    uri = serve(tmp_path / "s")
    with pymongo.MongoClient(uri, compressors="zlib", heartbeatFrequencyMS=500) as mongo:
        users = mongo["shop"]["users"]
        assert users.count_documents({}) == 100
        assert len(list(users.find().batch_size(10))) == 100
        with mongo.start_session() as session, session.start_transaction():
            users.insert_one({"_id": "committed"}, session=session)
        with mongo.start_session() as session:
            session.start_transaction()
            users.insert_one({"_id": "aborted"}, session=session)
            session.abort_transaction()
        with users.watch() as stream:
            assert kernel.stdin is not None
            kernel.stdin.write("users.insert_one({'_id': 'from the kernel'}).inserted_id\n")
            kernel.stdin.flush()
            assert line(kernel) == "from the kernel"
            assert next(stream)["documentKey"] == {"_id": "from the kernel"}
            end(kernel)
            for i in range(5):
                assert users.update_one({"_id": i}, {"$inc": {"n": 1}}).modified_count == 1
            assert [next(stream)["documentKey"]["_id"] for _ in range(5)] == [*range(5)]
        assert users.count_documents({"n": 1}) == 5
        assert users.count_documents({}) == 102
    with argon.Client(tmp_path / "s") as client:
        assert "serve" in client.status()["host"]["command"]


# -- drivers


@unix
def test_database_is_pymongos(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_one({"_id": 1})
    database = main.database
    assert type(database).__module__ == "pymongo.synchronous.database"
    assert database["users"].find_one() == {"_id": 1}
    database["users"].insert_one({"_id": 2})
    assert main["users"].count_documents({}) == 2
    assert next(iter(main.log())).actor == "tester"
    exp = client.branches.create("exp")
    exp.database["users"].delete_one({"_id": 1})
    assert exp["users"].count_documents({}) == 1
    assert main.database["users"].count_documents({}) == 2
    then = main.at(-1)
    assert then.database["users"].count_documents({}) == 1
    assert main.database.client is exp.database.client


@unix
def test_uri_is_for_any_driver(main: argon.Branch) -> None:
    pymongo = pytest.importorskip("pymongo")
    main["users"].insert_one({"_id": 1})
    with pymongo.MongoClient(main.uri) as mongo:
        assert mongo.get_default_database()["users"].find_one() == {"_id": 1}

    async def read() -> object:
        async with pymongo.AsyncMongoClient(main.uri) as mongo:
            return await mongo.get_default_database()["users"].find_one()

    assert asyncio.run(read()) == {"_id": 1}


@unix
def test_a_driver_follows_the_store_to_its_next_host(tmp_path: Path) -> None:
    kernel = start_python(KERNEL, str(tmp_path / "s"))
    assert line(kernel) == "ready True"
    with argon.Client(tmp_path / "s", project="shop") as client:
        database = client.project().branch("main").database
        address = client.address
        assert database["users"].count_documents({}) == 100
        end(kernel)
        assert client.data.get_collection("users").count_documents({}) == 100
        assert client.address == address
        assert database["users"].count_documents({}) == 100


@unix
def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    store = tmp_path / ("long" * 40)
    with argon.Client(store) as first, argon.Client(store) as second:
        first.data.get_collection("c").insert_one({"_id": 1})
        assert second.data.get_collection("c").find_one() == {"_id": 1}
        assert first.address is not None and len(first.address) < 104
        assert oct(os.stat(first.address).st_mode & 0o777) == "0o600"
        assert oct(os.stat(os.path.dirname(first.address)).st_mode & 0o777) == "0o700"


def test_a_reader_is_in_nobodys_way(tmp_path: Path) -> None:
    """Also one that came first: it hosts the store, and itself may only read."""
    with pytest.raises(argon.ArgonError, match="no Argon store"):
        argon.Client(tmp_path / "s", read_only=True)
    argon.Client(tmp_path / "s").close()
    with argon.Client(tmp_path / "s", read_only=True) as reader:
        with argon.Client(tmp_path / "s") as writer:
            writer.data.get_collection("c").insert_one({"_id": 1})
        assert reader.data.get_collection("c").find_one() == {"_id": 1}
        with pytest.raises(argon.ReadOnly):
            reader.data.get_collection("c").insert_one({"_id": 2})
        # A driver would not be asked.
        main = reader.branches["main"]
        with pytest.raises(argon.NotSupported, match="read_only"):
            main.database  # noqa: B018
        with pytest.raises(argon.NotSupported, match="read_only"):
            main.uri  # noqa: B018
        past = main.at(main.lsn).database
        assert past["c"].find_one() == {"_id": 1}
        with pytest.raises(pymongo.errors.OperationFailure):
            past["c"].insert_one({"_id": 2})


def test_the_other_tests_pass_attached() -> None:
    """Those of collections and branches, on a store that another client hosts."""
    env = {**os.environ, "ARGON_TEST_PLACE": "attached", "PYTHONPATH": str(ROOT / "python")}
    env["ARGON_LIBRARY"] = str(_ffi.library_path())
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in _REPRESENTATIVE]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    result = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:]


_REPRESENTATIVE = ("collections", "branches", "bson")


WRITERS = """
    import os, sys, threading
    import argon
    client = argon.Client(sys.argv[1], project="shop", actor="writer")
    users = client.data.get_collection("users")
    def write(thread):
        for n in range(1_000_000):
            users.insert_one({"_id": thread * 1_000_000 + n})
            os.write(1, b"%d\\n" % (thread * 1_000_000 + n))  # one write, not cut in two
    for thread in range(16):
        threading.Thread(target=write, args=(thread,), daemon=True).start()
    sys.stdin.read()
"""


@unix
def test_what_many_threads_were_told_is_there_after_a_kill(tmp_path: Path) -> None:
    """Threads share syncs; none of them hears of its insert before it is on disk."""
    writers = start_python(WRITERS, str(tmp_path / "s"))
    told = [int(line(writers)) for _ in range(2000)]
    writers.kill()
    rest, _ = writers.communicate()
    told += [int(text) for text in rest.splitlines()]
    with argon.Client(tmp_path / "s", project="shop") as client:
        found = {document["_id"] for document in client.data.get_collection("users").find()}
    assert len(told) == len(set(told))
    assert found >= set(told)
    assert len(found) <= len(told) + 16
    assert len({number // 1_000_000 for number in told}) == 16
