"""What the figures were measured on: the machine and the versions, no names."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def describe() -> list[str]:
    """Return lines about the processor, memory and kernel."""
    processor = _first("/proc/cpuinfo", "model name") or platform.processor()
    return [
        f"processor: {processor}, {os.cpu_count()} cores",
        f"memory: {_memory()}",
        f"system: {platform.system()} {_release()}, {platform.machine()}",
    ]


def load() -> float:
    """Return how many processes have wanted to run in the last minute."""
    return os.getloadavg()[0]


def versions() -> list[str]:
    """Return the versions of Python and Go."""
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=False)
    found = re.search(r"go(\d[\d.]+)", go.stdout)
    return [f"Python {platform.python_version()}", f"Go {found[1] if found else 'unknown'}"]


def _first(path: str, field: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(rf"^{field}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _memory() -> str:
    kilobytes = _first("/proc/meminfo", "MemTotal").removesuffix(" kB")
    return f"{int(kilobytes) / 2**20:.0f} GB" if kilobytes else "unknown"


def _release() -> str:
    found = re.match(r"\d+(\.\d+)*", platform.release())
    return found[0] if found else ""
