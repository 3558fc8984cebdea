# SPDX-License-Identifier: Apache-2.0
"""How the command fails: one line on stderr that says what happened, why, and what to do; exit status 1."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from pathlib import Path

_LOG_BYTES = 1024 * 1024  # a larger log of this command is moved aside, and one older is kept


class Failure(Exception):
    """A failure to show: `message` is what happened and why, `remedy` what to do now."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


def one_line(text: str) -> str:
    """The text on one line, single spaces between words."""
    return " ".join(text.split())


def _told(error: BaseException) -> str | None:
    """What the package's own errors (LimnerError, ImagingError, InstallError, Failure) say; None for others."""
    message, remedy = getattr(error, "message", None), getattr(error, "remedy", None)
    if isinstance(message, str) and isinstance(remedy, str):
        return f"{message} {remedy}"
    return None


def _write_log(error: BaseException) -> Path | None:
    """Append the traceback to the command's log; None when that fails too."""
    from limner.wire.connection import home, make_home

    path = home() / "logs" / "cli.log"
    with suppress(OSError):
        make_home()
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(" ".join(sys.argv) + "\n")
            file.write("".join(traceback.format_exception(type(error), error, error.__traceback__)) + "\n")
        return path
    return None


def describe(error: BaseException) -> str:
    """The one line for an error. The traceback of an unexpected one goes to the log."""
    told = _told(error)
    if told is not None:
        return one_line(told)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return one_line(f"{where}{error.strerror}. Check the path, its permissions and the free space, and try again.")
    if isinstance(error, MemoryError):
        return "There is not enough memory for this. Close other programs or use a smaller picture."
    log = _write_log(error)
    details = f"the details are in {log}" if log else "its log could not be written either"
    return one_line(f"Something unexpected went wrong: {type(error).__name__}: {error}. Please report it; {details}.")


def report(line: str) -> None:
    """Print one line on stderr, even when it holds characters that the terminal lacks."""
    encoding = sys.stderr.encoding or "utf-8"
    text = f"limner: {line}".encode(encoding, "backslashreplace").decode(encoding)
    print(text, file=sys.stderr)
    sys.stderr.flush()
