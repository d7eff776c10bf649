"""Rows of the table: what was measured, beside what, and what it had to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """A line of the table. ``ratio`` is how many times better Argon is than the
    peer, or, where the requirement says "within", how many times worse than what
    it is compared with; ``ok`` is None where nothing is required."""

    what: str
    argon: str
    peer: str
    ratio: float | None
    must: str
    ok: bool | None
    values: dict[str, float]

    def plain(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return asdict(self)


def seconds_text(seconds: float) -> str:
    """Return a time with three digits and the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            return f"{_digits(seconds / size)} {unit}"
    raise AssertionError


def rate_text(rate: float) -> str:
    """Return a number per second."""
    return f"{_digits(rate / 1000)} k/s" if rate >= 1000 else f"{_digits(rate)} /s"


def _digits(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def quicker(
    what: str, argon: Sequence[float], peer: Sequence[float], least: float, name: str = ""
) -> Row:
    """Make a row of times that must be so many times shorter than the peer's."""
    ours, theirs = median(argon), median(peer)
    return _against(what, seconds_text, ours, theirs, theirs / ours, least, name)


def more(
    what: str, argon: Sequence[float], peer: Sequence[float], least: float, name: str = ""
) -> Row:
    """Make a row of rates that must be so many times the peer's."""
    ours, theirs = median(argon), median(peer)
    return _against(what, rate_text, ours, theirs, ours / theirs, least, name)


def _against(
    what: str, text: Any, ours: float, theirs: float, ratio: float, least: float, name: str
) -> Row:
    must = "ahead" if least == 1 else f"≥ {least:g} ×"
    peer = f"{text(theirs)} ({name})" if name else text(theirs)
    values = {"argon": ours, "peer": theirs}
    return Row(what, text(ours), peer, ratio, must, ratio >= least, values)


def within(
    what: str, value: Sequence[float], base: Sequence[float], most: float, base_name: str
) -> Row:
    """Make a row of times that must be at most so many times others."""
    ours, theirs = median(value), median(base)
    ratio = ours / theirs
    shown = f"{seconds_text(theirs)} ({base_name})"
    values = {"argon": ours, "base": theirs}
    return Row(what, seconds_text(ours), shown, ratio, f"≤ {most:g} ×", ratio <= most, values)


def at_least(what: str, rates: Sequence[float], least: float) -> Row:
    """Make a row of rates that must be so high."""
    rate = median(rates)
    must = f"≥ {rate_text(least)}"
    return Row(what, rate_text(rate), "", None, must, rate >= least, {"argon": rate})


def below(what: str, times: Sequence[float], limit: float) -> Row:
    """Make a row of times that must stay below a limit."""
    time = median(times)
    must = f"< {seconds_text(limit)}"
    return Row(what, seconds_text(time), "", None, must, time < limit, {"argon": time})


def amount(what: str, value: float, unit: str, limit: float | None = None) -> Row:
    """Make a row of megabytes, bytes and the like, with a limit or without."""
    must = "" if limit is None else f"< {limit:g} {unit}"
    ok = None if limit is None else value < limit
    return Row(what, f"{_digits(value)} {unit}", "", None, must, ok, {"argon": value})


def told(what: str, text: str, peer: str = "", value: float | None = None) -> Row:
    """Make a row that requires nothing."""
    return Row(what, text, peer, None, "", None, {} if value is None else {"argon": value})


HEADER = ("what", "Argon", "peer", "ratio", "must reach", "ok?")


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table, its columns aligned."""
    lines = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADER))]
    ruler = "| " + " | ".join("-" * width for width in widths) + " |"
    shown = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    return "\n".join([shown[0], ruler, *shown[1:]]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{_digits(row.ratio)} ×"
    ok = "" if row.ok is None else "yes" if row.ok else "**no**"
    return row.what, row.argon, row.peer, ratio, row.must, ok
