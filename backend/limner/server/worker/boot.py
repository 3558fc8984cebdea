# SPDX-License-Identifier: Apache-2.0
"""What the server hands its worker process at the start, and how that process ties itself to its server."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MAX_THREADS = 16


@dataclass(frozen=True)
class WorkerBoot:
    """The one line of JSON on the worker's standard input.

    Attributes:
        endpoint: the server's loopback socket for its worker.
        secret: proves to the server that this is its worker (hexadecimal).
        device: "auto", "cuda", "cuda:1", "mps" or "cpu", for the engine.
        engine: the engine's factory as "package.module:function"; called with the device.
        parent: the server's process id.
        beside: how many other workers compute on this machine, which share its CPUs.
        memory: the descriptor of the memory for pictures (`memory`), which the worker inherits; -1 for none.
    """

    endpoint: str
    secret: str
    device: str
    engine: str
    parent: int
    beside: int = 0
    memory: int = -1

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> WorkerBoot:
        return cls(**json.loads(line))


def prepare_process(parent: int, beside: int = 0) -> None:
    """Ends this process with its server, leaves Ctrl-C to the server, and sets how its threads compute.

    Has to run before numpy or torch are imported, because they read the number of threads then.
    """
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    choose_threads(beside)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the server ended before the call above
            os._exit(0)
    threading.Thread(target=_exit_with_server, name="server-watch", daemon=True).start()


def _exit_with_server() -> None:
    """Waits for the end of standard input, which the server holds open for its whole life.

    Not by sys.stdin, whose lock the end of the interpreter would wait for.
    """
    while os.read(0, 1024):
        pass
    os._exit(0)


def choose_threads(beside: int = 0) -> None:
    """Sets how many threads the numerical libraries compute with, and how long these wait in a busy loop.

    By default they wait so for each other for milliseconds. Whenever another program (the editor, another worker) has
    one of the CPUs, the others then burn theirs until it comes back, and a pass takes several times as long. To sleep
    at once instead doubles the time of a pass on an idle machine; some ten thousand turns are good for both.

    OpenCV gets one thread: a drawing's lines and its check run side by side, and would wait for each other's helpers.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(worker_threads(available_cpus(), beside)))
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")


@contextlib.contextmanager
def garbage_ignored() -> Iterator[None]:
    """Looks for no garbage while modules and networks are loaded, which takes a fifth of that time and finds none;
    nor, afterwards, among what has been loaded."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def available_cpus() -> int:
    """How many CPUs this process may use: its affinity where the system tells it, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_threads(cpus: int, beside: int = 0) -> int:
    """Threads for the networks of one worker that shares the machine with `beside` others: together they take all of
    up to four CPUs, half of more.

    Half, because on larger machines two logical CPUs share one core or half the cores are slow ones, and the editor
    needs some of them while the artist draws.
    """
    together = cpus if cpus <= 4 else max(4, cpus // 2)
    return max(1, min(together // (1 + beside), _MAX_THREADS))


def load_factory(dotted: str) -> Callable[[str], Any]:
    """The function that "package.module:function" names.

    Raises:
        ValueError: the text has another form.
        ImportError, AttributeError: there is no such module or function.
    """
    module, colon, name = dotted.partition(":")
    if not (module and colon and name):
        raise ValueError(f"the engine must be given as 'package.module:function', not {dotted!r}")
    factory: Callable[[str], Any] = getattr(importlib.import_module(module), name)
    return factory
