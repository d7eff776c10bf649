"""PyMongo's own tests, those of transactions, retries, change streams and CRUD."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "tools" / "suites" / "run.py"


@pytest.mark.timeout(600)
def test_pymongos_own() -> None:
    result = subprocess.run(
        [sys.executable, str(RUN), "--short"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
