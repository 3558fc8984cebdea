# SPDX-License-Identifier: Apache-2.0
"""Lets in the clients whose CURVE keys are allowed: answers libzmq's questions (ZAP, https://rfc.zeromq.org/spec/27/).

`zmq.auth` does the work. Its ready-made loops are threads or asyncio; here the server's own loop asks.
"""

from __future__ import annotations

import contextlib

import zmq
from zmq.auth.base import Authenticator

from .allowlist import AllowList
from .keys import ServerKeys

_DOMAIN = "limner"


class Gate:
    """Guards one socket. Call `answer` whenever `socket` is readable."""

    def __init__(self, context: zmq.Context, keys: ServerKeys, allowed: AllowList) -> None:
        self.allowed = allowed
        self._keys = keys
        self._authenticator = Authenticator(context)
        self._authenticator.configure_curve_callback(_DOMAIN, allowed)
        self._authenticator.start()

    @property
    def socket(self) -> zmq.Socket:
        """For the poller only."""
        return self._authenticator.zap_socket

    def guard(self, socket: zmq.Socket) -> None:
        """Makes the socket demand CURVE and ask here about each key. To be called before it is bound."""
        socket.curve_server = 1
        socket.curve_publickey = self._keys.public.encode()
        socket.curve_secretkey = self._keys.secret.encode()
        socket.zap_domain = _DOMAIN.encode()
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without an answer from here nobody comes in

    def answer(self) -> None:
        """Answers all questions that have come."""
        while self.socket.poll(0):
            frames = self.socket.recv_multipart()
            with contextlib.suppress(StopIteration):  # its end: nothing that it waits for is asynchronous here
                self._authenticator.handle_zap_message(frames).send(None)

    def close(self) -> None:
        """No client comes in any more."""
        self._authenticator.stop()
