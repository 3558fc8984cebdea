# SPDX-License-Identifier: Apache-2.0
"""A backend on another computer: where it is, the keys for it, and the environment variables that name a backend.

``relay.json`` tells where a relay of this home listens (``limner relay``), for programs that cannot encrypt.
``remote.json`` in Limner's home holds what the backend's computer gave out (address, public key, token),
``client-key.json`` this computer's own key pair, whose secret half never leaves it. All have mode 0600.
"""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import limits
from .connection import ConnectionInfo, CurveKeys, home, make_home, read_connection, same_token, write_atomically
from .errors import ErrorCode, LimnerError, WireError
from .fields import text
from .process import is_stale

_MAX_FILE_BYTES = 64 * 1024
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")  # the alphabet of Z85 (https://rfc.zeromq.org/spec/32/)
_ENDPOINT = text(512, empty=False)
_TOKEN = text(limits.MAX_ID_LENGTH)


@dataclass(frozen=True)
class RemoteBackend:
    """What a client needs to know of a backend on another computer: its address, public key (Z85) and token."""

    endpoint: str
    server_key: str
    token: str = field(repr=False)

    @classmethod
    def from_map(cls, value: Any) -> RemoteBackend:
        """Read the fields; unknown keys are ignored. Raises WireError(bad_message)."""
        value = _fields(value)
        endpoint, token = _ENDPOINT(value.get("endpoint"), "endpoint"), _TOKEN(value.get("token"), "token")
        return cls(endpoint, check_key(value.get("server_key")), token)


@dataclass(frozen=True)
class KeyPair:
    """A key pair of CurveZMQ, each half Z85."""

    public_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def from_map(cls, value: Any) -> KeyPair:
        """Read the fields; unknown keys are ignored. Raises WireError(bad_message)."""
        value = _fields(value)
        return cls(check_key(value.get("public_key")), check_key(value.get("secret_key")))


def _fields(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WireError(ErrorCode.BAD_MESSAGE, "It holds no JSON object.")
    return value


def check_key(value: Any) -> str:
    """The value when it is a key: 40 characters of Z85. Raises WireError(bad_message)."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise WireError(ErrorCode.BAD_MESSAGE, "A key must be 40 characters of Z85.", "Copy the whole key, in quotes.")
    return value


def remote_path() -> Path:
    """The file remote.json."""
    return home() / "remote.json"


def key_path() -> Path:
    """The file client-key.json."""
    return home() / "client-key.json"


def write_remote(remote: RemoteBackend) -> None:
    """Use this backend from now on. Raises OSError."""
    make_home()
    write_atomically(remote_path(), json.dumps(asdict(remote), indent=2) + "\n")


def read_remote() -> RemoteBackend | None:
    """The backend on another computer that is to be used; None when that is the one on this computer.

    Raises LimnerError for a damaged file, so that the work is not sent elsewhere without a word.
    """
    path = remote_path()
    value = read_json(path, "Make it anew with 'limner keys connect', or remove it.")
    return None if value is None else parse_file(RemoteBackend.from_map, value, path)


def write_key(pair: KeyPair) -> None:
    """Keep this computer's key pair. Raises OSError."""
    make_home()
    write_atomically(key_path(), json.dumps(asdict(pair), indent=2) + "\n")


def read_key() -> KeyPair | None:
    """This computer's key pair; None when there is none. Raises LimnerError for a damaged file."""
    path = key_path()
    value = read_json(path, "Remove it and make a new key with 'limner keys make'.")
    return None if value is None else parse_file(KeyPair.from_map, value, path)


def read_json(path: Path, remedy: str) -> Any:
    """The JSON value in a small file, None when there is no such file. Raises LimnerError(bad_message)."""
    try:
        with open(str(path), "rb") as file:
            return json.loads(file.read(_MAX_FILE_BYTES).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise LimnerError(ErrorCode.BAD_MESSAGE, f"The file {path} cannot be read: {error}.", remedy) from None


def parse_file(parse: Any, value: Any, path: Path) -> Any:
    """``parse(value)``, with the file's name in its error. Raises LimnerError(bad_message)."""
    try:
        return parse(value)
    except WireError as error:
        raise LimnerError(ErrorCode.BAD_MESSAGE, f"The file {path} is damaged. {error.message}", "Remove it.") from None


def is_local(endpoint: str) -> bool:
    """False for "tcp://HOST:PORT" with a host that is not this computer's loopback."""
    with contextlib.suppress(ValueError):
        host = urlsplit(endpoint).hostname or "localhost"
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"
    return True  # no address at all, which who connects to it will say


def forced_connection() -> ConnectionInfo | None:
    """The backend that LIMNER_ENDPOINT or else remote.json names; None when it is this home's own.

    LIMNER_TOKEN and LIMNER_SERVER_KEY win over what remote.json says of the same endpoint. Without any token, an
    endpoint on the loopback gets that of the connection file. Raises LimnerError for damaged files and for a server key
    without a key pair of this computer's own.
    """
    remote = read_remote()
    endpoint = os.environ.get("LIMNER_ENDPOINT") or (remote.endpoint if remote else "")
    if not endpoint:
        return None
    token, server_key = os.environ.get("LIMNER_TOKEN", ""), os.environ.get("LIMNER_SERVER_KEY", "")
    if remote is not None and remote.endpoint == endpoint:
        token, server_key = token or remote.token, server_key or remote.server_key
    if not token and not server_key and is_local(endpoint):
        with contextlib.suppress(WireError):
            found = read_connection()
            token = found.token if found else ""
    if server_key and not can_encrypt():
        relay = read_relay(server_key)
        if relay is not None:
            return relay
    return ConnectionInfo(endpoint, token=token, curve=_curve_keys(server_key) if server_key else None)


def can_encrypt() -> bool:
    """True where pyzmq is installed, without which nothing is encrypted."""
    return importlib.util.find_spec("zmq") is not None


def relay_path() -> Path:
    """The file relay.json: where a relay of this home listens, and the key of the backend that it leads to."""
    return home() / "relay.json"


def write_relay(info: ConnectionInfo, server_key: str) -> None:
    """Tell this home's clients of a relay. Raises OSError."""
    make_home()
    values = {name: value for name, value in asdict(info).items() if name != "curve"}
    write_atomically(relay_path(), json.dumps({**values, "server_key": server_key}, indent=2) + "\n")


def read_relay(server_key: str) -> ConnectionInfo | None:
    """The relay to the backend with that key; None when none runs, or one to another backend.

    Raises LimnerError for a damaged file.
    """
    value = read_json(relay_path(), "Remove it and run 'limner relay' again.")
    if not isinstance(value, Mapping) or value.get("server_key") != server_key:
        return None
    info: ConnectionInfo = parse_file(ConnectionInfo.from_map, value, relay_path())
    return None if is_stale(info) or not is_local(info.endpoint) else info


def remove_relay(info: ConnectionInfo) -> None:
    """Remove the file when it still is that of this relay."""
    with contextlib.suppress(OSError, LimnerError):
        value = read_json(relay_path(), "")
        if isinstance(value, Mapping) and same_token(str(value.get("token")), info.token):
            relay_path().unlink()


def _curve_keys(server_key: str) -> CurveKeys:
    own = read_key()
    if own is None:
        raise LimnerError(
            ErrorCode.NOT_ALLOWED,
            f"A backend on another computer is to be used, and there is no key pair in {home()}.",
            "Make one with 'limner keys make', and have its public key allowed on the backend's computer.",
        )
    try:
        return CurveKeys(check_key(server_key), own.public_key, own.secret_key)
    except WireError as error:
        text = f"LIMNER_SERVER_KEY is no key. {error.message}"
        raise LimnerError(ErrorCode.BAD_MESSAGE, text, error.remedy) from None
