"""Go's own benchmarks, run as Go runs them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_LINE = re.compile(r"^Benchmark(\S+?)(?:-\d+)?\s+(\d+)\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """One line of ``go test -bench``: the name, and its figures by their unit."""

    name: str
    figures: dict[str, float]


def bench(package: str, pattern: str, benchtime: str, count: int = 1) -> list[Result]:
    """Run the benchmarks of a package that match."""
    command = [
        *("go", "test", "-run", "^$", "-bench", pattern, "-benchtime", benchtime),
        *("-count", str(count), "-benchmem", f"./{package}"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return parse(done.stdout)


def parse(text: str) -> list[Result]:
    """Return the results in an output of ``go test -bench``."""
    results = []
    for name, _, rest in _LINE.findall(text):
        words = rest.split()
        figures = {unit: float(value) for value, unit in zip(words[::2], words[1::2], strict=True)}
        results.append(Result(name, figures))
    return results
