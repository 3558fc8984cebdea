# SPDX-License-Identifier: Apache-2.0
"""Pictures pass through the server in libzmq's own memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from limner.server.frames import outgoing


@pytest.fixture
def received() -> Iterator[zmq.Frame]:
    """A large frame as it came in."""
    context = zmq.Context()
    pair, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    pair.bind("inproc://frames")
    other.connect("inproc://frames")
    other.send(bytes(range(256)) * 4096)
    yield pair.recv(copy=False)
    context.destroy(linger=0)


def test_what_was_received_is_handed_on_itself(received: zmq.Frame) -> None:
    assert outgoing([b"header", received.buffer, received.buffer.cast("B")]) == [b"header", received, received]


def test_a_part_of_it_and_memory_of_others_stay_what_they_are(received: zmq.Frame) -> None:
    others = [received.buffer[1:], bytearray(9), memoryview(b"abc")]
    assert all(found is frame for found, frame in zip(outgoing(others), others, strict=True))
