"""Moments: the points of a branch's history, as Python says them."""

from __future__ import annotations

import datetime as dt
from typing import Union

from bson.datetime_ms import DatetimeMS

Moment = Union[int, str, dt.datetime, dt.date, DatetimeMS]
"""An LSN (``1024``), a number of commits back (``-3``), a time, or a tag's name.

A :class:`datetime.datetime` without a time zone is in UTC, as in pymongo. A text
is read as the command line reads it: ``"1024"``, ``"-3"``, ``"v1"``,
``"2026-11-24T06:00:00Z"``.
"""


def moment_text(at: Moment) -> str:
    """Return the text of a moment, as it stands in a ref."""
    if isinstance(at, bool):
        raise TypeError("a moment is an LSN, a count, a time or a tag, not a bool")
    if isinstance(at, int):
        return str(int(at))
    if isinstance(at, DatetimeMS):
        at = at.as_datetime()
    if isinstance(at, dt.datetime):
        return _time_text(at)
    if isinstance(at, dt.date):
        return _time_text(dt.datetime(at.year, at.month, at.day))
    if isinstance(at, str):
        if not at:
            raise ValueError("a moment cannot be empty")
        return at
    raise TypeError(f"a moment is an LSN, a count, a time or a tag, not {type(at).__name__}")


def _time_text(at: dt.datetime) -> str:
    """Write a time the compact way, which may stand in a database name.

    Argon counts in milliseconds. One that is cut off must not make the moment
    earlier than the commit of the same millisecond, and it does not: a commit at
    .123 is visible as of .123.
    """
    if at.tzinfo is not None:
        at = at.astimezone(dt.timezone.utc)
    return f"{at.year:04d}{at:%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"
