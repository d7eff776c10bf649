"""Nothing stays behind: in the library's handles, in Arrow, in memory."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

import argon
from argon import _ffi

from .conftest import checked, run_python


def next_handle(library: _ffi.Library, client: int) -> int:
    """Handles ascend: the next one tells how many were made."""
    job = library.start(client, b"admin", _ping)
    _ffi.Job(library, job).result()
    return job


_ping = b"\x0f\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x00"


def test_ping_is_a_command(client: Any) -> None:
    connection = client._connection
    assert next_handle(connection.library, connection.client) > 0


def test_finished_jobs_are_forgotten(client: Any, users: Any) -> None:
    """A handle that was used up names nothing any more."""
    library, number = client._connection.library, client._connection.client
    users.insert_many([{"_id": i, "text": "x" * 100} for i in range(3000)])
    first = next_handle(library, number)
    list(users.find())
    users.find().to_arrow()
    users.find()._stream(None).capsule()
    users.find().to_arrow_batches().close()
    users.update_many({}, {"$set": {"a": 1}})
    gc.collect()
    last = next_handle(library, number)
    assert last > first + 5
    for handle in range(first, last + 1):
        with pytest.raises(Exception, match="finished and fetched, or never was"):
            library._fetch(handle)


def test_replies_of_any_size(users: Any) -> None:
    """Around the size of the buffer, where a reply is fetched a second time."""
    for size in [*range(65_300, 65_600, 7), 1 << 20, (1 << 24) - 1000]:
        users.replace_one({"_id": 1}, {"text": "x" * size}, upsert=True)
        assert len(users.find_one({"_id": 1})["text"]) == size


def test_buffers_are_not_shared_by_threads(users: Any) -> None:
    users.insert_many([{"_id": i, "text": str(i) * 50} for i in range(50)])
    wrong: list[Any] = []

    def read(seed: int) -> None:
        for n in range(500):
            i = (seed * 7 + n) % 50
            if users.find_one({"_id": i})["text"] != str(i) * 50:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(_ffi._free) <= 20


def test_closing_while_threads_use_the_client(tmp_path: Path) -> None:
    """Each thread ends with a clear error, and the store is whole."""
    client = argon.Client(tmp_path / "s")
    users = client.data.get_collection("users")
    users.insert_many([{"_id": i} for i in range(2000)])
    running = threading.Barrier(9)
    ended: list[Any] = []

    def use(n: int) -> None:
        running.wait()
        try:
            while True:
                users.find_one({"_id": n})
                users.insert_one({})
                users.find().batch_size(50).to_list(200)
                users.find({"_id": {"$lt": 100}}).to_arrow()
        except Exception as error:
            ended.append(error)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    running.wait()
    client.close()
    for thread in threads:
        thread.join()
    assert len(ended) == 8
    for error in ended:
        assert isinstance(error, (argon.ClientClosed, argon.Canceled)), repr(error)
    with argon.Client(tmp_path / "s") as client:
        assert client.fsck()["problems"] == []


def test_memory_stays_where_it_is(tmp_path: Path) -> None:
    """The resident memory of a process that does everything again and again."""
    pytest.importorskip("pyarrow")
    code = """
        import gc, sys
        import argon

        def resident():
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * 4096

        client = argon.Client(sys.argv[1])
        users = client.data.get_collection("users")
        users.insert_many([{"_id": i, "text": "x" * 200, "at": {"n": i}} for i in range(20_000)])

        def everything():
            users.find().to_arrow()
            users.find({"at.n": {"$lt": 100}}).to_pandas()
            users.find().limit(10).__arrow_c_stream__()
            list(users.find().limit(2000))
            for i in range(200):
                users.find_one({"_id": i})
            try:
                users.find().to_arrow(schema={"text": "long"})
            except argon.SchemaMismatch:
                pass
            gc.collect()

        for _ in range(15):
            everything()
        before = resident()
        for _ in range(40):
            everything()
        grown = resident() - before
        print(grown < 40 << 20, grown)
        client.close()
    """
    if not Path("/proc/self/statm").exists():
        pytest.skip("there is no /proc here")
    output = checked(run_python(code, str(tmp_path / "s"), timeout=110))
    assert output.startswith("True"), output
