# SPDX-License-Identifier: Apache-2.0
"""Properties of the ZMTP frames: any division into pieces gives the same frames, any bytes nothing but BackendError."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from limner.client import BackendError
from limner.client.transports.zmtp_frames import (
    COMMAND,
    MORE,
    FrameReader,
    MessageReader,
    answer_command,
    check_greeting,
    check_ready,
    command,
    message_chunks,
    ready,
    split_command,
)


def feed(reader, data, sizes):
    """Hand the data over in pieces of at most the given sizes (in turn); returns the frames."""
    frames, position, turn = [], 0, 0
    while position < len(data):
        space = reader.space()
        count = min(len(space), sizes[turn % len(sizes)], len(data) - position)
        space[:count] = data[position : position + count]
        frames += reader.filled(count)
        position, turn = position + count, turn + 1
    return frames


_bodies = st.lists(st.binary(max_size=300) | st.integers(60_000, 200_000).map(bytes), min_size=1, max_size=4)


@given(st.lists(_bodies, min_size=1, max_size=3), st.lists(st.integers(1, 100_000), min_size=1, max_size=8))
def test_messages_survive_any_division(messages, sizes):
    data = b"".join(chunk for frames in messages for chunk in message_chunks(frames))
    reader = MessageReader()
    found = [reader.add(flags, body) for flags, body in feed(FrameReader(), data, [*sizes, 100_000])]
    assert [message for message in found if message is not None] == messages


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_arbitrary_bytes(data, sizes):
    reader = MessageReader()
    try:
        for flags, body in feed(FrameReader(), data, sizes):
            if flags & COMMAND:
                answer_command(body)
            else:
                message = reader.add(flags, body)
                assert message is None or not flags & MORE
    except BackendError:
        return


@given(st.binary(max_size=80))
def test_arbitrary_handshakes(data):
    for check in (check_greeting, check_ready, split_command):
        with contextlib.suppress(BackendError):
            check(data)


@given(st.sampled_from([b"X", b"READY", b"SUBSCRIBE"]), st.binary(max_size=400))
def test_commands_survive(name, data):
    ((flags, body),) = feed(FrameReader(), command(name, data), [1000])
    assert flags & COMMAND
    assert split_command(body) == (name, data)


def test_the_own_ready_command_fits_the_standard():
    assert ready() == b"\x04\x29\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"


def test_a_long_ping_context_is_cut_as_the_standard_says():
    assert answer_command(b"\x04PING\x00\x01" + bytes(range(40))) == b"\x04\x15\x04PONG" + bytes(range(16))
