"""Lists of records that show themselves as tables."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_SHOWN_ROWS = 20
_SHOWN_COLUMNS = 40
_SHOWN_TEXT = 80


class Rows(list[T], Generic[T]):
    """A list of records with the fields of a dataclass, or of documents.

    It is a list in every way; Jupyter shows it as a table, and :meth:`to_pandas`
    makes a DataFrame with a row for each record.
    """

    title = ""

    def __init__(self, rows: Iterable[T] = (), title: str = "") -> None:
        super().__init__(rows)
        self.title = title

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each record."""
        from ._frames import require

        pandas = require("pandas", "pandas")
        frame: pd.DataFrame = pandas.DataFrame([record_of(row) for row in self])
        return frame

    def _repr_html_(self) -> str:
        return html_table([record_of(row) for row in self[:_SHOWN_ROWS]], self.title, len(self))


class Facts(dict[str, Any]):
    """A dict that Jupyter shows as a table of names and values."""

    def __init__(self, facts: Mapping[str, Any], title: str) -> None:
        super().__init__(facts)
        self.title = title

    def _repr_html_(self) -> str:
        return html_facts(self.title, self)


def record_of(row: Any) -> dict[str, Any]:
    """Return a row as a dict of its columns."""
    if isinstance(row, Mapping):
        return dict(row)
    if hasattr(row, "_record"):
        record: dict[str, Any] = row._record()
        return record
    return {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)
        if not field.name.startswith("_")
    }


def html_table(rows: Sequence[Mapping[str, Any]], title: str = "", total: int | None = None) -> str:
    """Return an HTML table of rows; total says how many there are beyond them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = names[:_SHOWN_COLUMNS]
    parts = [f"<p><b>{html.escape(title)}</b></p>"] if title else []
    if not rows:
        parts.append("<p><i>empty</i></p>")
        return "".join(parts)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
    for row in rows:
        cells = "".join(f"<td>{html.escape(_cell(row.get(name, '')))}</td>" for name in columns)
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody></table>")
    if len(names) > len(columns):
        parts.append(f"<p><i>{len(columns)} of {len(names):,} columns</i></p>")
    if total is None:
        parts.append("<p><i>and more</i></p>")
    elif total > len(rows):
        parts.append(f"<p><i>{len(rows)} of {total:,} rows</i></p>")
    return "".join(parts)


def html_facts(title: str, facts: Mapping[str, Any]) -> str:
    """Return a heading and a table of names and values."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(_cell(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<p><b>{html.escape(title)}</b></p><table><tbody>{rows}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 1] + "…"
