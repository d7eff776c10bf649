"""DoltLite, in process: SQLite's interface over Dolt's storage.

The import of doltlite has to come before that of sqlite3, whose library it
replaces. Every statement outside BEGIN and COMMIT is a durable transaction
(synchronous=FULL, which is checked). None of them is a commit in Dolt's history,
while each of Argon's is in Argon's: what has "commit" in its name makes one of each.
"""

from __future__ import annotations

import doltlite  # isort: skip
import gc
import itertools
import sqlite3
import time
from importlib.metadata import version

import docs
import pandas as pd


class Side:
    """One database with a table."""

    def __init__(self, path: str) -> None:
        self._path = doltlite.libdoltlite_path()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._numbers = itertools.count()
        if self._db.execute("PRAGMA synchronous").fetchone()[0] < 2:
            raise AssertionError("DoltLite does not sync what it commits")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _one(self, sql: str, *arguments: object) -> None:
        self._db.execute(sql, arguments).fetchall()

    def insert_commits(self, name: str, count: int) -> float:
        """Do insert_rows with a commit in Dolt's history for each transaction."""
        return self.insert_rows(name, count, commits=True)

    def insert_rows(self, name: str, count: int, commits: bool = False) -> float:
        """Return rows per second, in transactions of 1,000, into a new table."""
        self._one(f"CREATE TABLE {name} ({docs.COLUMNS})")
        insert = f"INSERT INTO {name} VALUES (?,?,?,?,?,?,?,?,?,?)"
        seconds = 0.0
        for start in range(0, count, 1000):
            batch = [docs.sql_row(i) for i in range(start, min(start + 1000, count))]
            begin = time.perf_counter()
            self._db.execute("BEGIN")
            self._db.executemany(insert, batch)
            self._db.execute("COMMIT")
            if commits:
                self.commit()
            seconds += time.perf_counter() - begin
        return count / seconds

    def commit(self) -> None:
        """Make a commit of Dolt's of what there is."""
        self._one("SELECT dolt_commit('-A', '-m', 'state', '--allow-empty')")

    def drop(self, name: str) -> None:
        """Delete a table."""
        self._one(f"DROP TABLE {name}")

    def branch(self, count: int) -> list[float]:
        """Return the seconds of each of so many branch creations."""
        names, seconds = [], []
        for _ in range(count):
            name = f"b{next(self._numbers)}"
            begin = time.perf_counter()
            self._one("SELECT dolt_branch(?)", name)
            seconds.append(time.perf_counter() - begin)
            names.append(name)
        for name in names:
            self._one("SELECT dolt_branch('-D', ?)", name)
        return seconds

    def find_one(self, name: str, count: int, of: int) -> float:
        """Return seconds per row read by its key."""
        numbers = docs.scattered(count, of)
        select = f"SELECT * FROM {name} WHERE id = ?"
        gc.collect()
        begin = time.perf_counter()
        for number in numbers:
            if self._db.execute(select, (number,)).fetchone() is None:
                raise AssertionError(f"there is no row {number}")
        return (time.perf_counter() - begin) / count

    def find_document(self, name: str, count: int, of: int) -> float:
        """Return seconds per row read by its key, as the document that it stands for:
        its date, address and tags as values of Python's, like all else."""
        numbers = docs.scattered(count, of)
        select = f"SELECT * FROM {name} WHERE id = ?"
        gc.collect()
        begin = time.perf_counter()
        for number in numbers:
            row = self._db.execute(select, (number,)).fetchone()
            if docs.of_sql_row(row)["_id"] != number:
                raise AssertionError(f"there is no row {number}")
        return (time.perf_counter() - begin) / count

    def update_commit(self, name: str, count: int, of: int) -> float:
        """Do update_one with a commit in Dolt's history for each."""
        return self.update_one(name, count, of, commits=True)

    def update_one(self, name: str, count: int, of: int, commits: bool = False) -> float:
        """Return seconds per durable update of one row."""
        update = f"UPDATE {name} SET visits = visits + 1 WHERE id = ?"
        begin = time.perf_counter()
        for number in docs.scattered(count, of):
            self._db.execute(update, (number,))
            if commits:
                self.commit()
        return (time.perf_counter() - begin) / count

    def diff_to_main(self, name: str, changes: int, repeat: int) -> list[float]:
        """Return the seconds of each of several diffs of so many changes."""
        branch = f"d{next(self._numbers)}"
        self._one("SELECT dolt_commit('-A', '-m', 'before', '--allow-empty')")
        self._one("SELECT dolt_checkout('-b', ?)", branch)
        self._db.execute("BEGIN")
        update = f"UPDATE {name} SET visits = visits + 1 WHERE id = ?"
        self._db.executemany(update, [(i * 1000,) for i in range(changes)])
        self._db.execute("COMMIT")
        self.commit()
        seconds = []
        for _ in range(repeat):
            begin = time.perf_counter()
            rows = self._db.execute(
                f"SELECT * FROM dolt_diff_{name}('main', ?)",
                (branch,),
            ).fetchall()
            seconds.append(time.perf_counter() - begin)
            if len(rows) != changes:
                raise AssertionError(f"{len(rows)} rows")
        self._one("SELECT dolt_checkout('main')")
        self._one("SELECT dolt_branch('-D', ?)", branch)
        return seconds

    def to_pandas(self, name: str, expect: int) -> float:
        """Return the seconds of reading a table into pandas."""
        gc.collect()
        begin = time.perf_counter()
        frame = pd.read_sql(f"SELECT * FROM {name}", self._db)
        seconds = time.perf_counter() - begin
        if frame.shape != (expect, 10):
            raise AssertionError(f"the frame is {frame.shape}")
        return seconds

    def version(self) -> str:
        """Return its version."""
        return f"DoltLite {version('doltlite')}"
