"""The names that the package exports, and pymongo's arguments under them."""

from __future__ import annotations

import ast
import inspect
import re
import types
from pathlib import Path

import pymongo.collection
import pymongo.cursor
import pymongo.database
import pymongo.errors
import pytest

import argon
from argon import _errors

from .conftest import ROOT, checked, run_python

PACKAGE = ROOT / "python" / "argon"


def test_all_resolves() -> None:
    assert len(set(argon.__all__)) == len(argon.__all__)
    for name in argon.__all__:
        assert getattr(argon, name) is not None
        assert name in dir(argon)


def test_nothing_public_is_missing_from_all() -> None:
    public = {
        name
        for name, value in vars(argon).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public - {"TYPE_CHECKING", "Any", "annotations"} <= set(argon.__all__)
    errors = {name for name, value in vars(_errors).items() if inspect.isclass(value)}
    ours = {name for name in errors if issubclass(getattr(_errors, name), argon.ArgonError)}
    assert ours - {"HandleInvalid"} <= set(argon.__all__)


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Brunch'"):
        _ = argon.Brunch  # type: ignore[attr-defined]


def test_everything_public_is_documented() -> None:
    for name in argon.__all__:
        value = getattr(argon, name)
        if not inspect.isclass(value) or not value.__module__.startswith("argon"):
            continue
        assert value.__doc__, name
        for method, member in vars(value).items():
            if not method.startswith("_") and inspect.isfunction(member):
                assert member.__doc__, f"{name}.{method}"


def test_only_one_module_touches_ffi() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name not in ("_ffi.py", "_header.py"):
            imported = {
                alias.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names
            }
            assert not imported & {"cffi", "FFI", "ctypes"}, path.name


def test_import_leaves_the_slow_libraries_alone(tmp_path: Path) -> None:
    code = """
        import sys, argon
        client = argon.Client(sys.argv[1])
        client.close()
        slow = {"pymongo", "pandas", "pyarrow", "polars", "asyncio", "ssl", "numpy"}
        print(sorted(slow & set(sys.modules)))
    """
    assert checked(run_python(code, str(tmp_path / "store"))).strip() == "[]"


# Arguments of pymongo's that mean something for its server connections only.
NOT_HERE = {
    "find": {
        "args", "kwargs", "cursor_type", "allow_partial_results", "oplog_replay",
        "snapshot", "modifiers", "max_scan",
    },
    "with_options": {"read_preference", "write_concern", "read_concern"},
    "drop": {"encrypted_fields"},
}  # fmt: skip
METHODS = [
    "find", "find_one", "insert_one", "insert_many", "update_one", "update_many",
    "replace_one", "delete_one", "delete_many", "find_one_and_update", "bulk_write",
    "find_one_and_replace", "find_one_and_delete", "aggregate", "distinct", "rename",
    "count_documents", "estimated_document_count", "create_index", "create_indexes",
    "list_indexes", "index_information", "drop_index", "drop_indexes", "drop",
    "options", "watch", "with_options", "find_raw_batches", "aggregate_raw_batches",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_methods_take_pymongos_arguments(method: str) -> None:
    theirs = inspect.signature(getattr(pymongo.collection.Collection, method)).parameters
    ours = inspect.signature(getattr(argon.Collection, method)).parameters
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in ours.values()):
        return
    missing = set(theirs) - set(ours) - NOT_HERE.get(method, set())
    assert not missing
    shared = [name for name in theirs if name in ours]
    assert shared == [name for name in ours if name in theirs], "the order differs"


def test_publishing_lists_its_options_and_takes_no_others(main: argon.Branch) -> None:
    for method in (main.publish, main.restore_to):
        parameters = inspect.signature(method).parameters
        assert parameters["guard"].default == "fields"
        assert parameters["guard"].annotation == "Guard"
        assert "options" not in parameters
    with pytest.raises(TypeError, match="unexpected keyword argument 'guards'"):
        main.publish("mongodb://nowhere/shop", guards="document")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="missing a required argument: 'at'"):
        main.restore_to("mongodb://nowhere/shop")  # type: ignore[call-overload]


@pytest.mark.parametrize("owner", [pymongo.MongoClient, pymongo.database.Database])
def test_streams_take_pymongos_arguments_everywhere(owner: type) -> None:
    theirs = list(inspect.signature(owner.watch).parameters)  # type: ignore[attr-defined]
    for ours in (argon.Client, argon.Project, argon.Branch, argon.Collection):
        assert list(inspect.signature(ours.watch).parameters)[: len(theirs)] == theirs


def test_find_takes_the_arguments_of_pymongos_cursor() -> None:
    theirs = inspect.signature(pymongo.cursor.Cursor.__init__).parameters
    ours = inspect.signature(argon.Collection.find).parameters
    missing = set(theirs) - set(ours) - NOT_HERE["find"] - {"self", "collection"}
    assert not missing


def test_cursors_have_pymongos_methods() -> None:
    theirs = {name for name in dir(pymongo.cursor.Cursor) if not name.startswith("_")}
    ours = set(dir(argon.Cursor))
    connection_only = {
        "add_option", "remove_option", "address", "session", "max_await_time_ms", "max_scan",
    }  # fmt: skip
    assert theirs - ours - connection_only == set()


def test_the_tree_of_exceptions_is_drawn_as_it_is() -> None:
    """Each line of the docstring's drawing is a class under the one it hangs on."""
    stack: list[type] = []
    drawn = set()
    for line in (_errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)(\w+)\s{2,}|^    ([│├└─ ]*)(\w+)$", line)
        if not found:
            continue
        indent, name = (found[1], found[2]) if found[2] else (found[3], found[4])
        if not hasattr(_errors, name):
            continue
        depth = len(indent) // 4
        cls = getattr(_errors, name)
        del stack[depth:]
        if stack:
            assert stack[-1] in cls.__mro__, name
        stack.append(cls)
        drawn.add(cls)
    ours = {
        value
        for value in vars(_errors).values()
        if inspect.isclass(value) and issubclass(value, argon.ArgonError)
    }
    assert ours - drawn == {_errors.HandleInvalid}


def test_the_environment_names_the_store_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as it was when the library was loaded."""
    for name in ("one", "two"):
        monkeypatch.setenv("ARGON_URI", str(tmp_path / name))
        with argon.Client() as client:
            client.projects.create("shop")
        assert (tmp_path / name).is_dir()
