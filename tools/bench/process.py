"""Running commands, and seeing what they take: wall time and resident memory."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LOOK_EVERY = 0.002


@dataclass(frozen=True)
class Finished:
    """A process that ended well. ``peak`` is its highest resident memory in MB
    (VmHWM), 0 where the system has no /proc."""

    seconds: float
    peak: float
    output: str


def run(
    command: Sequence[str | Path], *, feed: Iterable[bytes] | None = None, keep: bool = True
) -> Finished:
    """Run a command to its end, fed with what feed yields; without keep its
    output is read by nobody."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
        stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    watch = _Watch(process.pid)
    watch.start()
    if feed is not None:
        feeder = threading.Thread(target=_feed, args=(process.stdin, feed), daemon=True)
        process.stdin = None  # communicate would close what the thread writes to
        feeder.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - begin
    watch.stop()
    if process.returncode:
        raise RuntimeError(f"{command[1:3]} ended with {process.returncode}: {errors.decode()}")
    return Finished(seconds, watch.peak, (output or b"").decode())


def _feed(pipe: IO[bytes], feed: Iterable[bytes]) -> None:
    try:
        with contextlib.suppress(BrokenPipeError):  # it ended early; its exit code says why
            for piece in feed:
                pipe.write(piece)
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


class _Watch(threading.Thread):
    """Looks at the high-water mark of a process while it runs.

    Not ``ru_maxrss``: that counts what this process had when it forked.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._path = f"/proc/{pid}/status"
        self._ended = threading.Event()
        self.peak = 0.0

    def run(self) -> None:
        """Look until the process has ended."""
        while not self._ended.wait(_LOOK_EVERY):
            try:
                text = Path(self._path).read_text(encoding="utf-8")
            except OSError:
                return
            if (found := re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)) is not None:
                self.peak = max(self.peak, int(found[1]) / 1024)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()


def run_quietly(command: Sequence[str | Path]) -> float:
    """Return the wall time of a whole process, with nothing beside it."""
    begin = time.perf_counter()
    subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def fdatasync(folder: Path, count: int) -> list[float]:
    """Return the seconds of each of several appends of 200 bytes, synced."""
    path, seconds = folder / "appended", []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(count):
            begin = time.perf_counter()
            os.write(file, b"x" * 200)
            os.fdatasync(file)
            seconds.append(time.perf_counter() - begin)
    finally:
        os.close(file)
        path.unlink()
    return seconds


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
