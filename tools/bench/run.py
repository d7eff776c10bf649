"""Measure Argon beside its peers and print one table; see ``--help``.

Each figure is the median of several measurements, taken in turn with those that
it is compared with, so that both meet the machine in the same minute.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import machine
import report
import table
from fixtures import QUICK, Bench, Sizes, clock, find_cli
from peers import ROOT
from rows import MEASUREMENTS


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, prog="tools/bench/run.py")
    parser.add_argument(
        "--only", action="append", choices=list(MEASUREMENTS), metavar="NAME",
        help=f"only this, may be repeated: {', '.join(MEASUREMENTS)}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="little data, one run: a rehearsal")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    parser.add_argument(
        "--venv", type=Path, default=ROOT / ".bench-venv", help="the environment of pymongoarrow"
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked for. The exit code tells whether all was reached."""
    options = arguments()
    if options.write and (options.quick or options.only):
        raise SystemExit("--write needs the whole table: without --quick and --only")
    say = clock(lambda text: _ignore(sys.stderr.write(text)))
    load = machine.load()
    if load > 1:
        say(f"the machine is busy (load {load:.1f}): times will be too long")
    begin = time.monotonic()
    bench = Bench(QUICK if options.quick else Sizes(), find_cli(), options.venv, say)
    groups: dict[str, list[table.Row]] = {}
    try:
        for name in options.only or MEASUREMENTS:
            groups[name] = MEASUREMENTS[name](bench)
            if not options.json:
                sys.stderr.write(table.markdown(groups[name]))
        about = report.about(bench, load, time.monotonic() - begin)
    finally:
        bench.close()
    rows = [row for group in groups.values() for row in group]
    if options.json:
        plain = {name: [row.plain() for row in group] for name, group in groups.items()}
        sys.stdout.write(json.dumps({"about": about, "rows": plain}, indent=1) + "\n")
    else:
        sys.stdout.write(table.markdown(rows))
        sys.stdout.write("\n" + "\n".join(f"- {line}" for line in about) + "\n")
    if options.write:
        report.write(ROOT / "docs" / "benchmarks.md", rows, about, bench.sizes)
    return 1 if any(row.ok is False for row in rows) else 0


def _ignore(_: int) -> None:
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
