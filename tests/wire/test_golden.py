# SPDX-License-Identifier: Apache-2.0
"""The bytes of every kind of message are the ones checked in: a change of the protocol is seen here."""

from __future__ import annotations

import msgpack
import msgpack.fallback
import pytest

from limner.wire import MESSAGE_TYPES, decode, encode
from tests.wire.samples import GOLDEN, SAMPLES, golden_frames


def test_every_kind_has_a_sample_and_every_sample_its_golden_file():
    assert {type(message) for message in SAMPLES.values()} == set(MESSAGE_TYPES)
    assert {path.stem for path in GOLDEN.glob("*.hex")} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_encoding_gives_the_golden_bytes(name):
    assert [bytes(frame) for frame in encode(SAMPLES[name])] == golden_frames(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_decoding_the_golden_bytes_gives_the_message(name):
    assert decode(golden_frames(name)) == SAMPLES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_pure_python_msgpack_agrees(name, monkeypatch):
    class Fallback:
        exceptions = msgpack.exceptions
        unpackb = staticmethod(msgpack.fallback.unpackb)

        @staticmethod
        def packb(value, **options):
            return msgpack.fallback.Packer(**options).pack(value)

    monkeypatch.setattr("limner.wire.codec.msgpack", Fallback)
    assert [bytes(frame) for frame in encode(SAMPLES[name])] == golden_frames(name)
    assert decode(golden_frames(name)) == SAMPLES[name]


def test_a_secret_never_shows_in_a_repr():
    for message in SAMPLES.values():
        assert "0123456789abcdef" not in repr(message)
