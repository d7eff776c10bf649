"""What the documents show runs, and what they link to is there."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import argon

from .conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "core" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))

# What needs a server that is not there, or does not end.
ELSEWHERE = re.compile(r"mongodb://|^argon serve")


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of code of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to run in, with what the documents take for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARGON_URI", str(tmp_path / "my-store"))
    (tmp_path / "users.jsonl").write_text('{"_id": 1, "age": 36}\n{"_id": 2, "age": 41}\n')
    return tmp_path


def run_python(page: Path, **names: Any) -> dict[str, Any]:
    """Run a page's blocks of Python, one behind the other, with these names."""
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    return names


def run_shell(page: Path) -> None:
    """Run a page's blocks of shell, but for what needs something else."""
    for block in blocks(page, "sh"):
        lines = [line for line in block.splitlines() if not ELSEWHERE.search(line)]
        script = "set -e\n" + "\n".join(lines)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stderr}"


@pytest.mark.skipif(shutil.which("argon") is None, reason="no argon on the PATH: make build")
@pytest.mark.skipif(os.name == "nt", reason="the blocks are of a Unix shell")
def test_the_readme_runs(place: Path) -> None:
    run_shell(ROOT / "README.md")
    shutil.rmtree(place / "my-store")
    names = run_python(ROOT / "README.md")
    assert names["main"]["users"].count_documents({"visits": 11}) == 39
    names["client"].close()


def test_the_quick_start_runs(place: Path) -> None:
    page = ROOT / "docs" / "quickstart.md"
    names = run_python(page, df=pd.DataFrame({"_id": [1, 2], "score": [0.5, 0.7]}))
    assert names["main"]["scores"].count_documents({}) == 2
    if shutil.which("argon") is not None:
        run_shell(page)  # while the client has the store open: the shell attaches
    names["client"].close()


def test_the_use_cases_run(place: Path, client: argon.Client, main: argon.Branch) -> None:
    """Their store is the one of the fixtures, which is in the same directory."""
    main["users"].insert_one({"_id": 1, "email": "Ada@Example.com"})
    main["features"].insert_one({"_id": 1, "x": 1.5})
    main["accounts"].insert_one({"_id": 7, "owner": "ada"})
    with main.as_actor("nightly-load") as load:
        load["users"].update_one({"_id": 1}, {"$set": {"email": "oops"}})

    class Tomorrow(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Tomorrow:
            return cls.fromtimestamp(time.time() + 24 * 3600 + 1, tz)

    names: dict[str, Any] = {"argon": argon, "shop": client.project("shop"), "main": main}
    names |= {"datetime": Tomorrow, "timezone": dt.timezone, "timedelta": dt.timedelta}
    run_python(ROOT / "docs" / "use-cases.md", account_id=7, **names)
    assert main["users"].find_one({"_id": 1}) == {"_id": 1, "email": "Ada@Example.com"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor[1:] in {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in heads
            }
