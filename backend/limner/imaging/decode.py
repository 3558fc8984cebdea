# SPDX-License-Identifier: Apache-2.0
"""Picture files: read into sRGB arrays with straight alpha, written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from limner.imaging.errors import PictureError

MAX_SIDE = 8192  # pixels; the same limit holds on the wire
_TIFF_BITS = 258  # the tag BitsPerSample
MAX_FILE_BYTES = 1 << 30
_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_REMEDY_SMALLER = "Scale the picture down or crop it to the face."
_REMEDY_EXPORT = "Export the picture again, as PNG for example."


def read_picture(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a picture file: (H, W, C) uint8 or uint16, sRGB, straight alpha, C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.

    Any format that Pillow reads, sides 1..8192. 16-bit PNG and TIFF stay uint16; palettes, 1-bit and CMYK become gray
    or RGB(A); a camera's orientation is applied and an embedded color profile converted to sRGB. Of a TIFF with
    several pages the first is taken.
    Raises PictureError: missing_file, is_a_directory, unreadable_file, not_a_picture, broken_picture,
    picture_too_large, animated_picture.
    """
    data = _read_bytes(Path(path))
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked here, and Pillow's notes are of no use to the artist
            with Image.open(io.BytesIO(data)) as image:
                _check_size(image.size, name)
                _check_still(image, name)
                image.load()
                if _is_deep(image, data):
                    return _deep_pixels(image, data, name)
                return _pixels(_to_srgb(ImageOps.exif_transpose(image)))
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            "picture_too_large", f"{name} is too large; sides of 1 to {MAX_SIDE} are possible.", _REMEDY_SMALLER
        ) from error
    except UnidentifiedImageError as error:
        raise _not_a_picture(name) from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, cv2.error) as error:
        raise _broken(name, str(error)) from error


def write_picture(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write (H, W) or (H, W, C) uint8 (uint16 for PNG and TIFF), C in 1..4, by the extension; whole or not at all.

    The file is written beside its place under another name and then moved there. JPEG and BMP have no alpha: pictures
    with alpha are laid on white. Raises PictureError: unknown_format, unwritable_output; ValueError for other arrays.
    """
    target = Path(path)
    suffix = _checked_suffix(target)
    encoded = _encode(np.asarray(array), suffix)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.stem[:40]}-", suffix=suffix, dir=target.parent or ".")
        with os.fdopen(handle, "wb") as stream:
            stream.write(encoded)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode_for(target))
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise _unwritable(target, error.strerror or str(error)) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make sure that ``write_picture`` can write there, before any work is done. Raises PictureError like it."""
    target = Path(path)
    _checked_suffix(target)
    if target.is_dir():
        raise _unwritable(target, "it is a folder")
    folder = target.parent
    if not folder.is_dir():
        raise _unwritable(target, f"there is no folder {folder}")
    try:
        handle, temporary = tempfile.mkstemp(prefix=".limner-", dir=folder)
        os.close(handle)
        os.unlink(temporary)
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise PictureError("is_a_directory", f"{path} is a folder, not a picture.", "Name one picture file.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PictureError("picture_too_large", f"{path.name} is larger than 1 GiB.", "Scale the picture down.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError("missing_file", f"There is no file {path}.", "Check the path.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureError(
            "unreadable_file", f"{path} cannot be read: {reason}.", "Check the file's permissions."
        ) from error


def _check_size(size: tuple[int, int], name: str) -> None:
    if not 1 <= min(size) <= max(size) <= MAX_SIDE:
        raise PictureError(
            "picture_too_large",
            f"{name} is {size[0]} x {size[1]} pixels; sides of 1 to {MAX_SIDE} are possible.",
            _REMEDY_SMALLER,
        )


def _check_still(image: Image.Image, name: str) -> None:
    if getattr(image, "is_animated", False) and image.format not in ("TIFF", "MPO"):
        raise PictureError(
            "animated_picture", f"{name} is an animation, not a single picture.", "Export one frame of it as PNG."
        )


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether the file has 16 bits per channel, which Pillow keeps for gray without alpha only."""
    if image.format == "PNG":
        return data[24] == 16  # bit depth in the IHDR chunk
    if image.format == "TIFF":
        return max(image.tag_v2.get(_TIFF_BITS, (8,))) > 8  # type: ignore[attr-defined]
    return image.mode.startswith("I") or image.mode == "F"


def _deep_pixels(image: Image.Image, data: bytes, name: str) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise _broken(name, "its 16-bit pixels cannot be decoded")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise _broken(name, f"pixels of kind {pixels.dtype} are not supported")
    return np.ascontiguousarray(_oriented(pixels, image.getexif().get(0x0112, 1)))


def _oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1..8) to (H, W, C)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _to_srgb(image: Image.Image) -> Image.Image:
    """Gray (with alpha) or RGB(A) in sRGB; without a profile, or with a broken one, values are taken as sRGB."""
    image = _plain_mode(image)
    profile = image.info.get("icc_profile")
    if not profile:
        return image if image.mode != "CMYK" else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
        color = image.convert("L" if image.mode == "LA" else "RGB") if alpha else image
        converted = ImageCms.profileToProfile(color, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image if image.mode != "CMYK" else image.convert("RGB")
    if converted is None:
        return image.convert("RGB")
    if image.mode in ("L", "LA"):
        converted = converted.convert("L")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _plain_mode(image: Image.Image) -> Image.Image:
    """Palette, 1-bit and rare modes -> L, LA, RGB, RGBA or CMYK."""
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        transparent = image.info.get("transparency") is not None
        return image.convert({"L": "LA", "RGB": "RGBA"}[image.mode]) if transparent else image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("La", "RGBa"):
        return image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.array(image, np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _encode(array: NDArray[Any], suffix: str) -> bytes:
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected (H, W, 1..4) uint8 or uint16, got {array.shape} {array.dtype}")
    if array.dtype == np.uint16:
        return _encode_deep(array, suffix)
    if suffix in (".jpg", ".jpeg", ".bmp") and array.shape[2] in (2, 4):
        alpha = array[..., -1:].astype(np.float32) / 255
        array = (array[..., :-1] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)
    stream = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array))
    options: dict[str, Any] = {"quality": 95} if suffix in (".jpg", ".jpeg") else {}
    if suffix == ".webp":
        options = {"lossless": True}
    if suffix == ".png":  # runs only: for portraits a sixth of the time, and no larger
        options = {"compress_type": zlib.Z_RLE}
    image.save(stream, _FORMATS[suffix], **options)
    return stream.getvalue()


def _encode_deep(array: NDArray[np.uint16], suffix: str) -> bytes:
    if suffix not in (".png", ".tif", ".tiff"):
        raise PictureError(
            "unknown_format", f"{suffix} files cannot hold 16 bits per channel.", "Use .png or .tif for the output."
        )
    if array.shape[2] == 2:  # OpenCV writes no gray with alpha
        array = np.concatenate([np.repeat(array[..., :1], 3, axis=2), array[..., 1:]], axis=2)
    if array.shape[2] >= 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    done, encoded = cv2.imencode(suffix, np.ascontiguousarray(array))
    if not done:
        raise ValueError(f"OpenCV cannot write {array.shape} {array.dtype} as {suffix}")
    return encoded.tobytes()


def _checked_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        known = " ".join(sorted(_FORMATS))
        raise PictureError(
            "unknown_format", f"{path.name} does not end in a known picture extension.", f"Use one of {known}."
        )
    return suffix


def _mode_for(target: Path) -> int:
    """The permissions of the file that is replaced, or those a new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _not_a_picture(name: str) -> PictureError:
    return PictureError("not_a_picture", f"{name} is not a picture in a known format.", _REMEDY_EXPORT)


def _broken(name: str, reason: str) -> PictureError:
    line = " ".join(reason.split()) or "unknown reason"
    return PictureError("broken_picture", f"{name} is damaged or cut short ({line[:120]}).", _REMEDY_EXPORT)


def _unwritable(path: Path, reason: str) -> PictureError:
    return PictureError(
        "unwritable_output", f"{path} cannot be written: {reason}.", "Choose another place or check the permissions."
    )
