# SPDX-License-Identifier: Apache-2.0
"""Progress bars on stderr, only on a terminal, and only for what takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 1.0  # no bar before this


class Bar:
    """One line of progress. Silent (and without Rich's import) when stderr is no terminal."""

    def __init__(self, text: str, *, visible: bool | None = None, quiet_s: float = QUIET_S) -> None:
        self._text = text
        self._fraction: float | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty() if visible is None else visible:
            timer = threading.Timer(quiet_s, self._show)
            timer.daemon = True
            timer.start()

    def update(self, text: str | None = None, fraction: float | None = None) -> None:
        """Say what is being done; `fraction` in [0, 1], None where it is not known."""
        with self._lock:
            self._text, self._fraction = text or self._text, fraction
            self._refresh()

    def _refresh(self) -> None:
        if self._progress is not None and self._task is not None:
            total = None if self._fraction is None else 1.0
            done = self._fraction or 0.0
            self._progress.update(self._task, description=self._text, completed=done, total=total)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with self._lock:
            if self._closed:
                return
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task(self._text, total=None)
            self._refresh()
            self._progress.start()

    def close(self) -> None:
        """Take the bar off the screen, for good."""
        with self._lock:
            self._closed = True
            if self._progress is not None:
                self._progress.stop()


@contextmanager
def bar(text: str) -> Iterator[Bar]:
    """A bar that is taken off the screen at the end, whatever happens."""
    shown = Bar(text)
    try:
        yield shown
    finally:
        shown.close()
