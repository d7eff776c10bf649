"""Write the generated references into docs/, or check that they are up to date.

docs/cli.md, docs/commands.md and docs/errors.md are what the CLI prints of
itself; docs/python-api.md is made from the docstrings of the installed package.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import argon

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "build" / "argon"


def from_cli(name: str) -> str:
    """Return one of the CLI's references."""
    return subprocess.run(
        [CLI, "reference", name], check=True, capture_output=True, text=True
    ).stdout


def signature(thing: object) -> str:
    """Return the signature of a callable, or nothing."""
    try:
        return str(inspect.signature(thing))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""


def doc(thing: object) -> str:
    """Return a docstring, cleaned."""
    return inspect.getdoc(thing) or ""


def members(cls: type) -> list[str]:
    """Describe a class's public methods and properties."""
    lines = []
    parents = [base for base in cls.__mro__[1:] if getattr(argon, base.__name__, None) is base]
    for parent in parents[:1]:
        lines += [f"It has all that [`{parent.__name__}`](#{parent.__name__.lower()}) has.", ""]
    for name, member in inspect.getmembers(cls):
        if name.startswith("_") or not _documented_here(cls, name):
            continue
        raw = inspect.getattr_static(cls, name)
        if any(inspect.getattr_static(parent, name, None) is raw for parent in parents):
            continue
        if isinstance(raw, property):
            lines += [f"### `{cls.__name__}.{name}`", "", doc(raw), ""]
        elif callable(member):
            shown = signature(member).replace("(self, ", "(").replace("(self)", "()")
            lines += [f"### `{cls.__name__}.{name}{shown}`", "", doc(member), ""]
    return lines


def _documented_here(cls: type, name: str) -> bool:
    """Tell Argon's own members from those inherited from elsewhere."""
    for base in cls.__mro__:
        if name in vars(base):
            return base.__module__.split(".")[0] == "argon"
    return False


def python_api() -> str:
    """Return the reference of the Python package."""
    lines = ["# Python API", "", "Generated from the docstrings.", "", doc(argon), ""]
    for name in sorted(argon.__all__):
        thing = getattr(argon, name)
        if inspect.isclass(thing):
            lines += [f"## `{name}`", "", doc(thing), ""]
            if not issubclass(thing, BaseException):
                lines += members(thing)
        elif callable(thing):
            lines += [f"## `{name}{signature(thing)}`", "", doc(thing), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the references; with --check, fail if one would change."""
    pages = {
        "cli.md": from_cli("cli"),
        "commands.md": from_cli("commands"),
        "errors.md": from_cli("errors"),
        "python-api.md": python_api(),
    }
    stale = []
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text)
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run make docs\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
