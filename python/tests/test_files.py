"""Files of every format, compared with what other libraries make of them."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import os
import signal
import struct
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from bson import json_util
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import argon

DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": bson.ObjectId("57e193d7a9cc81b4027498b5"),
        "name": "Ada",
        "n": bson.Int64(1 << 40),
        "d": bson.Decimal128("1.50"),
        "tags": ["a", "b"],
        "at": {"city": "Zürich", "zip": 8001},
    },
    {"_id": bson.ObjectId("57e193d7a9cc81b4027498b6"), "name": "Bob", "tags": []},
]


@pytest.fixture
def people(main: argon.Branch) -> argon.Collection:
    main["people"].insert_many([dict(d) for d in DOCUMENTS])
    return main["people"]


def test_parquet_is_read_by_others(people: argon.Collection, tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    for compression in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        people.export_file(path, compression=compression)  # type: ignore[arg-type]
        table = pq.read_table(path)
        assert table.column("name").to_pylist() == ["Ada", "Bob"]
        assert table.column("tags").to_pylist() == [["a", "b"], []]
        assert table.column("at").to_pylist() == [{"city": "Zürich", "zip": 8001}, None]
        assert table.column("d").to_pylist() == [Decimal("1.50"), None]
        assert table.column("n").to_pylist() == [1 << 40, None]
    assert pl.read_parquet(path)["name"].to_list() == ["Ada", "Bob"]


def test_arrow_is_read_by_others(people: argon.Collection, tmp_path: Path) -> None:
    people.export_file(tmp_path / "p.arrow", compression="zstd")
    people.export_file(tmp_path / "p.arrows")
    table = feather.read_table(tmp_path / "p.arrow")
    assert table.column("name").to_pylist() == ["Ada", "Bob"]
    with pa.ipc.open_stream(tmp_path / "p.arrows") as reader:
        assert reader.read_all().equals(table)
    assert pl.read_ipc(tmp_path / "p.arrow", use_pyarrow=True)["name"].to_list() == ["Ada", "Bob"]


@pytest.mark.parametrize(
    "name", ["p.parquet", "p.arrow", "p.arrows", "p.bson", "p.bson.gz", "p.jsonl"]
)
def test_round_trip(
    people: argon.Collection, main: argon.Branch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    people.export_file(path, canonical=name == "p.jsonl")
    result = main.import_file(path, "copy")
    assert (result.imported, result.failed, result.lsn) == (2, 0, main.lsn)
    assert list(main["copy"].find()) == DOCUMENTS


def test_bson_of_pymongo(people: argon.Collection, main: argon.Branch, tmp_path: Path) -> None:
    path = tmp_path / "x.bson"
    people.export_file(path)
    assert bson.decode_all(path.read_bytes()) == DOCUMENTS
    path.write_bytes(b"".join(map(bson.encode, DOCUMENTS)))
    main.import_file(path)
    assert list(main["x"].find()) == DOCUMENTS


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.integers(2**31, 2**62).map(bson.Int64)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
    | st.just(bson.ObjectId("57e193d7a9cc81b4027498b5"))
    | st.just(bson.Decimal128("12.5"))
    | st.just(bson.Timestamp(5, 6))
    | st.just(bson.Regex("^a", "i")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3), min_size=1, max_size=4)
)
def test_any_document_comes_back(
    main: argon.Branch, tmp_path: Path, documents: list[dict[str, Any]]
) -> None:
    source = main["any"]
    source.delete_many({})
    source.insert_many([{"_id": i, **d} for i, d in enumerate(documents)])
    for name in ("a.jsonl", "a.bson"):
        source.export_file(tmp_path / name, canonical=True)
        main["back"].import_file(tmp_path / name, mode="replace")
        assert [bson.encode(d) for d in main["back"].find()] == [
            bson.encode(d) for d in source.find()
        ]
    for name in ("a.parquet", "a.arrow"):
        source.export_file(tmp_path / name)
        main["back"].import_file(tmp_path / name, mode="replace")
        for want, got in zip(source.find(), main["back"].find(), strict=True):
            assert comparable(got) == comparable(want)


def comparable(value: Any) -> Any:
    """What the formats of columns promise: nulls and missing fields are one, and
    numbers are equal in value."""
    if isinstance(value, dict):
        return {k: comparable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [comparable(v) for v in value]
    if isinstance(value, bson.Decimal128):
        return value.to_decimal()
    return value


def test_files_of_pandas_and_polars(main: argon.Branch, tmp_path: Path) -> None:
    frame = pl.DataFrame({"_id": [1, 2], "when": ["2024-05-01", None], "x": [[1.5], []]})
    frame = frame.with_columns(pl.col("when").str.to_datetime(time_unit="us"))
    frame.write_parquet(tmp_path / "polars.parquet")
    frame.to_pandas().to_parquet(tmp_path / "pandas.parquet")
    frame.to_pandas().to_feather(tmp_path / "pandas.feather")
    for name in ("polars.parquet", "pandas.parquet", "pandas.feather"):
        main["t"].import_file(tmp_path / name, mode="replace")
        first, second = main["t"].find()
        assert first["when"].isoformat() == "2024-05-01T00:00:00"
        assert (first["x"], second["x"], "when" in second) == ([1.5], [], False)


def test_large_parquet_of_pyarrow(main: argon.Branch, tmp_path: Path) -> None:
    n = 30_000
    table = pa.table(
        {"_id": range(n), "s": [f"text {i}" for i in range(n)], "m": [i % 7 for i in range(n)]}
    )
    path = tmp_path / "big.parquet"
    pq.write_table(table, path, row_group_size=7_000, data_page_version="2.0")
    assert main.import_file(path).imported == n
    assert main["big"].count_documents({"m": 3}) == len([i for i in range(n) if i % 7 == 3])


def parquet_table(n: int) -> pa.Table:
    """Every type of Parquet that has one in BSON, with nulls at every level."""
    ids = range(n)
    day = dt.date(2024, 1, 1)
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    return pa.table(
        {
            "_id": pa.array(ids, pa.int64()),
            "tiny": pa.array([i % 100 for i in ids], pa.int8()),
            "i": pa.array([None if i % 7 == 0 else -i for i in ids], pa.int32()),
            "u": pa.array([2**32 - 1 - i for i in ids], pa.uint32()),
            "f": pa.array([i / 4 for i in ids], pa.float32()),
            "d": pa.array([None if i % 5 == 0 else i / 3 for i in ids], pa.float64()),
            "half": pa.array([np.float16(i % 8) for i in ids], pa.float16()),
            "b": pa.array([None if i % 4 == 0 else i % 3 == 0 for i in ids]),
            "s": pa.array([None if i % 3 == 0 else f"text {i % 13}" for i in ids]),
            "unique": pa.array([f"a text of its own {i}" for i in ids], pa.large_string()),
            "fixed": pa.array([bytes([i % 256]) * 4 for i in ids], pa.binary(4)),
            "dec": pa.array([Decimal(i - 50) / 100 for i in ids], pa.decimal128(20, 2)),
            "small": pa.array([Decimal(i - 50) / 10 for i in ids], pa.decimal128(8, 1)),
            "wide": pa.array([Decimal(-i) for i in ids], pa.decimal256(50, 0)),
            "day": pa.array([day + dt.timedelta(days=i) for i in ids], pa.date32()),
            "us": pa.array(
                [moment + dt.timedelta(hours=i) for i in ids], pa.timestamp("us", "UTC")
            ),
            "ms": pa.array(
                [moment - dt.timedelta(days=9 * i) for i in ids], pa.timestamp("ms", "UTC")
            ),
            "none": pa.nulls(n),
            "list": pa.array([None if i % 9 == 0 else [None, *range(i % 4)][i % 2 :] for i in ids]),
            "lists": pa.array(
                [[[j] * (j % 3) for j in range(i % 5)] if i % 6 else None for i in ids]
            ),
            "deep": pa.array(
                [
                    {"a": i, "l": [{"b": str(j), "c": [None] * (j % 2)} for j in range(i % 3)]}
                    if i % 8
                    else None
                    for i in ids
                ]
            ),
            "map": pa.array(
                [[(f"k{j}", j or None) for j in range(i % 3)] for i in ids],
                pa.map_(pa.string(), pa.int32()),
            ),
        }
    )


def document_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a row has to become."""

    def value(v: Any) -> Any:
        if isinstance(v, Decimal):
            return bson.Decimal128(v)
        if isinstance(v, dt.datetime):
            return v.replace(tzinfo=None)
        if isinstance(v, dt.date):
            return dt.datetime(v.year, v.month, v.day)
        if isinstance(v, dict):
            return {k: value(x) for k, x in v.items() if x is not None}
        if isinstance(v, list):
            return [value(x) for x in v]
        return v

    out: dict[str, Any] = value({**row, "map": None})
    out["map"] = dict(row["map"])
    return out


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"},
        {"compression": "gzip", "data_page_version": "2.0", "use_dictionary": False},
        {"compression": "zstd", "data_page_size": 64, "write_batch_size": 4, "row_group_size": 100},
        {"compression": "brotli", "data_page_version": "2.0", "data_page_size": 64},
        {"compression": "lz4", "store_decimal_as_integer": True, "store_schema": False},
        {
            "use_deprecated_int96_timestamps": True,
            "version": "1.0",
            "use_compliant_nested_type": False,
        },
        {
            "use_dictionary": False,
            "column_encoding": {
                **dict.fromkeys(["i", "u", "ms"], "DELTA_BINARY_PACKED"),
                **dict.fromkeys(["f", "d", "dec"], "BYTE_STREAM_SPLIT"),
                **dict.fromkeys(["unique", "fixed"], "DELTA_BYTE_ARRAY"),
                "s": "DELTA_LENGTH_BYTE_ARRAY",
                "b": "RLE",
            },
        },
    ],
    ids=str,
)
def test_parquet_of_pyarrow(main: argon.Branch, tmp_path: Path, options: dict[str, Any]) -> None:
    table = parquet_table(300)
    if options.get("version") == "1.0":
        table = table.drop_columns(["half"])
    pq.write_table(table, tmp_path / "t.parquet", **options)
    assert main.import_file(tmp_path / "t.parquet").imported == 300
    for got, row in zip(main["t"].find(), table.to_pylist(), strict=True):
        assert got == document_of(row)


def test_parquet_for_pyarrow(main: argon.Branch, tmp_path: Path) -> None:
    """What is exported is what pyarrow makes of it, type by type, across row groups."""
    when = dt.datetime(2024, 5, 1, 12, 30)
    documents: list[dict[str, Any]] = [
        {
            "_id": i,
            "long": bson.Int64(i << 33),
            "double": i / 3,
            "bool": i % 2 == 0,
            "when": when + dt.timedelta(milliseconds=i),
            "text": "é" * (i % 5),
            "data": bytes([i % 256, 0]),
            "decimal": bson.Decimal128(f"{i - 50}.25"),
            "stamp": bson.Timestamp(2**32 - 1 - i, i),
            "null": None,
            "list": [[{"x": j, "y": []} for j in range(k)] for k in range(i % 4)],
            "nothing": [],
            **({"sometimes": {"a": {"b": [None, i, None]}}} if i % 3 else {}),
        }
        for i in range(20_000)
    ]
    main["t"].insert_many(documents)
    main["t"].export_file(tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert {f.name: str(f.type) for f in table.schema} == {
        "_id": "int32",
        "long": "int64",
        "double": "double",
        "bool": "bool",
        "when": "timestamp[ms, tz=UTC]",
        "text": "string",
        "data": "binary",
        "decimal": "decimal128(38, 2)",
        "stamp": "struct<t: uint32, i: uint32>",
        "null": "null",
        "list": "list<element: list<element: struct<x: int32, y: list<element: null>>>>",
        "nothing": "list<element: null>",
        "sometimes": "struct<a: struct<b: list<element: int32>>>",
    }
    for row, d in zip(table.to_pylist(), documents, strict=True):
        stamp = d["stamp"]
        assert row == {
            **d,
            "when": d["when"].replace(tzinfo=dt.timezone.utc),
            "decimal": d["decimal"].to_decimal(),
            "stamp": {"t": stamp.time, "i": stamp.inc},
            "sometimes": d.get("sometimes"),
        }
    assert pq.read_metadata(tmp_path / "t.parquet").num_rows == len(documents)


@pytest.mark.parametrize("kind", ["time32[s]", "duration[us]"])
def test_parquet_without_bson(main: argon.Branch, tmp_path: Path, kind: str) -> None:
    values = {
        "time32[s]": pa.array([1], pa.time32("s")),
        "duration[us]": pa.array([1], pa.duration("us")),
    }
    pq.write_table(pa.table({"odd": values[kind]}), tmp_path / "t.parquet")
    with pytest.raises(argon.ArgonError, match="odd"):
        main.import_file(tmp_path / "t.parquet")
    assert "t" not in main.list_collection_names()


def crc64(data: bytes) -> int:
    """CRC-64/ECMA, bit by bit."""
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return int(struct.unpack("<q", struct.pack("<Q", crc ^ ((1 << 64) - 1)))[0])


def read_archive(data: bytes) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Read a dump archive as its specification has it, and check its sums."""
    at = 4
    assert struct.unpack_from("<I", data)[0] == 0x8199E26D

    def document() -> dict[str, Any] | None:
        nonlocal at
        (length,) = struct.unpack_from("<I", data, at)
        if length == 0xFFFFFFFF:
            at += 4
            return None
        at += length
        return bson.decode(data[at - length : at])

    header = document()
    assert header is not None
    assert header["version"] == "0.1"
    prelude = list(iter(document, None))
    documents: dict[str, list[dict[str, Any]]] = {}
    raw: dict[str, bytes] = {}
    while at < len(data):
        segment = document()
        assert segment is not None
        name, begin = segment["collection"], at
        some = list(iter(document, None))
        if segment["EOF"]:
            assert (some, segment["CRC"]) == ([], crc64(raw.pop(name)))
        else:
            documents.setdefault(name, []).extend(some)
            raw[name] = raw.get(name, b"") + data[begin : at - 4]
    assert not raw
    return prelude, documents


def test_dump_and_archive(people: argon.Collection, main: argon.Branch, tmp_path: Path) -> None:
    people.create_index("name", unique=True)
    main.command("create", "named", viewOn="people", pipeline=[{"$match": {"name": "Ada"}}])
    result = main.export_file(tmp_path / "dump", format="dump", gzip=True)
    assert result.exported == 2
    folder = tmp_path / "dump" / main.project
    metadata = json.loads(gzip.decompress((folder / "people.metadata.json.gz").read_bytes()))
    assert [i["name"] for i in metadata["indexes"]] == ["_id_", "name_1"]
    assert metadata["type"] == "collection"
    assert bson.decode_all(gzip.decompress((folder / "people.bson.gz").read_bytes())) == DOCUMENTS

    archive = io.BytesIO()
    main.export_file(archive, format="archive")
    prelude, documents = read_archive(archive.getvalue())
    assert [p["collection"] for p in prelude] == ["named", "people"]
    assert json_util.loads(prelude[0]["metadata"])["options"]["viewOn"] == "people"
    assert documents == {"named": [], "people": DOCUMENTS}

    archive.seek(0)
    other = argon.Branch.import_file(main, archive, format="archive", mode="replace", atomic=True)
    assert other.imported == 2
    assert [c["name"] for c in other.collections] == ["named", "people"]
    main["people"].drop()
    assert (
        main.import_file(tmp_path / "dump", collections=["people"], database=main.project).imported
        == 2
    )
    assert "name_1" in main["people"].index_information()


def test_file_objects(people: argon.Collection, main: argon.Branch) -> None:
    out = io.BytesIO()
    assert people.export_file(out, format="parquet").exported == 2
    out.seek(0)
    assert main.import_file(out, "copy", format="parquet").imported == 2
    with pytest.raises(ValueError, match="which format"):
        main.import_file(io.BytesIO(), "copy")
    with pytest.raises(ValueError, match="which collection"):
        main.import_file(io.BytesIO(b"{}"), format="json")
    with pytest.raises(TypeError, match="reads text"):
        main.import_file(io.StringIO("{}"), "copy", format="json")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a path or a file object"):
        main.import_file(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no option"):
        main.export_file("x", format="dump", canonical=True)


def test_atomic_rejects_and_resume(main: argon.Branch, tmp_path: Path) -> None:
    path, rejects = tmp_path / "n.jsonl", tmp_path / "bad.jsonl"
    path.write_text('{"_id": 1}\n{"_id": 1, "again": true}\n{oops\n{"_id": 2}\n')
    with pytest.raises(argon.ImportFailed, match="nothing was imported"):
        main.import_file(path, atomic=True)
    assert main["n"].count_documents({}) == 0
    result = main.import_file(path, atomic=True, resume=True, max_errors=-1, rejects=rejects)
    assert (result.imported, result.failed) == (2, 2)
    assert sorted(rejects.read_text().splitlines()) == ['{"_id": 1, "again": true}', "{oops"]
    again = main.import_file(path, atomic=True, resume=True, max_errors=-1, rejects=rejects)
    assert (again.imported, again.resumed) == (0, 2)


def test_history(people: argon.Collection, main: argon.Branch, tmp_path: Path) -> None:
    with main.as_actor("etl") as branch:
        branch["people"].update_one({"name": "Bob"}, {"$set": {"age": 5}})
        branch["people"].delete_one({"name": "Ada"})
    path = tmp_path / "history.parquet"
    assert people.export_file(path, history=True).exported == 4
    rows = pq.read_table(path).select(["name", "_op", "_actor", "age"]).to_pylist()
    assert [(r["_op"], r["name"], r["age"]) for r in rows] == [
        ("delete", None, None),
        ("insert", "Ada", None),
        ("update", "Bob", 5),
        ("insert", "Bob", None),
    ]
    assert rows[0]["_actor"] == rows[2]["_actor"] == "etl"


def lines_of(n: int) -> bytes:
    return b"".join(b'{"_id": %d, "text": "%s"}\n' % (i, b"x" * 1_000) for i in range(n))


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize("atomic", [False, True])
def test_ctrl_c_ends_an_import(main: argon.Branch, tmp_path: Path, atomic: bool) -> None:
    """The exception says what stays, and that is what there is."""
    pipe = tmp_path / "rows.jsonl"
    os.mkfifo(pipe)
    rows = main["rows"]

    def write() -> None:
        with open(pipe, "wb") as out:
            out.write(lines_of(20_000))
            out.flush()
            os.kill(os.getpid(), signal.SIGINT)
            stopped.wait()

    stopped = threading.Event()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(KeyboardInterrupt, match="the import was stopped") as caught:
            rows.import_file(pipe, atomic=atomic, progress=False)
    finally:
        stopped.set()
        writer.join()
    n = rows.count_documents({})
    if atomic:
        assert n == 0
        assert "nothing was imported" in str(caught.value)
    else:
        assert n > 0
        assert f"{n} documents were imported and stay" in str(caught.value)
    assert rows.insert_one({"_id": "after"}).acknowledged


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize("name", ["c.jsonl", "c.parquet", "c.csv.gz"])
def test_ctrl_c_ends_an_export(main: argon.Branch, tmp_path: Path, name: str) -> None:
    """There is a whole file, or none."""
    rows = main["rows"]
    rows.import_file(io.BytesIO(lines_of(40_000)), format="json", progress=False)
    out = tmp_path / "out"
    out.mkdir()

    def interrupt() -> None:
        while not any(out.iterdir()):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        rows.export_file(out / name, progress=False)
        watcher.join()
    watcher.join()
    if list(out.iterdir()):  # it had been carried out before it could be stopped
        assert list(out.iterdir()) == [out / name]
        assert main["again"].import_file(out / name).imported == 40_000
    assert rows.insert_one({"_id": "after"}).acknowledged
