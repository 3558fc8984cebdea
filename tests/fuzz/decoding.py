# SPDX-License-Identifier: Apache-2.0
"""Damaged bytes against everything that reads bytes from the other side: the codec, and the client's ZMTP reader."""

from __future__ import annotations

import contextlib
import faulthandler
from collections.abc import Callable
from dataclasses import dataclass

from limner.client.errors import BackendError
from limner.client.transports.zmtp_frames import (
    COMMAND,
    FrameReader,
    MessageReader,
    answer_command,
    check_greeting,
    check_ready,
    greeting,
    ready,
    split_command,
)
from limner.wire import WireError, decode, encode
from tests.fuzz.mutations import Mutator, stream
from tests.wire.samples import SAMPLES, golden_frames

_HANGS_S = 120  # no input takes this long; after it the process ends with a traceback of where it was


@dataclass
class Verdicts:
    """How the inputs were taken: read as a message, or refused with an error that says what, why and what to do."""

    read: int = 0
    refused: int = 0


def golden_corpus() -> list[list[bytes]]:
    """The golden bytes of every kind of message."""
    return [golden_frames(name) for name in SAMPLES]


def fuzz_decoders(inputs: int, seed: int, on_step: Callable[[int], None] = lambda done: None) -> Verdicts:
    """Feeds so many damaged inputs to the decoders; anything but the error that they promise is raised."""
    mutator, verdicts = Mutator(seed, golden_corpus()), Verdicts()
    for number in range(inputs):
        if number % 1000 == 0:
            faulthandler.dump_traceback_later(_HANGS_S, exit=True)
            on_step(number)
        if number % 10:
            _decode_message(mutator, verdicts)
        else:
            _read_stream(mutator, verdicts)
    faulthandler.cancel_dump_traceback_later()
    on_step(inputs)
    return verdicts


def _decode_message(mutator: Mutator, verdicts: Verdicts) -> None:
    """What can be read can be written again, and says the same then."""
    try:
        message = decode(mutator.message())
    except WireError as error:
        verdicts.refused += bool(error.code and error.message and error.remedy)
        return
    again = encode(message)
    assert encode(decode(again)) == again
    verdicts.read += 1


def _read_stream(mutator: Mutator, verdicts: Verdicts) -> None:
    """What a hostile peer could send to the pure-Python client from the first byte on."""
    try:
        check_greeting(mutator.damaged(greeting()))
        check_ready(mutator.damaged(split_command(ready()[2:])[1]))
    except BackendError:
        verdicts.refused += 1
    reader, messages = FrameReader(), MessageReader()
    data = mutator.damaged(stream(mutator.message()))
    try:
        while data:
            space = reader.space()
            count = min(len(space), len(data))
            space[:count], data = data[:count], data[count:]
            for flags, body in reader.filled(count):
                if flags & COMMAND:
                    split_command(body)
                    answer_command(body)
                elif (frames := messages.add(flags, body)) is not None:
                    with contextlib.suppress(WireError):
                        decode(frames)
                        verdicts.read += 1
    except BackendError:
        verdicts.refused += 1
