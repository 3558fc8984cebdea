# SPDX-License-Identifier: Apache-2.0
"""The token of the clients and the secret of the worker: needed, and compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from limner.server.backend import Backend
from limner.server.supervisor import WorkerReady, WorkerSupervisor
from limner.server.worker import link
from limner.server.worker.link import LinkMessage
from limner.server.workerprocess import WorkerSettings
from limner.wire import Error, ErrorCode, Ping, Pong, connection
from tests.support.backends import wait_for
from tests.support.notes import ClientNotes


class ComparedDigests:
    """Stands in for the module `hmac`; notes what is compared."""

    def __init__(self) -> None:
        self.compared: list[tuple[bytes, bytes]] = []

    def compare_digest(self, first: bytes, second: bytes) -> bool:
        self.compared.append((first, second))
        return hmac.compare_digest(first, second)


@pytest.mark.parametrize("token", ["", "right", "righu", "right and more", "\ud800", "é" * 64])
def test_each_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    digests, notes = ComparedDigests(), ClientNotes()
    monkeypatch.setattr(connection, "hmac", digests)
    worker: Any = None  # a ping never reaches it
    Backend("right", worker, notes).on_message(b"anna", Ping("1", token))
    assert digests.compared == [(token.encode("utf-8", "surrogatepass"), b"right")]
    answer = notes.sent[0][1]
    assert answer == Pong("1") if token == "right" else isinstance(answer, Error)
    assert isinstance(answer, Pong) or (isinstance(answer, Error) and answer.code == ErrorCode.BAD_TOKEN)


@pytest.fixture
def supervisor(limner_home: Path) -> Iterator[WorkerSupervisor]:
    limner_home.mkdir()
    context = zmq.Context()
    settings = WorkerSettings(
        device="cpu",
        engine="tests.support.fake_engine:build_waiting",
        home=limner_home,
        log_file=limner_home / "worker.log",
    )
    supervisor = WorkerSupervisor(context, settings)
    yield supervisor
    supervisor.stop()
    context.destroy(linger=0)


@pytest.mark.parametrize("secret", [b"", bytes(32), b"x" * 64])
def test_no_other_process_can_pose_as_the_worker(
    supervisor: WorkerSupervisor, limner_home: Path, secret: bytes
) -> None:
    ready = LinkMessage(link.READY, values={"device": "evil", "weights": {}, "schema": {}})
    assert not list(supervisor.events())
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(supervisor.socket.getsockopt_string(zmq.LAST_ENDPOINT))
        stranger.send_multipart([secret, *link.encode(ready)])
        assert supervisor.socket.poll(60_000), "it did not arrive"
        assert not list(supervisor.events())
        assert supervisor.info is None
    (limner_home / "go").touch()
    assert wait_for(lambda: list(supervisor.events()), "the real worker") == [WorkerReady()]
    assert supervisor.info is not None
    assert supervisor.info.device == "cpu"
