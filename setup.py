"""Builds the shared library with Go and puts it into the package.

The wheel depends on the platform but on no version of CPython: Python reaches
the library through cffi's ABI mode. Everything else stands in pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "python" / "argon"
LIBRARY = {"darwin": "libargon.dylib", "win32": "libargon.dll"}.get(sys.platform, "libargon.so")


def release() -> str:
    """Return the release, which stands in the Go sources alone."""
    source = (ROOT / "core" / "command" / "hello.go").read_text(encoding="utf-8")
    found = re.search(r'^var Version = "([^"]+)"', source, re.MULTILINE)
    if found is None:
        raise SystemExit("core/command/hello.go does not say which release this is")
    return found[1]


class GoLibrary(build_ext):
    """Builds libargon with Go, and the parsed header beside it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path in the package. Setuptools asks with the
        package's name in front for a wheel and without for a build in place."""
        return os.path.join("argon", LIBRARY) if "." in fullname else LIBRARY

    def build_extension(self, ext: Extension) -> None:
        """Build the library."""
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        go = shutil.which("go")
        if go is None:
            raise SystemExit(
                "Argon is built with Go 1.26 or later, and there is no go command on the PATH: "
                "get it from https://go.dev/dl, or install a wheel."
            )
        command = [go, "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", str(target)]
        done = subprocess.run(
            [*command, "./capi"], cwd=ROOT, env={**os.environ, "CGO_ENABLED": "1"}, check=False
        )
        if done.returncode:
            raise SystemExit(f"building {LIBRARY} with Go failed; the reason stands above.")
        # Go writes a header of its own; the package has the real one.
        target.with_suffix(".h").unlink(missing_ok=True)
        emit_declarations(target.parent)


def emit_declarations(folder: Path) -> None:
    """Write argon.h as Python, so that importing the package need not parse it."""
    import importlib.util

    from cffi import FFI

    spec = importlib.util.spec_from_file_location("argon_header", PACKAGE / "_declarations.py")
    assert spec is not None
    assert spec.loader is not None
    declarations = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(declarations)
    builder = FFI()
    builder.set_source("argon._header", None)
    builder.cdef(declarations.read_header((PACKAGE / "argon.h").read_text(encoding="utf-8")))
    builder.emit_python_code(str(folder / "_header.py"))


class PlatformWheel(bdist_wheel):
    """Tags the wheel py3-none-<platform>."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag: any Python 3, no ABI, this platform."""
        return "py3", "none", super().get_tag()[2]


setup(
    version=release(),
    ext_modules=[Extension("argon.libargon", [])],
    cmdclass={"build_ext": GoLibrary, "bdist_wheel": PlatformWheel},
)
