"""Clients beyond PyMongo do a day's work on an Argon server, each in its own language."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import argon

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENTS = Path(os.environ.get("ARGON_CLIENTS_PYTHON", ROOT / ".clients-venv" / "bin" / "python"))


def ran(*command: str | Path) -> str:
    """Run a program to its end, which must be a good one, and return what it printed."""
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout


@pytest.mark.parametrize("client", ["motor", "mongoengine", "beanie", "arrow"])
def test_python_clients(server: str, client: str) -> None:
    if not CLIENTS.exists():
        pytest.fail(f"no {CLIENTS}: make build/stamps/clients")
    ran(CLIENTS, "-W", "ignore", HERE / "clients" / f"{client}_day.py", server)


@pytest.mark.skipif(os.name == "nt", reason="the store's socket is a Unix socket")
def test_motor_on_the_uri_of_a_branch(main: argon.Branch) -> None:
    """Over the socket of the store that this process has open."""
    if not CLIENTS.exists():
        pytest.fail(f"no {CLIENTS}: make build/stamps/clients")
    ran(CLIENTS, "-W", "ignore", HERE / "clients" / "motor_day.py", main.uri)


@pytest.fixture(scope="module")
def node() -> Path:
    path = shutil.which("node")
    if path is None:
        pytest.skip("no node on this machine")
    if not (HERE / "node" / "node_modules").exists():
        pytest.fail("no Node packages: make build/stamps/node")
    return Path(path)


@pytest.mark.parametrize("script", ["driver.js", "mongoose.js", "compass.js"])
def test_node_clients(server: str, node: Path, script: str) -> None:
    ran(node, HERE / "node" / script, server)


def test_mongosh(server: str, node: Path) -> None:
    shell = HERE / "node" / "node_modules" / "mongosh" / "bin" / "mongosh.js"
    printed = ran(node, shell, "--quiet", "--norc", server, HERE / "node" / "shell.js")
    assert printed.strip().endswith("done")
