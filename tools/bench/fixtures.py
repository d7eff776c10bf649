"""What the rows share: sizes, stores, servers and the sides, made when first
needed and shared by all rows of a run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docs
import process
from peers import ROOT, Mongod, arrow_python
from worker import Worker


@dataclass(frozen=True)
class Sizes:
    """How much is measured. ``runs`` is for what takes seconds, ``turns`` for
    what takes less."""

    big: int = 5_000_000
    frame: int = 1_000_000
    small: int = 100_000
    tiny: int = 1_000
    branches: int = 10_000
    changes: int = 1_000
    inserts: int = 100_000
    singles: int = 1_000
    reads: int = 2_000
    rows: int = 200_000
    go_batches: int = 1_000
    runs: int = 3
    turns: int = 5


QUICK = replace(
    Sizes(),
    big=50_000,
    frame=20_000,
    small=10_000,
    branches=100,
    changes=100,
    inserts=5_000,
    singles=100,
    reads=200,
    rows=100_000,
    go_batches=5,
    runs=1,
    turns=1,
)


class Bench:
    """A run: its sizes, its folder, and what was made in it."""

    def __init__(self, sizes: Sizes, cli: Path, venv: Path, say: Callable[[str], None]) -> None:
        self.sizes = sizes
        self.cli = cli
        self.say = say
        self.folder = Path(tempfile.mkdtemp(prefix="argon-bench-"))
        self.versions: dict[str, str] = {}
        self._venv = venv
        self._mongod: Mongod | None = None
        self._workers: dict[str, Worker] = {}
        self._filled: set[tuple[str, str]] = set()
        self._imported: process.Finished | None = None
        self._busy = ""

    def close(self) -> None:
        """End everything and remove what was stored."""
        for worker in self._workers.values():
            worker.stop()
        if self._mongod is not None:
            self._mongod.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- sides

    def argon(self, store: str) -> Worker:
        """Return Argon on a store of this run."""
        return self._side(f"argon {store}", "side_argon", path=str(self.folder / store))

    def mongo(self) -> Worker:
        """Return pymongo on the run's mongod."""
        return self._side("mongo", "side_mongo", uri=self._uri())

    def arrow(self) -> Worker:
        """Return pymongoarrow on the run's mongod."""
        if "arrow" not in self._workers:
            self.say("the environment of pymongoarrow")
        python = arrow_python(self._venv)
        return self._side("arrow", "side_arrow", python=python, uri=self._uri())

    def dolt(self) -> Worker:
        """Return DoltLite."""
        return self._side("dolt", "side_dolt", path=str(self.folder / "dolt.db"))

    def leave(self, name: str) -> None:
        """End a side, so that its memory is free or its store can be opened."""
        if (worker := self._workers.pop(name, None)) is not None:
            worker.stop()

    def _side(self, name: str, module: str, **arguments: Any) -> Worker:
        if name not in self._workers:
            python = arguments.pop("python", sys.executable)
            worker = self._workers[name] = Worker(module, python, **arguments)
            self.versions[module] = worker.version()
        return self._workers[name]

    def mongod_uri(self) -> str:
        """Return where the run's mongod is."""
        return self._uri()

    def _uri(self) -> str:
        if self._mongod is None:
            self.say("mongod")
            self._mongod = Mongod(self.folder / "mongod")
        return self._mongod.uri

    # -- data

    def filled(self, store: str, name: str, count: int, shape: str = "nested") -> Worker:
        """Return Argon on a store that has the collection."""
        return self._fill(f"argon {store}", self.argon(store), name, count, shape)

    def mongo_filled(self, name: str, count: int, shape: str = "nested") -> Worker:
        """Return pymongo on a mongod that has the collection."""
        return self._fill("mongo", self.mongo(), name, count, shape)

    def _fill(self, side: str, worker: Worker, name: str, count: int, shape: str) -> Worker:
        if (side, name) not in self._filled:
            self.say(f"{count:,} documents into {side}: {name}")
            worker.fill(name=name, count=count, shape=shape)
            self._filled.add((side, name))
            worker.settle()
        return worker

    @property
    def big_store(self) -> Path:
        """The store of many documents, imported by the CLI."""
        self.imported()
        return self.folder / "big"

    def imported(self) -> process.Finished:
        """Return how the import of the big store went."""
        if self._imported is None:
            count = self.sizes.big
            self.say(f"{count:,} documents through argon import")
            self._imported = process.run(
                self.argon_cli("import", "-", "--format", "jsonl", "-c", "docs", store="big"),
                feed=docs.json_lines(count),
            )
            # Compacted while nobody measures, so that nothing does it later.
            process.run(self.argon_cli("run", "{argonCompact: 1}", "--admin", store="big"))
        return self._imported

    def argon_cli(self, *arguments: str, store: str) -> list[str | Path]:
        """Return a command of the CLI on a store of this run."""
        return [self.cli, *arguments, "--store", str(self.folder / store), *_project(arguments)]

    @contextmanager
    def big(self) -> Iterator[Worker]:
        """Have Argon in process on the big store, for as long as the block."""
        _ = self.big_store
        yield self.argon("big")
        self.leave("argon big")


def _project(arguments: tuple[str, ...]) -> list[str]:
    return [] if arguments[0] in ("status", "--help") else ["-p", "bench"]


def in_turn(turns: int, **measures: Callable[[], Any]) -> dict[str, list[float]]:
    """Measure things in turn, A B A B, and return the figures of each. A measure
    returns one figure or several."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(turns):
        for name, measure in measures.items():
            got = measure()
            figures[name].extend(got if isinstance(got, list) else [got])
    return figures


def find_cli() -> Path:
    """Return the CLI: $ARGON_CLI, or what make built."""
    path = Path(os.environ.get("ARGON_CLI", ROOT / "build" / "argon"))
    if not path.exists():
        raise SystemExit(f"{path} is not there: make build/argon, or name it in ARGON_CLI")
    return path


def clock(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that says what is done now, and when."""
    begin = time.monotonic()
    return lambda text: say(f"{time.monotonic() - begin:6.1f} s  {text}\n")
