# SPDX-License-Identifier: Apache-2.0
"""What the codec refuses, with which code, and what it ignores."""

from __future__ import annotations

import msgpack
import pytest

from limner.wire import (
    ErrorCode,
    Hello,
    Ping,
    Pixels,
    Progress,
    Result,
    Submit,
    WireError,
    decode,
    encode,
    limits,
    problem,
)
from tests.wire.samples import GRAY, TOKEN


def header(**changes):
    """A valid submit header with one gray picture of 3 x 2, changed."""
    described = {"name": "sketch", "width": 3, "height": 2, "channels": 1, "dtype": "u8", "space": "srgb"}
    base = {"v": 1, "kind": "submit", "id": "job", "token": TOKEN, "body": {"task": "portrait"}, "frames": [described]}
    base.update(changes)
    return {key: value for key, value in base.items() if value is not ...}


def described(**changes):
    return [{**header()["frames"][0], **changes}]


def decode_header(changed, frames=(bytes(6),)):
    return decode([msgpack.packb(changed), *frames])


def refusal(changed, frames=(bytes(6),)):
    with pytest.raises(WireError) as caught:
        decode_header(changed, frames)
    assert caught.value.message
    assert caught.value.remedy
    return caught.value


def test_the_unchanged_header_is_accepted():
    assert decode_header(header()) == Submit(
        "job", TOKEN, "portrait", images={"sketch": Pixels(3, 2, 1, "u8", bytes(6))}
    )


def test_unknown_keys_are_ignored_everywhere():
    changed = header(hint=1, frames=described(profile="x"), body={"task": "portrait", "priority": 3})
    assert decode_header(changed) == decode_header(header())


def test_missing_optional_keys_take_their_defaults():
    assert decode([msgpack.packb({"v": 1, "kind": "ping", "id": "1"})]) == Ping("1", "")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (header(v=...), "bad_message"),
        (header(v="1"), "bad_message"),
        (header(v=True), "bad_message"),
        (header(v=2), "incompatible_version"),
        (header(v=0), "incompatible_version"),
        (header(kind=...), "bad_message"),
        (header(kind=7), "bad_message"),
        (header(kind="teleport"), "unknown_kind"),
        (header(id=...), "bad_message"),
        (header(id=""), "bad_message"),
        (header(id=5), "bad_message"),
        (header(id="x" * 129), "bad_message"),
        (header(token=5), "bad_message"),
        (header(token="x" * 129), "bad_message"),
        (header(body=[]), "bad_message"),
        (header(body={}), "bad_message"),
        (header(body={"task": ""}), "bad_message"),
        (header(body={"task": "x" * 65}), "bad_message"),
        (header(body={"task": "a", "live": 1}), "bad_message"),
        (header(body={"task": "a", "params": [1]}), "bad_message"),
        (header(body={"task": "a", "params": {"x": float("nan")}}), "bad_message"),
        (header(body={"task": "a", "params": {"x": [1.0, float("inf")]}}), "bad_message"),
        (header(body={"task": "a", "params": {"x": [[[[[[[[[1]]]]]]]]]}}), "bad_message"),
        (header(body={"task": "a", "canvas": "x" * 129}), "bad_message"),
        (header(frames=...), "bad_message"),
        (header(frames=[]), "bad_message"),
        (header(frames={}), "bad_message"),
        (header(frames=[1]), "bad_message"),
        (header(frames=[{"name": "sketch"}]), "bad_message"),
        (header(frames=described() * 2), "bad_message"),
        (header(frames=described(name="")), "bad_message"),
        (header(frames=described(dtype="f64")), "bad_message"),
        (header(frames=described(dtype=["u8"])), "bad_message"),
        (header(frames=described(space="lab")), "bad_message"),
        (header(frames=described(channels=0)), "bad_message"),
        (header(frames=described(channels=5)), "bad_message"),
        (header(frames=described(width=3.0)), "bad_message"),
        (header(frames=described(width=True)), "bad_message"),
        (header(frames=described(width=0, height=0)), "bad_picture"),
        (header(frames=described(width=-3)), "bad_picture"),
        (header(frames=described(width=100_000, height=100_000)), "too_large"),
        (header(frames=described(width=8192, height=8192, channels=4)), "too_large"),
        (header(frames=described(width=2)), "bad_picture"),
        (header(frames=described(dtype="u16")), "bad_picture"),
    ],
)
def test_a_broken_message_is_refused(changed, code):
    assert refusal(changed).code == code


def test_a_refusal_names_the_message_it_is_about():
    assert refusal(header(body={})).message_id == "job"
    assert refusal(header(kind="teleport")).message_id == "job"
    assert refusal(header(id=5)).message_id == ""
    assert refusal(header(id="x" * 129)).message_id == ""


def test_pictures_with_values_that_are_not_finite_are_refused():
    for bits in ("0000c07f", "0000807f", "000080ff", "0100c0ff"):  # NaN, inf, -inf, NaN
        frame = bytes.fromhex("0000003f" + bits)
        assert refusal(header(frames=described(width=2, height=1, dtype="f32")), (frame,)).code == "bad_picture"


def test_the_largest_finite_values_are_accepted():
    frame = bytes.fromhex("ffff7f7f" * 3 + "ffff7fff" * 3)
    message = decode_header(header(frames=described(dtype="f32")), (frame,))
    assert bytes(message.images["sketch"].data) == frame


def test_two_pictures_of_one_name_are_refused():
    error = refusal(header(frames=described() * 2), (bytes(6), bytes(6)))
    assert error.code == "bad_message"
    assert "sketch" in error.message


def test_a_message_without_pictures_must_have_no_frames():
    for extra in ({}, {"frames": described()}):
        assert refusal({"v": 1, "kind": "ping", "id": "1", **extra}).code == "bad_message"


@pytest.mark.parametrize("kind", ["progress", "queued", "welcome", "error", "stats_reply"])
def test_a_message_that_lacks_a_needed_key_is_refused(kind):
    error = refusal({"v": 1, "kind": kind, "id": "1", "body": {}}, ())
    assert error.code == "bad_message"
    assert "lacks" in error.message


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"garbage",
        msgpack.packb([1, 2]),
        msgpack.packb("text"),
        msgpack.packb(None),
        msgpack.packb(header()) + b"\0",
        msgpack.packb(header())[:-1],
        msgpack.packb({1: 2}),
        msgpack.packb({b"v": 1}),
        msgpack.packb({"v": b"1"}),
        msgpack.packb({"v": msgpack.ExtType(5, b"x")}),
        msgpack.packb({"v": msgpack.Timestamp(1)}),
        b"\xdf\xff\xff\xff\xff",  # a map of 2**32 - 1 entries
        b"\xdd\xff\xff\xff\xff",  # an array of as many
        b"\xdb\xff\xff\xff\xff",  # a text of as many bytes
        b"\xa2\xff\xfe",  # a text that is no UTF-8
        b"\x91" * 60_000,  # nested deeper than any stack
        b"\x81\xa1a" * 20_000,
    ],
)
def test_a_header_that_is_no_map_is_refused(packed):
    with pytest.raises(WireError) as caught:
        decode([packed])
    assert caught.value.code == "bad_message"


def test_too_many_or_too_large_frames_are_refused_before_they_are_read():
    packed = msgpack.packb(header())
    cases = {
        "too_large": [
            [bytes(limits.MAX_HEADER_BYTES + 1)],
            [packed, bytes(limits.MAX_FRAME_BYTES + 1)],
            [packed, *[memoryview(bytes(limits.MAX_FRAME_BYTES))] * 5],
        ],
        "bad_message": [[], [packed] * (limits.MAX_FRAMES + 2)],
    }
    for code, messages in cases.items():
        for frames in messages:
            with pytest.raises(WireError) as caught:
                decode(frames)
            assert caught.value.code == code
            assert "arrived" in caught.value.message, "the sizes are looked at before all else"


@pytest.mark.parametrize(
    "message",
    [
        Progress("job", "synthesis", float("nan")),
        Progress("job", "synthesis", 1.01),
        Progress("job", "synthesis", True),
        Progress("job", None, 0.5),
        Progress("", "synthesis", 0.5),
        Hello("1", None),
        Result("job", {"a": {1, 2}}),
        Result("job", {"a": b"bytes"}),
        Result("job", {"a": 2**64}),
        Result("job", {1: 2}),
        Result("job", {"a": "\ud800"}),
        Result("job", {}, {"": GRAY}),
        Result("job", {}, {"a": bytes(6)}),
        Result("job", {}, {str(n): GRAY for n in range(17)}),
    ],
)
def test_encode_refuses_what_decode_would_refuse(message):
    with pytest.raises(WireError) as caught:
        encode(message)
    assert caught.value.code == ErrorCode.BAD_MESSAGE


def test_encode_refuses_a_header_over_the_limit():
    with pytest.raises(WireError) as caught:
        encode(Result("job", {"a": ["x" * 4000] * 20}))
    assert caught.value.code == ErrorCode.TOO_LARGE


def test_encode_takes_tuples_as_lists_and_whole_numbers_as_fractions():
    assert decode(encode(Result("job", {"a": (1, (2,))}))).info == {"a": [1, [2]]}
    assert decode(encode(Progress("job", "end", 1))).fraction == 1.0


def test_pictures_are_not_copied():
    data = bytearray(GRAY.data)
    frames = encode(Result("job", {}, {"a": Pixels(3, 2, 1, "u8", data)}))
    assert frames[1] is data
    assert decode(frames).images["a"].data is data


def test_every_code_has_a_message_and_a_remedy_of_one_line():
    codes = {value for name, value in vars(ErrorCode).items() if name.isupper()}
    for code in codes:
        found = problem(code)
        assert found.code == code
        assert found.message.endswith(".")
        assert found.remedy.endswith(".")
        assert "\n" not in found.message + found.remedy
        if code != ErrorCode.INTERNAL:
            assert found.message != problem(ErrorCode.INTERNAL).message
    assert problem("from_the_future").message == problem(ErrorCode.INTERNAL).message


def test_a_wire_error_shows_both_lines_and_survives_pickling():
    import pickle

    error = pickle.loads(pickle.dumps(WireError(ErrorCode.BUSY, remedy="Wait.")))
    assert (error.code, error.remedy) == ("busy", "Wait.")
    assert str(error) == f"{error.message} Wait."
