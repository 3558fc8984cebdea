# SPDX-License-Identifier: Apache-2.0
"""Where the backend may listen: on the loopback, and on other addresses only with keys."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from ..wire import LimnerError
from ..wire.errors import ErrorCode

LOOPBACK = "tcp://127.0.0.1:*"
_REMEDY = f"Use {LOOPBACK} or a fixed port such as tcp://127.0.0.1:5599."


def bind_address(endpoint: str, *, encrypted: bool = False) -> str:
    """The endpoint as ZeroMQ binds it, with the host as a number.

    Args:
        endpoint: tcp://, an IP address or localhost, and a port or * for any that is free.
        encrypted: only clients with an allowed CURVE key get in, so that any address will do.

    Raises:
        LimnerError: it is nothing of that kind, or other computers could reach it and it is not encrypted.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", endpoint.rpartition(":")[2]
        if parts.scheme != "tcp" or not (port == "*" or 0 < int(port) < 65536):
            raise ValueError
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        text = f"The backend cannot listen on '{endpoint}': it must be tcp://, an address in digits and a port."
        raise LimnerError(ErrorCode.START_FAILED, text, _REMEDY) from None
    if not (address.is_loopback or encrypted):
        text = (
            f"The backend does not listen on '{endpoint}': other computers could reach it, and without CURVE keys and a"
            " list of the allowed ones nothing keeps strangers out."
        )
        remedy = f"{_REMEDY} For other computers allow their keys ('limner keys allow') and add --public-key-dir DIR."
        raise LimnerError(ErrorCode.START_FAILED, text, remedy)
    return f"tcp://[{address}]:{port}" if address.version == 6 else f"tcp://{address}:{port}"
