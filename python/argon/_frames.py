"""DataFrames: how documents become Arrow, pandas and Polars data, and back.

The shape of each BSON type in Arrow is that of ``core/columnar``: documents
become structs, arrays lists, dates ``timestamp[ms, UTC]``, Decimal128 a
``decimal128`` (text where that cannot hold it), ObjectId and UUID text, Binary
``binary``; a column that mixes types becomes Extended JSON text, one value per
row, from which each value can be read back as it was. No value becomes a null.

In pandas, by default:

==========================  =========================================================
column                      dtype
==========================  =========================================================
numbers, bool               numpy's; with nulls, pandas' ``Int64``, ``boolean`` ...;
                            a float with nulls stays a numpy float with NaN
string, ObjectId, UUID      pandas' own string dtype
date                        ``datetime64[ms, UTC]``
binary                      ``object`` of ``bytes``
Decimal128                  ``ArrowDtype(decimal128)``
documents, arrays           ``ArrowDtype``: no Python object per row is made
==========================  =========================================================

``dtype_backend="pyarrow"`` makes every column an ``ArrowDtype``, in which a null
and a NaN differ; ``dtype_backend="numpy"`` makes dicts, lists and Decimals.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bson import encode

from ._options import without_none

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._ffi import ArrowStream

DtypeBackend = Literal["default", "pyarrow", "numpy"]
Schema = Mapping[str, Any]
"""Column names and BSON type names: ``{"_id": "objectId", "tags": ["string"],
"at": {"city": "string"}}``."""

T = TypeVar("T")


def require(module: str, extra: str) -> Any:
    """Import a module of an extra, or say what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs {module.partition('.')[0]}: pip install 'argon-mongodb[{extra}]'"
        ) from error


class Frames:
    """What cursors and diffs have to leave as data frames.

    Each of these runs the query again, in the library, and decodes nothing in
    Python. They are there until the first document has been read.
    """

    def _arrow_stream(self, options: bytes, keep: bool) -> ArrowStream:
        raise NotImplementedError

    def _stream(
        self, schema: Schema | None, batch_rows: int | None = None, keep: bool = True
    ) -> ArrowStream:
        options = without_none({"schema": schema, "batchRows": batch_rows})
        return self._arrow_stream(encode(options), keep)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the documents through the Arrow C stream interface.

        A requested schema is a wish, which the interface allows not to fulfil.
        """
        return self._stream(None, keep=False).capsule()

    def to_arrow(self, *, schema: Schema | None = None, batch_rows: int | None = None) -> pa.Table:
        """Return the documents as a :class:`pyarrow.Table`.

        ``schema`` names columns and their types, for example
        ``{"_id": "objectId", "n": "long"}``: others are left out, and a value
        that does not fit raises :class:`~argon.SchemaMismatch`.
        """
        pyarrow = require("pyarrow", "pyarrow")
        stream = self._stream(schema, batch_rows)
        table: pa.Table = _consume(
            stream, lambda source: pyarrow.RecordBatchReader.from_stream(source).read_all()
        )
        return table

    def to_arrow_batches(
        self, *, schema: Schema | None = None, batch_rows: int | None = None
    ) -> pa.RecordBatchReader:
        """Return a reader of record batches, for data larger than memory."""
        pyarrow = require("pyarrow", "pyarrow")
        reader: pa.RecordBatchReader = pyarrow.RecordBatchReader.from_stream(
            _Source(self._stream(schema, batch_rows, keep=False))
        )
        return reader

    def to_pandas(
        self, *, schema: Schema | None = None, dtype_backend: DtypeBackend = "default"
    ) -> pd.DataFrame:
        """Return the documents as a :class:`pandas.DataFrame`.

        The dtypes are those of this module's table; ``schema`` is as in
        :meth:`to_arrow`.
        """
        require("pandas", "pandas")
        return table_to_pandas(self.to_arrow(schema=schema), dtype_backend)

    def to_polars(self, *, schema: Schema | None = None) -> pl.DataFrame:
        """Return the documents as a :class:`polars.DataFrame`."""
        polars = require("polars", "polars")
        frame: pl.DataFrame = _consume(self._stream(schema), polars.DataFrame)
        return frame


class _Source:
    """A stream as other libraries take it."""

    def __init__(self, stream: ArrowStream) -> None:
        self._stream = stream

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._stream.capsule()


def _consume(stream: ArrowStream, consumer: Callable[[_Source], T]) -> T:
    """Run a consumer that reads all of a stream, so that Ctrl-C can end it.

    Consumers read in one native call. So they do it on a thread, while this one
    waits where a signal reaches it, and cancels the stream then.
    """
    source = _Source(stream)
    if threading.current_thread() is not threading.main_thread():
        return _consumed(stream, source, consumer)
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((_consumed(stream, source, consumer), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=work, name="argon-arrow", daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        stream.cancel()
        thread.join(1.0)
        raise
    value, error = outcome[0]
    if error is not None:
        raise error
    result: T = value
    return result


def _consumed(stream: ArrowStream, source: _Source, consumer: Callable[[_Source], T]) -> T:
    try:
        return consumer(source)
    except Exception as error:
        # The consumer was given a text; the library has the error itself.
        if (cause := stream.error()) is not None:
            raise cause from error
        raise


# -- pandas


def table_to_pandas(table: pa.Table, dtype_backend: DtypeBackend = "default") -> pd.DataFrame:
    """Return a DataFrame of an Arrow table; see the module's table of dtypes."""
    pandas = require("pandas", "pandas")
    frame: pd.DataFrame
    if dtype_backend == "pyarrow":
        frame = table.to_pandas(types_mapper=pandas.ArrowDtype, split_blocks=True)
    elif dtype_backend == "numpy":
        frame = table.to_pandas(split_blocks=True)
    elif dtype_backend == "default":
        frame = _default_frame(table)
    else:
        raise ValueError(f"dtype_backend is 'default', 'pyarrow' or 'numpy', not {dtype_backend!r}")
    return frame


def _default_frame(table: pa.Table) -> pd.DataFrame:
    pandas = require("pandas", "pandas")
    types = require("pyarrow", "pandas").types
    masked = _masked_dtypes(pandas)

    def dtype_of(kind: Any) -> Any:
        if types.is_nested(kind) or types.is_decimal(kind) or types.is_null(kind):
            return pandas.ArrowDtype(kind)
        return None

    def masked_dtype_of(kind: Any) -> Any:
        return masked.get(str(kind))

    # types_mapper sees types, not columns: so integers with nulls go apart.
    apart = [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count and str(column.type) in masked
    ]
    if not apart:
        frame: pd.DataFrame = table.to_pandas(types_mapper=dtype_of, split_blocks=True)
        return frame
    plain = table.drop_columns(apart).to_pandas(types_mapper=dtype_of, split_blocks=True)
    nullable = table.select(apart).to_pandas(types_mapper=masked_dtype_of, split_blocks=True)
    both: pd.DataFrame = pandas.concat([plain, nullable], axis=1)
    ordered: pd.DataFrame = both[table.column_names]
    return ordered


def _masked_dtypes(pandas: Any) -> dict[str, Any]:
    return {
        "bool": pandas.BooleanDtype(),
        "int32": pandas.Int32Dtype(),
        "int64": pandas.Int64Dtype(),
        "uint32": pandas.UInt32Dtype(),
    }


# -- frames into documents


def stream_of(frame: Any) -> object | None:
    """Return a capsule with the rows of a frame, or None if Arrow has no type
    for a column of it."""
    if type(frame).__module__.partition(".")[0] == "pandas":
        frame = _pandas_table(frame)
        if frame is None:
            return None
    elif type(frame).__module__.partition(".")[0] == "polars":
        frame = _polars_frame(frame)
    elif hasattr(frame, "__arrow_c_array__") and not hasattr(frame, "__arrow_c_stream__"):
        pyarrow = require("pyarrow", "pyarrow")
        frame = pyarrow.Table.from_batches([pyarrow.record_batch(frame)])
    if not hasattr(frame, "__arrow_c_stream__"):
        raise TypeError(
            "insert_frame takes a pandas or Polars DataFrame, a pyarrow Table or RecordBatch, or "
            f"anything else with __arrow_c_stream__, not {type(frame).__name__}"
        )
    capsule: object = frame.__arrow_c_stream__()
    return capsule


def _polars_frame(frame: Any) -> Any:
    """Return a Polars frame whose columns of nothing but nulls have a type.

    Polars exports its type Null with a buffer, which the Arrow specification does
    not allow and other libraries refuse.
    """
    polars = require("polars", "polars")

    def typed(dtype: Any) -> Any:
        if isinstance(dtype, polars.Null):
            return polars.Boolean()
        if isinstance(dtype, polars.List):
            return polars.List(typed(dtype.inner))
        if isinstance(dtype, polars.Array):
            return polars.Array(typed(dtype.inner), dtype.shape)
        if isinstance(dtype, polars.Struct):
            return polars.Struct({field.name: typed(field.dtype) for field in dtype.fields})
        return dtype

    if isinstance(frame, polars.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, polars.DataFrame):
        return frame
    untyped = {name: typed(dtype) for name, dtype in frame.schema.items()}
    return frame.cast({n: t for n, t in untyped.items() if t != frame.schema[n]})


def _pandas_table(frame: Any) -> Any:
    pyarrow = require("pyarrow", "pandas")
    if not all(isinstance(name, str) for name in frame.columns):
        raise TypeError("the names of columns must be str, to become names of fields")
    try:
        return pyarrow.Table.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):
        return None


def rows_of(frame: Any, nulls: bool) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pandas frame as documents, for columns of objects that
    Arrow has no type for, such as ObjectId beside Decimal128."""
    pandas = require("pandas", "pandas")
    names = list(frame.columns)
    for row in frame.itertuples(index=False, name=None):
        document: dict[str, Any] = {}
        for name, value in zip(names, row, strict=True):
            if value is None or value is pandas.NaT or value is pandas.NA or value != value:
                if nulls and name != "_id":
                    document[name] = None
                continue
            document[name] = _plain(value)
        yield document


def _plain(value: Any) -> Any:
    """Return numpy's and pandas' scalars as Python's."""
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
