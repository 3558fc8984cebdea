# SPDX-License-Identifier: Apache-2.0
"""Picture files: what is read, what is refused and with which words, and writing whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from limner.imaging.decode import check_writable, read_picture, write_picture
from limner.imaging.errors import PictureError

RNG = np.random.default_rng(0)


def saved(path: Path, mode: str, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_eight_bit_pictures_come_as_they_are(mode: str, channels: int, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (9, 7, 3), np.uint8)
    path = saved(tmp_path / "a.png", mode, pixels)
    picture = read_picture(path)
    assert (picture.shape, picture.dtype) == ((9, 7, channels), np.uint8)
    assert np.array_equal(picture.squeeze(), np.asarray(Image.open(path)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(channels: int, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (8, 6, channels), np.uint16)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    cv2.imwrite(str(tmp_path / "deep.png"), pixels[..., order])
    picture = read_picture(tmp_path / "deep.png")
    assert picture.dtype == np.uint16
    assert np.array_equal(picture, pixels)


def test_palettes_and_one_bit_and_cmyk_are_unfolded(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    for mode, suffix in (("P", "png"), ("1", "png"), ("CMYK", "tif")):
        picture = read_picture(saved(tmp_path / f"{mode}.{suffix}", mode, pixels))
        assert picture.dtype == np.uint8
        assert picture[:3, ..., 0].min() > 240
        assert picture[5:, ..., 0].max() < 20


def test_the_cameras_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((10, 20, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (20, 10, 3)


def code_of(path: Path) -> str:
    with pytest.raises(PictureError) as error:
        read_picture(path)
    assert error.value.message
    assert error.value.remedy
    assert "\n" not in str(error.value)
    return error.value.code


def test_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nothing.png") == "missing_file"
    assert code_of(tmp_path) == "is_a_directory"
    (tmp_path / "text.png").write_text("this is no picture")
    assert code_of(tmp_path / "text.png") == "not_a_picture"
    (tmp_path / "empty.png").write_bytes(b"")
    assert code_of(tmp_path / "empty.png") == "not_a_picture"
    whole = saved(tmp_path / "whole.png", "RGB", RNG.integers(0, 256, (64, 64, 3), np.uint8)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    assert code_of(tmp_path / "half.png") == "broken_picture"
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (tmp_path / "damaged.png").write_bytes(damaged)
    assert code_of(tmp_path / "damaged.png") == "broken_picture"


def test_too_large_and_animated_pictures_are_refused(tmp_path: Path) -> None:
    Image.new("1", (8193, 2)).save(tmp_path / "wide.png")
    assert code_of(tmp_path / "wide.png") == "picture_too_large"
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 128, 255)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert code_of(tmp_path / "moving.gif") == "animated_picture"


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 2), (5, 4, 3), (5, 4, 4)])
def test_what_is_written_comes_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    for dtype, top in ((np.uint8, 256), (np.uint16, 65536)):
        if dtype == np.uint16 and shape[2:] == (2,):
            continue  # PNG has it, OpenCV does not write it
        pixels = RNG.integers(0, top, shape, dtype)
        write_picture(tmp_path / "out.png", pixels)
        assert np.array_equal(read_picture(tmp_path / "out.png").squeeze(), pixels.squeeze())
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]


def test_an_unknown_ending_or_a_folder_cannot_be_written(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2), np.uint8)
    for path, code in (
        (tmp_path / "out.xyz", "unknown_format"),
        (tmp_path / "no" / "out.png", "unwritable_output"),
    ):
        for attempt in (lambda p=path: check_writable(p), lambda p=path: write_picture(p, pixels)):
            with pytest.raises(PictureError) as error:
                attempt()
            assert error.value.code == code
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError):
        check_writable(tmp_path / "folder.png")


def test_a_failed_write_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    write_picture(path, np.full((3, 3), 7, np.uint8))

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(PictureError, match="No space left"):
        write_picture(path, np.zeros((3, 3), np.uint8))
    assert read_picture(path)[0, 0, 0] == 7
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
