"""Every BSON value comes back bit for bit, whatever it is nested in."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import argon

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

# Elements are made as bytes, since bson's encoder would not write many of them:
# NaNs with a payload, negative zeros, decimals that are not canonical, old types.


def cstring(text: str) -> bytes:
    return text.encode() + b"\x00"


def string(text: str) -> bytes:
    data = text.encode() + b"\x00"
    return struct.pack("<i", len(data)) + data


def document(elements: list[tuple[str, tuple[int, bytes]]]) -> bytes:
    body = b"".join(bytes([tag]) + cstring(name) + value for name, (tag, value) in elements)
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def binary(subtype: int, data: bytes) -> bytes:
    if subtype == 2:
        data = struct.pack("<i", len(data)) + data
    return struct.pack("<iB", len(data), subtype) + data


def with_scope(code: str, scope: bytes) -> bytes:
    body = string(code) + scope
    return struct.pack("<i", len(body) + 4) + body


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00$."), min_size=1, max_size=6
)
patterns = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
subtypes = st.one_of(st.integers(0, 7), st.integers(128, 255))

scalars = st.one_of(
    st.tuples(st.just(0x01), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(0x02), texts.map(string)),
    st.tuples(st.just(0x05), st.builds(binary, subtypes, st.binary(max_size=20))),
    st.tuples(st.just(0x06), st.just(b"")),
    st.tuples(st.just(0x07), st.binary(min_size=12, max_size=12)),
    st.tuples(st.just(0x08), st.sampled_from([b"\x00", b"\x01"])),
    st.tuples(st.just(0x09), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(0x0A), st.just(b"")),
    st.tuples(
        st.just(0x0B),
        st.builds(
            lambda p, o: cstring(p) + cstring("".join(sorted(o))),
            patterns,
            st.sets(st.sampled_from("imsx")),
        ),
    ),
    st.tuples(
        st.just(0x0C),
        st.builds(lambda t, i: string(t) + i, texts, st.binary(min_size=12, max_size=12)),
    ),
    st.tuples(st.just(0x0D), texts.map(string)),
    st.tuples(st.just(0x0E), texts.map(string)),
    st.tuples(st.just(0x0F), st.builds(with_scope, texts, st.just(document([])))),
    st.tuples(st.just(0x10), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(0x11), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(0x12), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(0x13), st.binary(min_size=16, max_size=16)),
    st.tuples(st.just(0x7F), st.just(b"")),
    st.tuples(st.just(0xFF), st.just(b"")),
)
elements = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(st.tuples(names, inner), max_size=4).map(lambda e: (0x03, document(e))),
        st.lists(inner, max_size=4).map(
            lambda e: (0x04, document([(str(i), v) for i, v in enumerate(e)]))
        ),
    ),
    max_leaves=8,
)
fields = st.lists(st.tuples(names, elements), max_size=5, unique_by=lambda field: field[0])


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("bson")
    with argon.Client(path / "store", project="shop") as client:
        yield client.projects.create("shop").branch()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fields=fields)
def test_documents_come_back_bit_for_bit(branch: Any, fields: Any) -> None:
    collection = branch.get_collection("zoo", RAW)
    rest = [(name, value) for name, value in fields if name != "_id"]
    identity = bson.ObjectId()
    raw = document([("_id", (0x07, identity.binary)), *rest])
    collection.insert_one(RawBSONDocument(raw))
    assert collection.find_one({"_id": identity}).raw == raw
    assert next(iter(collection.find({"_id": identity}))).raw == raw
    collection.delete_one({"_id": identity})
    then = branch.at(-1).get_collection("zoo", RAW)
    assert then.find_one({"_id": identity}).raw == raw


identities = elements.filter(lambda value: value[0] not in (0x04, 0x06, 0x0B))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(identity=identities)
def test_an_id_may_be_any_value(branch: Any, identity: Any) -> None:
    collection = branch.get_collection("ids", RAW)
    raw = document([("_id", identity), ("n", (0x10, b"\x01\x00\x00\x00"))])
    query = RawBSONDocument(document([("_id", (0x03, document([("$eq", identity)])))]))
    collection.insert_one(RawBSONDocument(raw))
    try:
        assert collection.find_one(query).raw == raw
        with pytest.raises(argon.DuplicateKeyError):
            collection.insert_one(RawBSONDocument(raw))
    finally:
        assert collection.delete_one(query).deleted_count == 1


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        texts,
        st.binary(max_size=10),
        st.uuids(),
        st.datetimes().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
        st.binary(min_size=12, max_size=12).map(bson.ObjectId),
        st.decimals(
            places=3, allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9
        ).map(bson.Decimal128),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=st.dictionaries(names.filter(lambda n: n != "_id"), values, max_size=5))
def test_python_values_come_back_equal(branch: Any, document: Any) -> None:
    collection = branch["python"]
    identity = collection.insert_one(document).inserted_id
    found = collection.find_one({"_id": identity})
    assert found == document
    assert sorted(found) == sorted(document)
    same = {"_id": identity, **document}
    assert collection.replace_one({"_id": identity}, same).modified_count == 0


def command(body: bytes) -> bytes:
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x05\x00\x00",
        command(b"\x10ping\x00\x01\x00\x00\x00")[:-1],
        command(b"\x10ping\x00\x01\x00\x00\x00") + b"\x00",
        command(b"\x10ping\x00\x01\x00"),
        command(b"\x02find\x00\xff\xff\xff\x7fabc\x00"),
        command(b"\x02find\x00\x02\x00\x00\x00\xff\x00"),
        command(b"\x02find\x00\x02\x00\x00\x00c\x00\x99x\x00"),
    ],
)
def test_malformed_bson_is_refused(branch: Any, broken: bytes) -> None:
    """The bytes go to the library as they are: nothing here may touch them."""
    connection = branch._connection
    with pytest.raises(argon.InvalidRequest):
        connection.library.command(connection.client, b"shop", broken)
    assert branch["zoo"].find_one({"_id": "still works"}) is None


def test_limits_of_documents(branch: Any) -> None:
    collection = branch["limits"]
    collection.insert_one({"_id": 1, "text": "x" * (16 * 1024 * 1024 - 100)})
    assert len(collection.find_one({"_id": 1})["text"]) == 16 * 1024 * 1024 - 100
    with pytest.raises(argon.DocumentTooLarge):
        collection.insert_one({"_id": 2, "text": "x" * (16 * 1024 * 1024)})
    deep: Any = 1
    for _ in range(99):
        deep = {"a": deep}
    collection.insert_one({"_id": 3, "deep": deep})
    with pytest.raises(argon.InvalidRequest):
        for _ in range(50):
            deep = {"a": deep}
        collection.insert_one({"_id": 4, "deep": deep})
    assert [d["_id"] for d in collection.find({}, {"_id": 1})] == [1, 3]
