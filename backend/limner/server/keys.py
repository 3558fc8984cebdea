# SPDX-License-Identifier: Apache-2.0
"""The backend's own CURVE key pair and the token for other computers, kept in the folder keys/ of Limner's home.

`server.key_secret` has the format of `zmq.auth`. All of it is made at the first use and stays the same, so that the
artists' computers need not be told again. Whoever can read the folder can pose as this backend.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq.auth

from ..wire import ErrorCode, LimnerError
from ..wire.connection import make_home, make_private_folder, new_token, write_atomically

_NAME = "server"


@dataclass(frozen=True)
class ServerKeys:
    """The key pair, each half 40 characters of Z85, and the token that clients on other computers need besides."""

    public: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


def server_keys() -> ServerKeys:
    """The keys of this home, made at the first call.

    Raises:
        LimnerError: a file is damaged, or other users can read the secret.
        OSError: the files cannot be read or made.
    """
    folder = make_home() / "keys"
    make_private_folder(folder)
    secret_file, token_file = folder / f"{_NAME}.key_secret", folder / "token"
    if not secret_file.exists():
        _make_pair(secret_file)
    if not token_file.exists():
        write_atomically(token_file, new_token() + "\n")
    for path in (secret_file, token_file):
        _refuse_open(path)
    try:
        public, secret = zmq.auth.load_certificate(secret_file)
    except ValueError:
        secret = None
    token = token_file.read_text("utf-8").strip()
    if secret is None or len(secret) != 40 or len(public) != 40 or len(token) < 32:
        remedy = "Remove the folder, start again, and give the new invitation to all."
        raise LimnerError(ErrorCode.START_FAILED, f"The backend's keys in {folder} are damaged.", remedy)
    return ServerKeys(public.decode("ascii"), secret.decode("ascii"), token)


def _make_pair(path: Path) -> None:
    public, secret = zmq.curve_keypair()
    lines = ["metadata", "curve", f'    public-key = "{public.decode()}"', f'    secret-key = "{secret.decode()}"', ""]
    write_atomically(path, "\n".join(lines))


def _refuse_open(path: Path) -> None:
    """A secret that others could read may be known to them already: closing the file now would only hide that."""
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise LimnerError(
            ErrorCode.START_FAILED,
            f"The secret file {path} can be read by other users.",
            f"Remove the folder {path.parent} to get new keys, or, if nobody can have read it: chmod 600 '{path}'.",
        )
