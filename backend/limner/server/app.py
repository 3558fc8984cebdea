# SPDX-License-Identifier: Apache-2.0
"""Starts the backend: here, or detached in the background."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from .. import __version__
from ..client.interpreter import write_install_record
from ..client.spawn import log_tail
from ..wire import ConnectionInfo, ErrorCode, LimnerError
from ..wire.connection import log_path, make_home
from ..wire.locks import FileLock
from .allowlist import AllowList
from .children import child_environment
from .endpoint import LOOPBACK, bind_address
from .jobs import HANG_S
from .lifecycle import allow_open_files, live_connection, logging_to_file, take_lock
from .pool import settings_for
from .server import ServerSettings, run_server

log = logging.getLogger("limner.server")

DEFAULT_ENGINE = "limner.pipelines.engine:build_engine"
_START_S = 60.0


@dataclass(frozen=True)
class ServeOptions:
    """What `limner serve` takes.

    Attributes:
        endpoint: tcp://, an address and a port, or * for any that is free; a loopback address without public_key_dir.
        device: "auto", "cuda", "cuda:1", "mps" or "cpu"; several with commas between, for a worker each.
        workers: how many for each device.
        hang_s: seconds without progress after which a job is ended together with its worker.
        idle_timeout: minutes without clients after which the backend ends; 0 is never.
        foreground: stay in this process, and log to standard error as well.
        engine: the engine's factory as "package.module:function"; "" takes LIMNER_ENGINE from the environment, for
            tests and development, or else the real one.
        public_key_dir: the folder of the public keys of the clients that may come in at the endpoint; "" for none.
    """

    endpoint: str = LOOPBACK
    device: str = "auto"
    idle_timeout: float = 60.0
    foreground: bool = False
    engine: str = ""
    public_key_dir: str = ""
    workers: int = 1
    hang_s: float = HANG_S


def serve(options: ServeOptions) -> int:
    """Runs the backend of this home (`wire.connection.home`), unless one lives already; returns the exit status 0.

    In the foreground it returns when the backend has ended, else as soon as one answers in the background.

    Raises:
        LimnerError: the endpoint is not allowed or not free, the home cannot be used, or the backend could not start.
    """
    bind_address(options.endpoint, encrypted=bool(options.public_key_dir))
    if options.public_key_dir:
        AllowList(Path(options.public_key_dir))
    try:
        if options.foreground:
            _serve_here(options, make_home())
        else:
            _serve_behind(options, make_home())
    except OSError as error:
        text = f"The backend cannot use its files: {error.filename or 'the disk'}: {error.strerror}."
        remedy = "Make room on the disk and Limner's folder your own and writable, or set LIMNER_HOME to another one."
        raise LimnerError(ErrorCode.START_FAILED, text, remedy) from error
    return 0


def _serve_here(options: ServeOptions, home: Path) -> None:
    os.umask(0o077)
    allow_open_files()
    lock = FileLock(home / "backend.lock")
    with logging_to_file(), contextlib.ExitStack() as at_end:
        at_end.callback(lock.release)
        if other := take_lock(lock):
            _check_other(other, options)
            log.info("a backend runs already at %s (process %d): this one is not needed and ends", *_place(other))
            return
        write_install_record(sys.executable, __version__)
        engine = options.engine or os.environ.get("LIMNER_ENGINE") or DEFAULT_ENGINE
        devices, log_file = options.device.split(","), log_path().with_name("worker.log")
        workers = settings_for(devices, options.workers, engine, home, log_file)
        try:
            folder = Path(options.public_key_dir) if options.public_key_dir else None
            settings = ServerSettings(options.endpoint, options.idle_timeout * 60, workers, folder, options.hang_s)
            run_server(settings, lock)
        except LimnerError as error:
            log.error("%s", error)
            raise
        except Exception:
            log.exception("the backend ends because of an error of its own")
            raise


def _serve_behind(options: ServeOptions, home: Path) -> None:
    """Starts `python -m limner.server --foreground` detached from this terminal, and waits until it listens."""
    if other := live_connection():
        _check_other(other, options)
        return
    log_file = log_path()
    with log_file.open("ab") as output:
        log_start = output.tell()
        child = _start_detached(_arguments(replace(options, foreground=True)), home, output)
    deadline = time.monotonic() + _START_S
    while live_connection() is None:
        if child.poll() not in (None, 0) or time.monotonic() > deadline:
            lines = " | ".join(log_tail(log_file, log_start, lines=3))
            text = f"The backend could not be started. Its log ends with: {lines}"
            raise LimnerError(ErrorCode.START_FAILED, text)
        time.sleep(0.05)


def _check_other(other: ConnectionInfo, options: ServeOptions) -> None:
    """Raises LimnerError when the backend that runs already need not do: it may let no other computers in."""
    if options.public_key_dir:
        text = f"A backend runs already at {other.endpoint} (process {other.pid}) with options of its own."
        raise LimnerError(ErrorCode.START_FAILED, text, "End it with 'limner stop', then try again.")


def _start_detached(arguments: list[str], home: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __package__, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=home,
        env=child_environment(),
        start_new_session=True,  # ignored on Windows, where the flags detach it
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _arguments(options: ServeOptions) -> list[str]:
    """The options for `python -m limner.server`."""
    arguments = ["--endpoint", options.endpoint, "--device", options.device]
    arguments += ["--idle-timeout", str(options.idle_timeout)]
    arguments += ["--workers", str(options.workers), "--hang-s", str(options.hang_s)]
    arguments += ["--engine", options.engine] if options.engine else []
    arguments += ["--public-key-dir", os.path.abspath(options.public_key_dir)] if options.public_key_dir else []
    return arguments + (["--foreground"] if options.foreground else [])


def _place(info: ConnectionInfo) -> tuple[str, int]:
    return info.endpoint, info.pid
