# SPDX-License-Identifier: Apache-2.0
"""Parts of the report by themselves, on data whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from limner.evaluation.baselines import NearestPhoto, TheDrawing
from limner.evaluation.cases import Case, real_drawings, spoiled, spread
from limner.evaluation.features import _read_quantized
from limner.evaluation.inversion import kept_colors
from limner.evaluation.lab import Reference
from limner.evaluation.memory import training_faces
from limner.evaluation.portraits import measure
from limner.evaluation.reconstruction import detail, enlarged, grid_beyond, grid_strength, halved
from limner.evaluation.upsampling import Searcher, _name_of, noisy, small_copies, through_jpeg
from limner.imaging.styles import sketch_photo
from limner.models.components import ComponentEmbedding
from limner.models.registry import load_networks
from limner.pipelines.base import Outcome, Progress, Request
from limner.pipelines.engine import Engine
from limner.training.bank import build_bank
from limner.training.drawn import DrawnFaces
from limner.training.faces import decode, read_index
from tests.evaluation.conftest import some_lines
from tests.support.faces import face_photo
from tests.support.tiny import COMPONENTS, write_weights


def test_a_photo_measured_against_itself_is_perfect() -> None:
    case = some_lines()
    reference = Reference.of(case)
    perfect, drawing = measure(case.photos ^ 1, reference), measure(TheDrawing().portraits(case), reference)
    assert perfect["rank1"].value == 1
    assert perfect["distance"].value < 0.1
    assert perfect["ssim"].value > 0.99
    assert perfect["psnr"].value == pytest.approx(20 * np.log10(255))
    assert drawing["edge_f1"].value == pytest.approx(1)
    assert drawing["kd"].value > perfect["kd"].value
    assert drawing["psnr"].value < 20


def test_strangers_make_finding_harder() -> None:
    case = some_lines(4)
    doubles = replace(case, strangers=case.photos ^ 1)  # somebody who looks more like the portrait than the photo does
    assert measure(case.photos ^ 1, Reference.of(case))["rank1"].value == 1
    assert measure(case.photos ^ 1, Reference.of(doubles))["rank1"].value == 0


def test_a_part_of_a_case_keeps_all_faces_to_choose_from() -> None:
    case = some_lines(6)
    part = case.some(2)
    assert np.array_equal(part.photos, case.photos[[0, 5]])
    assert np.array_equal(part.drawings, case.drawings[[0, 5]])
    assert len(Reference.of(part).gallery) == 6


def test_real_drawings_are_looked_for_among_others_of_their_set(face_data: Path, tmp_path: Path) -> None:
    for name in ("landmarks.npz", *(f"{i}.png" for i in range(8)), "drawn.png"):
        (tmp_path / name).symlink_to(face_data / name)
    rows = (face_data / "index.csv").read_text()
    rows = rows.replace("feret_sketch,train", "feret_sketch,val").replace("2.png,stylegan_256", "2.png,feret_photo")
    (tmp_path / "index.csv").write_text(rows)
    case = real_drawings(tmp_path, "feret", 10)
    assert case is not None
    assert case.drawings.shape == (1, 256, 256)
    assert np.array_equal(case.photos[0], decode(face_data / "0.png", 256))
    assert np.array_equal(case.strangers, decode(face_data / "2.png", 256)[None])
    assert real_drawings(face_data, "feret", 10) is None


def test_a_few_are_taken_from_all_over() -> None:
    assert spread(range(10), 3) == [0, 4, 9]
    assert spread("abc", 8) == ["a", "b", "c"]


def test_spoiled_drawings_keep_less_or_move() -> None:
    case = some_lines(2)
    ink = {spoil.name: 255 - spoil.drawings.astype(float) for spoil in spoiled(case)}
    whole = 255 - case.drawings.astype(float)
    assert ink["erased-75"].sum() < ink["erased-50"].sum() < ink["erased-25"].sum() < whole.sum()
    moved = [np.abs(ink[f"bent-{jitter}"] - whole).mean() for jitter in (4, 8, 12)]
    assert 0 < moved[0] < moved[1]
    assert ink["bent-12"].sum() > 0.7 * whole.sum()


def test_the_nearest_photo_of_a_clean_drawing_is_the_photo_and_its_mirror_image(
    face_data: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    faces = DrawnFaces(face_data, tmp_path)
    embedding = ComponentEmbedding(COMPONENTS).eval()
    for encoder in embedding.encoders.values():
        assert isinstance(encoder.norm, torch.nn.BatchNorm1d)
        encoder.norm.running_var.fill_(1e-6)  # untrained codes hardly differ
    networks = load_networks(write_weights(tmp_path / "weights"), torch.device("cpu"))
    networks = replace(networks, components=embedding, bank=build_bank(faces, embedding))
    nearest = NearestPhoto(networks, face_data, faces.faces)
    photo = np.asarray(faces.photos[int(faces.train[0])])
    clean = faces.clean(faces.train[:1], np.zeros(1, bool))[0, 0].numpy()
    for flip in (False, True):
        drawing = ((1 - clean) * 255).astype(np.uint8)
        wanted = photo[:, ::-1] if flip else photo
        drawn = np.ascontiguousarray(drawing[:, ::-1] if flip else drawing)[None]
        case = Case("one", "one", drawn, wanted[None], wanted[None][:0])
        assert np.abs(nearest.portraits(case)[0].astype(int) - wanted).mean() < 3


def test_training_faces_are_found_and_kept(face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [face for face in read_index(face_data) if face.split == "train" and not face.is_sketch]
    known = training_faces(face_data, photos, tmp_path)
    assert len(known.files) == 6
    copy, other = decode(face_data / "3.png", 256), np.zeros((256, 256, 3), np.uint8)
    by_look, by_face, looks, faces = known.nearest(np.stack([copy, other]))
    assert known.files[looks[0]] == known.files[faces[0]] == face_data / "3.png"
    assert by_look[0] < 0.01 < by_look[1]
    assert by_face[0] < 0.01 < by_face[1]
    monkeypatch.setattr("limner.evaluation.memory.decode", lambda *_: pytest.fail("looked again"))
    assert np.array_equal(training_faces(face_data, photos, tmp_path).who, known.who)


def test_detail_beyond_half_the_side_is_seen() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    soft = enlarged(halved(sharp), 64)
    assert detail(sharp).min() > 3 * detail(soft).max()
    assert detail(np.full((1, 64, 64, 3), 90, np.uint8)) == [0]


def test_a_grid_is_seen_and_a_photo_has_none() -> None:
    photos = np.stack([cv2.resize(face_photo(3 * i), (512, 512)) for i in range(3)])
    gridded = photos.copy()
    gridded[:, ::16] = (gridded[:, ::16] * 0.9).astype(np.uint8)
    gridded[:, :, ::16] = (gridded[:, :, ::16] * 0.9).astype(np.uint8)
    plain, found = grid_strength(photos, 16), grid_strength(gridded, 16)
    assert found.value > 1 > 2 * plain.value
    assert grid_strength(photos, 4).value < 0.1
    assert grid_beyond(gridded, photos).value > 1
    assert grid_beyond(photos, photos).value == 0


def test_colors_that_are_kept_and_colors_that_are_lost() -> None:
    photos = np.stack([face_photo(), face_photo(6)])
    sketches = np.stack([sketch_photo(photo, "color") for photo in photos])
    kept, gray = kept_colors(photos, sketches), kept_colors(photos.mean(3, keepdims=True).repeat(3, 3), sketches)
    assert kept["color_r"].value > 0.9
    assert abs(gray["color_r"].value) < 0.2
    assert kept["color_error"].value < 0.7 * gray["color_error"].value
    assert kept_colors(sketches, sketches)["color_error"].value == 0


def test_small_copies_and_what_is_done_to_them() -> None:
    photos = np.stack([face_photo(), face_photo(6)])
    small = small_copies(photos, 32)
    area = np.stack([cv2.resize(photo, (32, 32), interpolation=cv2.INTER_AREA) for photo in photos])
    assert small.shape == (2, 32, 32, 3)
    assert np.abs(small.astype(int) - area).mean() < 3
    assert 7 < np.std(noisy(small).astype(int) - small) < 11
    damaged = through_jpeg(small)
    assert damaged.shape == small.shape
    assert 1 < np.abs(damaged.astype(int) - small).mean() < 20


def test_what_was_searched_for_is_not_searched_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(load_networks(write_weights(tmp_path / "weights"), torch.device("cpu")))
    small = small_copies(np.stack([face_photo(), face_photo(6)]), 16)
    searcher = Searcher(engine, tmp_path / "found")
    first = searcher.search("16px", small[:1], 2)
    assert first.candidates.shape == (1, 2, 256, 256, 3)
    assert first.residuals[0, 0] <= first.residuals[0, 1]
    again = searcher.search("16px", small[::-1], 2)  # found by the picture, not by its place
    assert np.array_equal(again.candidates[1], first.candidates[0])
    assert not np.array_equal(again.candidates[0], first.candidates[0])
    monkeypatch.setattr(Engine, "run", lambda *_: pytest.fail("searched again"))
    assert np.array_equal(searcher.search("16px", small, 2).residuals, again.residuals[::-1])


def test_each_face_is_searched_for_with_a_seed_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(load_networks(write_weights(tmp_path / "weights"), torch.device("cpu")))
    seeds, run = [], engine.run

    def seen(request: Request, progress: Progress) -> Outcome:
        seeds.append(request.params["seed"])
        return run(request, progress)

    monkeypatch.setattr(engine, "run", seen)
    Searcher(engine, tmp_path / "found").search("16px", small_copies(np.stack([face_photo(), face_photo(6)]), 16), 1)
    assert len(set(seeds)) == 2


def test_searches_are_kept_for_the_weights_that_took_part() -> None:
    sums = {"codec.safetensors": "1", "bank.safetensors": "2", "synthesis.safetensors": "3"}
    assert _name_of(sums) == _name_of({**sums, "inversion.safetensors": "4"})
    assert _name_of(sums) != _name_of({**sums, "bank.safetensors": "5"})
    assert _name_of(sums) != _name_of({**sums, "decoder.safetensors": "6"})


def test_quantized_weights_are_scaled_back() -> None:
    entries = [
        {"name": "a", "shape": [2, 2], "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
        {"name": "b", "shape": [1]},
    ]
    raw = bytes([0, 2, 4, 255]) + np.float32(3.25).tobytes()
    tensors = _read_quantized(entries, raw)
    assert tensors["a"].tolist() == [[-1, 0], [1, 126.5]]
    assert tensors["b"].tolist() == [3.25]
