# SPDX-License-Identifier: Apache-2.0
"""`limner keys`, as a studio uses it: one backend, and the computer of an artist."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from tests.conftest import stop_backend
from tests.support.command import Command


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Command]:
    home = tmp_path / "studio"
    yield Command(home, tmp_path)
    stop_backend(home)


@pytest.fixture
def artist(tmp_path: Path) -> Command:
    return Command(tmp_path / "artist", tmp_path)


def free_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"tcp://127.0.0.1:{unused.getsockname()[1]}"


def test_from_the_first_key_to_the_last(studio: Command, artist: Command, tmp_path: Path) -> None:
    endpoint, allowed, invitation = free_endpoint(), studio.home / "allowed-keys", tmp_path / "invitation.json"
    key = artist.succeeds("keys", "make").strip()
    assert artist.succeeds("keys", "make").strip() == key
    assert "allowed-keys" in studio.fails("serve", "--endpoint", endpoint, "--public-key-dir", allowed)
    assert "lets anna in" in studio.succeeds("keys", "allow", "anna", key)
    assert studio.succeeds("keys", "list") == f"{key}  anna\n"
    assert "ready" in studio.succeeds("keys", "invite", endpoint, "-o", invitation)
    assert f"in at {endpoint}" in studio.succeeds("serve", "--endpoint", endpoint, "--public-key-dir", allowed)
    for options in ((), ("--foreground",)):
        assert (
            "of its own" in studio.spawn("serve", "--endpoint", endpoint, "--public-key-dir", allowed, *options).stderr
        )
    assert key in artist.succeeds("keys", "connect", invitation)
    state = artist.json("status")
    assert (state["endpoint"], state["pid"]) == (endpoint, studio.json("status")["pid"])
    assert "own computer" in artist.fails("stop")
    studio.succeeds("keys", "revoke", "anna")
    assert studio.succeeds("keys", "list") == "No key is allowed.\n"
    assert "does not allow this computer's key" in artist.fails("status")
    assert "own backend again" in artist.succeeds("keys", "disconnect")
    assert artist.json("status") == {"running": False}
    assert studio.succeeds("stop") == "The backend has ended.\n"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_every_secret_is_private(studio: Command, artist: Command, tmp_path: Path) -> None:
    artist.succeeds("keys", "make")
    studio.succeeds("keys", "invite", "tcp://127.0.0.1:5599", "-o", tmp_path / "invitation.json")
    artist.succeeds("keys", "connect", tmp_path / "invitation.json")
    secrets = [studio.home / "keys" / "server.key_secret", studio.home / "keys" / "token", tmp_path / "invitation.json"]
    for path in (*secrets, artist.home / "client-key.json", artist.home / "remote.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (studio.home / "keys" / "server.key_secret").chmod(0o644)
    assert "can be read by other users" in studio.fails("keys", "invite", "tcp://127.0.0.1:5599", "-o", tmp_path / "x")


def test_a_key_that_begins_with_a_minus_sign(studio: Command) -> None:
    keys = (zmq.curve_keypair()[0].decode() for _ in range(10_000))
    key = next(key for key in keys if key.startswith("-"))
    studio.succeeds("keys", "allow", "anna", key)
    assert studio.succeeds("keys", "list") == f"{key}  anna\n"


@pytest.mark.parametrize("name", ["../anna", "", "a/b", ".hidden", "x" * 65])
def test_a_name_is_no_path(studio: Command, name: str) -> None:
    key = zmq.curve_keypair()[0].decode()
    assert "is no name" in studio.fails("keys", "allow", name, key)
    assert "no key of the name" in studio.fails("keys", "revoke", name)


def test_mistakes_are_told(studio: Command, artist: Command, tmp_path: Path) -> None:
    key, other = (zmq.curve_keypair()[0].decode() for _ in range(2))
    assert "40 characters" in studio.fails("keys", "allow", "anna", key[:-1])
    studio.succeeds("keys", "allow", "anna", key)
    assert "another key already" in studio.fails("keys", "allow", "anna", other)
    assert "no file" in artist.fails("keys", "connect", tmp_path / "nothing.json")
    (tmp_path / "broken.json").write_text(json.dumps({"endpoint": "tcp://127.0.0.1:1", "server_key": "x", "token": ""}))
    assert "damaged" in artist.fails("keys", "connect", tmp_path / "broken.json")


def test_a_damaged_remote_file_sends_no_work_to_this_computer_instead(artist: Command) -> None:
    artist.home.mkdir()
    (artist.home / "remote.json").write_text("{")
    assert "remote.json" in artist.fails("status")
    assert not (artist.home / "connection.json").exists()


def test_another_computer_without_keys_is_refused(artist: Command) -> None:
    command = Command(artist.home, artist.folder, extra=(("LIMNER_ENDPOINT", "tcp://192.0.2.1:5599"),))
    assert "another computer" in command.fails("status")


def test_a_server_key_needs_an_own_key(artist: Command) -> None:
    extra = (("LIMNER_ENDPOINT", "tcp://192.0.2.1:5599"), ("LIMNER_SERVER_KEY", zmq.curve_keypair()[0].decode()))
    assert "limner keys make" in Command(artist.home, artist.folder, extra=extra).fails("status")
