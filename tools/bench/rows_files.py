"""Files in and out, by the command line: rates, and the memory it takes."""

from __future__ import annotations

import json
from pathlib import Path

import process
import pyarrow as pa
import pyarrow.parquet as pq
import table
from fixtures import Bench
from table import Row

# What the issue asks for.
LEAST_LINES = 80_000
LEAST_ROWS = 150_000
MOST_MEGABYTES = 512

ROWS = 1_000_000


def files(bench: Bench) -> list[Row]:
    """Import of Extended JSON lines and of Parquet, and their export."""
    count = min(ROWS, bench.sizes.big)
    lines, columns = bench.folder / "rows.jsonl", bench.folder / "rows.parquet"
    bench.say(f"files of {count:,} documents")
    _write(lines, columns, count)
    rows = []
    for name, path, least in (
        ("Extended JSON lines", lines, LEAST_LINES),
        ("Parquet", columns, LEAST_ROWS),
    ):
        bench.say(f"import of {name}")
        collection = path.suffix[1:]
        done = process.run(bench.argon_cli("import", str(path), "-c", collection, store="files"))
        rows.append(table.at_least(f"import {name}", [count / done.seconds], least))
        rows.append(
            table.amount(f"memory of the import of {name}", done.peak, "MB", MOST_MEGABYTES)
        )
        back = bench.folder / f"back{path.suffix}"
        done = process.run(
            bench.argon_cli("export", "-c", collection, "-o", str(back), store="files")
        )
        rows.append(table.told(f"export {name}", table.rate_text(count / done.seconds)))
        back.unlink()
    return rows


def _write(lines: Path, columns: Path, count: int) -> None:
    """Write the same documents, of about 200 bytes, in both formats."""
    with lines.open("w") as out:
        for i in range(count):
            document = {
                "_id": i,
                "name": f"customer number {i}",
                "age": i % 90,
                "score": i % 1000 + 0.25,
                "city": ("Paris", "London", "Zürich")[i % 3],
                "tags": ["alpha", "beta"],
                "note": "some text of forty characters, or nearly",
            }
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
    data = pa.table(
        {
            "_id": pa.array(range(count), pa.int64()),
            "name": [f"customer number {i}" for i in range(count)],
            "age": pa.array([i % 90 for i in range(count)], pa.int32()),
            "score": [i % 1000 + 0.25 for i in range(count)],
            "city": [("Paris", "London", "Zürich")[i % 3] for i in range(count)],
            "tags": [["alpha", "beta"]] * count,
            "note": ["some text of forty characters, or nearly"] * count,
        }
    )
    pq.write_table(data, columns)
