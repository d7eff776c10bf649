"""docs/benchmarks.md: the table, with its command, its machine and its rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import machine
import table
from fixtures import Bench, Sizes

_PAGE = """\
# Benchmarks

    make bench

measures all of this here and now, and prints the table below. It is
`tools/bench/run.py`; `--only NAME` measures one part, `--quick` rehearses with
little data, `--json` prints the figures. It takes about ten minutes and needs a
quiet machine.

## The table

{table}
"≥ 2 ×" is how many times better than the peer Argon has to be, "≤ 1.5 ×" how many
times worse at most than what it is compared with, and "ahead" is at least 1 ×.
A figure is a median, of {turns} measurements where they are short and of {runs} where
they take seconds. What is compared is measured in turn (A B A B), so that both
meet the machine in the same minute.

{missed}## What is measured, and how

- **Documents** have about 280 bytes of BSON and ten fields, with a nested
  document, an array and a date; the flat ones have ten scalars.
- **Durable** means that the acknowledged write survives a loss of power: Argon
  always, mongod with `j: true`, DoltLite with `synchronous=FULL`.
- **mongod** is a server of its own beside the benchmark, with its journal, not a
  replica set (which would have more to write), with its default cache, half of
  the machine's memory. Argon in Python has its own, a thirty-second part and at
  most 512 MiB. The same Python code drives pymongo's collections and Argon's.
- **pymongoarrow** reads in the fastest of its ways, which is looked for first:
  with and without a schema, and with each value of `parallelism`.
- **Data frames**: each side reads all of it once before it is measured.
- **DoltLite** is a table with the same ten columns, in process. Its transactions
  are not commits in its history, while every write of Argon's is one, with its
  log record. So writes stand in the table twice: as they are, which is in
  DoltLite's favour, and with a `dolt_commit` behind each. So do reads: a row has
  the date as a number, the nested document and the array as JSON text; "as a
  document" all of them become values of Python's, as Argon gives them.
- **A scan** is `count_documents` with a condition on a field without an index:
  every document is read and looked at.
- **A diff** is read to its end in Python, the documents before and after decoded.
- **Memory** is the high-water mark (VmHWM) of the whole process.
- **Disk** is the size of all files of the store, compacted and closed.
- Each side runs in a process of its own; the garbage collector of Python is on.

## The machine

{about}
"""


def about(bench: Bench, load: float, seconds: float) -> list[str]:
    """Return lines about the machine, the versions and the run."""
    versions = [f"Argon {bench.versions['side_argon']}"] if "side_argon" in bench.versions else []
    versions += [text for side, text in bench.versions.items() if side != "side_argon"]
    return [
        *machine.describe(),
        "versions: " + ", ".join([*versions, *machine.versions()]),
        f"load before: {load:.1f}; the run took {seconds / 60:.1f} minutes",
    ]


def write(path: Path, rows: Sequence[table.Row], lines: Sequence[str], sizes: Sizes) -> None:
    """Write the page."""
    page = _PAGE.format(
        table=table.markdown(rows),
        turns=sizes.turns,
        runs=sizes.runs,
        missed=_missed(rows),
        about="\n".join(f"- {line}" for line in lines),
    )
    path.write_text(page, encoding="utf-8")


def _missed(rows: Sequence[table.Row]) -> str:
    """Return the section that names what was not reached, if anything."""
    short = [
        f"- {row.what}: {_reached(row)}, must reach {row.must}" for row in rows if row.ok is False
    ]
    return "\n".join(["## What falls short", "", *short, "", ""]) if short else ""


def _reached(row: table.Row) -> str:
    return row.argon if row.ratio is None else f"{row.argon}, {row.ratio:.2f} ×"
