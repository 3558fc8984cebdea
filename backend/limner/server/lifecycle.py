# SPDX-License-Identifier: Apache-2.0
"""One backend for each home folder: its lock, its connection file, its logs."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

from ..client import BackendError, Client
from ..wire import ConnectionInfo, ErrorCode, LimnerError, WireError
from ..wire.connection import connection_path, log_path, read_connection, remove_connection, write_connection
from ..wire.locks import FileLock
from ..wire.process import is_stale

log = logging.getLogger("limner.server")

_PATIENCE_S = 15.0  # for another backend that is just starting or just ending
_ANSWER_S = 3.0  # in which a backend that lives answers a hello
_LOG_BYTES = 1024 * 1024
_LOG_FILES = 3
_LOG_EXTRA = 100  # bytes of a line besides its message
_OLD = ".old.log"


def live_connection() -> ConnectionInfo | None:
    """What the connection file says, unless there is none, it is damaged, or its process is gone."""
    with contextlib.suppress(WireError):
        info = read_connection()
        if info is not None and not is_stale(info):
            return info
    return None


def take_lock(lock: FileLock, patience_s: float = _PATIENCE_S) -> ConnectionInfo | None:
    """Takes the home's lock, or tells which backend has it. The system releases the lock of a process that dies.

    Returns:
        None once the lock is held; else the live backend of this home, also one whose lock file was deleted.

    Raises:
        LimnerError: the lock stays taken by something that does not tell where it listens.
    """
    deadline = time.monotonic() + patience_s
    while not lock.acquire():
        if other := live_connection():
            return other
        if time.monotonic() > deadline:
            text = f"Another backend holds {lock.path}, but does not tell where it listens."
            raise LimnerError(ErrorCode.START_FAILED, text, "End that process ('limner serve'), then try again.")
        time.sleep(0.05)
    other = live_connection()
    if other is not None and _answers(other):
        lock.release()
        return other
    return None


def _answers(info: ConnectionInfo) -> bool:
    """True when a backend answers there; the process of that number alone may be any other."""
    client = Client(info, transport="zmtp", name="serve")
    try:
        client.connect(_ANSWER_S)
    except BackendError:
        return False
    else:
        return True
    finally:
        client.close()


def allow_open_files(wanted: int = 4096) -> None:
    """Raises the number of files and connections that this process may have open, which is 256 on some systems."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


class Publication:
    """Tells the clients where the backend is, for as long as the context lasts, and that its home has one. Replaces
    what a killed one left."""

    def __init__(self, info: ConnectionInfo, lock: FileLock) -> None:
        self._info = info
        self._lock = lock
        self._failed = self._doubled = False

    def __enter__(self) -> Publication:
        """Raises OSError when the connection file cannot be written."""
        _remove_leftovers(connection_path())
        path = write_connection(self._info)
        log.info("listening on %s, told in %s", self._info.endpoint, path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove_connection(self._info)

    def tick(self) -> None:
        """Writes the file again where it was deleted, damaged or opened to others, and renews the home's lock where
        that was deleted. To be called about once a second."""
        self._renew_lock()
        cause = self._damage()
        if not cause:
            return
        try:
            write_connection(self._info)
        except OSError as error:
            if not self._failed:
                log.error("the connection file %s and cannot be written again yet: %s", cause, error)
            self._failed = True
        else:
            self._failed = False
            log.warning("the connection file %s; it was written again", cause)

    def _renew_lock(self) -> None:
        with contextlib.suppress(OSError):  # a full disk, say: there is a next time
            if not self._lock.renew() and not self._doubled:
                self._doubled = True
                log.error("%s was deleted, and another backend has begun to use this home", self._lock.path)

    def _damage(self) -> str:
        """What is wrong with the file; "" when nothing is, or when it is that of another live process."""
        try:
            found = read_connection()
            if found is None:
                return "was gone"
            if found == self._info:
                open_to_others = os.name == "posix" and connection_path().stat().st_mode & 0o077
                return "could be read by other users" if open_to_others else ""
            return "" if found.pid not in (0, self._info.pid) and not is_stale(found) else "told something else"
        except (OSError, WireError):
            return "was damaged"


def _remove_leftovers(path: Path) -> None:
    """Removes what a backend that was killed while it wrote its connection file has left; each holds a token."""
    for leftover in path.parent.glob(f"{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            leftover.unlink()


@contextlib.contextmanager
def logging_to_file() -> Iterator[None]:
    """Logs to the rotating backend.log, never a token, never a picture; also to standard error where that is not the
    same file (the clients' launcher starts the backend like that)."""
    path = log_path()
    handlers: list[logging.Handler] = [_QuietLog(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1)]
    if not path.is_symlink():
        path.chmod(0o600)
    if not _is_file(sys.stderr, path):
        handlers.append(logging.StreamHandler())
    logger = logging.getLogger("limner")
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"%(asctime)s [{os.getpid()}] %(levelname)s %(message)s"))
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def trim_worker_logs() -> None:
    """Empties workers' logs that have grown large; one older part of each is kept. The workers go on writing to them
    (they append), and a full disk changes nothing."""
    for path in log_path().parent.glob("worker*.log"):
        with contextlib.suppress(OSError):
            if not path.name.endswith(_OLD) and path.stat().st_size > _LOG_BYTES:
                shutil.copyfile(path, path.with_suffix(_OLD))
                os.truncate(path, 0)


class _QuietLog(RotatingFileHandler):
    """On a full disk lines are lost, and nothing else happens."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """By how much was written, without a look at the folder and a second copy of each line."""
        if self.stream is None:  # after a full disk
            self.stream = self._open()
        return self.stream.tell() + len(record.getMessage()) + _LOG_EXTRA >= self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def _is_file(stream: IO[str] | None, path: Path) -> bool:
    """True when the stream writes to the file at that path, or nowhere at all."""
    if stream is None:  # pythonw on Windows
        return True
    try:
        written = os.fstat(stream.fileno())
        return any(os.path.samestat(written, os.stat(place)) for place in (path, os.devnull))
    except (OSError, ValueError):
        return False
