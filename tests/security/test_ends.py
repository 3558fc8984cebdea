# SPDX-License-Identifier: Apache-2.0
"""The end of a backend in the middle of its work: jobs are cancelled, and client and log are told so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.client import Client
from limner.wire import Error, ErrorCode, Message, Progress, Queued, Stopping
from limner.wire.process import is_alive
from tests.support.backends import ServerProcess, connection_in, next_messages, picture, wait_for, wait_for_message

ENDLESS = {"delay_ms": 60_000, "steps": 1}


@pytest.fixture
def server(limner_home: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(limner_home)
    yield process
    process.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_cancels_the_jobs_and_says_so(
    server: ServerProcess, limner_home: Path, number: signal.Signals
) -> None:
    with Client(server.wait_until_listening()) as client:
        client.wait_ready()
        worker = client.stats().worker_pid
        running = client.submit("echo", {"image": picture()}, ENDLESS)
        wait_for_message(client, Progress, running)
        waiting = client.submit("echo", {"image": picture()}, ENDLESS)
        wait_for_message(client, Queued, waiting)
        server.process.send_signal(number)
        heard: list[Message] = []
        while not any(isinstance(message, Stopping) for message in heard):
            heard += next_messages(client)
    errors = {message.id: message for message in heard if isinstance(message, Error)}
    assert set(errors) == {running, waiting}
    for error in errors.values():
        assert error.code == ErrorCode.SHUTTING_DOWN
        assert "cancelled" in error.message
        assert "Try again" in error.remedy
    assert heard[-1] == Stopping("", "signal")
    assert server.wait_until_ended() == 0
    assert f"{number.name} received" in server.text()
    assert "ending (signal): 1 running and 1 waiting jobs are cancelled" in server.text()
    wait_for(lambda: not is_alive(worker), "the end of the worker")
    assert connection_in(limner_home) is None


def test_a_signal_while_the_worker_loads(limner_home: Path) -> None:
    server = ServerProcess(limner_home, engine="tests.support.fake_engine:build_waiting")
    try:
        server.wait_until_listening()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_until_ended() == 0
        assert connection_in(limner_home) is None
    finally:
        server.stop()
