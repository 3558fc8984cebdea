# SPDX-License-Identifier: Apache-2.0
"""A studio's backend: one that lets other computers in, here under another address of this one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq

from limner.client import Client
from limner.server.allowlist import allow
from limner.server.keys import ServerKeys
from limner.wire import ConnectionInfo
from limner.wire.connection import CurveKeys
from tests.support.backends import ServerProcess


def key_pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


ANNA, BOB, STRANGER = key_pair(), key_pair(), key_pair()


@dataclass
class Studio:
    """A running backend with a second, encrypted address, and who is allowed there."""

    server: ServerProcess
    local: ConnectionInfo
    endpoint: str
    keys: ServerKeys
    allowed: Path

    def connection(self, pair: tuple[str, str] = ANNA, **changes: str) -> ConnectionInfo:
        server = changes.pop("server", self.keys.public)
        token = changes.pop("token", self.keys.token)
        return ConnectionInfo(self.endpoint, token=token, curve=CurveKeys(server, *pair))


@contextmanager
def open_studio(folder: Path) -> Iterator[Studio]:
    """Starts one that lets Anna in."""
    home, allowed = folder / "home", folder / "allowed"
    allow(allowed, "anna", ANNA[0])
    server = ServerProcess(home, "--endpoint", "tcp://0.0.0.0:*", "--public-key-dir", str(allowed))
    local = server.wait_until_listening()
    listening = re.search(r"listening on tcp://0\.0\.0\.0:(\d+) with the public key", server.text())
    assert listening
    endpoint = f"tcp://127.0.0.1:{listening[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIMNER_HOME", str(home))
        from limner.server.keys import server_keys

        keys = server_keys()
    with Client(local) as client:
        client.wait_ready()
    yield Studio(server, local, endpoint, keys, allowed)
    server.stop()
