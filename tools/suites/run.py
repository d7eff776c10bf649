"""Run PyMongo's own tests against `argon serve`.

They come from the source distribution of the version that is installed, and run
module by module, each on a server of its own. What fails and is not in
expected.txt, or is there and does not fail any more, is an error. What fails is run
once more, alone, since some tests give the server less than a tenth of a second.

    python tools/suites/run.py                       # all modules
    python tools/suites/run.py --short               # the selection of `make test`
    python tools/suites/run.py test_bulk test_gridfs
    python tools/suites/run.py asynchronous/test_bulk auth/test_auth tls/test_ssl
    python tools/suites/run.py --server 127.0.0.1:27017 test_bulk   # a mongod, to compare
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymongo

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / "build" / "suites"

MODULES = [
    "auth/test_auth",
    "auth/asynchronous/test_auth",
    "test_bulk",
    "asynchronous/test_bulk",
    "test_causal_consistency",
    "test_change_stream",
    "test_client",
    "test_client_backpressure",
    "test_client_bulk_write",
    "test_collation",
    "test_collection",
    "asynchronous/test_collection",
    "test_collection_management",
    "test_command_logging",
    "test_command_monitoring",
    "test_comment",
    "test_connection_logging",
    "test_create_entities",
    "test_crud_unified",
    "test_csot",
    "test_cursor",
    "test_custom_types",
    "test_database",
    "test_discovery_and_monitoring",
    "test_examples",
    "test_grid_file",
    "test_gridfs",
    "test_gridfs_bucket",
    "test_gridfs_spec",
    "test_handshake_unified",
    "test_heartbeat_monitoring",
    "test_json_util_integration",
    "test_monitoring",
    "test_operation_id_retry",
    "test_pooling",
    "test_raw_bson",
    "test_read_concern",
    "test_read_preferences",
    "test_read_write_concern_spec",
    "test_retryable_reads",
    "test_retryable_reads_unified",
    "test_retryable_writes",
    "test_retryable_writes_unified",
    "test_run_command",
    "test_server_selection_logging",
    "test_session",
    "test_sessions_unified",
    "tls/test_ssl",
    "tls/asynchronous/test_ssl",
    "test_streaming_protocol",
    "test_transactions",
    "asynchronous/test_transactions",
    "test_transactions_unified",
    "test_unified_format",
    "test_versioned_api_integration",
]

# The selection of `make test`: what pytest's -k takes of a module.
SHORT = {
    "test_transactions_unified": "Commit or Abort or ErrorLabels or Retryable",
    "test_retryable_writes_unified": "InsertOne or UpdateOne or BulkWrite or FindOneAndUpdate",
    "test_change_stream": "Unified and not modify_events",
    "test_crud_unified": "Bulk or InsertMany or FindOneAnd or Aggregate",
}


def fetch() -> Path:
    """Return the folder with PyMongo's tests, from the package index if need be."""
    folder = CACHE / f"pymongo-{pymongo.version}"
    if not (folder / "test").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as parts:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
            wanted = f"pymongo=={pymongo.version}"
            subprocess.run([*pip, ":all:", "--dest", parts, wanted], check=True)
            with tarfile.open(next(Path(parts).glob("*.tar.gz"))) as archive:
                archive.extractall(parts, filter="data")
            fresh = Path(parts, "fresh")
            fresh.mkdir()
            Path(parts, folder.name, "test").rename(fresh / "test")
            (fresh / "pytest.ini").write_text("[pytest]\n")
            fresh.rename(folder)
    return folder


@dataclass
class Expected:
    """A line of expected.txt: a difference that has its reason."""

    pattern: str
    reason: str
    sometimes: bool
    seen: bool = False


def expectations() -> list[Expected]:
    """Read expected.txt."""
    found, reason = [], ""
    for line in (HERE / "expected.txt").read_text().splitlines():
        text = line.strip()
        if text.startswith("["):
            reason = text.strip("[]")
        elif text and not text.startswith("#"):
            found.append(Expected(text.lstrip("? "), reason, text.startswith("?")))
    return found


def options_of(kind: str, binary: str, store: Path, tests: Path) -> list[str]:
    """Return how the server of a module in auth/ or tls/ is started."""
    if kind.startswith("auth"):
        user = [binary, "users", "create", "user", "--role", "root", "--store", str(store)]
        env = {**os.environ, "ARGON_PASSWORD": "password"}  # both are those of PyMongo's tests
        subprocess.run(user, check=True, env=env, stdout=subprocess.DEVNULL)
        return ["--auth"]
    if kind.startswith("tls"):
        made = tests / "test" / "certificates"
        return ["--tls-cert", str(made / "server.pem"), "--tls-ca", str(made / "ca.pem")]
    return []


@contextlib.contextmanager
def served(folder: Path, kind: str, tests: Path) -> Iterator[str]:
    """Run `argon serve` on a store of its own, and give its address."""
    binary = shutil.which(os.environ.get("ARGON", "argon"))
    if binary is None:
        sys.exit("no argon on the PATH: make build")
    command = [binary, "serve", "--store", str(folder / "store"), "--listen", "127.0.0.1:0"]
    command += options_of(kind, binary, folder / "store", tests)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--json", "--enable-test-commands"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdout is not None
    text = ""
    try:
        while not text.endswith("}\n"):
            line = server.stdout.readline()
            if not line:
                raise RuntimeError((folder / "log").read_text())
            text += line
        yield json.loads(text)["uris"][0].removeprefix("mongodb://").split("/")[0].split("@")[-1]
        server.terminate()
        if server.wait(60) != 0:
            raise RuntimeError("the server ended badly:\n" + (folder / "log").read_text())
    finally:
        server.kill()
        server.stdout.close()


def run(tests: Path, module: str, selection: str, address: str) -> tuple[dict[str, str], str]:
    """Run a module; return the messages of its tests by name ("" is a pass), and the output."""
    host, port = address.rsplit(":", 1)
    kind, _, module = module.rpartition("/")
    if kind.startswith("tls"):
        host = "localhost"  # which the certificate is for
    file = f"test/{module}.py"
    if kind.endswith("asynchronous"):
        file = f"test/asynchronous/{module}.py"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=native"]
        command += ["--timeout=90", f"--junitxml={report}", "-k", selection]
        command += ["-o", "asyncio_mode=auto"]
        done = subprocess.run(
            [*command, file],
            cwd=tests,
            env={**os.environ, "DB_IP": host, "DB_PORT": port, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not report.exists():
            return {
                f"{module}.(the run itself)": f"pytest ended with {done.returncode}"
            }, done.stdout
        results = {}
        for case in ET.parse(report).getroot().iter("testcase"):
            group = case.attrib["classname"].split(".")[-1].replace("Async", "")
            name = ".".join([module, group, case.attrib["name"]])
            bad = [part for part in case if part.tag in ("failure", "error")]
            if bad or not len(case):  # what was skipped counts as neither
                results[name] = " ".join((bad[0].get("message") or "failed").split()) if bad else ""
    return results, done.stdout


def judge(results: dict[str, str], expected: list[Expected], names_only: bool = False) -> list[str]:
    """Return what is wrong with the results of a module."""
    wrong = []
    for name, message in results.items():
        known = [e for e in expected if fnmatch.fnmatchcase(name, e.pattern)]
        for e in known:
            e.seen = e.seen or bool(message)
        if message and not known:
            wrong.append(name if names_only else f"{name}: {message[:300]}")
    return wrong


def main() -> int:
    """Run the modules that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--short", action="store_true", help="the selection of make test")
    parser.add_argument("--server", help="HOST:PORT of a server that runs already")
    parser.add_argument(
        "--output", action="store_true", help="print pytest's output of what failed"
    )
    options = parser.parse_args()
    tests, expected = fetch(), expectations()
    modules = options.modules or (list(SHORT) if options.short else MODULES)

    def one(module: str) -> tuple[dict[str, str], str]:
        selection = SHORT[module] if options.short else ""
        if options.server:
            return run(tests, module, selection, options.server)
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), module, tests) as at:
            return run(tests, module, selection, at)

    def again(module: str, results: dict[str, str]) -> None:
        """Run once more, alone, what failed and should not; keep what the second run says."""
        names = [name.split(".", 2)[2] for name in judge(results, expected, names_only=True)]
        chosen = " or ".join({re.split(r"[^\w]", name)[0] for name in names})
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), module, tests) as at:
            second, _ = run(tests, module, chosen, at)
        for name in judge(results, expected, names_only=True):
            results[name] = second.get(name, results[name])

    wrong = []
    with concurrent.futures.ThreadPoolExecutor(1 if options.server else 2) as pool:
        for module, (results, output) in zip(modules, pool.map(one, modules), strict=True):
            if not options.server and judge(results, expected):
                again(module, results)
            failed = sum(map(bool, results.values()))
            bad = judge(results, expected)
            known = failed - len(bad)
            print(f"{module}: {len(results) - failed} pass, {known} differ as expected", flush=True)
            if bad and options.output:
                print(output)
            wrong += bad
            if not options.short and not options.server:
                base = module.removeprefix("auth/").removeprefix("tls/")
                wrong += [
                    f"{e.pattern} does not fail any more: take it out of expected.txt"
                    for e in expected
                    if e.pattern.startswith(base + ".") and not e.seen and not e.sometimes
                ]
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
