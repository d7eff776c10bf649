"""Threads that insert single documents at the same time, which gather in C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import argon

THREADS, EACH = 12, 60


def in_threads(work: Callable[[int], None]) -> None:
    """Run it in many threads and hand on what one of them raised."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_each_gets_its_own_answer(tmp_path: Path) -> None:
    """Of inserts that run together, on two branches, those fail that have to, each
    in its own thread and with its own error; the others are there when it is reopened."""
    with argon.Client(tmp_path / "store", project="shop") as client:
        project = client.project()
        project.branch("main")["taken"].insert_one({"_id": "taken"})
        branches = [project.branch("main"), project.branches.create("other")]

        def work(number: int) -> None:
            coll = branches[number % 2]["taken"]
            for i in range(EACH):
                coll.insert_one({"_id": f"{number}-{i}", "text": "x" * (i * 37)})
                if i % 3 == 0:
                    with pytest.raises(argon.DuplicateKeyError, match=f'"{number}-{i}"'):
                        coll.insert_one({"_id": f"{number}-{i}"})
                if i % 7 == 0:
                    with pytest.raises(argon.ArgonError, match="array"):
                        coll.insert_one({"_id": [number]})

        in_threads(work)
    with argon.Client(tmp_path / "store", project="shop") as client:
        for n, name in enumerate(("main", "other")):
            found = {d["_id"] for d in client.project().branch(name)["taken"].find()}
            assert found == {"taken"} | {
                f"{number}-{i}" for number in range(n, THREADS, 2) for i in range(EACH)
            }


def test_closing_ends_those_that_wait(tmp_path: Path) -> None:
    """A client that is closed while threads insert ends each of them with an error,
    and what was acknowledged is there."""
    client = argon.Client(tmp_path / "store", project="shop")
    coll = client.project().branch("main")["a"]
    coll.insert_one({"_id": -1})
    done: list[set[int]] = [set() for _ in range(THREADS)]
    running = threading.Barrier(THREADS + 1)

    def work(number: int) -> None:
        for i in range(100_000):
            try:
                coll.insert_one({"_id": number * 100_000 + i})
            except argon.ArgonError:
                return
            done[number].add(number * 100_000 + i)
            if i == 5:
                running.wait()

    def close() -> None:
        running.wait()
        client.close()

    closing = threading.Thread(target=close)
    closing.start()
    in_threads(work)
    closing.join(60)
    with argon.Client(tmp_path / "store", project="shop") as again:
        found = {d["_id"] for d in again.project().branch("main")["a"].find()}
    assert found >= set().union(*done)
