"""pymongoarrow, in an environment of its own: it pins the version of pyarrow.

Its fastest way is looked for first: with a schema or without, and each value of
``parallelism``, since which is best depends on the machine.
"""

from __future__ import annotations

import datetime as dt
import gc
import time
import warnings
from typing import Any

import pymongo

with warnings.catch_warnings():
    # It is built for another pyarrow than it pins, and says so forty times.
    warnings.filterwarnings("ignore", "pyarrow.* size changed", RuntimeWarning)
    import pymongoarrow.version
    from pymongoarrow.api import Schema, find_pandas_all

_SCALARS: dict[str, Any] = {
    "_id": int,
    "name": str,
    "email": str,
    "age": int,
    "score": float,
    "active": bool,
    "created": dt.datetime,
}
_SHAPES: dict[str, dict[str, Any]] = {
    "flat": {**_SCALARS, "street": str, "city": str, "visits": int},
    "nested": {
        **_SCALARS,
        "address": {"street": str, "city": str, "zip": int},
        "tags": [str],
        "visits": int,
    },
}


class Side:
    """One database of a server."""

    def __init__(self, uri: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri)
        self._database = self._client["bench"]
        self._ways: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        """Leave the server."""
        self._client.close()

    def best_way(self, name: str, sample: int) -> str:
        """Find the fastest way to read a collection, by reading a sample of it
        each way twice, and return its name."""
        schema = Schema(_SHAPES[name])
        ways: dict[str, dict[str, Any]] = {"no schema": {}, "schema": {"schema": schema}}
        for parallelism in ("threads", "processes"):
            ways[parallelism] = {"schema": schema, "parallelism": parallelism}
        times = {
            way: min(self._read(name, limit=sample, **options)[0] for _ in range(2))
            for way, options in ways.items()
        }
        best = min(times, key=lambda way: times[way])
        self._ways[name] = ways[best]
        return best

    def to_pandas(self, name: str, expect: int) -> float:
        """Return the seconds of reading a collection into pandas, the best way."""
        seconds, shape = self._read(name, **self._ways[name])
        if shape != (expect, 10):
            raise AssertionError(f"the frame is {shape}")
        return seconds

    def _read(self, name: str, **options: Any) -> tuple[float, tuple[int, int]]:
        gc.collect()
        begin = time.perf_counter()
        frame = find_pandas_all(self._database[name], {}, **options)
        return time.perf_counter() - begin, frame.shape

    def version(self) -> str:
        """Return its version."""
        return f"pymongoarrow {pymongoarrow.version.__version__}"
