# SPDX-License-Identifier: Apache-2.0
"""A relay brings programs that cannot encrypt to a studio's backend, and nobody else."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from limner.client import BackendError, Client
from limner.server.allowlist import revoke
from limner.server.relay import MOST_CLIENTS
from limner.wire import ConnectionInfo, ErrorCode, LimnerError, Progress, Result
from limner.wire.remote import (
    KeyPair,
    RemoteBackend,
    forced_connection,
    read_relay,
    relay_path,
    write_key,
    write_relay,
    write_remote,
)
from tests.support.backends import PATIENCE_S, end_of, environment, picture, wait_for, wait_for_message
from tests.support.studio import ANNA, Studio, open_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture
def relay(studio: Studio, limner_home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`limner relay` in a home that is connected to the studio."""
    write_remote(RemoteBackend(studio.endpoint, studio.keys.public, studio.keys.token))
    write_key(KeyPair(*ANNA))
    process = subprocess.Popen([sys.executable, "-m", "limner", "relay"], env=environment(limner_home))
    wait_for(relay_path().exists, "the relay's file")
    yield process
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.fixture
def through(relay: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> ConnectionInfo:
    """What a program without pyzmq finds in that home."""
    monkeypatch.setattr("limner.wire.remote.can_encrypt", lambda: False)
    found = forced_connection()
    assert found is not None
    return found


def refusal(connection: ConnectionInfo) -> BackendError:
    client = Client(connection, transport="zmtp")
    try:
        with pytest.raises(BackendError) as caught:
            client.connect(PATIENCE_S)
        return caught.value
    finally:
        client.close()


def test_jobs_go_through_it_and_it_leaves_no_file(
    through: ConnectionInfo, relay: subprocess.Popen[bytes], studio: Studio
) -> None:
    assert through.curve is None
    assert through.endpoint.startswith("tcp://127.0.0.1:")
    assert stat.S_IMODE(relay_path().stat().st_mode) == 0o600
    with Client(through, transport="zmtp") as first, Client(through, transport="zmtp") as second:
        assert first.wait_ready().pid == studio.server.process.pid
        for client in (first, second):
            end = end_of(client, "echo", image=picture(5))
            assert isinstance(end, Result)
            assert bytes(end.images["image"].data) == bytes(picture(5).data)
    relay.send_signal(signal.SIGTERM)
    assert relay.wait(PATIENCE_S) == 0
    assert not relay_path().exists()


def test_it_asks_for_a_token_of_its_own_and_keeps_the_studios_to_itself(
    through: ConnectionInfo, studio: Studio
) -> None:
    assert through.token != studio.keys.token
    assert studio.keys.token not in relay_path().read_text("utf-8")
    for token in ("", "wrong", studio.keys.token):
        assert refusal(replace(through, token=token)).code == ErrorCode.BAD_TOKEN


def test_the_jobs_of_a_client_that_leaves_are_dropped_there(through: ConnectionInfo, studio: Studio) -> None:
    with Client(studio.local) as watcher:
        client = Client(through, transport="zmtp")
        job = client.submit("slow", {}, {"steps": 10_000, "step_ms": 50})
        wait_for_message(client, Progress, job)
        client._link._transport.close()  # type: ignore[union-attr] (without a word, like an editor that was killed)
        wait_for(lambda: watcher.stats(PATIENCE_S).running == 0, "the end of the job")


def test_its_clients_are_few(through: ConnectionInfo) -> None:
    clients = [Client(through, transport="zmtp") for _ in range(MOST_CLIENTS)]
    try:
        for client in clients:
            client.connect(PATIENCE_S)
        error = refusal(through)
        assert (error.code, "The relay serves 16 clients" in error.message) == (ErrorCode.BUSY, True)
    finally:
        for client in clients:
            client.close()


def test_who_is_not_allowed_there_is_told_so_here(through: ConnectionInfo, studio: Studio) -> None:
    revoke(studio.allowed, "anna")
    try:
        assert refusal(through).code in (ErrorCode.NOT_ALLOWED, ErrorCode.BACKEND_LOST)
    finally:
        (studio.allowed / "anna.key").write_text(f'metadata\ncurve\n    public-key = "{ANNA[0]}"\n')


def test_a_file_of_a_relay_that_is_gone_or_leads_elsewhere_is_not_followed(limner_home: Path) -> None:
    here = ConnectionInfo("tcp://127.0.0.1:9", os.getpid(), 0, "secret")
    write_relay(here, "one")
    assert read_relay("one") == here
    assert read_relay("other") is None, "it leads to another backend"
    write_relay(replace(here, pid=2**22 + 1), "one")
    assert read_relay("one") is None, "its process is gone"
    write_relay(replace(here, endpoint="tcp://192.168.0.7:9"), "one")
    assert read_relay("one") is None, "in the clear only on this computer"
    relay_path().write_text(json.dumps({"server_key": "one"}))
    with pytest.raises(LimnerError, match="damaged"):
        read_relay("one")


def test_a_program_that_can_encrypt_needs_no_relay(relay: subprocess.Popen[bytes], studio: Studio) -> None:
    found = forced_connection()
    assert found is not None
    assert (found.endpoint, found.curve is None) == (studio.endpoint, False)
