# SPDX-License-Identifier: Apache-2.0
"""Clients that only take notes, for tests of the backend's decisions."""

from __future__ import annotations

from limner.wire import ServerMessage


class ClientNotes:
    """Notes what clients are told."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, ServerMessage]] = []

    def send(self, client: bytes, message: ServerMessage) -> bool:
        self.sent.append((client, message))
        return True

    def admit(self, client: bytes) -> None:
        """Nothing to note."""

    def forget(self, client: bytes) -> None:
        """Nothing to note."""

    def answers(self, client: bytes) -> list[ServerMessage]:
        return [message for to, message in self.sent if to == client]
