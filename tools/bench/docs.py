"""The documents: about 280 bytes of BSON, ten fields, the same for each side.

``nested`` has a document, an array and a date in it; ``flat`` has ten scalars.
Everything but the number of the document follows from that number, so that no
side has to be told what another one stored.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

_EPOCH = dt.datetime(2024, 1, 1)
_UNIX = dt.datetime(1970, 1, 1)
_SECOND = dt.timedelta(seconds=1)
_CITIES = ("Berlin", "Lisbon", "Oslo", "Vienna")
_TAGS = (["red", "green", "blue"], ["blue", "white", "pink"], ["green", "black", "grey"])

Document = dict[str, Any]


def nested(i: int) -> Document:
    """Return document number i, with a document, an array and a date in it."""
    spread = i * 7919 % 1_000_003
    return {
        "_id": i,
        "name": f"customer number {i:08d}, the northern part",
        "email": f"user{spread:07d}@mail.example.org",
        "age": spread % 90,
        "score": spread / 100,
        "active": spread % 3 == 0,
        "created": _EPOCH + i % 31_536_000 * _SECOND,
        "address": {
            "street": f"{spread % 9999} Long Lane",
            "city": _CITIES[spread % 4],
            "zip": 10_000 + spread % 89_999,
        },
        "tags": _TAGS[spread % 3],
        "visits": spread % 1000,
    }


def flat(i: int) -> Document:
    """Return document number i, with ten scalars."""
    spread = i * 7919 % 1_000_003
    return {
        "_id": i,
        "name": f"customer number {i:08d}, the northern part",
        "email": f"user{spread:07d}@mail.example.org",
        "age": spread % 90,
        "score": spread / 100,
        "active": spread % 3 == 0,
        "created": _EPOCH + i % 31_536_000 * _SECOND,
        "street": f"{spread % 9999} Long Lane, at the corner of the market",
        "city": _CITIES[spread % 4],
        "visits": spread % 1000,
    }


SHAPES: dict[str, Callable[[int], Document]] = {"nested": nested, "flat": flat}


def without_id(i: int) -> Document:
    """Return a nested document that the driver has to give an ``_id``."""
    document = nested(i)
    del document["_id"]
    return document


def json_lines(count: int) -> Iterator[bytes]:
    """Yield nested documents as Extended JSON, a thousand lines at a time."""
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        yield "".join(map(_json_line, numbers)).encode()


def _json_line(i: int) -> str:
    spread = i * 7919 % 1_000_003
    return (
        f'{{"_id":{i},"name":"customer number {i:08d}, the northern part",'
        f'"email":"user{spread:07d}@mail.example.org","age":{spread % 90},'
        f'"score":{spread / 100!r},"active":{"true" if spread % 3 == 0 else "false"},'
        f'"created":{{"$date":{{"$numberLong":"{1_704_067_200_000 + i % 31_536_000 * 1000}"}}}},'
        f'"address":{{"street":"{spread % 9999} Long Lane","city":"{_CITIES[spread % 4]}",'
        f'"zip":{10_000 + spread % 89_999}}},"tags":{_JSON_TAGS[spread % 3]},'
        f'"visits":{spread % 1000}}}\n'
    )


_JSON_TAGS = tuple("[" + ",".join(f'"{tag}"' for tag in tags) + "]" for tags in _TAGS)


def scattered(count: int, of: int, seed: int = 1) -> list[int]:
    """Return count numbers below ``of``, in no order, the same for each side."""
    value, numbers = seed, []
    for _ in range(count):
        value = (value * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        numbers.append((value >> 33) % of)
    return numbers


# For the table of DoltLite: the columns of the nested documents, those that SQL
# has no type for as JSON text.
COLUMNS = (
    "id INTEGER PRIMARY KEY, name TEXT, email TEXT, age INTEGER, score REAL, active INTEGER, "
    "created INTEGER, address TEXT, tags TEXT, visits INTEGER"
)


def sql_row(i: int) -> tuple[object, ...]:
    """Return document number i as a row of these columns."""
    spread = i * 7919 % 1_000_003
    return (
        i,
        f"customer number {i:08d}, the northern part",
        f"user{spread:07d}@mail.example.org",
        spread % 90,
        spread / 100,
        int(spread % 3 == 0),
        1_704_067_200_000 + i % 31_536_000 * 1000,
        (
            f'{{"street":"{spread % 9999} Long Lane","city":"{_CITIES[spread % 4]}",'
            f'"zip":{10_000 + spread % 89_999}}}'
        ),
        _JSON_TAGS[spread % 3],
        spread % 1000,
    )


def of_sql_row(row: tuple[Any, ...]) -> Document:
    """Return the document that a row stands for."""
    number, name, email, age, score, active, created, address, tags, visits = row
    return {
        "_id": number,
        "name": name,
        "email": email,
        "age": age,
        "score": score,
        "active": bool(active),
        "created": _UNIX + dt.timedelta(milliseconds=created),
        "address": json.loads(address),
        "tags": json.loads(tags),
        "visits": visits,
    }
