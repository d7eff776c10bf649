"""Fork, spawn, locks, panics and signals: each in processes of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import argon
from argon._ffi import Job, ffi

from .conftest import checked, run_python

forks = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")


@forks
def test_a_forked_child_goes_on_with_the_clients_it_has(tmp_path: Path) -> None:
    """Every way into the library attaches to the parent. What was open stays the
    parent's, and a child that drops its copy of it does no harm."""
    code = """
        import os, sys, threading, gc
        import argon
        client = argon.Client(sys.argv[1], project="shop")
        users = client.data.get_collection("users")
        users.insert_many([{"_id": i} for i in range(1000)])
        cursor = users.find().batch_size(10)
        cursor.next()
        stream = users.find()._stream(None, keep=False)
        txn = users.branch.transaction()
        txn["users"].insert_one({"_id": "of the parent"})
        threading.Thread(target=lambda: [users.find_one(1) for _ in range(2000)]).start()
        child = os.fork()
        if child == 0:
            code = 0
            stay = [lambda: list(cursor), lambda: txn["users"].insert_one({}), txn.commit]
            for n, call in enumerate(stay):
                try:
                    call()
                    code = 10 + n
                except argon.ForkedProcess as error:
                    assert "belongs to its parent" in str(error)
            assert users.find_one({"_id": 1}) == {"_id": 1}
            users.insert_one({"_id": 5000})
            assert len(list(users.find().batch_size(7))) == 1001
            users.insert_many([{} for _ in range(3000)])
            assert users.find().to_arrow().num_rows == 4001
            client.branches.create("exp")
            users.update_many({}, {"$set": {"a": 1}})
            assert not client.hosting and client.status()["pid"] == os.getppid()
            del cursor, stream, txn
            gc.collect()
            client.close()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), users.count_documents({"a": 1}), len(list(cursor)))
        txn.abort()
        print(client.hosting, [b.name for b in client.branches.list()])
        client.close()
    """
    out = checked(run_python(code, str(tmp_path / "s"))).splitlines()
    assert out == ["0 4001 999", "True ['exp', 'main']"]


@forks
def test_a_forked_child_can_open_a_store_of_its_own(tmp_path: Path) -> None:
    code = """
        import os, sys
        import argon
        parent = argon.Client(sys.argv[1] + "/a")
        parent.data.get_collection("c").insert_one({"_id": 1})
        child = os.fork()
        if child == 0:
            with argon.Client(sys.argv[1] + "/b") as own:
                own.data.get_collection("c").insert_many([{"_id": i} for i in range(100)])
                grandchild = os.fork()
                if grandchild == 0:
                    with argon.Client(sys.argv[1] + "/c") as third:
                        third.data.get_collection("c").insert_one({"_id": 1})
                        os._exit(third.data.get_collection("c").count_documents({}) - 1)
                status = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
                count = own.data.get_collection("c").count_documents({})
            os._exit(status if count == 100 else 7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(parent.data.get_collection("c").find_one(1))
        parent.close()
    """
    assert checked(run_python(code, str(tmp_path))).splitlines() == ["0", "{'_id': 1}"]


@forks
def test_a_child_shares_the_parents_store(tmp_path: Path) -> None:
    """A client that the child opens on it attaches to the parent."""
    code = """
        import os, sys
        import argon
        client = argon.Client(sys.argv[1])
        users = client.data.get_collection("users")
        users.insert_one({"_id": 1})
        child = os.fork()
        if child == 0:
            with argon.Client(sys.argv[1]) as own:
                mine = own.data.get_collection("users")
                mine.insert_one({"_id": 2})
                os._exit(mine.count_documents({}) - 2 + (own.status()["pid"] != os.getppid()))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), users.count_documents({}))
        client.close()
        again = argon.Client(sys.argv[1])
        again.close()
    """
    assert checked(run_python(code, str(tmp_path / "s"))).split() == ["0", "2"]


def test_a_second_process_shares_the_store(tmp_path: Path) -> None:
    code = """
        import os, subprocess, sys
        import argon
        client = argon.Client(sys.argv[1])
        second = "import argon, sys; print(argon.Client(sys.argv[1]).status()['pid'])"
        def other():
            return subprocess.run([sys.executable, "-c", second, sys.argv[1]], capture_output=True, text=True, check=True).stdout.strip()
        print(other() == str(os.getpid()))
        client.close()
        print(other() == str(os.getpid()))
    """
    assert checked(run_python(code, str(tmp_path / "s"))).splitlines() == ["True", "False"]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    """A pool whose workers each have a store of their own."""
    if sys.platform == "win32" and method != "spawn":
        pytest.skip("there is only spawn here")
    script = tmp_path / "script.py"
    script.write_text(
        """
import multiprocessing, sys
import argon

def work(n):
    with argon.Client(f"{sys.argv[1]}/worker{n}") as client:
        numbers = client.data.get_collection("numbers")
        numbers.insert_many([{"_id": i} for i in range(n)])
        return numbers.count_documents({})

if __name__ == "__main__":
    with argon.Client(f"{sys.argv[1]}/parent") as client:
        client.data.get_collection("x").insert_one({"_id": 1})
        context = multiprocessing.get_context(sys.argv[2])
        with context.Pool(2) as pool:
            print(pool.map(work, [3, 5, 8]))
        print(client.data.get_collection("x").find_one(1))
"""
    )
    code = f"import runpy, sys; runpy.run_path({str(script)!r}, run_name='__main__')"
    if method != "fork":  # the workers import the script by its path
        import os
        import subprocess

        from argon import _ffi

        env = {**os.environ, "ARGON_LIBRARY": str(_ffi.library_path())}
        env["PYTHONPATH"] = str(Path(__file__).parents[1])
        result = subprocess.run(
            [sys.executable, str(script), str(tmp_path), method],
            capture_output=True, text=True, timeout=60, env=env, check=False,
        )  # fmt: skip
    else:
        result = run_python(code, str(tmp_path), method)
    assert checked(result).splitlines() == ["[3, 5, 8]", "{'_id': 1}"]


def test_a_panic_becomes_an_exception_and_later_calls_fail_cleanly(tmp_path: Path) -> None:
    code = """
        import sys
        import argon
        from argon import _ffi
        client = argon.Client(sys.argv[1])
        users = client.data.get_collection("users")
        users.insert_many([{"_id": i} for i in range(1000)])
        cursor = users.find().batch_size(10)
        cursor.next()
        batches = users.find().to_arrow_batches(batch_rows=10)
        batches.read_next_batch()
        calls = [
            _ffi.load().panic,
            lambda: users.find_one({"_id": 1}),
            lambda: users.insert_one({"_id": 5000}),
            lambda: list(cursor),
            lambda: users.find().to_arrow(),
            lambda: argon.Client(sys.argv[1] + "2"),
            lambda: client.branches.create("exp"),
        ]
        for call in calls:
            try:
                call()
                print("no error")
            except argon.LibraryPanicked as error:
                assert "report" in error.remedy, error.remedy
        try:
            _ffi.load().panic()
        except argon.InternalError as error:
            pass
        try:
            batches.read_all()
            print("no error")
        except Exception as error:
            assert "defect" in str(error), error
        client.close()
        print("alive")
    """
    assert checked(run_python(code, str(tmp_path / "s"))).strip() == "alive"


INTERRUPTED = """
    import os, signal, sys, threading, time
    import argon
    client = argon.Client(sys.argv[1])
    users = client.data.get_collection("users")
    if users.estimated_document_count() == 0:
        users.insert_many([{"_id": i, "n": i % 7} for i in range(20_000)])

    cross = [{"$lookup": {"from": "users", "localField": "n", "foreignField": "n", "as": "x"}},
             {"$unwind": "$x"}, {"$group": {"_id": "$x._id", "n": {"$sum": 1}}}]

    def interrupted(call):
        begun = threading.Event()
        sent = []
        def send():
            begun.wait()
            time.sleep(0.4)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        thread = threading.Thread(target=send)
        thread.start()
        begun.set()
        try:
            call()
            print("it ended before the signal")
        except KeyboardInterrupt:
            took = time.monotonic() - sent[0]
            print("interrupted" if took < 3 else f"after {took} s")
        thread.join()
"""


def test_ctrl_c_says_what_became_of_the_command(client: argon.Client, users: Any) -> None:
    """A command that was stopped left nothing; of one that was not, the exception says so."""
    users.insert_many([{"_id": i, "n": i} for i in range(5_000)])
    cross = [{"$lookup": {"from": "users", "pipeline": [], "as": "x"}}, {"$unwind": "$x"}]
    scope = users._scope
    library = scope.connection.library

    def begin(command: dict[str, Any]) -> Job:
        payload = scope.encode(command)
        return Job(library, library.start(scope.connection.client, scope.db, payload))

    def interrupt(_: bytes) -> None:
        raise KeyboardInterrupt

    def interrupt_too_late(_: bytes) -> None:
        library._lib.argon_job_wait(job.number, 60_000, ffi.new("argon_buffer *"))
        raise KeyboardInterrupt

    job = begin({"aggregate": "users", "pipeline": [*cross, {"$out": "never"}], "cursor": {}})
    with pytest.raises(KeyboardInterrupt) as stopped:
        job.wait(interrupt)
    assert stopped.value.args == ()

    update = {"q": {}, "u": [{"$set": {"n": {"$sum": {"$range": ["$_id", 6_000]}}}}], "multi": True}
    job = begin({"update": "users", "updates": [update]})
    with pytest.raises(KeyboardInterrupt, match="had been carried out"):
        job.wait(interrupt_too_late)
    assert users.find_one({"_id": 0})["n"] == sum(range(6_000))


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize(
    "call",
    [
        "list(users.aggregate(cross))",
        "users.aggregate(cross).to_arrow()",
        "users.aggregate(cross).to_polars()",
        "list(users.aggregate([*cross, {'$out': 'never'}]))",
        "users.count_documents({'$expr': {'$gt': [{'$sum': {'$range': [{'$multiply': ['$n', 0]}, 5000]}}, '$n']}})",
        "users.update_many({'$expr': {'$gt': [{'$sum': {'$range': [{'$multiply': ['$n', 0]}, 5000]}}, '$n']}}, {'$set': {'a': 1}})",
    ],
)
def test_ctrl_c_ends_a_long_call(tmp_path: Path, call: str) -> None:
    """The bound is generous; what it measures stands in the benchmarks. The
    library must have let go: another command runs, and closing ends."""
    code = (
        INTERRUPTED
        + f"""
    interrupted(lambda: {call})
    print(users.find_one({{"_id": 1}})["n"], "never" in client.project()["users"].branch.list_collection_names())
    print(users.insert_one({{"_id": "after"}}).acknowledged)
    client.close()
    print("closed")
    """
    )
    lines = checked(run_python(code, str(tmp_path / "s"), timeout=100)).splitlines()
    assert lines == ["interrupted", "1 False", "True", "closed"]


def test_other_threads_run_during_a_long_call(tmp_path: Path) -> None:
    """A long call releases the GIL, on the main thread and on others."""
    code = (
        INTERRUPTED
        + """
    steps = 0
    done = threading.Event()
    def long():
        try:
            users.aggregate(cross, maxTimeMS=1000).to_list()
        except argon.ExecutionTimeout:
            pass
        finally:
            done.set()
    thread = threading.Thread(target=long)
    thread.start()
    while not done.wait(0.001):
        steps += 1
    thread.join()
    print(steps > 20)
    client.close()
    """
    )
    assert checked(run_python(code, str(tmp_path / "s"))).strip() == "True"


def test_exit_without_closing(tmp_path: Path) -> None:
    """What was acknowledged is there, and the interpreter ends quietly."""
    code = """
        import sys
        import argon
        client = argon.Client(sys.argv[1])
        users = client.data.get_collection("users")
        users.insert_many([{"_id": i} for i in range(100)])
        cursor = users.find().batch_size(2)
        cursor.next()
        capsule = users.find().__arrow_c_stream__()
        reader = users.find().to_arrow_batches()
        txn = client.branches.get("main").transaction()
        txn["users"].insert_one({"_id": "lost"})
    """
    result = run_python(code, str(tmp_path / "s"))
    assert (result.returncode, result.stderr) == (0, "")
    code = """
        import sys
        import argon
        with argon.Client(sys.argv[1]) as client:
            print(client.data.get_collection("users").count_documents({}), client.fsck()["problems"])
    """
    assert checked(run_python(code, str(tmp_path / "s"))).strip() == "100 []"
