"""PyMongo to an Argon server beside PyMongo to a mongod."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import table
from fixtures import Bench, in_turn
from table import Row
from worker import Worker

_DOCUMENTS = 10_000


@contextmanager
def _server(bench: Bench) -> Iterator[tuple[str, int]]:
    """Have argon serve on a store of its own: the connection string and the process."""
    command = bench.argon_cli("serve", "--listen", "127.0.0.1:0", "--json", store="wire")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("argon serve did not begin")
            text += line
        try:
            yield json.loads(text)["uris"][0].rsplit("/", 1)[0] + "/", process.pid
        finally:
            process.terminate()


def wire(bench: Bench) -> list[Row]:
    """The server has at least mongod's throughput, and the past costs little more."""
    with _server(bench) as (uri, pid):
        ours = Worker("side_wire", uri=uri, argon=True)
        theirs = Worker("side_wire", uri=bench.mongod_uri(), argon=False)
        try:
            bench.versions["side_wire"] = f"{ours.version()}, {theirs.version()}"
            return _rows(bench, ours, theirs, pid)
        finally:
            ours.stop()
            theirs.stop()


def _rows(bench: Bench, ours: Any, theirs: Any, pid: int) -> list[Row]:
    turns, scale = bench.sizes.turns, 1 if bench.sizes.turns > 1 else 10
    count = 1000 // scale  # first, since later the process has memory to spare
    idle = ours.idle(pid=pid, connections=count) / 1024
    rows = [table.amount("server: an idle connection", idle, "KB", 30)]
    for side in (ours, theirs):
        side.fill(name="docs", count=_DOCUMENTS)
    for threads in (1, 16):
        at = f"{threads} connection{'s' if threads > 1 else ''}"
        for what, method, each, arguments in (
            ("find_one by _id", "find_one", 3000, {"name": "docs"}),
            ("find of 1,000", "find_many", 60, {"name": "docs"}),
            ("insert_one", "insert_one", 1500, {}),
            ("insert_many of 1,000", "insert_many", 64, {}),
            ("update_one", "update_one", 1500, {"name": "docs"}),
            (f"$group of {_DOCUMENTS:,}", "group", 40, {"name": "docs"}),
        ):
            bench.say(f"wire: {what}, {at}")
            arguments = {**arguments, "threads": threads, "each": max(each // threads // scale, 5)}
            got = in_turn(
                turns,
                argon=lambda m=method, a=arguments: getattr(ours, m)(**a),
                mongod=lambda m=method, a=arguments: getattr(theirs, m)(**a),
            )
            rows.append(
                table.more(f"server: {what}, {at}", got["argon"], got["mongod"], 1, "mongod")
            )
    rows += _past(bench, ours, turns, scale)
    return rows


def _past(bench: Bench, ours: Any, turns: int, scale: int) -> list[Row]:
    bench.say("wire: the past, and branches of branches")
    ours.fill(name="past", count=_DOCUMENTS)
    places = {
        "a past LSN": ours.moment(name="past", writes=3),
        "ten forks deep": ours.branches(name="past", depth=10),
    }
    rows = []
    for what, method, each in (
        ("find_one by _id", "find_one", 2000),
        ("find of 1,000", "find_many", 60),
        ("$group", "group", 20),
    ):
        for place, database in places.items():
            call = {"name": "past", "threads": 1, "each": max(each // scale, 5)}
            got = in_turn(
                turns,
                there=lambda m=method, d=database, c=call: 1 / getattr(ours, m)(**c, database=d),
                head=lambda m=method, c=call: 1 / getattr(ours, m)(**c),
            )
            rows.append(
                table.within(f"server: {what}, {place}", got["there"], got["head"], 1.3, "the head")
            )
    return rows
