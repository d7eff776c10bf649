"""argon.h against the library and against this package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from argon import _ffi

from .conftest import ROOT

HEADER = (ROOT / "capi" / "argon.h").read_text()


def declared() -> set[str]:
    return set(re.findall(r"^(?:int32_t|const char \*)\s*\*?(argon_\w+)\(", HEADER, re.MULTILINE))


def test_the_package_ships_this_header() -> None:
    assert (ROOT / "python" / "argon" / "argon.h").read_text() == HEADER


@pytest.mark.skipif(sys.platform == "win32", reason="nm reads no DLL")
def test_the_library_exports_what_the_header_declares() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("no nm: install binutils")
    command = [nm, "-D", "--defined-only", str(_ffi.library_path())]
    if sys.platform == "darwin":
        command = [nm, "-gU", str(_ffi.library_path())]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" T _?(argon_\w+)$", output, re.MULTILINE))
    assert exported == declared()


def test_every_declared_function_is_used_here() -> None:
    source = (ROOT / "python" / "argon" / "_ffi.py").read_text()
    used = set(re.findall(r"\.(argon_\w+)\b", source))
    assert used == declared()


def test_constants_are_those_of_the_header() -> None:
    constants = dict(re.findall(r"#define ARGON_(\w+) (\d+)", HEADER))
    for name in ("OK", "FAILED", "TOO_SMALL", "RUNNING", "ABI"):
        assert getattr(_ffi, name) == int(constants.pop(name))
    assert constants == {}


def test_release() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", _ffi.load().version)
