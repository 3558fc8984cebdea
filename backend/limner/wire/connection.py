# SPDX-License-Identifier: Apache-2.0
"""The connection file: how a client finds the backend, and how a stale one is told from a live one.

It lies at ``home() / "connection.json"`` with mode 0600 in a folder of mode 0700 and holds one JSON object with the
fields of ConnectionInfo. The backend writes it when it is ready to answer, and removes it when it ends.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import limits
from .errors import ErrorCode, WireError
from .fields import integer, text

_MAX_FILE_BYTES = 64 * 1024
_ENDPOINT = text(512, empty=False)
_COUNT = integer(0, 2**63 - 1)
_TEXT = text(limits.MAX_ID_LENGTH)


@dataclass(frozen=True)
class CurveKeys:
    """The keys of an encrypted connection (CurveZMQ), each Z85, 40 characters.

    server: the backend's public key, which proves that it is the right one. public and secret: the client's own pair.
    """

    server: str
    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class ConnectionInfo:
    """Where a backend listens and how to tell that it is still the one that wrote the file.

    endpoint: "tcp://127.0.0.1:PORT". pid: its process, 0 when unknown (LIMNER_ENDPOINT). start_time: the process's
    start as the platform counts it (see process.start_time), 0 when it does not tell. token: secret of its clients.
    protocol: protocol version. version: the backend's version.
    curve: the keys for a backend on another computer (remote.py); None on the loopback, where nothing is encrypted.
    """

    endpoint: str
    pid: int = 0
    start_time: int = 0
    token: str = field(default="", repr=False)
    protocol: int = limits.PROTOCOL_VERSION
    version: str = ""
    curve: CurveKeys | None = None

    @classmethod
    def from_map(cls, value: Any) -> ConnectionInfo:
        """Read the fields; unknown keys are ignored. Raises WireError(bad_message)."""
        if not isinstance(value, Mapping):
            raise WireError(ErrorCode.BAD_MESSAGE, "The connection file holds no JSON object.")
        return cls(
            _ENDPOINT(value.get("endpoint"), "endpoint"),
            _COUNT(value.get("pid"), "pid"),
            _COUNT(value.get("start_time", 0), "start_time"),
            _TEXT(value.get("token"), "token"),
            _COUNT(value.get("protocol"), "protocol"),
            _TEXT(value.get("version", ""), "version"),
        )


def home() -> Path:
    """The folder of everything Limner keeps: LIMNER_HOME, else ~/.limner in the user's real home.

    XDG folders are not used, because sandboxed editors (Flatpak, Snap) redirect them.
    """
    moved = os.environ.get("LIMNER_HOME")
    if moved:
        return Path(os.path.abspath(os.path.expanduser(moved)))
    return Path(os.environ.get("SNAP_REAL_HOME") or os.path.expanduser("~")) / ".limner"


def connection_path() -> Path:
    """The connection file."""
    return home() / "connection.json"


def log_path() -> Path:
    """The backend's log."""
    return home() / "logs" / "backend.log"


def make_home() -> Path:
    """Create home() and its logs folder, closed to other users (0700), whatever modes they had; returns home().

    Raises OSError, PermissionError for a home that belongs to another user, who could read and change all in it.
    """
    folder = home()
    make_private_folder(folder)
    make_private_folder(folder / "logs")
    return folder


def make_private_folder(folder: Path) -> None:
    """Create a folder of mode 0700, or close an existing one to other users. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "The folder belongs to another user", str(folder))
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def new_token() -> str:
    """A fresh secret of 256 bits, hexadecimal."""
    return secrets.token_hex(32)


def same_token(first: str, second: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(first.encode("utf-8", "surrogatepass"), second.encode("utf-8", "surrogatepass"))


def write_atomically(path: Path, text: str) -> None:
    """Write a private file (0600) such that a reader sees the old or the new content, never a part. Raises OSError."""
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=str(path.parent))  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, str(path))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_connection(info: ConnectionInfo) -> Path:
    """Write the connection file, replacing any other; returns its path. Raises OSError."""
    make_home()
    path = connection_path()
    values = {name: value for name, value in asdict(info).items() if name != "curve"}
    write_atomically(path, json.dumps(values, indent=2) + "\n")
    return path


def read_connection() -> ConnectionInfo | None:
    """What the connection file says; None when there is none.

    Raises WireError(bad_message) for a damaged file and for one that another user put there.
    """
    path = connection_path()
    try:
        with open(str(path), "rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            raw = file.read(_MAX_FILE_BYTES + 1)
    except OSError:
        return None
    if os.name == "posix" and owner not in (os.getuid(), 0):
        raise WireError(ErrorCode.BAD_MESSAGE, f"The connection file {path} belongs to another user.", "Remove it.")
    if len(raw) > _MAX_FILE_BYTES:
        raise WireError(ErrorCode.BAD_MESSAGE, f"The connection file {path} is too large.", "Remove it.")
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise WireError(ErrorCode.BAD_MESSAGE, f"The connection file {path} is damaged.", "Remove it.") from None
    return ConnectionInfo.from_map(value)


def remove_connection(info: ConnectionInfo) -> None:
    """Remove the connection file if it still is the one that ``info`` describes."""
    with contextlib.suppress(OSError, WireError):
        if read_connection() == info:
            connection_path().unlink()
