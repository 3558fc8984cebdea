# SPDX-License-Identifier: Apache-2.0
"""Picture files: every kind that is read, every failure by its code, and whole files or none."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from limner.imaging.decode import check_writable, read_picture, write_picture
from limner.imaging.errors import PictureError

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def code_of(path: Path) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture(path)
    assert "\n" not in caught.value.message
    assert caught.value.remedy
    return caught.value.code


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, channels: int, suffix: str) -> None:
    picture = np.random.default_rng(channels).integers(0, 256, (17, 23, channels), np.uint8)
    if channels in (2, 4):
        picture[..., -1] = picture[..., -1].clip(1)  # WebP drops the color of invisible pixels
    path = tmp_path / f"picture{suffix}"
    write_picture(path, picture)
    back = read_picture(path)
    if suffix == ".webp":  # has no gray
        picture = picture if channels > 2 else np.concatenate([picture[..., [0, 0, 0]], picture[..., 1:]], axis=2)
    assert back.dtype == np.uint8
    assert np.array_equal(back, picture)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, channels: int, suffix: str) -> None:
    picture = np.random.default_rng(channels).integers(0, 65536, (9, 11, channels), np.uint16)
    write_picture(tmp_path / f"deep{suffix}", picture)
    back = read_picture(tmp_path / f"deep{suffix}")
    assert back.dtype == np.uint16
    assert np.array_equal(back, picture)


def test_sixteen_bit_gray_with_alpha_is_written_as_rgba(tmp_path: Path) -> None:
    picture = np.random.default_rng(5).integers(0, 65536, (9, 11, 2), np.uint16)
    write_picture(tmp_path / "deep.png", picture)
    assert np.array_equal(read_picture(tmp_path / "deep.png"), picture[..., [0, 0, 0, 1]])


def test_one_bit_and_palettes_become_plain_pixels(tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    image.convert("1").save(tmp_path / "bit.png")
    assert set(np.unique(read_picture(tmp_path / "bit.png"))) == {0, 255}
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png").shape == (20, 30, 3)
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(tmp_path / "clear.png", transparency=0)
    clear = read_picture(tmp_path / "clear.png")
    assert clear.shape == (20, 30, 4)
    assert set(np.unique(clear[..., 3])) == {0, 255}


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    red = read_picture(tmp_path / "red.jpg")
    assert red.shape == (8, 8, 3)
    assert np.abs(red.astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_the_cameras_orientation_is_applied(tmp_path: Path, orientation: int, deep: bool) -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    undo = {2: (1, 0, 0), 3: (1, 1, 0), 4: (0, 1, 0), 5: (0, 0, 1), 6: (1, 0, 1), 7: (1, 1, 1), 8: (0, 1, 1)}
    flip_x, flip_y, swap = undo.get(orientation, (0, 0, 0))
    stored = upright[:, ::-1] if flip_x else upright
    stored = stored[::-1] if flip_y else stored
    stored = stored.T if swap else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(stored.astype(np.uint16) * 257 if deep else np.ascontiguousarray(stored))
    image.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(
        read_picture(tmp_path / "turned.png")[..., 0], upright.astype(np.uint16) * 257 if deep else upright
    )


def _linear_rgb_profile() -> bytes:
    """An sRGB profile whose three tone curves are replaced by gamma 1.0, built from Pillow's own sRGB profile."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    linear = b"curv" + bytes(8)  # zero entries: the identity
    at = len(data) + (-len(data) % 4)
    data += bytes(at - len(data)) + linear
    for entry in range(struct.unpack(">I", data[128:132])[0]):
        offset = 132 + 12 * entry
        if bytes(data[offset : offset + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset + 4 : offset + 12] = struct.pack(">II", at, len(linear))
    data[0:4] = struct.pack(">I", len(data))
    return bytes(data)


def test_a_color_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (55, 55, 55, 128)).save(tmp_path / "linear.png", icc_profile=_linear_rgb_profile())
    picture = read_picture(tmp_path / "linear.png")
    assert np.abs(picture[..., :3].astype(int) - 128).max() <= 2  # 55 / 255 of the light is sRGB 128
    assert np.all(picture[..., 3] == 128)


def test_a_broken_color_profile_is_ignored(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "odd.png", icc_profile=b"not a profile at all")
    assert np.array_equal(read_picture(tmp_path / "odd.png"), RGB)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nothing.png") == "missing_file"
    assert code_of(tmp_path) == "is_a_directory"
    (tmp_path / "file").write_bytes(b"x")
    assert code_of(tmp_path / "file" / "below.png") == "missing_file"


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"\x89PNG", bytes(1000)])
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fake.png").write_bytes(content)
    assert code_of(tmp_path / "fake.png") == "not_a_picture"


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.webp", "cut-deep.png"])
def test_cut_short(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / name
    write_picture(path, noise.astype(np.uint16) * 257 if "deep" in name else noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert code_of(path) == "broken_picture"


def test_corrupt_pixels(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    write_picture(path, RGB)
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT") + 8
    data[at : at + 40] = bytes(40)
    path.write_bytes(bytes(data))
    assert code_of(path) == "broken_picture"


def _png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8193, 1), (1, 8193), (100_000, 100_000)])
def test_too_large_is_told_before_the_pixels_are_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "huge.png").write_bytes(_png_of_size(*size))
    assert code_of(tmp_path / "huge.png") == "picture_too_large"


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:], duration=100)
    assert code_of(tmp_path / f"moving.{suffix}") == "animated_picture"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png", RGB)
    (tmp_path / "secret.png").chmod(0)
    assert code_of(tmp_path / "secret.png") == "unreadable_file"


def test_jpeg_lays_alpha_on_white(tmp_path: Path) -> None:
    write_picture(tmp_path / "flat.jpg", np.zeros((16, 16, 4), np.uint8))
    assert read_picture(tmp_path / "flat.jpg").min() > 250


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.png"
    write_picture(path, RGB)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PictureError) as caught:
        write_picture(path, 255 - RGB)
    assert caught.value.code == "unwritable_output"
    assert "No space left" in caught.value.message
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["kept.png"]


def test_replacing_keeps_the_permissions(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    write_picture(path, RGB)
    path.chmod(0o640)
    write_picture(path, RGB)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("check", [check_writable, lambda path: write_picture(path, RGB)])
def test_outputs_that_cannot_be(tmp_path: Path, check) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "folder.png").mkdir()
    expected = {
        tmp_path / "nowhere" / "out.png": "unwritable_output",
        tmp_path / "folder.png": "unwritable_output",
        tmp_path / "out.txt": "unknown_format",
        tmp_path / "out": "unknown_format",
    }
    for path, code in expected.items():
        with pytest.raises(PictureError) as caught:
            check(path)
        assert caught.value.code == code
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "limner-home") == ["folder.png"]


def test_a_writable_place_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "out.PNG")
    assert not [p for p in tmp_path.iterdir() if p.name != "limner-home"]


def test_sixteen_bits_need_a_format_that_holds_them(tmp_path: Path) -> None:
    with pytest.raises(PictureError) as caught:
        write_picture(tmp_path / "deep.jpg", np.zeros((4, 4), np.uint16))
    assert caught.value.code == "unknown_format"


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_a_mistake_of_the_caller(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_picture(tmp_path / "out.png", array)
    assert not (tmp_path / "out.png").exists()


def test_opencv_and_pillow_agree_on_the_order_of_channels(tmp_path: Path) -> None:
    write_picture(tmp_path / "deep.png", RGB.astype(np.uint16) * 257)
    eight = cv2.imread(str(tmp_path / "deep.png"), cv2.IMREAD_COLOR)
    assert np.array_equal(eight[..., ::-1], RGB)
