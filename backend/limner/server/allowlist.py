# SPDX-License-Identifier: Apache-2.0
"""The clients that may come in from other computers: a folder with one public key for each, NAME.key.

The files have the format of `zmq.auth` certificates. A key counts from the moment that its file is there, and no longer
once it is gone; no restart is needed.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path

import zmq.auth

from ..wire import ErrorCode, LimnerError, WireError
from ..wire.connection import write_atomically
from ..wire.remote import check_key

log = logging.getLogger("limner.server")

_NAME = re.compile(r"[\w][\w.@ -]{0,63}")


class AllowList:
    """The keys in one folder, as they were at the last `refresh`."""

    def __init__(self, folder: Path) -> None:
        """Reads the folder.

        Raises:
            LimnerError: there is no such folder, it holds no key, or other users could put one there.
        """
        self.folder = folder
        self.names: dict[str, str] = {}  # key, Z85 -> name
        self._complaints: set[str] = set()
        _refuse_open(folder)
        self.refresh()
        if not self.names:
            text = f"There is no public key in {folder}, so no client could come in."
            raise LimnerError(ErrorCode.START_FAILED, text, "Allow one with 'limner keys allow NAME KEY'.")

    def refresh(self) -> None:
        """Reads the folder again. A file that cannot be read allows nothing."""
        try:
            files = sorted(self.folder.glob("*.key"))
        except OSError as error:
            files = []
            self._complain(f"the folder {self.folder} cannot be read, nobody is allowed: {error}")
        found: dict[str, str] = {}
        for path in files:
            try:
                found[check_key(zmq.auth.load_certificate(path)[0].decode("ascii"))] = path.stem
            except (OSError, ValueError, WireError) as error:
                self._complain(f"{path} holds no public key and allows nobody: {error}")
        self.names = found

    def __contains__(self, key: object) -> bool:
        return key in self.names

    def callback(self, domain: str, key: bytes) -> bool:
        """What `zmq.auth` asks at each handshake: may the client with this key come in?"""
        self.refresh()
        text = key.decode("ascii", "replace")
        if text in self.names:
            log.info("the computer '%s' connects", self.names[text])
            return True
        log.warning("a computer with the key %s, which is not allowed, was refused", text)
        return False

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            log.error("%s", text)


def allow(folder: Path, name: str, key: str) -> Path:
    """Writes the key into the folder; returns the file.

    Raises:
        LimnerError: the name or the key is none, or the name is another key's.
        OSError: the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        text = f"'{name}' is no name: it must be up to 64 letters, digits, spaces or . @ - _."
        raise LimnerError(ErrorCode.BAD_PARAMETER, text, "Choose another name, such as anna-laptop.")
    check_key(key)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.key"
    if path.exists() and zmq.auth.load_certificate(path)[0] != key.encode():
        text = f"The name '{name}' stands for another key already."
        raise LimnerError(ErrorCode.BAD_PARAMETER, text, f"Choose another name, or run 'limner keys revoke {name}'.")
    write_atomically(path, f'metadata\ncurve\n    public-key = "{key}"\n')
    return path


def revoke(folder: Path, name: str) -> None:
    """Removes the key of that name. Raises LimnerError when there is none."""
    path = folder / f"{name}.key"
    if not _NAME.fullmatch(name) or not path.exists():
        text = f"There is no key of the name '{name}' in {folder}."
        raise LimnerError(ErrorCode.BAD_PARAMETER, text, "'limner keys list' tells the names.")
    path.unlink()


def _refuse_open(folder: Path) -> None:
    if not folder.is_dir():
        text = f"There is no folder {folder} with the public keys of the clients."
        raise LimnerError(ErrorCode.START_FAILED, text, "Allow a client with 'limner keys allow NAME KEY'.")
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o022:
        text = f"Other users can write to {folder}, and so let anybody in."
        raise LimnerError(ErrorCode.START_FAILED, text, f"Run: chmod go-w '{folder}'")
