# SPDX-License-Identifier: Apache-2.0
"""One backend for each home folder: its lock, its connection file, its logs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from ..wire import ConnectionInfo, ErrorCode, LimnerError, WireError
from ..wire.connection import log_path, read_connection, remove_connection, write_connection
from ..wire.locks import FileLock
from ..wire.process import is_stale

log = logging.getLogger("limner.server")

_PATIENCE_S = 15.0  # for another backend that is just starting or just ending
_LOG_BYTES = 1024 * 1024
_LOG_FILES = 3


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
        None once the lock is held; else the live backend of this home.

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
    return None


@contextlib.contextmanager
def published(info: ConnectionInfo) -> Iterator[None]:
    """Tells the clients where the backend is, for as long as the context lasts. Replaces what a killed one left."""
    path = write_connection(info)
    log.info("listening on %s, told in %s", info.endpoint, path)
    try:
        yield
    finally:
        remove_connection(info)


@contextlib.contextmanager
def logging_to_file() -> Iterator[None]:
    """Logs to the rotating backend.log, never a token, never a picture; also to standard error where that is not the
    same file (the clients' launcher starts the backend like that)."""
    path = log_path()
    handlers: list[logging.Handler] = [RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1)]
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


def _is_file(stream: IO[str] | None, path: Path) -> bool:
    """True when the stream writes to the file at that path, or nowhere at all."""
    if stream is None:  # pythonw on Windows
        return True
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except (OSError, ValueError):
        return False
