"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import argon


def test_the_example_of_the_package(tmp_path: Path) -> None:
    result = doctest.testmod(argon, extraglobs={"store": tmp_path / "store"})
    assert result.attempted >= 8
    assert result.failed == 0


def test_examples_of_modules() -> None:
    for module in pkgutil.iter_modules(argon.__path__):
        if module.name != "_header":
            found = importlib.import_module(f"argon.{module.name}")
            assert found.__doc__, module.name
            assert doctest.testmod(found).failed == 0
