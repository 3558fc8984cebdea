# SPDX-License-Identifier: Apache-2.0
"""Damaged messages and raw bytes against a live server: it answers, and neither memory nor files run away."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import zmq

from limner.client import Client
from limner.client.transports.zmtp_frames import greeting, ready
from limner.wire import (
    Cancel,
    ConnectionInfo,
    Hello,
    Ping,
    Pong,
    Result,
    StatsRequest,
    Submit,
    WireError,
    decode,
    encode,
)
from tests.fuzz.mutations import Mutator, stream
from tests.support.backends import PATIENCE_S, end_of, picture, wait_for

_BATCH = 40  # messages sent before an answer is waited for
_RAW_SHARE = 4  # every fourth batch speaks to the port without ZeroMQ's library


@dataclass(frozen=True)
class Holdings:
    """What the server's process holds."""

    resident_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Holdings:
        process = psutil.Process(pid)
        return cls(process.memory_info().rss / 2**20, process.num_fds(), process.num_threads())


def live_corpus(token: str) -> list[list[bytes]]:
    """Good messages for this server, but none that would end it."""
    sketch = {"sketch": picture(width=40, height=30)}
    messages = [
        Hello("h", token, "fuzz", "1"),
        Ping("p", token),
        StatsRequest("s", token),
        Cancel("j", token),
        Submit("j", token, "echo", {"steps": 2}, images={"image": picture()}),
        Submit("k", token, "portrait", {"seed": 3, "frame": "full"}, "canvas", True, sketch),
        Submit("l", token, "shadow", {"frame": [0.0, 0.0, 30.0]}, images=sketch),
    ]
    return [[bytes(frame) for frame in encode(message)] for message in messages]


def fuzz_server(
    connection: ConnectionInfo, inputs: int, seed: int, on_step: Callable[[int], None] = lambda done: None
) -> int:
    """Sends so many damaged inputs; returns how many were answered. Fails where the server stops answering."""
    mutator, answered, done, batch = Mutator(seed, live_corpus(connection.token)), 0, 0, 0
    while done < inputs:
        size = min(_BATCH, inputs - done)
        if batch % _RAW_SHARE == _RAW_SHARE - 1:
            for _ in range(size):
                _send_raw(connection, mutator)
        else:
            answered += _send_batch(connection, mutator, size)
        done, batch = done + size, batch + 1
        on_step(done)
    return answered


def check_alive(connection: ConnectionInfo) -> None:
    """The server has nothing left to do, and does a job as ever."""
    with Client(connection) as client:
        wait_for(lambda: client.stats(PATIENCE_S).waiting + client.stats(PATIENCE_S).running == 0, "the queue's end")
        image = picture(7)
        end = end_of(client, "echo", image=image)
        assert isinstance(end, Result), end
        assert bytes(end.images["image"].data) == bytes(image.data)


def _send_batch(connection: ConnectionInfo, mutator: Mutator, size: int) -> int:
    """Damaged messages on a good connection, then a ping, which has to be answered; counts the answers before."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(connection.endpoint)
        for _ in range(size):
            dealer.send_multipart(mutator.message() or [b""])
        dealer.send_multipart(encode(Ping("the end", connection.token)))
        answers = 0
        while dealer.poll(int(1000 * PATIENCE_S)):
            with contextlib.suppress(WireError):
                if decode(dealer.recv_multipart()) == Pong("the end"):
                    return answers
            answers += 1
        raise AssertionError("the server does not answer any more")


def _send_raw(connection: ConnectionInfo, mutator: Mutator) -> None:
    """Bytes on the bare port: handshakes, commands and messages, damaged somewhere; some hang up early."""
    dice: random.Random = mutator.random
    address = urlsplit(connection.endpoint)
    assert address.hostname
    assert address.port
    parts = [greeting(), ready(), stream(mutator.message())]
    damaged = dice.randrange(4)
    sent = b"".join(mutator.damaged(part) if number == damaged else part for number, part in enumerate(parts))
    if damaged == 3:
        sent = dice.randbytes(dice.randrange(1, 400))
    with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        raw.settimeout(5)
        raw.sendall(sent[: dice.randrange(len(sent) + 1)] if dice.random() < 0.3 else sent)
        if dice.random() < 0.5:
            raw.settimeout(0.05)
            raw.recv(4096)
