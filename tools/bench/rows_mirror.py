"""The measurements of mirrors: Go's benchmarks, which start a mongod of their own."""

from __future__ import annotations

import gobench
import table
from fixtures import Bench
from table import Row


def mirror(bench: Bench) -> list[Row]:
    """First copy beside the driver's bare cursor; steady capture; idle lag."""
    bench.say("mirror")
    figures: dict[str, float] = {}
    for result in gobench.bench("core/mirror", "Mirror", "1x"):
        figures.update(result.figures)
    return [
        table.more(
            "mirror: first copy, documents of 300 B",
            [figures["copy_docs/s"]],
            [figures["cursor_docs/s"]],
            0.8,
            "the Go driver's bare cursor",
        ),
        table.at_least("mirror: steady capture, changes", [figures["changes/s"]], 25_000),
        table.amount("mirror: memory while it captures", figures["go_MB"], "MB", 200),
        table.below("mirror: idle lag, p95", [figures["p95_ms"] / 1000], 0.020),
    ]
