# SPDX-License-Identifier: Apache-2.0
"""The networks: shapes, gradients for every parameter, windows and merging."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.models.codec import Codec, CodecConfig, half
from limner.models.components import CANVAS, PARTS, WINDOWS, ComponentConfig, ComponentEmbedding, cut_windows
from limner.models.feature_mapping import merge_windows, spread_over_windows
from limner.models.synthesis import LAST_LOOK, Synthesis, SynthesisConfig, sample_euler, step_times
from tests.support.tiny import CODEC, COMPONENTS, SYNTHESIS, awaken, random_codes, random_conditions


def without_gradient(network: nn.Module) -> list[str]:
    """The parameters that got no gradient, or one that is zero everywhere."""
    return [n for n, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())]


def test_codec_decodes_at_twice_the_side() -> None:
    codec = Codec(CODEC)
    rgb = torch.rand(2, 3, 64, 48) * 2 - 1
    assert codec.encoder(rgb).shape == (2, 4, 8, 6)
    output = codec(rgb)
    assert output.shape == (2, 3, 128, 96)
    assert half(output).shape == rgb.shape


def test_every_parameter_of_the_codec_gets_a_gradient() -> None:
    codec = awaken(Codec(CODEC))
    codec(torch.rand(2, 3, 32, 32), noise=0.1).square().mean().backward()
    assert without_gradient(codec) == []


def test_every_parameter_of_the_components_gets_a_gradient() -> None:
    embedding = ComponentEmbedding(COMPONENTS)
    logits = embedding(torch.rand(3, 1, 256, 256), noise=0.1)
    assert {part: tuple(v.shape) for part, v in logits.items()} == {w.name: (3, 1, w.side, w.side) for w in WINDOWS}
    torch.stack([v.square().mean() for v in logits.values()]).sum().backward()
    assert without_gradient(embedding) == []


def test_every_parameter_of_the_synthesis_gets_a_gradient() -> None:
    synthesis = awaken(Synthesis(SYNTHESIS))
    velocity = synthesis(torch.randn(2, 4, 32, 32), torch.rand(2), random_conditions(2))
    assert velocity.shape == (2, 4, 32, 32)
    velocity.square().mean().backward()
    assert without_gradient(synthesis) == []


@pytest.mark.parametrize("changed", ["codes", "drawing", "trust", "color", "latent", "time"])
def test_the_flow_depends_on_every_condition(changed: str) -> None:
    torch.manual_seed(0)
    synthesis = awaken(Synthesis(SYNTHESIS)).eval()
    given, latent, time = random_conditions(1), torch.randn(1, 4, 32, 32), torch.tensor([0.4])
    other = random_conditions(1)
    before = synthesis(latent, time, given)
    if changed == "latent":
        after = synthesis(latent + 1, time, given)
    elif changed == "time":
        after = synthesis(latent, time + 0.3, given)
    else:
        fields = {name: getattr(given, name) for name in ("codes", "drawing", "trust", "color", "mapped")}
        after = synthesis(latent, time, type(given)(**{**fields, changed: getattr(other, changed)}))
    assert not torch.allclose(before, after)


def test_conditions_left_out_have_no_influence() -> None:
    torch.manual_seed(0)
    synthesis, first, second = awaken(Synthesis(SYNTHESIS)).eval(), random_conditions(1), random_conditions(1)
    nothing = {
        "trust": torch.zeros(1, 1, 64, 64),
        "color": torch.zeros(1, 4, 32, 32),
        "mapped": torch.zeros(1, 1, 1, 1),
    }
    assert isinstance(synthesis, Synthesis)
    one = synthesis.condition(type(first)(first.codes, first.drawing, **nothing))
    two = synthesis.condition(type(first)(second.codes, second.drawing, **nothing))
    assert torch.equal(one, two)


def test_windows_are_mirror_images_on_the_grid_of_the_maps() -> None:
    left, right, *middle, remainder = WINDOWS
    assert right.x == CANVAS - left.x - left.size
    assert right.y == left.y
    assert all(2 * w.x + w.size == CANVAS for w in middle)
    assert (remainder.x, remainder.y, remainder.size) == (0, 0, CANVAS)
    assert all(v % 8 == 0 for w in WINDOWS for v in (w.x, w.y, w.size))


def test_the_remainder_has_the_other_windows_emptied() -> None:
    cuts = cut_windows(torch.ones(1, 1, 256, 256))
    assert {part: cut.shape[-1] for part, cut in cuts.items()} == {w.name: w.side for w in WINDOWS}
    rest = cuts["remainder"]
    for window in WINDOWS[:-1]:
        rows, columns = window.slices(rest.shape[-1])
        assert not rest[:, :, rows, columns].any()
    assert rest[0, 0, 0, 0] == 1
    assert rest[0, 0, -1, -1] == 1


def test_later_windows_cover_earlier_ones() -> None:
    numbers = {"remainder": 0.0, "mouth": 1.0, "nose": 2.0, "left_eye": 3.0, "right_eye": 4.0}
    merged = spread_over_windows({part: torch.tensor([v]) for part, v in numbers.items()})[0, 0]  # (64, 64)
    for window in WINDOWS[:-1]:
        middle = (window.y + window.size // 2) // 8, (window.x + window.size // 2) // 8
        if window.name != "nose":  # the eyes and the mouth reach over parts of it
            assert merged[middle] == numbers[window.name]
    assert merged[0, 0] == 0
    assert merged[30, 32] == 2.0  # the bridge of the nose, between the eyes


def test_seams_are_soft() -> None:
    maps = {w.name: torch.zeros(1, 1, w.size // 8, w.size // 8) for w in WINDOWS}
    maps["mouth"] += 1
    row = merge_windows(maps)[0, 0, 54]  # through the mouth, below the nose
    steps = row.diff().abs()
    assert row.max() == 1
    assert row.min() == 0
    assert steps.max() < 0.5


def test_euler_follows_a_straight_path_exactly() -> None:
    noise, target = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    for steps in (1, 3, 8):
        result = sample_euler(lambda x, t: target - noise, noise, steps)
        torch.testing.assert_close(result, target)


def test_sampling_reports_every_step_and_stops_when_asked() -> None:
    seen: list[int] = []

    def callback(done: int, estimate: torch.Tensor) -> None:
        seen.append(done)
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample_euler(lambda x, t: x, torch.ones(1, 1, 2, 2), 8, callback)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_all_looks_are_early_and_the_last_one_jumps(steps: int) -> None:
    times = step_times(steps)
    assert times.shape == (steps + 1,)
    assert times[0] == 0
    assert times[-1] == 1
    assert (times.diff() > 0).all()
    assert times[-2] == (LAST_LOOK if steps > 1 else 0)


def test_the_real_architecture_has_its_stated_size() -> None:
    counted = {
        "codec": Codec(CodecConfig()),
        "components": ComponentEmbedding(ComponentConfig()),
        "synthesis": Synthesis(SynthesisConfig()),
    }
    millions = {name: sum(p.numel() for p in network.parameters()) / 1e6 for name, network in counted.items()}
    assert sum(millions.values()) * 2 < 70, millions  # MB in half precision; the bank comes on top
    codes = random_codes(1)
    assert set(codes) == set(PARTS)
