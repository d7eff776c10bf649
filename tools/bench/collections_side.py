"""What is measured on Argon and on MongoDB by the same code.

Both drivers have the same collections, so that a comparison differs in nothing
but what stands behind ``collection``.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import docs

BATCH = 1000


class CollectionSide:
    """A side that has collections by pymongo's names."""

    def collection(self, name: str, moment: int | None = None, branch: str = "main") -> Any:
        """Return a collection, on Argon also as of an LSN or of a branch."""
        raise NotImplementedError

    def drop(self, name: str) -> None:
        """Delete a collection."""
        self.collection(name).drop()

    def loading(self, name: str) -> Any:
        """Return the collection as it is filled before anything is measured."""
        return self.collection(name)

    def fill(self, name: str, count: int, shape: str = "nested") -> None:
        """Store documents 0 to count - 1."""
        collection, make = self.loading(name), docs.SHAPES[shape]
        for start in range(0, count, 20_000):
            collection.insert_many(
                [make(i) for i in range(start, min(start + 20_000, count))], ordered=True
            )

    def insert_many(self, name: str, count: int) -> float:
        """Return documents per second, inserted in batches of 1,000."""
        collection = self.collection(name)
        batches = [
            [docs.without_id(i) for i in range(start, min(start + BATCH, count))]
            for start in range(0, count, BATCH)
        ]
        gc.collect()
        begin = time.perf_counter()
        for batch in batches:
            collection.insert_many(batch)
        return count / (time.perf_counter() - begin)

    def insert_one(self, name: str, count: int, threads: int) -> float:
        """Return documents per second, inserted one by one by so many threads."""
        collection = self.collection(name)
        share = count // threads
        work = [[docs.without_id(i) for i in range(share)] for _ in range(threads)]

        def insert(documents: list[docs.Document]) -> None:
            for document in documents:
                collection.insert_one(document)

        return share * threads / in_threads(insert, work)

    def find_one(self, name: str, count: int, of: int, **where: Any) -> float:
        """Return seconds per ``find_one`` by ``_id``."""
        collection = self.collection(name, **where)
        numbers = docs.scattered(count, of)
        gc.collect()
        begin = time.perf_counter()
        for number in numbers:
            if collection.find_one({"_id": number}) is None:
                raise AssertionError(f"there is no document {number}")
        return (time.perf_counter() - begin) / count

    def find_lists(self, name: str, count: int, length: int, of: int, **where: Any) -> float:
        """Return seconds per ``find`` of so many neighbours, as a list."""
        collection = self.collection(name, **where)
        starts = docs.scattered(count, of - length)
        gc.collect()
        begin = time.perf_counter()
        for start in starts:
            found = list(collection.find({"_id": {"$gte": start, "$lt": start + length}}))
            if len(found) != length:
                raise AssertionError(f"{len(found)} documents from {start}")
        return (time.perf_counter() - begin) / count

    def scan(self, name: str, expect: int, moment: int | None = None) -> float:
        """Return the seconds of a query that looks at each document."""
        collection = self.collection(name, moment)
        begin = time.perf_counter()
        found = collection.count_documents({"age": {"$gte": 45}})
        seconds = time.perf_counter() - begin
        if not 0.4 < found / expect < 0.6:
            raise AssertionError(f"{found} of {expect} documents matched")
        return seconds


def in_threads(run: Callable[[Any], None], work: list[Any]) -> float:
    """Return the seconds that threads take, one for each share of the work."""
    if len(work) == 1:
        begin = time.perf_counter()
        run(work[0])
        return time.perf_counter() - begin
    gate = threading.Barrier(len(work) + 1)
    failures: list[BaseException] = []

    def thread(share: Any) -> None:
        gate.wait()
        try:
            run(share)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=thread, args=(share,)) for share in work]
    for one in threads:
        one.start()
    gate.wait()
    begin = time.perf_counter()
    for one in threads:
        one.join()
    seconds = time.perf_counter() - begin
    if failures:
        raise failures[0]
    return seconds
