"""The main job: branch, edit, merge, travel in time, undo, on 336,776 flights.

``make demo`` runs it. It prints what it does and how long each step took, and
exits with 1 if any of its checks fails. ``--keep DIR`` leaves the store behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flights
import psutil
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

import argon

failures: list[str] = []


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step and how long it took."""
    print(f"\n== {title}", flush=True)
    start = time.perf_counter()
    yield
    print(f"   {(time.perf_counter() - start) * 1000:,.1f} ms", flush=True)


def check(ok: bool, text: str) -> None:
    """Print a check, and remember it if it failed."""
    print(f"   {'ok ' if ok else 'FAILED'} {text}", flush=True)
    if not ok:
        failures.append(text)


def size_of(path: str) -> int:
    """Return the bytes of all files below a directory."""
    return sum(f.stat().st_size for f in Path(path).rglob("*") if f.is_file())


def fit(branch: argon.Branch) -> tuple[float, int]:
    """Fit the delay at arrival on a branch's flights; return R² and the rows."""
    frame = (
        branch["flights"]
        .aggregate(
            [
                {"$match": {"delay.arr": {"$ne": None}, "delay.dep": {"$ne": None}}},
                {
                    "$project": {
                        "_id": 0,
                        "dep": "$delay.dep",
                        "arr": "$delay.arr",
                        "distance": 1,
                        "wind": {"$ifNull": ["$weather.wind_speed", 0.0]},
                    }
                },
            ]
        )
        .to_pandas()
    )
    x, y = frame[["dep", "distance", "wind"]].to_numpy(float), frame["arr"].to_numpy(float)
    model = LinearRegression().fit(x, y)
    return float(r2_score(y, model.predict(x))), len(frame)


def load(project: argon.Project) -> argon.Branch:
    """Load the flights into the main branch."""
    main = project.branch("main")
    with step("load 336,776 flights with nested airline, airports and weather"):
        table = flights.load()
        main["flights"].insert_frame(table)
        print(f"   {table.num_rows:,} documents")
    with step("an index on the carrier, used by a query"):
        main["flights"].create_index([("carrier.code", 1)])
        plan = main["flights"].find({"carrier.code": "HA"}).explain("queryPlanner")
        check("IXSCAN" in json.dumps(plan, default=str), "explain shows the index")
        check(main["flights"].count_documents({"carrier.code": "HA"}) == 342, "342 flights of HA")
    check(main["flights"].count_documents({}) == 336_776, "336,776 documents are there")
    return main


def edit(project: argon.Project, main: argon.Branch) -> tuple[argon.Branch, int]:
    """Branch, and edit both sides; return the branch and main's LSN before."""
    with step("branch"):
        exp = project.branches.create("experiment", from_branch="main")
    same = {"_id": {"$lt": 10_000}}
    with step("edit 10,000 flights on the branch: clamp departures, count the edit"):
        done = exp["flights"].update_many(same, {"$max": {"delay.dep": 0.0}, "$inc": {"edits": 1}})
        check(done.matched_count == 10_000, "10,000 flights matched")
    with step("edit the same flights, and others, on main"):
        with main.as_actor("etl", message="count a second edit") as etl:
            etl["flights"].update_many(same, {"$inc": {"edits": 10}})
        main["flights"].update_many({"_id": {"$gte": 300_000}}, {"$set": {"checked": True}})
    with step("and one flight on both sides, in conflict"):
        exp["flights"].update_one({"_id": 42}, {"$set": {"tailnum": "N-EXP"}})
        main["flights"].update_one({"_id": 42}, {"$set": {"tailnum": "N-MAIN"}})
    return exp, main.lsn


def merge(project: argon.Project, exp: argon.Branch, main: argon.Branch) -> None:
    """Merge the branch into main: both increments, one conflict."""
    with step("diff the branch against main"):
        diff = exp.diff("main").to_pandas()
        print(f"   {len(diff):,} differences")
        check(len(diff) > 10_000, "edits of both sides are in it")
    with step("plan the merge"):
        plan = exp.merge_plan("main")
        for conflict in plan.conflicts:
            print(f"   conflict: {conflict}")
        check(len(plan.conflicts) == 1, "one conflict")
    with step("resolve it with theirs, and apply"):
        plan.resolve("theirs")
        result = plan.apply()
        print(f"   {result}")
    merged = main["flights"].find_one({"_id": 42})
    check(merged["edits"] == 11, "both increments are kept (1 + 10 = 11)")
    check(merged["tailnum"] == "N-EXP", "the conflict is resolved as chosen")
    everywhere = main["flights"].count_documents({"_id": {"$lt": 10_000}, "edits": 11})
    check(everywhere == 10_000, "both increments in all 10,000 documents")


def travel(project: argon.Project, main: argon.Branch, lsn: int, moment: Any) -> None:
    """Read the past by LSN and by time, tag it, restore and come back."""
    with step("read main as of before the merge, by LSN and by time"):
        for at in (lsn, moment):
            then = main.at(at)["flights"].find_one({"_id": 42})
            check(then["edits"] == 10 and then["tailnum"] == "N-MAIN", f"at {at}")
    with step("tag the merged state"):
        project.tags.create("merged", branch="main")
    with step("restore main to before the merge, and back to the tag"):
        main.restore(at=lsn)
        check(main["flights"].find_one({"_id": 42})["edits"] == 10, "before the merge")
        main.restore(at="merged")
        check(main["flights"].find_one({"_id": 42})["edits"] == 11, "merged again")


def undo(main: argon.Branch) -> None:
    """Take back what one actor did."""
    with step("undo everything that the actor etl did"):
        main.undo(actor="etl")
        check(main["flights"].find_one({"_id": 42})["edits"] == 1, "its increments are gone")
        check(main["flights"].find_one({"_id": 42})["tailnum"] == "N-EXP", "the rest is there")
    with step("history and blame of one flight"):
        for version in main.history("flights", 42):
            print(f"   {version.lsn:>6} {version.actor:<10} {version.op}")
        fields = {field.path: field.lsn for field in main.blame("flights", 42)}
        check("tailnum" in fields, "blame knows who set the tail number")


def learn(exp: argon.Branch, main: argon.Branch) -> None:
    """Fit one model on two branches' data."""
    with step("fit a model on two branches"):
        for branch in (main, exp):
            score, rows = fit(branch)
            print(f"   {branch.name:<12} R² {score:.4f} on {rows:,} flights")
            check(0.5 < score < 1, f"a sensible fit on {branch.name}")


def by_cli(store: str) -> None:
    """The same steps from the shell."""

    def run(*words: str) -> str:
        print(f"   $ argon {' '.join(words)}")
        done = subprocess.run(
            ["argon", "--store", store, *words], capture_output=True, text=True, check=False
        )
        for line in done.stdout.splitlines()[:6]:
            print(f"     {line}")
        check(done.returncode == 0, f"exit code {done.returncode} {done.stderr.strip()}")
        return done.stdout

    if shutil.which("argon") is None:
        check(False, "the CLI is on the PATH")
        return
    with step("the same by the CLI, on the same store"):
        run("projects", "list")
        run("branches", "create", "cli", "-p", "nyc", "--from", "main@merged")
        run("branches", "list", "-p", "nyc")
        run("branches", "diff", "cli", "main", "-p", "nyc", "--limit", "3")
        run("branches", "merge", "cli", "--into", "main", "-p", "nyc")
        run(
            "time-travel",
            "query",
            "-p",
            "nyc",
            "-b",
            "main",
            "-c",
            "flights",
            "--at",
            "merged",
            "--filter",
            '{"_id": 42}',
        )
        run("history", "flights", "42", "-p", "nyc")
        run("branches", "delete", "cli", "-p", "nyc", "--yes")
        run("status")
        check(json.loads(run("fsck", "--json"))["problems"] == [], "fsck finds no problem")


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", metavar="DIR", help="make the store here, and leave it")
    arguments = parser.parse_args()
    store = arguments.keep or tempfile.mkdtemp(prefix="argon-demo-")
    began = time.perf_counter()
    try:
        with argon.Client(store) as client:
            project = client.projects.create("nyc")
            trunk = load(project)
            exp, lsn = edit(project, trunk)
            moment = trunk.log(limit=1)[0].time
            merge(project, exp, trunk)
            travel(project, trunk, lsn, moment)
            undo(trunk)
            learn(exp, trunk)
            memory = psutil.Process(os.getpid()).memory_info().rss
        by_cli(store)
        print(f"\nstore: {size_of(store) / 1e6:,.1f} MB on disk", end="; ")
        print(f"process: {memory / 1e6:,.1f} MB of memory, pandas and scikit-learn included")
        print(f"all of it: {time.perf_counter() - began:,.1f} s; {len(failures)} checks failed")
    finally:
        if not arguments.keep:
            shutil.rmtree(store, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
