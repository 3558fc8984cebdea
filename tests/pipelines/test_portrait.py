# SPDX-License-Identifier: Apache-2.0
"""Sketch to portrait and shadow guide, through the engine."""

from __future__ import annotations

import json
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from limner.bench.drawings import example_sketch, with_other_eye
from limner.models.components import PARTS
from limner.pipelines.base import Cancelled, JobError, Request
from limner.pipelines.engine import Engine, build_engine, choose_device
from limner.pipelines.portrait import trust_in_lines
from tests.imaging.drawings import photo_like
from tests.pipelines.conftest import face_drawing, run

STAGES = ("code", "projection", "shadow")  # of a window


def test_a_portrait_and_its_guide_come_back(engine: Engine) -> None:
    outcome = run(engine, face_drawing())
    portrait, shadow = outcome.images["portrait"], outcome.images["shadow"]
    assert portrait.shape == shadow.shape == (512, 512, 4)
    assert portrait.dtype == shadow.dtype == np.uint8
    assert (portrait[..., 3] == 255).all()
    assert shadow[..., 3].any()
    assert len(np.unique(shadow[..., :3].reshape(-1, 3), axis=0)) == 1  # one tint, its strength in the alpha


def test_the_record_tells_how_it_was_made(engine: Engine) -> None:
    info = run(engine, face_drawing(), seed=7).info
    assert json.loads(json.dumps(info)) == info
    assert info["seed"] == 7 == info["params"]["seed"]
    assert info["frame"]["size"] == 512
    assert info["device"] == "cpu"
    names = ("codec", "components", "synthesis", "detail", "frame_finder", "bank")
    assert set(info["weights"]) == {f"{name}.safetensors" for name in names}
    networks = {"components", "shadow", "features", "synthesis", "decoding"}
    assert set(info["timings_ms"]) == networks | {"reading", "manifold", "pixels", "total"}


def test_the_same_request_gives_the_same_bytes(engine: Engine) -> None:
    first, second = (run(engine, face_drawing(), seed=3) for _ in range(2))
    for name in ("portrait", "shadow"):
        assert np.array_equal(first.images[name], second.images[name])


def test_seed_and_drawing_change_the_portrait(engine: Engine) -> None:
    base = run(engine, face_drawing()).images["portrait"]
    assert not np.array_equal(base, run(engine, face_drawing(), seed=1).images["portrait"])
    assert not np.array_equal(base, run(engine, face_drawing(mouth=30)).images["portrait"])


def test_refine_moves_the_portrait_and_parts_win_over_it(engine: Engine) -> None:
    soft = run(engine, face_drawing(), refine=0).images["portrait"]
    literal = run(engine, face_drawing(), refine=1).images["portrait"]
    assert not np.array_equal(soft, literal)
    each = run(engine, face_drawing(), refine=0, **dict.fromkeys(PARTS, 1.0)).images["portrait"]
    assert np.array_equal(each, literal)


def test_lines_are_trusted_sooner_than_codes_and_without_a_leap() -> None:
    trust = trust_in_lines(torch.linspace(0, 1, 101))
    assert trust[0] == 0
    assert trust[-1] == 1
    assert (trust.diff() > 0).all()
    assert trust.diff().max() < 0.025
    assert float(trust[30]) == pytest.approx(0.479, abs=1e-3)
    assert float(trust[10]) < 0.1  # most of the way from plausible to literal lies beyond


def test_color_hints_change_the_portrait_where_they_are_opaque(engine: Engine) -> None:
    hints = np.zeros((512, 512, 4), np.uint8)
    base = run(engine, face_drawing()).images["portrait"]
    assert np.array_equal(base, run(engine, face_drawing(), images={"color_hints": hints}).images["portrait"])
    hints[100:300, 100:300] = (200, 40, 40, 255)
    assert not np.array_equal(base, run(engine, face_drawing(), images={"color_hints": hints}).images["portrait"])


def test_the_guide_alone_is_the_portraits_guide(engine: Engine) -> None:
    alone = run(engine, face_drawing(), task="shadow")
    assert set(alone.images) == {"shadow"}
    assert np.array_equal(alone.images["shadow"], run(engine, face_drawing()).images["shadow"])


def test_without_a_guide_none_is_drawn(engine: Engine) -> None:
    assert set(run(engine, face_drawing(), shadow=False).images) == {"portrait"}


@pytest.fixture
def computed(engine: Engine) -> Callable[[], dict[str, int]]:
    """Tells how many windows of each kind were computed since it was last asked."""
    cache = engine.portrait.cache

    def since() -> dict[str, int]:
        counts = dict(cache.computed)
        cache.computed.clear()
        return counts

    since()
    return since


@pytest.mark.parametrize("side", [512, 2048])
def test_one_changed_part_costs_one_window_on_the_examples_too(
    engine: Engine, computed: Callable[[], dict[str, int]], side: int
) -> None:
    for sketch, count in ((example_sketch(), 5), (with_other_eye(example_sketch()), 1)):
        larger = cv2.resize(sketch, (side, side), interpolation=cv2.INTER_NEAREST)[..., None]
        run(engine, larger, canvas=f"example {side}")
        assert computed() == dict.fromkeys(STAGES, count)


def test_one_changed_part_costs_one_window(engine: Engine, computed: Callable[[], dict[str, int]]) -> None:
    run(engine, face_drawing(), canvas="paper")
    assert computed() == dict.fromkeys(STAGES, 5)
    run(engine, face_drawing(), canvas="paper", seed=4)
    assert computed() == {}
    changed = run(engine, face_drawing(mouth=12), canvas="paper")
    assert computed() == dict.fromkeys(STAGES, 1)
    fresh = run(engine, face_drawing(mouth=12))
    for name in ("portrait", "shadow"):
        assert np.array_equal(changed.images[name], fresh.images[name])


def test_the_guide_is_drawn_from_what_the_portrait_needed(
    engine: Engine, computed: Callable[[], dict[str, int]]
) -> None:
    run(engine, face_drawing(), canvas="guided", shadow=False, refine=1)
    assert "shadow" not in computed()
    run(engine, face_drawing(), task="shadow", canvas="guided")
    assert computed() == {"shadow": 5}


def test_a_portrait_that_redraws_needs_the_shadows(engine: Engine, computed: Callable[[], dict[str, int]]) -> None:
    run(engine, face_drawing(), canvas="redrawn", shadow=False)
    assert computed() == dict.fromkeys(STAGES, 5)
    run(engine, face_drawing(), canvas="redrawn", shadow=True)
    assert computed() == {}


def test_every_window_decodes_its_neighbors_in_one_batch(engine: Engine) -> None:
    batches: dict[str, list[int]] = {part: [] for part in PARTS}
    hooks = [
        decoder.register_forward_pre_hook(lambda _, inputs, part=part: batches[part].append(len(inputs[0])))
        for part, decoder in engine.portrait.cache.embedding.decoders.items()
    ]
    run(engine, face_drawing())
    for hook in hooks:
        hook.remove()
    assert all(len(sizes) == 1 for sizes in batches.values())
    assert max(sizes[0] for sizes in batches.values()) > 1


def test_without_a_canvas_nothing_is_kept(engine: Engine, computed: Callable[[], dict[str, int]]) -> None:
    for _ in range(2):
        run(engine, face_drawing())
        assert computed() == dict.fromkeys(STAGES, 5)


def test_only_so_many_canvases_are_kept(engine: Engine) -> None:
    for number in range(30):
        run(engine, face_drawing(), task="shadow", canvas=f"canvas {number}")
    assert len(engine.portrait.cache.kept) <= 8


def test_progress_rises_and_cancel_stops_between_steps(engine: Engine) -> None:
    seen: list[tuple[str, float]] = []

    def progress(stage: str, fraction: float, preview: object = None) -> None:
        seen.append((stage, fraction))
        if sum(name == "synthesis" for name, _ in seen) == 3:
            raise Cancelled

    params = engine.schema()["portrait"].validate({"frame": "full", "steps": 9})
    with pytest.raises(Cancelled):
        engine.run(Request("portrait", {"sketch": face_drawing()}, params), progress)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 0.6
    assert run(engine, face_drawing()).images["portrait"].any()  # and the engine goes on


def test_a_blank_canvas_says_so(engine: Engine) -> None:
    with pytest.raises(JobError) as error:
        run(engine, np.full((300, 400, 3), 255, np.uint8))
    assert error.value.code == "blank_sketch"
    assert error.value.remedy


def test_a_photo_is_no_sketch(engine: Engine) -> None:
    photo = photo_like(1, 256)
    with pytest.raises(JobError) as error:
        run(engine, photo)
    assert error.value.code == "not_a_sketch"


def test_an_unknown_task_is_named(engine: Engine) -> None:
    with pytest.raises(JobError, match="repaint"):
        engine.run(Request("repaint", {}), lambda stage, fraction, preview=None: None)


def test_auto_asks_only_for_devices_that_are_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="limner.pipelines.engine")
    assert str(choose_device("auto")) in {"cpu", "cuda", "mps"}
    assert not caplog.records


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(JobError) as error:
        choose_device("cuda:99")
    assert "cpu" in error.value.remedy


def test_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("limner.pipelines.engine.weights_dir", lambda: tmp_path)
    with pytest.raises(JobError) as error:
        build_engine("cpu")
    assert error.value.code == "weights_missing"
