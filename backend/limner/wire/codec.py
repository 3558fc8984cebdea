# SPDX-License-Identifier: Apache-2.0
"""Messages to frames and back. ``decode`` raises nothing but WireError, whatever the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Union

from . import limits
from ._msgpack import msgpack
from .errors import ErrorCode, WireError
from .fields import bad, text
from .messages import MESSAGE_TYPES, ClientMessage, Message
from .pixels import Pixels, pack_descriptor, unpack_descriptor

Frame = Union[bytes, bytearray, memoryview]

_KINDS: dict[str, type[Message]] = {message_type.kind: message_type for message_type in MESSAGE_TYPES}
_BODY_FIELDS: dict[type[Message], tuple[Field[Any], ...]] = {
    message_type: tuple(item for item in fields(message_type) if "wire" in item.metadata)
    for message_type in MESSAGE_TYPES
}
_ID = text(limits.MAX_ID_LENGTH)
_NEEDED_ID = text(limits.MAX_ID_LENGTH, empty=False)
_UNPACK_LIMITS = {
    "max_str_len": limits.MAX_HEADER_BYTES,
    "max_bin_len": 0,
    "max_ext_len": 0,
    "max_array_len": limits.MAX_ITEMS,
    "max_map_len": limits.MAX_ITEMS,
}
_UNPACK_ERRORS = (ValueError, TypeError, OverflowError, RecursionError, msgpack.exceptions.UnpackException)


def encode(message: Message) -> list[Frame]:
    """The frames of a message: the msgpack header, then one raw frame for each picture, in the order of ``images``.

    Picture frames are the caller's own buffers, not copies. Raises WireError when a field breaks the protocol.
    """
    header: dict[str, Any] = {"v": limits.PROTOCOL_VERSION, "kind": message.kind, "id": _check_id(message)}
    if isinstance(message, ClientMessage):
        header["token"] = _ID(message.token, "token")
    header["body"] = {
        item.name: item.metadata["wire"].pack(getattr(message, item.name), item.name)
        for item in _BODY_FIELDS[type(message)]
    }
    frames: list[Frame] = []
    if message.has_images:
        header["frames"], frames = _pack_images(getattr(message, "images"))  # noqa: B009
    packed = _pack(header)
    if len(packed) > limits.MAX_HEADER_BYTES:
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"The message's header takes {len(packed)} bytes; at most {limits.MAX_HEADER_BYTES} are allowed.",
            "Send shorter texts and fewer values.",
        )
    return [packed, *frames]


def decode(frames: Sequence[Frame]) -> Message:
    """The message that the frames hold; its pictures refer to the frames' own memory.

    Unknown keys are ignored. Raises WireError: too_large, bad_message, unknown_kind, incompatible_version or
    bad_picture; its ``message_id`` is the message's id where that could be read.
    """
    _check_sizes(frames)
    header = _unpack(frames[0])
    _check_version(header)
    try:
        return _decode_header(header, frames[1:])
    except WireError as error:
        message_id = header.get("id")
        if isinstance(message_id, str) and len(message_id) <= limits.MAX_ID_LENGTH:
            error.message_id = message_id
        raise


def _decode_header(header: Mapping[str, Any], frames: Sequence[Frame]) -> Message:
    kind = header.get("kind")
    if not isinstance(kind, str):
        raise bad("kind", "a text")
    message_type = _KINDS.get(kind)
    if message_type is None:
        raise WireError(ErrorCode.UNKNOWN_KIND, f"Messages of the kind '{kind:.64}' are not known.")
    values: dict[str, Any] = {"id": (_NEEDED_ID if message_type.needs_id else _ID)(header.get("id"), "id")}
    if issubclass(message_type, ClientMessage):
        values["token"] = _ID(header.get("token", ""), "token")
    body = header.get("body", {})
    if not isinstance(body, Mapping):
        raise bad("body", "a map")
    for item in _BODY_FIELDS[message_type]:
        if item.name in body:
            values[item.name] = item.metadata["wire"].unpack(body[item.name], item.name)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise WireError(ErrorCode.BAD_MESSAGE, f"The message '{kind}' lacks '{item.name}'.")
    images = _unpack_images(header.get("frames", []), frames)
    if message_type.has_images:
        values["images"] = images
    elif images:
        raise WireError(ErrorCode.BAD_MESSAGE, f"A message '{kind}' carries no pictures.")
    return message_type(**values)


def _check_id(message: Message) -> str:
    checked: str = (_NEEDED_ID if message.needs_id else _ID)(message.id, "id")
    return checked


def _check_sizes(frames: Sequence[Frame]) -> None:
    if not 1 <= len(frames) <= 1 + limits.MAX_FRAMES:
        raise WireError(
            ErrorCode.BAD_MESSAGE,
            f"A message of {len(frames)} frames arrived; it must have 1 header and up to {limits.MAX_FRAMES} pictures.",
        )
    sizes = [memoryview(frame).nbytes for frame in frames]
    if sizes[0] > limits.MAX_HEADER_BYTES:
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"A header of {sizes[0]} bytes arrived; at most {limits.MAX_HEADER_BYTES} are allowed.",
            "Send shorter texts and fewer values.",
        )
    if max(sizes) > limits.MAX_FRAME_BYTES or sum(sizes) > limits.MAX_MESSAGE_BYTES:
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"A message of {sum(sizes) >> 20} MiB arrived; at most {limits.MAX_FRAME_BYTES >> 20} MiB a picture and"
            f" {limits.MAX_MESSAGE_BYTES >> 20} MiB in all are allowed.",
        )


def _check_version(header: Mapping[str, Any]) -> None:
    version = header.get("v")
    if isinstance(version, bool) or not isinstance(version, int):
        raise bad("v", "the protocol version, a whole number")
    if version != limits.PROTOCOL_VERSION:
        raise WireError(
            ErrorCode.INCOMPATIBLE_VERSION,
            f"A message of protocol version {version} arrived; this side speaks version {limits.PROTOCOL_VERSION}.",
        )


def _pack(header: Mapping[str, Any]) -> bytes:
    try:
        packed: bytes = msgpack.packb(header, use_bin_type=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise WireError(ErrorCode.BAD_MESSAGE, f"The message cannot be packed: {error}.") from error
    return packed


def _unpack(packed: Frame) -> Mapping[str, Any]:
    try:
        header = msgpack.unpackb(bytes(packed), raw=False, strict_map_key=True, **_UNPACK_LIMITS)
    except _UNPACK_ERRORS as error:
        raise WireError(ErrorCode.BAD_MESSAGE, "The message's header is no msgpack map.") from error
    if not isinstance(header, dict):
        raise WireError(ErrorCode.BAD_MESSAGE, "The message's header is no msgpack map.")
    return header


def _pack_images(images: Any) -> tuple[list[dict[str, Any]], list[Frame]]:
    if not isinstance(images, Mapping) or not all(isinstance(item, Pixels) for item in images.values()):
        raise bad("images", "a map of Pixels")
    if len(images) > limits.MAX_FRAMES:
        raise bad("images", f"at most {limits.MAX_FRAMES}")
    descriptors = [pack_descriptor(name, pixels) for name, pixels in images.items()]
    frames: list[Frame] = [pixels.data for pixels in images.values()]
    if sum(pixels.nbytes for pixels in images.values()) > limits.MAX_MESSAGE_BYTES - limits.MAX_HEADER_BYTES:
        raise WireError(ErrorCode.TOO_LARGE, "The pictures of one message take more than 256 MiB.")
    return descriptors, frames


def _unpack_images(descriptors: Any, frames: Sequence[Frame]) -> dict[str, Pixels]:
    if not isinstance(descriptors, list) or len(descriptors) != len(frames):
        raise bad("frames", f"a list that describes each of the {len(frames)} pictures")
    images: dict[str, Pixels] = {}
    for descriptor, data in zip(descriptors, frames):
        name, pixels = unpack_descriptor(descriptor, data)
        if name in images:
            raise bad("frames", f"named differently; '{name}' is there twice")
        images[name] = pixels
    return images
