"""DoltLite, the fastest branching engine at hand, on a table of the same columns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import table
from fixtures import Bench, in_turn
from table import Row
from worker import SideFailed

_NAME = "rows"
_IN_HISTORY = "each a commit in the history"


def dolt(bench: Bench) -> list[Row]:
    """Branches, single rows, diffs, inserts and data frames."""
    sizes, argon, peer = bench.sizes, bench.argon("dolt"), bench.dolt()
    rows = _inserts(bench, argon, peer)
    argon.settle()
    peer.commit()
    bench.say("DoltLite: the rest")

    def compare(what: str, method: str, theirs: str = "", **asked: Any) -> Row:
        got = in_turn(
            sizes.turns,
            argon=lambda: getattr(argon, method)(**asked),
            dolt=lambda: getattr(peer, theirs or method)(**asked),
        )
        return table.quicker(what, got["argon"], got["dolt"], 1, "DoltLite")

    reads = {"name": _NAME, "count": sizes.reads * 5, "of": sizes.rows}
    updates = {"name": _NAME, "count": max(sizes.singles // 5, 20), "of": sizes.rows}
    return [
        compare("create a branch", "branch", count=40),
        compare("read one by its key, as a document", "find_one", "find_document", **reads),
        compare("read one by its key, beside its columns as they are stored", "find_one", **reads),
        compare("update one, durable", "update_one", **updates),
        compare(f"update one, durable, {_IN_HISTORY}", "update_one", "update_commit", **updates),
        compare(
            f"diff 100 changed of {sizes.rows:,}", "diff_to_main", name=_NAME, changes=100, repeat=3
        ),
        *rows,
        _frames(sizes.rows, sizes.runs, argon, peer),
    ]


def _frames(count: int, times: int, argon: Any, peer: Any) -> Row:
    argon.warm(name=_NAME)
    frame = {"name": _NAME, "expect": count}
    got = in_turn(
        times,
        argon=lambda: count / argon.to_pandas(**frame),
        dolt=lambda: count / peer.to_pandas(**frame),
    )
    return table.more("read into pandas", got["argon"], got["dolt"], 1, "DoltLite")


def _inserts(bench: Bench, argon: Any, peer: Any) -> list[Row]:
    """Both ways into new tables; those of the last one stay."""
    count, times = bench.sizes.rows, min(bench.sizes.turns, 2)

    def refill(side: Any, insert: str) -> Callable[[], float]:
        def measure() -> float:
            with contextlib.suppress(SideFailed):  # the first time there is none
                side.drop(name=_NAME)
            rate: float = getattr(side, insert)(name=_NAME, count=count)
            return rate

        return measure

    rows = []
    for what, theirs in ((f", {_IN_HISTORY}", "insert_commits"), ("", "insert_rows")):
        bench.say(f"DoltLite: {theirs}")
        got = in_turn(times, argon=refill(argon, "insert_rows"), dolt=refill(peer, theirs))
        what = f"insert in batches of 1,000{what}"
        rows.append(table.more(what, got["argon"], got["dolt"], 1, "DoltLite"))
    return rows[::-1]
