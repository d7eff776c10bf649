"""DataFrames: what leaves, what comes in, and that nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from bson import Decimal128, ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import argon

UTC = dt.timezone.utc
DAY = dt.datetime(2024, 2, 29, 12, 30, 15, 123000)


def flights(n: int) -> list[dict[str, Any]]:
    return [
        {
            "_id": i,
            "carrier": "UA" if i % 2 else "AA",
            "delay": i * 0.5,
            "on_time": i % 3 == 0,
            "at": DAY + dt.timedelta(minutes=i),
            "origin": {"code": "JFK", "tz": {"offset": -5}},
            "stops": ["ORD"] * (i % 3),
        }
        for i in range(n)
    ]


def test_flat_columns_are_numpys_and_nested_ones_arrows(users: Any) -> None:
    users.insert_many(flights(100))
    frame = users.find().to_pandas()
    assert list(frame) == ["_id", "carrier", "delay", "on_time", "at", "origin", "stops"]
    assert frame["delay"].dtype == np.float64
    assert frame["on_time"].dtype == np.bool_
    assert frame["_id"].dtype in (np.int32, np.int64)
    assert str(frame["at"].dtype) == "datetime64[ms, UTC]"
    assert isinstance(frame["origin"].dtype, pd.ArrowDtype)
    assert isinstance(frame["stops"].dtype, pd.ArrowDtype)
    assert frame["origin"][3] == {"code": "JFK", "tz": {"offset": -5}}
    assert list(frame["stops"][2]) == ["ORD", "ORD"]
    assert frame["at"][1] == pd.Timestamp(DAY + dt.timedelta(minutes=1), tz="UTC")
    assert frame["origin"].struct.field("code")[0] == "JFK"


def test_backends(users: Any) -> None:
    users.insert_many(flights(10))
    arrow = users.find().to_pandas(dtype_backend="pyarrow")
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in arrow.dtypes)
    plain = users.find().to_pandas(dtype_backend="numpy")
    assert plain["origin"][0] == {"code": "JFK", "tz": {"offset": -5}}
    with pytest.raises(ValueError, match="dtype_backend"):
        users.find().to_pandas(dtype_backend="other")


def test_missing_values_are_never_silent(users: Any) -> None:
    big = 2**53 + 1
    users.insert_many(
        [
            {"_id": 1, "i": big, "f": 1.5, "b": True, "s": "x", "d": DAY},
            {"_id": 2, "i": None, "f": None, "b": None, "s": None, "d": None},
            {"_id": 3},
        ]
    )
    frame = users.find().to_pandas()
    assert list(frame) == ["_id", "i", "f", "b", "s", "d"]
    assert frame["i"].dtype == pd.Int64Dtype()
    assert frame["i"][0] == big
    assert frame["b"].dtype == pd.BooleanDtype()
    for column in ("i", "f", "b", "s", "d"):
        assert list(frame[column].isna()) == [False, True, True], column


def test_what_each_type_becomes(users: Any) -> None:
    oid, uid = ObjectId(), uuid.uuid4()
    users.insert_one(
        {
            "_id": oid,
            "uuid": uid,
            "bytes": b"\x00\xff",
            "dec": Decimal128("1.50"),
            "ts": bson.Timestamp(5, 6),
            "code": bson.Code("f()"),
        }
    )
    frame = users.find().to_pandas()
    row = frame.iloc[0]
    assert row["_id"] == str(oid)
    assert row["uuid"] == str(uid)
    assert row["bytes"] == b"\x00\xff"
    assert row["dec"] == decimal.Decimal("1.50")
    assert row["ts"] == {"t": 5, "i": 6}
    assert row["code"] == "f()"


def test_mixed_types_are_lossless_text(users: Any) -> None:
    values = [1, "x", None, 2.5, DAY, [1, {"a": 2}], ObjectId("5f" * 12), float("nan"), True]
    users.insert_many([{"_id": i, "v": v} for i, v in enumerate(values)])
    frame = users.find().to_pandas()
    import bson.json_util as json

    back = [
        None
        if pd.isna(text)
        else json.loads(f'{{"v":{text}}}', json_options=json.CANONICAL_JSON_OPTIONS)["v"]
        for text in frame["v"]
    ]
    for original, again in zip(values, back, strict=True):
        if isinstance(original, dt.datetime):
            assert again.replace(tzinfo=None) == original
        elif isinstance(original, float) and math.isnan(original):
            assert math.isnan(again)
        else:
            assert again == original


def test_dates_of_any_year(users: Any) -> None:
    users.insert_many(
        [{"_id": 1, "d": dt.datetime(1, 1, 1)}, {"_id": 2, "d": dt.datetime(9999, 12, 31)}]
    )
    frame = users.find().to_pandas()
    assert [d.year for d in frame["d"]] == [1, 9999]


def test_schema(users: Any) -> None:
    users.insert_many([{"_id": 1, "n": 1, "x": "left out"}, {"_id": 2}])
    frame = users.find().to_pandas(schema={"_id": "long", "n": "double", "absent": "string"})
    assert list(frame) == ["_id", "n", "absent"]
    assert frame["_id"].dtype == np.int64
    with pytest.raises(argon.SchemaMismatch, match="x"):
        users.find().to_pandas(schema={"x": "long"})
    with pytest.raises(argon.SchemaMismatch, match="x"):
        users.find().to_polars(schema={"x": "long"})
    with pytest.raises(argon.ArgonError, match="nonsense"):
        users.find().to_arrow(schema={"x": "nonsense"})


def test_every_consumer_takes_a_cursor(users: Any) -> None:
    users.insert_many(flights(2500))
    table = users.find().to_arrow()
    assert table.num_rows == 2500
    assert pa.table(users.find()).equals(table)
    assert pa.RecordBatchReader.from_stream(users.find()).read_all().equals(table)
    frame = users.find().to_polars()
    assert frame.shape == (2500, 7)
    assert frame["origin"][0] == {"code": "JFK", "tz": {"offset": -5}}
    assert pl.DataFrame(users.find()).equals(frame)
    reader = users.find().to_arrow_batches(batch_rows=100)
    batches = list(reader)
    assert max(batch.num_rows for batch in batches) == 100
    assert (
        pa.Table.from_batches(batches).equals(table.combine_chunks())
        or sum(b.num_rows for b in batches) == 2500
    )
    assert users.aggregate([{"$match": {"_id": {"$lt": 5}}}]).to_arrow().num_rows == 5
    assert users.find({"_id": -1}).to_arrow().num_rows == 0
    assert users.find({"_id": -1}).to_pandas().empty


def test_cursors_that_were_read_say_so(users: Any) -> None:
    users.insert_many(flights(10))
    cursor = users.find()
    cursor.next()
    with pytest.raises(argon.InvalidOperation, match="read"):
        cursor.to_pandas()
    assert len(cursor.rewind().to_pandas()) == 10
    closed = users.find()
    closed.next()
    closed.close()
    closed.close()
    for use in (closed.to_arrow, closed.next, closed.to_list, lambda: list(closed)):
        with pytest.raises(argon.InvalidOperation):
            use()
    assert not closed.alive
    done = users.find()
    assert len(list(done)) == 10
    assert list(done) == []
    limited = users.find().sort("_id", -1).skip(1).limit(3).to_pandas()
    assert list(limited["_id"]) == [8, 7, 6]


def test_a_stream_outlives_its_cursor_but_not_its_client(tmp_path: Path) -> None:
    client = argon.Client(tmp_path / "s")
    users = client.data.get_collection("users")
    users.insert_many(flights(1000))
    capsule = users.find().__arrow_c_stream__()

    class Holder:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return capsule

    assert pa.table(Holder()).num_rows == 1000
    reader = users.find().to_arrow_batches(batch_rows=10)
    first = reader.read_next_batch()
    table = users.find().to_arrow()
    client.close()
    with pytest.raises(OSError, match="closed"):
        while True:
            reader.read_next_batch()
    assert first.num_rows == 10
    assert table["carrier"][1].as_py() == "UA"


def test_frames_read_the_past(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_many([{"_id": i, "n": 1} for i in range(10)])
    then = main.at(main.lsn)
    users.update_many({}, {"$set": {"n": 2}})
    assert set(then["users"].find().to_pandas()["n"]) == {1}
    assert set(users.find().to_pandas()["n"]) == {2}


# -- insert_frame


def test_insert_frame_of_each_library(main: argon.Branch) -> None:
    table = pa.table(
        {
            "_id": pa.array([1, 2, 3], pa.int64()),
            "name": ["Ada", None, "Cyd"],
            "at": pa.array([DAY, DAY, None], pa.timestamp("ms", tz="UTC")),
            "nested": [{"a": 1}, {"a": None}, None],
            "list": [[1, 2], [], None],
            "dec": pa.array([decimal.Decimal("1.50"), None, None], pa.decimal128(10, 2)),
        }
    )
    expected = [
        {
            "_id": 1,
            "name": "Ada",
            "at": DAY,
            "nested": {"a": 1},
            "list": [1, 2],
            "dec": Decimal128("1.50"),
        },
        {"_id": 2, "at": DAY, "nested": {}, "list": []},
        {"_id": 3, "name": "Cyd"},
    ]
    frames = [
        table,
        table.to_pandas(),
        pl.from_arrow(table),
        table.to_batches()[0],
        table.to_reader(),
    ]
    for n, frame in enumerate(frames):
        collection = main[f"c{n}"]
        result = collection.insert_frame(frame)
        assert (result.inserted_count, result.lsn) == (3, main.lsn)
        assert list(collection.find()) == expected, type(frame)
    kept = main["nulls"]
    kept.insert_frame(table, nulls=True)
    assert kept.find_one(2) == {
        "_id": 2, "name": None, "at": DAY, "nested": {"a": None}, "list": [], "dec": None,
    }  # fmt: skip


def test_insert_frame_gives_ids_and_takes_types(users: Any) -> None:
    users.insert_frame(pd.DataFrame({"n": [1, 2]}))
    assert all(isinstance(d["_id"], ObjectId) for d in users.find())
    oid = ObjectId()
    users.insert_frame(pl.DataFrame({"_id": [str(oid)], "n": [3]}), types={"_id": "objectId"})
    assert users.find_one({"_id": oid})["n"] == 3


def test_insert_frame_reports_what_was_refused(users: Any) -> None:
    users.insert_one({"_id": 5})
    frame = pd.DataFrame({"_id": range(10)})
    with pytest.raises(argon.BulkWriteError) as caught:
        users.insert_frame(frame)
    assert caught.value.details["nInserted"] == 5
    assert [e["index"] for e in caught.value.details["writeErrors"]] == [5]
    with pytest.raises(argon.BulkWriteError) as caught:
        users.insert_frame(frame, ordered=False, batch_rows=4)
    assert caught.value.details["nInserted"] == 4
    assert users.count_documents({}) == 10
    with pytest.raises(TypeError, match="insert_frame"):
        users.insert_frame([1, 2])
    with pytest.raises(TypeError, match="str"):
        users.insert_frame(pd.DataFrame({1: [1]}))


def test_insert_frame_of_objects_that_arrow_does_not_know(users: Any) -> None:
    oid = ObjectId()
    frame = pd.DataFrame({"_id": [oid, "x"], "d": [Decimal128("1.1"), pd.NaT], "n": [1, 2]})
    assert users.insert_frame(frame).inserted_count == 2
    assert list(users.find().sort("n")) == [
        {"_id": oid, "d": Decimal128("1.1"), "n": 1},
        {"_id": "x", "n": 2},
    ]


def test_a_frame_comes_back_as_it_left(main: argon.Branch) -> None:
    main["a"].insert_many(flights(500))
    main["b"].insert_frame(main["a"].find().to_arrow())
    assert list(main["b"].find()) == list(main["a"].find())
    main["c"].insert_frame(main["a"].find().to_pandas())
    assert list(main["c"].find()) == list(main["a"].find())


columns = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=20),
    st.lists(
        st.one_of(
            st.none(),
            st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)).map(
                lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
            ),
        ),
        min_size=1,
        max_size=20,
    ),
    st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=20),
)


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with argon.Client(tmp_path_factory.mktemp("frames") / "store") as client:
        yield client.branches.get("main")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=columns)
def test_a_column_equals_what_pandas_makes_of_the_values(branch: Any, values: list[Any]) -> None:
    collection = branch["column"]
    collection.drop()
    collection.insert_many([{"_id": i, "v": v} for i, v in enumerate(values)])
    got = collection.find().to_pandas(dtype_backend="pyarrow")["v"]
    back = [None if value is None or value is pd.NA else value for value in got.tolist()]
    for original, again in zip(values, back, strict=True):
        if isinstance(original, dt.datetime):
            assert again.replace(tzinfo=None) == original
        else:
            assert again == original
    default = collection.find().to_pandas()["v"]
    assert list(default.isna()) == [value is None for value in values]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=columns)
def test_frames_go_in_and_come_out_the_same(branch: Any, values: list[Any]) -> None:
    collection = branch["frame"]
    collection.drop()
    frame = pl.DataFrame({"_id": range(len(values)), "v": values}, strict=False)
    collection.insert_frame(frame, nulls=True)
    for original, document in zip(frame["v"].to_list(), collection.find(), strict=True):
        assert document["v"] == original
