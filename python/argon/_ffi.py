"""The shared library, and the only module that touches it.

The declarations are those of ``argon.h``, which stands beside this file: parsed
when the package was built (``_header.py``), or now, in a working tree.

Three ways lead from here into the library:

* :meth:`Library.command` calls and waits. It is the short way: a call costs a
  few microseconds, but Ctrl-C waits until it returns.
* :meth:`Library.command_long` starts a job and waits for it in slices, between
  which Python runs its signal handlers. A ``KeyboardInterrupt`` cancels the job.
* :meth:`Library.read` tries the short way for 20 ms and then takes the long one.
  It is for commands that only read.

Signals concern the main thread alone, so on other threads all of them take the
short way. All of them release the GIL.

After ``os.fork()`` the library refuses every call in the child, by itself (see
``argon.c``). A client that is opened in the child gets a copy of the library:
the system would hand out the stale one again for the same file.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

from ._declarations import read_header

OK = 0
FAILED = 1
TOO_SMALL = 2
RUNNING = 3
ABI = 1

_SLICE_MS = 50
# A read that is not done by then begins anew, as a job that Ctrl-C can end: what
# it did is lost, so the budget is small beside whatever does not fit into it.
_BUDGET_MS = 4
_SETTLE_MS = 100
_FIRST_CAPACITY = 1 << 16
_LARGEST_KEPT = 1 << 20

Progress = Callable[[bytes], None]
"""Takes the progress document of a job, as BSON, between two slices."""


def _declarations() -> Any:
    try:
        return importlib.import_module("argon._header").ffi
    except ModuleNotFoundError:
        from cffi import FFI

        ffi = FFI()
        ffi.cdef(read_header(Path(__file__).with_name("argon.h").read_text(encoding="utf-8")))
        return ffi


ffi = _declarations()
_allocate = ffi.new_allocator(should_clear_after_alloc=False)


class _Buffer:
    """Memory for one reply, and the ``argon_buffer`` that describes it."""

    __slots__ = ("memory", "struct", "view")

    def __init__(self, capacity: int = _FIRST_CAPACITY) -> None:
        self.memory = _allocate("uint8_t[]", capacity)
        self.view = ffi.buffer(self.memory)
        self.struct = ffi.new("argon_buffer *")
        self.struct.data = self.memory
        self.struct.capacity = capacity


# Buffers that no call uses. A call takes one and puts it back: so a finalizer or
# a signal handler that calls the library in between never finds one in use, and
# list.pop and list.append are atomic, which spares a lock.
_free: list[_Buffer] = []


def _take() -> _Buffer:
    try:
        return _free.pop()
    except IndexError:
        return _Buffer()


def _raise(document: bytes) -> NoReturn:
    from ._errors import error_of_document

    raise error_of_document(document)


class Library:
    """One loaded copy of the shared library."""

    def __init__(self, path: str) -> None:
        flags = getattr(os, "RTLD_NOW", 2) | getattr(os, "RTLD_LOCAL", 0)
        self._lib = ffi.dlopen(path, flags)
        if (abi := self._lib.argon_abi()) != ABI:
            raise ImportError(
                f"{path} has version {abi} of Argon's C interface, and this package needs {ABI}"
            )
        self._command = self._lib.argon_command
        self._first = self._lib.argon_first
        self.stale = False

    @property
    def version(self) -> str:
        """The release of the library."""
        return cast(bytes, ffi.string(self._lib.argon_version())).decode()

    # -- clients

    def open(self, options: bytes) -> int:
        """Open a store and return its client."""
        buffer = _take()
        self._check(self._lib.argon_open(options, len(options), buffer.struct), buffer)
        client = int(buffer.struct.handle)
        _free.append(buffer)
        return client

    def close(self, client: int) -> None:
        """Close a client. In a forked child there is nothing to close."""
        if self.stale:
            return
        buffer = _take()
        self._check(self._lib.argon_close(client, buffer.struct), buffer)
        _free.append(buffer)

    # -- commands

    def command(self, client: int, db: bytes, command: bytes) -> bytes:
        """Run a command and return its reply."""
        try:
            buffer = _free.pop()
        except IndexError:
            buffer = _Buffer()
        struct = buffer.struct
        if self._command(client, db, command, len(command), 0, struct) == OK:
            reply: bytes = buffer.view[: struct.size]
            _free.append(buffer)
            return reply
        return self._reply_otherwise(buffer)

    def first(self, client: int, db: bytes, command: bytes) -> bytes:
        """Run a command with a cursor and return its first document, or b""."""
        try:
            buffer = _free.pop()
        except IndexError:
            buffer = _Buffer()
        struct = buffer.struct
        if self._first(client, db, command, len(command), struct) == OK:
            document: bytes = buffer.view[: struct.size]
            _free.append(buffer)
            return document
        return self._reply_otherwise(buffer)

    def read(self, client: int, db: bytes, command: bytes) -> bytes:
        """Run a command that only reads, so that Ctrl-C can end it."""
        if threading.get_ident() != _main_thread:
            return self.command(client, db, command)
        buffer = _take()
        struct = buffer.struct
        status = self._command(client, db, command, len(command), _BUDGET_MS, struct)
        if status == OK:
            reply: bytes = buffer.view[: struct.size]
            _free.append(buffer)
            return reply
        if status == RUNNING:
            _free.append(buffer)
            return self.command_long(client, db, command)
        return self._reply_otherwise(buffer)

    def command_long(
        self, client: int, db: bytes, command: bytes, progress: Progress | None = None
    ) -> bytes:
        """Run a command that may take long, so that Ctrl-C can end it."""
        if progress is None and threading.get_ident() != _main_thread:
            return self.command(client, db, command)
        return Job(self, self.start(client, db, command)).result(progress)

    def start(self, client: int, db: bytes, command: bytes) -> int:
        """Start a command and return its job."""
        buffer = _take()
        status = self._lib.argon_command_start(client, db, command, len(command), buffer.struct)
        return self._job(status, buffer)

    # -- Arrow

    def arrow(
        self, client: int, db: bytes, command: bytes, options: bytes, keep: bool
    ) -> ArrowStream:
        """Run a command that answers with a cursor, as an Arrow stream.

        With keep the stream's error can be asked for until this object goes;
        without, the stream may outlive it.
        """
        buffer = _take()
        status = self._lib.argon_arrow(
            client, db, command, len(command), options, len(options), buffer.struct
        )
        job = Job(self, self._job(status, buffer))
        job.wait()
        try:
            return ArrowStream(self, job.number, keep)
        except BaseException:
            job.drop()
            raise

    def insert_arrow(
        self,
        client: int,
        db: bytes,
        command: bytes,
        stream: object,
        options: bytes,
        progress: Progress | None = None,
    ) -> bytes:
        """Insert the rows of an ``arrow_array_stream`` capsule."""
        address = _capsule_address(stream)
        pointer = ffi.cast("struct ArrowArrayStream *", address)
        buffer = _take()
        status = self._lib.argon_insert_arrow(
            client, db, command, len(command), pointer, options, len(options), buffer.struct
        )
        return Job(self, self._job(status, buffer)).result(progress)

    def panic(self) -> None:
        """Panic inside the library, for the tests of what follows."""
        buffer = _take()
        self._check(self._lib.argon_test_panic(buffer.struct), buffer)

    # -- replies

    def _job(self, status: int, buffer: _Buffer) -> int:
        self._check(status, buffer)
        job = int(buffer.struct.handle)
        _free.append(buffer)
        return job

    def _check(self, status: int, buffer: _Buffer) -> None:
        if status != OK:
            self._reply_otherwise(buffer, status)

    def _reply_otherwise(self, buffer: _Buffer, status: int | None = None) -> bytes:
        """Raise the error in the buffer, or fetch the reply that did not fit."""
        struct = buffer.struct
        if not struct.handle:
            document = buffer.view[: struct.size]
            _free.append(buffer)
            _raise(document)
        return self._fetch(struct.handle, struct.size)

    def _fetch(self, job: int, size: int = 0) -> bytes:
        """Return the result of a finished job."""
        buffer = _take() if size <= _FIRST_CAPACITY else _Buffer(size)
        struct = buffer.struct
        status = self._lib.argon_job_result(job, struct)
        if status == TOO_SMALL:
            return self._fetch(job, struct.size)
        document: bytes = buffer.view[: struct.size]
        if struct.capacity <= _LARGEST_KEPT:
            _free.append(buffer)
        if status != OK:
            _raise(document)
        return document


class Job:
    """A call that runs in the library; it ends with its result or dropped."""

    def __init__(self, library: Library, number: int) -> None:
        self._library = library
        self._lib = library._lib
        self.number = number

    def wait(self, progress: Progress | None = None) -> None:
        """Wait until the job is finished. An exception on the way ends the job."""
        buffer = _Buffer()
        try:
            while (
                status := self._lib.argon_job_wait(self.number, _SLICE_MS, buffer.struct)
            ) == RUNNING:
                if progress is not None:
                    progress(self.progress())
        except BaseException as error:
            self._lib.argon_job_cancel(self.number, buffer.struct)
            status = self._lib.argon_job_wait(self.number, _SETTLE_MS, buffer.struct)
            if isinstance(error, KeyboardInterrupt) and not error.args:
                error.args = self._fate(status)
            self.drop()
            raise
        self._library._check(status, buffer)

    def _fate(self, status: int) -> tuple[str, ...]:
        """Say what became of a command that was to be stopped, unless it just was."""
        if status == RUNNING:
            return ("the command has not stopped yet: it will be carried out whole, or not at all",)
        try:
            self._library._fetch(self.number)
        except Exception as error:
            # Of an import, a publish: what stays of it.
            return (str(error),) if getattr(error, "remedy", "") else ()
        return ("the command had been carried out before it could be stopped",)

    def result(self, progress: Progress | None = None) -> bytes:
        """Wait, and return the reply."""
        self.wait(progress)
        return self._library._fetch(self.number)

    def progress(self) -> bytes:
        """What the job says about its progress, a BSON document."""
        buffer = _Buffer()
        self._library._check(self._lib.argon_job_progress(self.number, buffer.struct), buffer)
        document: bytes = buffer.view[: buffer.struct.size]
        return document

    def drop(self) -> None:
        """Cancel and forget the job."""
        self._lib.argon_job_drop(self.number, ffi.NULL)


class ArrowStream:
    """A stream of record batches, until something takes it over."""

    def __init__(self, library: Library, job: int, keep: bool) -> None:
        self._library = library
        self._job = job
        self._keep = keep
        struct = ffi.new("struct ArrowArrayStream *")
        buffer = _take()
        library._check(library._lib.argon_job_stream(job, keep, struct, buffer.struct), buffer)
        _free.append(buffer)
        self._struct = struct

    def __del__(self) -> None:
        if (struct := getattr(self, "_struct", None)) is None:
            return
        _release(struct)
        if self._keep:
            self._library._lib.argon_job_drop(self._job, ffi.NULL)

    def capsule(self) -> object:
        """Hand the stream over in a capsule, as ``__arrow_c_stream__`` must."""
        return _capsule_of(self._struct)

    def cancel(self) -> None:
        """End the stream from another thread: its reader gets an error."""
        self._library._lib.argon_job_cancel(self._job, ffi.NULL)

    def error(self) -> Exception | None:
        """The error that ended the stream, if it was opened with keep."""
        from ._errors import HandleInvalid

        try:
            self._library._fetch(self._job)
        except HandleInvalid:
            return None
        except Exception as error:
            return error
        return None


def _release(struct: Any) -> None:
    if struct.release != ffi.NULL:
        struct.release(struct)


# -- capsules

_STREAM_NAME = b"arrow_array_stream"
_streams: dict[int, Any] = {}


def _capsules() -> Any:
    """Return CPython's capsule functions (ctypes loads when one is needed)."""
    global _capsule_functions
    if _capsule_functions is None:
        import ctypes

        api = ctypes.pythonapi
        destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        new = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
        )(("PyCapsule_New", api))
        of_object = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
            ("PyCapsule_GetPointer", api)
        )
        # In a destructor the capsule has no references left, so it must not
        # become an object: it stays an address.
        of_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
            ("PyCapsule_GetPointer", api)
        )

        def destroy(capsule: int) -> None:
            struct = _streams.pop(of_address(capsule, _STREAM_NAME), None)
            if struct is not None:
                _release(struct)

        callback = destructor(destroy)
        # Capsules may outlive this module at exit; the callback must not go.
        api.Py_IncRef(ctypes.py_object(callback))
        address = ctypes.cast(callback, ctypes.c_void_p)
        _capsule_functions = (new, of_object, address, _STREAM_NAME)
    return _capsule_functions


_capsule_functions: Any = None


def _capsule_of(struct: Any) -> object:
    new, _, destructor, name = _capsules()
    moved = ffi.new("struct ArrowArrayStream *", struct[0])
    struct.release = ffi.NULL
    address = int(ffi.cast("uintptr_t", moved))
    _streams[address] = moved
    capsule: object = new(address, name, destructor)
    return capsule


def _capsule_address(capsule: object) -> int:
    _, of_object, _, name = _capsules()
    address: int = of_object(capsule, name)
    return address


# -- loading

_lock = threading.Lock()
_current: Library | None = None
_copies = 0
_main_thread = threading.main_thread().ident


def library_path() -> Path:
    """Return the file of the library: $ARGON_LIBRARY, or the one beside this."""
    if path := os.environ.get("ARGON_LIBRARY"):
        return Path(path)
    suffix = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    return Path(__file__).with_name(f"libargon.{suffix}")


def load() -> Library:
    """Return the library of this process, loaded on the first call."""
    global _current
    with _lock:
        if _current is None:
            path = library_path()
            if not path.exists():
                raise ImportError(
                    f"the Argon library is not at {path}: install the package "
                    "(pip install argon-mongodb), or set ARGON_LIBRARY"
                )
            _current = Library(str(path)) if _copies == 0 else _load_copy(path)
        return _current


def _load_copy(path: Path) -> Library:
    """Load the library from another file, which makes it another library."""
    import shutil
    import tempfile

    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("libargon", os.MFD_CLOEXEC)
        try:
            with open(path, "rb") as source, open(descriptor, "wb", closefd=False) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            # The loader compares names first: one with the process in it is new.
            return Library(f"/proc/{os.getpid()}/fd/{descriptor}")
        finally:
            os.close(descriptor)
    with tempfile.TemporaryDirectory() as folder:
        return Library(shutil.copy(path, folder))


def _after_fork_in_child() -> None:
    global _current, _copies, _lock, _main_thread
    _lock = threading.Lock()
    _main_thread = threading.get_ident()
    _free.clear()
    if _current is not None:
        _current.stale = True
        _current = None
        _copies += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
