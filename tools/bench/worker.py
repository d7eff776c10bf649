"""Each side of a comparison in a process of its own, driven in turn.

A side (``side_argon``, ``side_mongo``, ``side_arrow``, ``side_dolt``) is a module
with a class ``Side``; its public methods take and return what JSON can hold, and
measure time themselves. So no side sees another's memory, garbage collector or
libraries, and the one that needs other versions of libraries has them.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class SideFailed(Exception):
    """A side's method raised; the text is its traceback."""


class Worker:
    """A process that runs a side."""

    def __init__(self, side: str, python: str = sys.executable, **arguments: Any) -> None:
        self._side = side
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._call("__init__", arguments)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda **arguments: self._call(method, arguments)

    def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([method, arguments]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SideFailed(f"{self._side}.{method}: the process ended ({process.wait()})")
        result, failure = json.loads(line)
        if failure is not None:
            raise SideFailed(f"{self._side}.{method}: {failure}")
        return result

    def stop(self) -> None:
        """End the process, as its side wants to end."""
        process = self._process
        if process.poll() is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve(side: str) -> None:
    """Run a side: a call a line on standard input, its result on standard output."""
    calls, replies = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not a reply
    cls = importlib.import_module(side).Side
    running: Any = None
    for line in calls:
        method, arguments = json.loads(line)
        try:
            if method == "__init__":
                running, result = cls(**arguments), None
            else:
                result = getattr(running, method)(**arguments)
            reply = [result, None]
        except Exception:
            reply = [None, traceback.format_exc()]
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
    if running is not None:
        running.close()


if __name__ == "__main__":
    serve(sys.argv[1])
