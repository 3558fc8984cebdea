# SPDX-License-Identifier: Apache-2.0
"""The logs: no token, no key, no picture in them, and they do not grow without end."""

from __future__ import annotations

import base64
import errno
import io
import logging
import os
import re
import sys
from pathlib import Path

import msgpack
import pytest
import zmq

from limner.client import BackendError, Client
from limner.server import lifecycle
from limner.server.allowlist import allow
from limner.server.keys import server_keys
from limner.server.lifecycle import logging_to_file, trim_worker_logs
from limner.wire import ConnectionInfo, Pixels, Submit, encode
from limner.wire.connection import log_path, make_home
from tests.support.backends import ServerProcess, end_of

PICTURE = Pixels(64, 48, 4, "u8", bytes((index * 41 + index // 7) % 251 for index in range(64 * 48 * 4)))
GUESS = "guessed-token-0123456789"


def test_no_token_no_key_and_no_picture_in_any_log(limner_home: Path, tmp_path: Path) -> None:
    public, secret = (half.decode() for half in zmq.curve_keypair())
    allow(tmp_path / "allowed", "anna", public)
    keys = server_keys()
    server = ServerProcess(
        limner_home, "--endpoint", "tcp://127.0.0.1:*", "--public-key-dir", str(tmp_path / "allowed")
    )
    try:
        info = server.wait_until_listening()
        use_in_every_way(info)
    finally:
        server.stop()
    text = server.text() + "".join(path.read_text("utf-8") for path in sorted((limner_home / "logs").iterdir()))
    for said in ("a message 'hello' with a wrong token", "no such face", "killed by SIGKILL"):
        assert said in text, "what went wrong is there"
    for name, hidden in {
        "token": keys.token,
        "server's secret": keys.secret,
        "client's": secret,
        "guess": GUESS,
    }.items():
        assert hidden not in text, name
    for shown in spellings(bytes(PICTURE.data)):
        assert shown not in text


def use_in_every_way(info: ConnectionInfo) -> None:
    """Jobs that go well and jobs that fail, messages that are damaged, a wrong token, a worker that dies."""
    with Client(info) as client:
        client.run("portrait", {"sketch": PICTURE})
        for task, params in (("raise", {}), ("juggle", {}), ("echo", {"delay_ms": -1}), ("crash", {})):
            end_of(client, task, params, **({"image": PICTURE} if task == "echo" else {}))
        client.run("echo", {"image": PICTURE})
    with pytest.raises(BackendError), Client(ConnectionInfo(info.endpoint, token=GUESS)):
        raise AssertionError("a wrong token was welcome")
    frames = encode(Submit("job", info.token, "echo", images={"image": PICTURE}))
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(info.endpoint)
        damaged = msgpack.packb({"v": 1, "kind": "submit", "id": 5, "token": info.token, "body": bytes(PICTURE.data)})
        for message in ([damaged], [frames[0]], [frames[0], frames[1], frames[1]], [frames[1], frames[0]]):
            dealer.send_multipart(message)
            assert dealer.poll(60_000), "no answer"
            dealer.recv_multipart()


def spellings(data: bytes) -> list[str]:
    """A stretch of the picture as it would look in a text."""
    part = data[903:927]
    assert not {34, 39}.intersection(part), "a quote would be spelled in two ways"
    numbers = [str(value) for value in part]
    return [
        *(", ".join(numbers), " ".join(numbers), ",".join(numbers), part.hex(), repr(part)[2:-1]),
        *(base64.b64encode(data[shift : shift + 24]).decode() for shift in range(903, 906)),
    ]


def test_the_backends_log_rotates(limner_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_LOG_BYTES", 10_000)
    make_home()
    with logging_to_file():
        for number in range(2000):
            logging.getLogger("limner.server").info("line %d", number)
    files = sorted(log_path().parent.iterdir())
    assert [path.name for path in files] == ["backend.log", "backend.log.1", "backend.log.2"]
    assert all(path.stat().st_size <= 10_000 for path in files)
    assert all(path.stat().st_size > 9_000 for path in files[1:]), "a file is left when it is full, not before"
    assert "line 1999" in files[0].read_text()


def test_no_line_is_made_for_standard_error_that_goes_nowhere(
    limner_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_home()
    for place, handlers in ((os.devnull, 1), (limner_home / "elsewhere.log", 2)):
        with open(place, "w") as stream, monkeypatch.context() as changed:
            changed.setattr(sys, "stderr", stream)
            with logging_to_file():
                assert len(logging.getLogger("limner").handlers) == handlers


class FullDisk(io.StringIO):
    """A file on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_lines_and_nothing_else(limner_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_home()
    logger = logging.getLogger("limner")
    with logging_to_file():
        handler = next(item for item in logger.handlers if isinstance(item, logging.FileHandler))
        sound, handler.stream = handler.stream, FullDisk()  # type: ignore[assignment]
        logger.info("lost")
        handler.stream = sound
        logger.info("kept")
    assert "Traceback" not in capsys.readouterr().err
    text = log_path().read_text()
    assert "kept" in text
    assert "lost" not in text


def test_workers_logs_are_emptied_while_they_are_written(limner_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_LOG_BYTES", 10_000)
    make_home()
    paths = [log_path().with_name(name) for name in ("worker.log", "worker-1.log")]
    for path in paths:
        with path.open("ab", buffering=0) as worker:
            for number in range(5000):
                worker.write(b"line %d\n" % number)
                if number % 100 == 99:
                    trim_worker_logs()
    for path in paths:
        older = path.with_suffix(".old.log")
        assert path.stat().st_size <= 11_000
        assert older.stat().st_size <= 11_000
        lines = [int(number) for number in re.findall(r"line (\d+)", older.read_text() + path.read_text())]
        assert lines == list(range(lines[0], 5000)), "the newest lines are there, in order, without holes"
    assert len(list(log_path().parent.iterdir())) == 4
