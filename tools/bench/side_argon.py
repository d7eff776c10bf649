"""Argon, in process, through its Python package."""

from __future__ import annotations

import gc
import itertools
import time
from typing import Any

import docs
from collections_side import CollectionSide

import argon

PROJECT = "bench"


class Side(CollectionSide):
    """One open store."""

    def __init__(self, path: str) -> None:
        self._client = argon.Client(path, project=PROJECT, actor="bench")
        self._project = self._client.project()
        self._numbers = itertools.count()
        self._kept: list[str] = []

    def close(self) -> None:
        """Close the store."""
        self._client.close()

    def collection(self, name: str, moment: int | None = None, branch: str = "main") -> Any:
        """Return a collection of a branch, now or as of an LSN."""
        read = self._project.branch(branch)
        return (read if moment is None else read.at(moment))[name]

    # -- preparing

    def lsn(self) -> int:
        """Return the newest LSN of main."""
        return self._project.branch("main").lsn

    def warm(self, name: str) -> None:
        """Import what data frames need, and read one document into one."""
        self.collection(name).find().limit(1).to_pandas()

    def settle(self) -> None:
        """Let nothing run in the background when the clock starts."""
        self._client.compact()

    def touch_half(self, name: str, count: int) -> int:
        """Change one field of every other document, in commits of 10,000 at
        most; return how many were changed."""
        collection, changed = self.collection(name), 0
        for start in range(0, count, 20_000):
            within = {"_id": {"$gte": start, "$lt": start + 20_000, "$mod": [2, 0]}}
            changed += collection.update_many(within, {"$inc": {"visits": 1}}).modified_count
        return changed

    def add_branches(self, count: int) -> None:
        """Create branches that stay."""
        for n in range(count):
            self._project.branches.create(f"kept-{n}")

    def fork(self, name: str, depth: int) -> str:
        """Fork branches of branches, each with a write of its own; return the deepest."""
        branch = self._project.branch("main")
        for n in range(depth):
            branch = self._project.branches.create(f"deep{n}", from_branch=branch)
            branch[name].update_one({"_id": n}, {"$inc": {"visits": 1}})
        return str(branch.name)

    # -- branches

    def branch(self, count: int) -> list[float]:
        """Return the seconds of each of so many branch creations."""
        branches, names, seconds = self._project.branches, [], []
        for _ in range(count):
            name = f"b{next(self._numbers)}"
            begin = time.perf_counter()
            branches.create(name)
            seconds.append(time.perf_counter() - begin)
            names.append(name)
        for name in names:
            branches.delete(name)
        return seconds

    def diff_and_merge(self, name: str, of: int, changes: int) -> tuple[float, float]:
        """Return the seconds of a diff and of a merge of a branch on which so
        many documents of the collection were changed."""
        branch = self._project.branches.create(f"m{next(self._numbers)}")
        step = of // changes
        numbers = [i * step for i in range(changes)]
        branch[name].update_many({"_id": {"$in": numbers}}, {"$inc": {"visits": 1}})
        gc.collect()
        begin = time.perf_counter()
        entries = branch.diff("main").to_list()
        diffed = time.perf_counter()
        merged = branch.merge("main")
        end = time.perf_counter()
        if len(entries) != changes or merged.counts["updated"] != changes:
            raise AssertionError(f"{len(entries)} entries, {merged.counts}")
        self._project.branches.delete(branch.name)
        return diffed - begin, end - diffed

    # -- beside DoltLite

    def diff_to_main(self, name: str, changes: int, repeat: int) -> list[float]:
        """Return the seconds of each of several diffs of so many changes."""
        branch = self._project.branches.create(f"d{next(self._numbers)}")
        numbers = [i * 1000 for i in range(changes)]
        branch[name].update_many({"_id": {"$in": numbers}}, {"$inc": {"visits": 1}})
        seconds = []
        for _ in range(repeat):
            begin = time.perf_counter()
            entries = branch.diff("main").to_list()
            seconds.append(time.perf_counter() - begin)
            if len(entries) != changes:
                raise AssertionError(f"{len(entries)} entries")
        self._project.branches.delete(branch.name)
        return seconds

    def update_one(self, name: str, count: int, of: int) -> float:
        """Return seconds per durable update of one document."""
        collection = self.collection(name)
        begin = time.perf_counter()
        for number in docs.scattered(count, of):
            collection.update_one({"_id": number}, {"$inc": {"visits": 1}})
        return (time.perf_counter() - begin) / count

    def insert_rows(self, name: str, count: int) -> float:
        """Return documents per second in batches of 1,000, ascending ids."""
        collection = self.collection(name)
        seconds = 0.0
        for start in range(0, count, 1000):
            batch = [docs.nested(i) for i in range(start, min(start + 1000, count))]
            begin = time.perf_counter()
            collection.insert_many(batch)
            seconds += time.perf_counter() - begin
        return count / seconds

    # -- frames

    def to_pandas(self, name: str, expect: int) -> float:
        """Return the seconds of reading a collection into pandas."""
        gc.collect()
        begin = time.perf_counter()
        frame = self.collection(name).find().to_pandas()
        seconds = time.perf_counter() - begin
        if frame.shape != (expect, 10):
            raise AssertionError(f"the frame is {frame.shape}")
        return seconds

    def version(self) -> str:
        """Return Argon's version."""
        return argon.__version__
