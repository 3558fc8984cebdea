# SPDX-License-Identifier: Apache-2.0
"""A backend is ready before its engine has warmed up, which it does where no job waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.client import Client
from limner.wire import Result
from tests.support.backends import ServerProcess, end_of, picture, wait_for


@pytest.fixture
def client(limner_home: Path) -> Iterator[Client]:
    server = ServerProcess(limner_home, engine="tests.support.fake_engine:build_warming")
    with Client(server.wait_until_listening()) as connected:
        yield connected
    (limner_home / "go").touch()
    server.stop()


def test_it_is_ready_first_and_warms_up_then(client: Client, limner_home: Path) -> None:
    assert client.wait_ready().device == "cpu", "it warms up until the file is there"
    (limner_home / "go").touch()
    wait_for((limner_home / "warm").exists, "the end of warming up")
    assert isinstance(end_of(client, "echo", image=picture()), Result)


def test_a_job_that_came_while_it_warms_up_is_done_after_that(client: Client, limner_home: Path) -> None:
    client.wait_ready()
    job = client.submit("echo", {"image": picture()})
    (limner_home / "go").touch()
    ends = wait_for(lambda: [message for message in client.poll(1.0) if isinstance(message, Result)], "the result")
    assert [end.id for end in ends] == [job]
