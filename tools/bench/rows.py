"""The measurements: one function for each line of requirements, each returning
its rows. What they need is made by ``fixtures`` when first asked for."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import docs
import gobench
import process
import rows_dolt
import rows_files
import rows_mirror
import rows_wire
import table
from fixtures import Bench, in_turn
from table import Row
from worker import Worker

Measurement = Callable[[Bench], list[Row]]

_names = itertools.count()


def _fresh(prefix: str) -> str:
    return f"{prefix}{next(_names)}"


# -- branches


def branch(bench: Bench) -> list[Row]:
    """A branch costs one sync, however much there is."""
    sizes, each = bench.sizes, 40
    tiny = bench.filled("tiny", "docs", sizes.tiny)
    many = bench.filled("many", "docs", sizes.tiny)
    bench.say(f"{sizes.branches:,} branches")
    many.add_branches(count=sizes.branches)
    with bench.big() as big:
        bench.say("branch")
        got = in_turn(
            sizes.turns,
            sync=lambda: process.fdatasync(bench.folder, each),
            tiny=lambda: tiny.branch(count=each),
            big=lambda: big.branch(count=each),
            many=lambda: many.branch(count=each),
        )
    for name in ("argon tiny", "argon many"):
        bench.leave(name)
    of_tiny = f"{sizes.tiny:,} documents"
    return [
        table.within(
            f"create a branch, durable, {of_tiny}", got["tiny"], got["sync"], 2, "one fdatasync"
        ),
        table.within(
            f"create a branch, {sizes.big:,} documents", got["big"], got["tiny"], 1.5, of_tiny
        ),
        table.within(
            f"create a branch beside {sizes.branches:,}", got["many"], got["tiny"], 1.5, "beside 1"
        ),
    ]


# -- writing


def insert(bench: Bench) -> list[Row]:
    """Batches from Python, beside pymongo and a mongod that journals them."""
    argon, mongo, count = bench.argon("writes"), bench.mongo(), bench.sizes.inserts
    bench.say("insert_many")

    def fresh(side: object) -> Callable[[], float]:
        def measure() -> float:
            name = _fresh("many")
            rate: float = side.insert_many(name=name, count=count)  # type: ignore[attr-defined]
            side.drop(name=name)  # type: ignore[attr-defined]
            return rate

        return measure

    got = in_turn(bench.sizes.turns, argon=fresh(argon), mongo=fresh(mongo))
    return [
        table.more(
            "`insert_many` of 1,000, durable, Python", got["argon"], got["mongo"], 2, "mongod"
        )
    ]


def go(bench: Bench) -> list[Row]:
    """The same in Go, and what stands beside the packages."""
    bench.say("go test -bench, core/engine")
    batches = f"{bench.sizes.go_batches}x"
    rates: dict[str, list[float]] = {"Ascending": [], "Random": []}
    for result in gobench.bench("core/engine", "InsertMany", batches, bench.sizes.runs):
        rates[result.name.removeprefix("InsertMany")].append(result.figures["docs/s"])
    million = f"{bench.sizes.go_batches * 1000:,} documents"
    rows = [
        table.at_least(f"the same in Go, ascending ids, {million}", rates["Ascending"], 500_000),
        table.at_least(f"the same in Go, random ids, {million}", rates["Random"], 150_000),
    ]
    for package, pattern, what in _MICRO:
        time = "1x" if bench.sizes.turns == 1 else "0.5s"
        rows += [_micro(what, result) for result in gobench.bench(package, pattern, time)]
    return rows


_MICRO = (
    ("core/engine", "^BenchmarkFindOneByID$", "find one by `_id`"),
    ("core/query", "^BenchmarkMatchThreeClauses$", "match a filter of three clauses"),
    ("core/update", "^BenchmarkApply$/^inc$", "update a document: one `$inc`"),
    ("core/update", "^BenchmarkApply$/^five_operators$", "update a document: five operators"),
    ("core/columnar", "^BenchmarkFlat$", "200,000 flat documents to Arrow"),
    ("core/columnar", "^BenchmarkNested$", "200,000 nested documents to Arrow"),
)


def _micro(what: str, result: gobench.Result) -> Row:
    nanoseconds = result.figures["ns/op"]
    allocated = f"{result.figures.get('allocs/op', 0):.0f} allocations"
    text = f"{table.seconds_text(nanoseconds * 1e-9)}, {allocated}"
    return table.told(f"Go: {what}", text, value=nanoseconds)


def insert_one(bench: Bench) -> list[Row]:
    """Single documents, by one thread and by sixteen."""
    argon, mongo, singles = bench.argon("writes"), bench.mongo(), bench.sizes.singles
    rows = []
    for threads, count in ((1, singles), (16, singles * 4)):
        name = _fresh("single")
        bench.say(f"insert_one, {threads} threads")
        got = in_turn(
            bench.sizes.turns,
            argon=lambda: argon.insert_one(name=name, count=count, threads=threads),  # noqa: B023
            mongo=lambda: mongo.insert_one(name=name, count=count, threads=threads),  # noqa: B023
        )
        who = "1 thread" if threads == 1 else f"{threads} threads"
        rows.append(
            table.more(f"`insert_one`, durable, {who}", got["argon"], got["mongo"], 4, "mongod")
        )
    bench.leave("argon writes")
    return rows


# -- reading


def find_one(bench: Bench) -> list[Row]:
    """One document by its _id, now and before the newest version of half of them."""
    sizes = bench.sizes
    argon = bench.filled("small", "found", sizes.small)
    mongo = bench.mongo_filled("found", sizes.small)
    old = argon.lsn()
    argon.touch_half(name="found", count=sizes.small)
    argon.settle()
    deep = argon.fork(name="found", depth=10)
    bench.say("find_one")
    reads = {"name": "found", "count": sizes.reads, "of": sizes.small}
    got = in_turn(
        sizes.turns * 2,
        head=lambda: argon.find_one(**reads),
        old=lambda: argon.find_one(**reads, moment=old),
        deep=lambda: argon.find_one(**reads, branch=deep),
        mongo=lambda: mongo.find_one(**reads),
    )
    lists = [_lists(bench, argon, mongo, deep, length) for length in (100, 1_000)]
    return [
        table.quicker("`find_one` by `_id`, at the head", got["head"], got["mongo"], 10, "mongod"),
        table.quicker("`find_one` by `_id`, at an old LSN", got["old"], got["mongo"], 10, "mongod"),
        table.within("`find_one` at an old LSN", got["old"], got["head"], 1.2, "at the head"),
        table.quicker("`find_one`, ten forks deep", got["deep"], got["mongo"], 10, "mongod"),
        *itertools.chain.from_iterable(lists),
    ]


def _lists(bench: Bench, argon: Worker, mongo: Worker, deep: str, length: int) -> list[Row]:
    """Ranges of the documents as lists in Python."""
    asked = {"name": "found", "count": 50, "length": length, "of": bench.sizes.small}
    got = in_turn(
        bench.sizes.turns,
        head=lambda: argon.find_lists(**asked),
        deep=lambda: argon.find_lists(**asked, branch=deep),
        mongo=lambda: mongo.find_lists(**asked),
    )
    what = f"`find` of {length:,} as a list"
    return [
        table.quicker(what, got["head"], got["mongo"], 1, "mongod"),
        table.quicker(f"{what}, ten forks deep", got["deep"], got["mongo"], 1, "mongod"),
    ]


def scan(bench: Bench) -> list[Row]:
    """All documents, at an LSN below newer versions of half of them."""
    sizes = bench.sizes
    argon = bench.filled("scanned", "docs", sizes.frame)
    small = bench.filled("small", "docs", sizes.small)
    mongo = bench.mongo_filled("nested", sizes.frame)
    old = argon.lsn()
    bench.say("updating half of the documents")
    changed = argon.touch_half(name="docs", count=sizes.frame)
    bench.say("scan")
    got = in_turn(
        sizes.turns,
        old=lambda: argon.scan(name="docs", expect=sizes.frame, moment=old),
        head=lambda: argon.scan(name="docs", expect=sizes.frame),
        small=lambda: small.scan(name="docs", expect=sizes.small),
        mongo=lambda: mongo.scan(name="nested", expect=sizes.frame),
    )
    bench.leave("argon scanned")
    what = f"scan {sizes.frame:,} documents"
    return [
        table.within(f"{what} below {changed:,} newer", got["old"], got["head"], 1.3, "the head"),
        table.quicker(f"{what}, the head", got["head"], got["mongo"], 1, "mongod"),
        table.below(f"scan {sizes.small:,} documents", got["small"], 0.050),
    ]


def pandas(bench: Bench) -> list[Row]:
    """A collection as a DataFrame, beside pymongoarrow's best way to do it."""
    sizes, rows = bench.sizes, []
    for shape in ("flat", "nested"):
        argon = bench.filled("frames", shape, sizes.frame, shape)
        argon.warm(name=shape)
        bench.mongo_filled(shape, sizes.frame, shape)
        arrow = bench.arrow()
        way = arrow.best_way(name=shape, sample=sizes.frame // 20)
        bench.say(f"to_pandas, {shape}; pymongoarrow's best way: {way}")
        for side in (argon, arrow):  # once unmeasured: the caches of both have it then
            side.to_pandas(name=shape, expect=sizes.frame)
        got = in_turn(
            sizes.turns,
            argon=lambda: argon.to_pandas(name=shape, expect=sizes.frame),  # noqa: B023
            arrow=lambda: arrow.to_pandas(name=shape, expect=sizes.frame),  # noqa: B023
        )
        what = f"`find().to_pandas()`, {sizes.frame:,} documents, {shape}"
        name = f"pymongoarrow, {way}"
        rows.append(table.quicker(what, got["argon"], got["arrow"], 10, name))
    bench.leave("arrow")
    bench.leave("argon frames")
    return rows


# -- diff and merge


def merge(bench: Bench) -> list[Row]:
    """The cost follows the changes, not the data."""
    sizes, changes = bench.sizes, bench.sizes.changes
    small = bench.filled("small", "docs", sizes.small)
    with bench.big() as big:
        bench.say("diff and merge")
        of_small: list[tuple[float, float]] = []
        of_big: list[tuple[float, float]] = []
        for _ in range(sizes.turns):
            of_small.append(small.diff_and_merge(name="docs", of=sizes.small, changes=changes))
            of_big.append(big.diff_and_merge(name="docs", of=sizes.big, changes=changes))
    base = f"in {sizes.small:,}"
    rows = []
    for n, what in enumerate(("diff", "merge")):
        ours, theirs = [pair[n] for pair in of_big], [pair[n] for pair in of_small]
        title = f"{what} {changes:,} changes in {sizes.big:,} documents"
        rows.append(table.within(title, ours, theirs, 1.5, base))
        if what == "diff":
            rows.append(table.below(title, ours, 0.050))
    return rows


# -- processes


def start(bench: Bench) -> list[Row]:
    """Opening a store, importing the package, asking the CLI for help."""
    store, python, repeat = bench.big_store, sys.executable, bench.sizes.turns * 3
    bench.say("open, import, --help")
    opening = (
        "import sys, time, argon; begin = time.perf_counter(); client = argon.Client(sys.argv[1]);"
        "sys.stdout.write(str(time.perf_counter() - begin)); client.close()"
    )
    command: list[str | Path] = [python, "-c", opening, store]
    process.run(command)
    got = in_turn(
        repeat,
        opened=lambda: float(process.run(command).output),
        status=lambda: process.run_quietly(bench.argon_cli("status", store="big")),
        imported=lambda: process.run_quietly([python, "-c", "import argon"]),
        python=lambda: process.run_quietly([python, "-c", "pass"]),
        help=lambda: process.run_quietly([bench.cli, "--help"]),
    )
    documents = f"{bench.sizes.big:,} documents"
    return [
        table.below(
            f"open a store of {documents}, Python, library loaded too", got["opened"], 0.100
        ),
        table.below("`argon status` on it, whole process", got["status"], 0.100),
        _import_row(got["imported"], got["python"]),
        table.below("`argon --help`, whole process", got["help"], 0.030),
    ]


def _import_row(imported: list[float], python: list[float]) -> Row:
    row = table.below("`import argon`, whole process", imported, 0.150)
    nothing = f"{table.seconds_text(median(python))} (python -c pass)"
    return Row(row.what, row.argon, nothing, row.ratio, row.must, row.ok, row.values)


def memory(bench: Bench) -> list[Row]:
    """What the CLI's process holds at its highest, doing each thing to the store."""
    size, limit = bench.sizes.big, 150
    imported = bench.imported()
    bench.say("memory of the CLI")
    wanted = ", ".join(map(str, docs.scattered(10_000, size)))
    summed = "{$group: {_id: null, sum: {$sum: '$age'}}}"
    first = size // 2
    changed = f"{{_id: {{$gte: {first}, $lt: {first + 10_000}}}}}"
    update = f"{{q: {changed}, u: {{$inc: {{visits: 1}}}}, multi: true}}"
    commands = {
        "reading it all (`export`)": ("export", "-c", "docs"),
        "scanning it (`$group`)": (
            *("run", f"{{aggregate: 'docs', pipeline: [{summed}], cursor: {{}}}}"),
        ),
        "reading 10,000 by `_id`": (
            *("run", "--all", f"{{find: 'docs', filter: {{_id: {{$in: [{wanted}]}}}}}}"),
        ),
        "updating 10,000": ("run", f"{{update: 'docs', updates: [{update}]}}"),
    }
    empty = process.run(bench.argon_cli("status", store="empty")).peak
    peaks = {
        f"with {size:,} documents opened": process.run(bench.argon_cli("status", store="big")).peak,
        f"importing {size:,}": imported.peak,
    }
    for what, arguments in commands.items():
        peaks[what] = process.run(bench.argon_cli(*arguments, store="big"), keep=False).peak
    rate = f"{table.rate_text(size / imported.seconds)}"
    return [
        table.amount("peak memory of `argon`, empty store (the floor)", empty, "MB"),
        *(table.amount(f"… {what}", peak, "MB", limit) for what, peak in peaks.items()),
        table.told(
            "`argon import` of JSON lines, from a pipe", rate, value=size / imported.seconds
        ),
    ]


def disk(bench: Bench) -> list[Row]:
    """What another version of a document takes, compacted."""
    count = bench.sizes.frame
    bench.filled("versions", "docs", count)
    before = _size_at_rest(bench, "versions")
    argon = bench.argon("versions")
    bench.say("updating half of the documents, compacting")
    changed = argon.touch_half(name="docs", count=count)
    argon.settle()
    after = _size_at_rest(bench, "versions")
    return [
        table.amount("disk per document, compacted", before / count, "B"),
        table.amount(
            "disk per version, one field changed, compacted", (after - before) / changed, "B", 120
        ),
    ]


def _size_at_rest(bench: Bench, store: str) -> int:
    """Return the size of a compacted store without old logs, which are removed
    when it is opened again."""
    for _ in range(2):
        bench.argon(store)
        bench.leave(f"argon {store}")
    return process.size_of(bench.folder / store)


MEASUREMENTS: dict[str, Measurement] = {
    "branch": branch,
    "insert": insert,
    "go": go,
    "insert_one": insert_one,
    "find_one": find_one,
    "scan": scan,
    "pandas": pandas,
    "merge": merge,
    "start": start,
    "memory": memory,
    "disk": disk,
    "dolt": rows_dolt.dolt,
    "files": rows_files.files,
    "mirror": rows_mirror.mirror,
    "wire": rows_wire.wire,
}
