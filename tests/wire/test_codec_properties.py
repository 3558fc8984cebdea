# SPDX-License-Identifier: Apache-2.0
"""Properties of the codec on generated messages and on damaged bytes."""

from __future__ import annotations

import msgpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limner import wire
from limner.wire import MESSAGE_TYPES, Message, Pixels, WireError, decode, encode, limits
from limner.wire.pixels import ITEM_SIZES
from tests.wire.samples import PORTRAIT, SAMPLES

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_fractions = st.floats(0.0, 1.0)
_counts = st.integers(0, 2**63 - 1)
_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
_values = st.recursive(
    _scalars | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_maps = st.dictionaries(_texts, _values.filter(lambda value: _depth(value) < limits.MAX_DEPTH), max_size=4)


def _depth(value):
    if isinstance(value, (list, dict)):
        return 1 + max((_depth(item) for item in (value.values() if isinstance(value, dict) else value)), default=0)
    return 0


@st.composite
def _pixels(draw):
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    channels, dtype = draw(st.integers(1, 4)), draw(st.sampled_from(["u8", "u16"]))
    size = width * height * channels * ITEM_SIZES[dtype]
    return Pixels(width, height, channels, dtype, draw(st.binary(min_size=size, max_size=size)))


_images = st.dictionaries(_names, _pixels(), max_size=3)
_numbers = st.floats(0.0, 1e9)
_problems = st.none() | st.builds(wire.Problem, _texts, _texts, _texts)
_schemas = st.dictionaries(_names, st.just(PORTRAIT), max_size=2)
_states = st.sampled_from(["loading", "ready", "failed"])
_hashes = st.dictionaries(_texts, _texts, max_size=3)

MESSAGES: dict[type[Message], st.SearchStrategy[Message]] = {
    wire.Hello: st.builds(wire.Hello, _names, _texts, _texts, _texts),
    wire.Welcome: st.builds(
        wire.Welcome, _names, _states, _texts, _counts, _texts, weights=_hashes, schema=_schemas, problem=_problems
    ),
    wire.Ping: st.builds(wire.Ping, _names, _texts),
    wire.Pong: st.builds(wire.Pong, _names),
    wire.Submit: st.builds(wire.Submit, _names, _texts, _names, _maps, _texts, st.booleans(), _images),
    wire.Queued: st.builds(wire.Queued, _names, _counts),
    wire.Progress: st.builds(wire.Progress, _names, _texts, _fractions),
    wire.Preview: st.builds(wire.Preview, _names, _texts, _fractions, _images),
    wire.Result: st.builds(wire.Result, _names, _maps, _images),
    wire.Cancel: st.builds(wire.Cancel, _names, _texts),
    wire.Cancelled: st.builds(wire.Cancelled, _names, st.sampled_from(["request", "replaced"])),
    wire.Error: st.builds(wire.Error, _texts, _names, _texts, _texts),
    wire.StatsRequest: st.builds(wire.StatsRequest, _names, _texts),
    wire.Stats: st.builds(wire.Stats, _names, _states, _texts, _numbers, _numbers, *[_counts] * 10, extra=_maps),
    wire.Shutdown: st.builds(wire.Shutdown, _names, _texts),
    wire.Stopping: st.builds(wire.Stopping, _texts, st.sampled_from(["request", "idle", "signal"])),
}
_frames = st.sampled_from([[bytes(frame) for frame in encode(message)] for message in SAMPLES.values()])


def test_there_is_a_strategy_for_every_kind():
    assert set(MESSAGES) == set(MESSAGE_TYPES)


@given(st.sampled_from(MESSAGE_TYPES).flatmap(MESSAGES.__getitem__))
def test_round_trip(message):
    assert decode([bytes(frame) for frame in encode(message)]) == message


def _decodes_or_refuses(frames):
    """Nothing but WireError comes out; what is accepted is a valid message that survives another round trip."""
    try:
        message = decode(frames)
    except WireError:
        return
    assert decode(encode(message)) == message


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_arbitrary_frames(frames):
    _decodes_or_refuses(frames)


@given(_frames, st.data())
def test_damaged_bytes(frames, data):
    frames = [bytearray(frame) for frame in frames]
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.sampled_from(frames))
        place = data.draw(st.integers(0, len(frame)))
        frame[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    _decodes_or_refuses(frames)


@given(_frames, st.data())
def test_missing_and_additional_frames(frames, data):
    frames = list(frames)
    if data.draw(st.booleans()):
        frames.pop(data.draw(st.integers(0, len(frames) - 1)))
    else:
        frames.insert(data.draw(st.integers(0, len(frames))), data.draw(st.binary(max_size=20)))
    _decodes_or_refuses(frames)


_anything = st.recursive(
    _scalars | _texts | st.just(float("nan")) | st.just(float("inf")) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_frames, st.data())
def test_values_of_the_wrong_type_or_range(frames, data):
    """Replace or remove one value anywhere inside a valid header."""
    header = msgpack.unpackb(frames[0])
    place = header
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            break
        place = inner
    if data.draw(st.booleans()):
        place[key] = data.draw(_anything)
    else:
        del place[key]
    _decodes_or_refuses([msgpack.packb(header), *frames[1:]])
