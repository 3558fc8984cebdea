# SPDX-License-Identifier: Apache-2.0
"""Edges of photos: the network's weights, the store on disk, thinned lines and the drawings made of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from limner.training import hed
from limner.training.contours import edge_drawing, long_strokes, ridges, simplified, strokes_of, thin_lines
from limner.training.drawn import DrawnFaces
from limner.training.hed import EDGES_FILE, EdgeNetwork, EdgeStore, fill_edges, load_edge_network
from limner.training.sketches import SIDE, Slips, draw
from tests.support.faces import face_landmarks, face_photo


class Darkness(nn.Module):
    """Stands in for the network: dark pixels are edges; counts the photos it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        self.seen += len(rgb)
        return (1 - rgb.mean(1, keepdim=True)) / 2


def soft_cross() -> np.ndarray:
    """Two wide soft lines, one strong, one faint, and a lone faint one: (256, 256) float32."""
    strength = np.zeros((SIDE, SIDE), np.float32)
    strength[100, 40:200], strength[40:200, 120], strength[230, 40:100] = 8.0, 2.5, 2.5
    return cv2.GaussianBlur(strength, (0, 0), 3.0)


def test_weights_come_where_they_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr(hed, "WIDTHS", (2, 3, 4, 5, 6))
    torch.manual_seed(0)
    network = EdgeNetwork()
    with h5py.File(tmp_path / "weights.h5", "w") as file:

        def store(group: str, conv: nn.Module) -> None:
            file[f"{group}/0"] = conv.weight.permute(2, 3, 1, 0).numpy()  # type: ignore[operator]
            file[f"{group}/1"] = conv.bias.numpy()  # type: ignore[operator]

        for b, block in enumerate(network.blocks, 1):
            for k, conv in enumerate(block):  # type: ignore[arg-type]
                store(f"block{b}/layers/conv2d{'' if k == 0 else f'_{k}'}/vars", conv)
            store(f"dsn{b}/vars", network.sides[b - 1])
        store("fuse/vars", network.fuse)
    rgb = torch.rand(1, 3, 32, 48) * 2 - 1
    edges = load_edge_network(tmp_path / "weights.h5")(rgb)
    assert edges.shape == (1, 1, 32, 48)
    assert torch.equal(edges, network(rgb))


def test_edges_are_found_once_and_kept(tmp_path: Path) -> None:
    photos = np.stack([face_photo(shade) for shade in (0, 4, 8)])
    network, file = Darkness(), tmp_path / "cache" / "edges.npy"
    assert fill_edges(network, photos, [0, 2], file) == 2
    assert fill_edges(network, photos, [2, 0], file) == 0
    assert network.seen == 2
    store = EdgeStore(file, 3)
    edges = store.get(2)
    assert edges is not None
    assert np.abs(edges.astype(int) - (255 - photos[2].mean(-1))).max() < 3
    assert store.get(1) is None
    fill_edges(network, photos, [1], file)
    assert store.get(1) is None, "a training does not change under its own feet"
    assert EdgeStore(file, 3).get(1) is not None


def test_no_time_no_edges_and_a_photo_of_light_counts_as_found(tmp_path: Path) -> None:
    network, file, white = Darkness(), tmp_path / "edges.npy", np.full((1, SIDE, SIDE, 3), 255, np.uint8)
    assert fill_edges(network, white, [0], file, minutes=-1) == 0
    assert fill_edges(network, white, [0], file) == 1
    assert fill_edges(network, white, [0], file) == 0


def test_without_a_file_or_with_another_data_sets_nothing_is_known(tmp_path: Path) -> None:
    assert EdgeStore(tmp_path / "none.npy", 2).get(1) is None
    fill_edges(Darkness(), np.stack([face_photo()]), [0], tmp_path / "edges.npy")
    assert EdgeStore(tmp_path / "edges.npy", 2).get(0) is None


def test_faces_are_drawn_by_their_edges_where_these_are_known(face_data: Path, tmp_path: Path) -> None:
    before = DrawnFaces(face_data, tmp_path)
    fill_edges(Darkness(), before.photos, range(len(before.faces)), tmp_path / EDGES_FILE)
    rows, slips = np.arange(6), [Slips(0, 0)] * 6
    known = DrawnFaces(face_data, tmp_path)
    plain, drawn = (faces.batch(rows, slips, seed=(1,)).drawing for faces in (before, known))
    assert not torch.equal(plain, drawn)
    assert torch.equal(drawn, known.batch(rows, slips, seed=(1,)).drawing)


def test_ridges_are_the_crest_of_a_soft_line() -> None:
    thin = ridges(soft_cross())
    assert (thin[95:106, 60:100] > 0).sum(0).max() <= 2
    assert (thin[99:102, 60:100] > 0).any(0).all()
    assert not ridges(np.full((SIDE, SIDE), 0.5, np.float32))[:3].any()


def test_faint_lines_stay_only_where_they_hang_on_strong_ones() -> None:
    lines = thin_lines(soft_cross(), low=0.15, high=0.6)
    assert lines[98:103, 60].any()
    assert lines[60, 118:123].any()  # faint, across the strong one
    assert not lines[220:240].any()  # faint and alone
    assert set(np.unique(lines)) == {0, 255}


def test_strokes_are_long_and_simplified_within_the_tolerance() -> None:
    strokes = strokes_of(thin_lines(soft_cross(), 0.15, 0.6), least=30)
    assert [len(s) for s in strokes] == sorted((len(s) for s in strokes), reverse=True)
    assert len(strokes[0]) > 100
    arc = np.stack([np.arange(100.0), 20 * np.sin(np.arange(100) / 30)], 1)
    corners = simplified(arc, 1.0)
    assert 2 < len(corners) < 20
    assert np.abs(np.interp(arc[:, 0], corners[:, 0], corners[:, 1]) - arc[:, 1]).max() <= 1.5


@pytest.mark.parametrize("known", [True, False])
def test_long_strokes_are_the_outline_outside_the_face(known: bool) -> None:
    photo = face_photo()
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    edges = cv2.GaussianBlur(cv2.Canny(photo, 80, 200).astype(np.float32), (0, 0), 2.0) if known else None
    where = np.zeros((SIDE, SIDE), np.float32)
    where[:110] = 1
    strokes = long_strokes(gray, where, None if edges is None else (edges * 3).clip(0, 255).astype(np.uint8), 2.0)
    assert strokes
    assert all(len(s) >= 20 and s[:, 1].max() <= 111 for s in strokes)


def test_edge_drawings_follow_the_edges_in_widths_of_their_own() -> None:
    edges = (soft_cross() * 255).clip(0, 255).astype(np.uint8)
    near = cv2.dilate((edges > 40).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    inks = [edge_drawing(edges, np.random.default_rng(seed)) for seed in range(12)]
    widths = sorted(float(ink.sum()) for ink in inks)
    assert widths[-1] > 2 * widths[0] > 0
    for ink in inks:
        assert ink.shape == (SIDE, SIDE)
        assert ink[~near].sum() < 0.02 * ink.sum()


def test_known_edges_are_used_now_and_then_only() -> None:
    photo, landmarks, edges = face_photo(), face_landmarks(), np.ones((SIDE, SIDE), np.uint8)  # a photo without edges
    inks = [draw(photo, landmarks, Slips(0, 0), np.random.default_rng(s), edges=edges) for s in range(40)]
    empty = sum(not ink.any() for ink in inks)
    assert 2 <= empty <= 18
